package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/within"
)

// label is what one cell's numbers have to be read with, in parts.
type label struct {
	Cell *analysis.Cell
	Mode string
	// Values are the limits of the main figures, Kind says what they are.
	Kind   string
	Values []string
	// Rests says on what the p99 rests.
	Rests                     string
	Steady, Generator, System string
}

// labelsOf are those of the cells of which anything was measured.
func labelsOf(m matrix) []label {
	var list []label
	for _, r := range m.rows {
		if r.cell.Trials > 0 {
			list = append(list, labelOf(r.cell))
		}
	}
	return list
}

func labelOf(c *analysis.Cell) label {
	l := label{Cell: c, Mode: c.Labels.Mode, Rests: rests(c), Steady: c.Labels.Steady, Generator: c.Labels.Generator, System: none}
	trials := c.Counted
	if trials == 0 {
		trials = c.Trials
	}
	if b := c.SystemP99; b != nil {
		l.System = units.Latency(b.Low) + " to " + units.Latency(b.High)
	}
	if one := c.One(); one != nil {
		l.Kind, l.Values = "one trial", []string{"p99 " + withinText(one)}
		return l
	}
	for _, v := range []struct {
		name  string
		unit  analysis.Unit
		value analysis.Range
	}{
		{"requests/s", analysis.PerSecond, c.Throughput},
		{"p50", analysis.Nanoseconds, c.P50},
		{"p99", analysis.Nanoseconds, c.P99},
	} {
		if v.value.Untold || v.unit == analysis.PerSecond && c.Mode != "closed" {
			continue
		}
		m := analysis.Metric{Name: v.name, Unit: v.unit}
		l.Kind = v.value.Kind(trials)
		l.Values = append(l.Values, fmt.Sprintf("%s %s to %s", m.Name, m.Text(v.value.Low), m.Text(v.value.High)))
	}
	return l
}

// withinText says what one trial knows of its own p99.
func withinText(t *analysis.TrialDetail) string {
	if e := t.At(99); e != nil {
		return e.Bounds()
	}
	return "without limits, its seconds are not told"
}

// rests says on how many requests and episodes a cell's p99 rests.
func rests(c *analysis.Cell) string {
	l := c.Labels
	if l.Requests == 0 {
		return "n not told"
	}
	text := fmt.Sprintf("n %s, %s above p99", units.Count(l.Requests), units.Count(l.Above))
	if l.Episodes == nil {
		return text + ", episodes not told"
	}
	episodes := count(int(math.Round(*l.Episodes)), "episode")
	if l.Resolved {
		return text + ", tail resolved: " + episodes
	}
	return text + ", tail not resolved: " + episodes
}

// line prints a label in one line, for text and Markdown.
func (l label) line() string {
	parts := []string{l.Mode}
	if len(l.Values) > 0 {
		parts = append(parts, l.Kind+": "+strings.Join(l.Values, ", "))
	}
	parts = append(parts, l.Rests, "state "+l.Steady, "generator "+l.Generator)
	if l.System != none {
		parts = append(parts, "system p99 "+l.System)
	}
	return fmt.Sprintf("%s, %s: %s", l.Cell.Environment, l.Cell.Scale, strings.Join(parts, "; "))
}

// environmentLines say where the cells' environments ran, each once.
func environmentLines(m matrix) []string {
	var list, texts []string
	who := map[string][]string{}
	for _, r := range m.rows {
		text := r.cell.Labels.Environment
		if text == "" {
			continue
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		if !slices.Contains(who[text], r.cell.Environment) {
			who[text] = append(who[text], r.cell.Environment)
		}
	}
	for _, text := range texts {
		list = append(list, fmt.Sprintf("%s: %s.", strings.Join(who[text], ", "), text))
	}
	return list
}

// trialRow is what one trial saw, with its limits within this run.
type trialRow struct {
	Trial, Validity, Requests, Throughput, P50, P99, Limits, Tail string
	Void                                                          bool
}

// cellTrials are one cell's trials.
type cellTrials struct {
	Cell *analysis.Cell
	Rows []trialRow
}

func allTrials(doc *analysis.Document) []cellTrials {
	var list []cellTrials
	for i := range doc.Cells {
		c := cellTrials{Cell: &doc.Cells[i]}
		for k := range c.Cell.Detail {
			c.Rows = append(c.Rows, newTrialRow(&c.Cell.Detail[k]))
		}
		if len(c.Rows) > 0 {
			list = append(list, c)
		}
	}
	return list
}

func newTrialRow(t *analysis.TrialDetail) trialRow {
	told := func(place, text string) string {
		if !t.Tells(place) {
			return none
		}
		return text
	}
	ms := func(d time.Duration) string { return fixed(float64(d)/1e6, 2) }
	r := trialRow{
		Trial: fmt.Sprint(t.Trial.Trial), Validity: string(t.Validity.Verdict), Void: t.Validity.Verdict == "invalid",
		Requests:   told("latency_ns.response.count", units.Count(t.Latency.Response.Count)),
		Throughput: told("throughput_rps", fixed(t.Throughput, 1)),
		P50:        told("latency_ns.response.p50", ms(t.Latency.Response.P50)),
		P99:        told("latency_ns.response.p99", ms(t.Latency.Response.P99)),
		Limits:     none, Tail: none,
	}
	if e := t.At(99); e != nil && e.Missing != within.NoData {
		r.Limits, r.Tail = shortLimits(e), e.Tail()
	}
	return r
}

// shortLimits prints limits within this run for a column that says what they
// are.
func shortLimits(e *within.Estimate) string {
	switch {
	case e.Low == nil:
		return none
	case e.High == nil:
		return "≥ " + units.Latency(*e.Low)
	}
	return units.Latency(*e.Low) + " to " + units.Latency(*e.High)
}
