package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plimsoll/scenarios"
	"plimsoll/scenarios/yamlfile"
)

// Selector names some of a run's cells; what is empty is not chosen by.
type Selector struct {
	Environment string `json:"environment,omitempty"`
	Scale       string `json:"scale,omitempty"`
	Load        string `json:"load,omitempty"`
}

// ParseSelector reads "ENV", "ENV/SCALE" or "ENV/SCALE/LOAD". A part may be
// left empty: "/web=3" is every environment at that scale.
func ParseSelector(text string) (Selector, error) {
	parts := strings.Split(text, "/")
	if len(parts) > 3 {
		return Selector{}, fmt.Errorf("%q has %d parts, and a selector has at most three: ENV/SCALE/LOAD", text, len(parts))
	}
	parts = append(parts, "", "")
	return Selector{Environment: parts[0], Scale: canonical(parts[1]), Load: parts[2]}, nil
}

// canonical puts the services of a scale into the order that scales are named
// in; what is no scale is left as it is.
func canonical(text string) string {
	scale := scenarios.Scale{}
	for part := range strings.SplitSeq(text, ",") {
		service, count, ok := strings.Cut(part, "=")
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if !ok || err != nil {
			return text
		}
		scale[strings.TrimSpace(service)] = n
	}
	return scale.String()
}

// Select returns the cells that a selector names. Its error says which part
// names none, and what there is instead.
func (d *Document) Select(s Selector) ([]*Cell, error) {
	var cells []*Cell
	for i := range d.Cells {
		cells = append(cells, &d.Cells[i])
	}
	for _, part := range []struct {
		what, wanted string
		of           func(*Cell) []string // its names; the first is the one that is listed
	}{
		{"environment", s.Environment, func(c *Cell) []string { return []string{c.Environment, bare(c)} }},
		{"scale", s.Scale, func(c *Cell) []string { return []string{c.Scale} }},
		{"load", s.Load, func(c *Cell) []string { return []string{c.Load} }},
	} {
		if part.wanted == "" {
			continue
		}
		var names []string
		var chosen []*Cell
		for _, c := range cells {
			names = append(names, part.of(c)[0])
			if slices.Contains(part.of(c), part.wanted) {
				chosen = append(chosen, c)
			}
		}
		if names = distinct(names); len(chosen) == 0 {
			where := "run " + d.RunID
			if first := cells[0]; part.what == "scale" && s.Environment != "" {
				where = first.Environment + " in " + where
			}
			return nil, fmt.Errorf("no %s %q of %s%s (it has %s)", part.what, part.wanted, where,
				yamlfile.DidYouMean(part.wanted, names), strings.Join(quoted(names), ", "))
		}
		cells = chosen
	}
	return cells, nil
}

// bare is the environment's name without the emulated distance that it bears.
func bare(c *Cell) string {
	if i := strings.LastIndex(c.Environment, " ("); i > 0 && strings.HasSuffix(c.Environment, " emulated)") {
		return c.Environment[:i]
	}
	return c.Environment
}

// quoted puts names of several words into quotes.
func quoted(names []string) []string {
	list := make([]string, 0, len(names))
	for _, n := range names {
		if strings.Contains(n, " ") {
			n = strconv.Quote(n)
		}
		list = append(list, n)
	}
	return list
}
