package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"plimsoll/results/analysis"
)

// CompareRenderer writes a comparison of two runs, or parts of them, in one
// format.
type CompareRenderer func(io.Writer, *analysis.Pairing) error

func compareFormats() []format[CompareRenderer] {
	return []format[CompareRenderer]{
		{[]string{"text", "txt"}, CompareText},
		{[]string{"md", "markdown"}, CompareMarkdown},
		{[]string{"html"}, CompareHTML},
		{[]string{"json"}, CompareJSON},
	}
}

// CompareFormats lists the names of the formats of comparisons.
func CompareFormats() []string { return namesOf(compareFormats()) }

// CompareByName returns the renderer of a comparison. Its error is that of
// ByName.
func CompareByName(name string) (CompareRenderer, error) { return find(compareFormats(), name) }

// CompareJSON writes the comparison as it is, indented.
func CompareJSON(w io.Writer, p *analysis.Pairing) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

// changeRow is one metric of a pair, as it is shown.
type changeRow struct {
	Metric, A, B, Ratio, Interval, Reading string
	Note                                   int // the number of the note that says why there is no ratio; 0: none
}

// changeTable is one pair's.
type changeTable struct {
	Rows  []changeRow
	Notes []string // numbered from 1
	// Below stands under the table: on what it rests.
	Below []string
}

func changes(pair *analysis.Pair) changeTable {
	var t changeTable
	for _, c := range pair.Changes {
		row := changeRow{Metric: c.Metric.Name, A: none, B: none, Ratio: none, Interval: none, Reading: none}
		if !c.A.Untold {
			row.A = c.Metric.Text(c.A.Median)
		}
		if !c.B.Untold {
			row.B = c.Metric.Text(c.B.Median)
		}
		if c.Ratio > 0 {
			row.Ratio, row.Interval = analysis.Times(c.Ratio), orNone(c.Interval.Text())
		}
		if c.Reading != analysis.NoReading {
			row.Reading = string(c.Reading)
		}
		if why := noRatio(c); why != "" {
			n := slices.Index(t.Notes, why)
			if n < 0 {
				t.Notes = append(t.Notes, why)
				n = len(t.Notes) - 1
			}
			row.Note = n + 1
		}
		t.Rows = append(t.Rows, row)
	}
	t.Below = append(t.Below, restsOn(pair))
	if pair.Load.Caution != "" {
		t.Below = append(t.Below, pair.Load.Caution)
	}
	return t
}

// noRatio says why a change has no ratio, or a ratio no interval.
func noRatio(c analysis.Change) string {
	switch {
	case c.Withheld != "":
		return "no ratio: " + c.Withheld
	case c.Ratio == 0:
		return "no ratio: " + c.Interval.None
	case c.Interval.None != "":
		return "no interval: " + c.Interval.None
	}
	return ""
}

// restsOn says what the pair's numbers are of.
func restsOn(pair *analysis.Pair) string {
	text := fmt.Sprintf("Medians over %s of A and %d of B", count(pair.A.Counted, "trial"), pair.B.Counted)
	if pair.InTurns {
		text += ", which took turns"
	}
	return text + "."
}

// howToRead explains the columns, once for all tables.
func howToRead(p *analysis.Pairing) string {
	if len(p.Pairs) == 0 {
		return ""
	}
	return strings.TrimSpace("B ÷ A is the median of all ratios of one of B’s trials to one of A’s. Its interval comes from the trials, not from the requests in them. " + p.Expect)
}

// compareTitle names both sides.
func compareTitle(p *analysis.Pairing) string { return p.A.Label + " | " + p.B.Label }

// sideText says what one side is.
func sideText(s analysis.PairingSide) string {
	parts := []string{"run " + s.Run}
	if s.Selector.Environment != "" {
		parts = append(parts, s.Selector.Environment)
	}
	if s.Selector.Scale != "" {
		parts = append(parts, s.Selector.Scale)
	}
	if s.Selector.Load != "" {
		parts = append(parts, s.Selector.Load)
	}
	return strings.Join(append(parts, s.Started.UTC().Format("2 January 2006 15:04 UTC")), " · ")
}

// pairFindings groups a pair's findings as those of a run are.
func pairFindings(pair *analysis.Pair) []findingGroup {
	return findingGroups(&analysis.Document{Findings: pair.Findings})
}
