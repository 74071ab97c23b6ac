package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// check is one thing that was judged, as programs of continuous integration
// list them.
type check struct {
	name        string
	environment string         // empty: the run
	cell        *analysis.Cell // nil: not of one cell
	verdict     analysis.Verdict
	observed    string
	why         string
	place       results.Place
}

// What is checked beside the objectives.
const (
	wasMeasured = "measured"
	allFinished = "trials finished"
)

// word is the verdict as a reader is told.
func (c *check) word() string {
	if c.name == allFinished {
		return "not all"
	}
	return string(c.verdict)
}

// checks lists every objective of every cell. A cell that no objective judges
// is checked for having been measured, so that each cell is there; and where
// trials are missing, their environment has not finished.
func checks(doc *analysis.Document) []check {
	var list []check
	cells := map[string]*analysis.Cell{}
	for i := range doc.Cells {
		cells[doc.Cells[i].Name] = &doc.Cells[i]
	}
	seen := map[[2]string]bool{}
	judged := map[string]bool{}
	for _, o := range doc.Objectives {
		if key := [2]string{o.Objective, o.Cell}; seen[key] {
			continue // readers take a name that is there twice for one
		} else {
			seen[key] = true
		}
		c := check{name: o.Objective, cell: cells[o.Cell], verdict: o.Verdict, observed: o.Observed, why: o.Why, place: o.Place}
		if c.cell != nil {
			c.environment = c.cell.Environment
		}
		judged[o.Cell] = judged[o.Cell] || o.Verdict != analysis.NotApplicable
		list = append(list, c)
	}
	for i := range doc.Cells {
		if c := &doc.Cells[i]; !judged[c.Name] {
			list = append(list, measuredCheck(c))
		}
	}
	return append(list, finishedChecks(doc)...)
}

func measuredCheck(cell *analysis.Cell) check {
	c := check{name: wasMeasured, environment: cell.Environment, cell: cell, verdict: analysis.Pass}
	switch {
	case cell.Trials == 0:
		c.verdict, c.why = analysis.Inconclusive, "no trial was finished"
	case cell.Counted == 0:
		c.verdict, c.why = analysis.InvalidResult, "no trial counts: "+strings.Join(cell.Validity.Reasons, "; ")
	}
	return c
}

// finishedChecks has one entry for each environment of which trials failed.
func finishedChecks(doc *analysis.Document) []check {
	var list []check
	for _, f := range doc.Failures {
		why := fmt.Sprintf("trial %d: %s", f.Index, f.Reason)
		i := slices.IndexFunc(list, func(c check) bool { return c.environment == f.Environment })
		if i < 0 {
			list = append(list, check{name: allFinished, environment: f.Environment, verdict: analysis.InvalidResult, why: why})
			continue
		}
		list[i].why += "\n" + why
	}
	return list
}

// where is the cell's name or, of what is about more, the environment's.
func (c *check) where() string {
	if c.cell != nil {
		return c.cell.Name
	}
	return c.environment
}

// sentence says what was observed, and why that is the verdict.
func (c *check) sentence() string {
	text := "nothing observed"
	switch {
	case c.observed != "":
		text = "observed " + c.observed
	case c.why != "":
		return c.why
	case c.verdict == analysis.Pass:
		text = string(c.verdict)
	}
	if c.why != "" {
		text += ": " + c.why
	}
	return text
}

// seconds is for how long the check's cell was measured, all trials together.
func (c *check) seconds() float64 {
	if c.cell == nil {
		return 0
	}
	var all time.Duration
	for _, t := range c.cell.Detail {
		all += t.Duration
	}
	return all.Seconds()
}

// printable replaces what may not be in XML and would confuse a terminal; line
// ends and tabs stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) || r == '\ufffe' || r == '\uffff' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// tally counts the objectives by their verdicts, and the trials.
func tally(doc *analysis.Document) string {
	number := map[analysis.Verdict]int{}
	for _, o := range doc.Objectives {
		number[o.Verdict]++
	}
	var parts []string
	for _, v := range []analysis.Verdict{analysis.Fail, analysis.InvalidResult, analysis.Inconclusive, analysis.NotApplicable, analysis.Pass} {
		if n := number[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", units.Count(int64(n)), v))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d of %s", doc.Finished, count(doc.Planned, "trial"))), ", ")
}
