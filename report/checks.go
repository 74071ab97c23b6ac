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
	took        time.Duration  // all trials that it rests on
	figures     string         // lines of text
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

// checks lists the searches for a capacity, the metrics of a gate and every
// objective of every cell. A cell that nothing judges is checked for having been
// measured, so that each is there; and an environment of which trials are
// missing has not finished.
func checks(doc *analysis.Document) []check {
	list := slices.Concat(capacityChecks(doc), gateChecks(doc), objectiveChecks(doc))
	list = append(list, measuredChecks(doc, list)...)
	figures := cellFigures(doc)
	for i := range list {
		if c := &list[i]; c.cell != nil && c.figures == "" {
			c.environment, c.took, c.figures = c.cell.Environment, measuredFor(c.cell), figures[c.cell.Name]
		}
	}
	return append(list, finishedChecks(doc)...)
}

// gateChecks has one entry for each metric of a gate.
func gateChecks(doc *analysis.Document) []check {
	g, view := doc.Gate, gateOf(doc)
	if g == nil {
		return nil
	}
	var list []check
	for i, row := range view.Metrics {
		m := g.Metrics[i]
		c := check{
			name: m.Metric + " not worse than " + g.Baseline, environment: g.Candidate, cell: doc.Cell(g.Candidate, g.Scale, g.Load),
			verdict: m.Verdict, why: m.Text,
		}
		for _, environment := range []string{g.Baseline, g.Candidate} {
			if cell := doc.Cell(environment, g.Scale, g.Load); cell != nil {
				c.took += measuredFor(cell)
			}
		}
		c.figures = fmt.Sprintf("%s of %s: %s\n%s of %s: %s\nchange: %s\ninterval: %s\nthese rounds could show: %s\nrounds that count: %d of %d\n%s\n",
			m.Name, g.Baseline, row.Baseline, m.Name, g.Candidate, row.Candidate, row.Change, row.Interval, row.Detectable,
			g.Counted(), len(g.Rounds), strings.Join(view.Notes, "\n"))
		list = append(list, c)
	}
	return list
}

// objectiveChecks leaves out repetitions: readers take a name that is there
// twice for one.
func objectiveChecks(doc *analysis.Document) []check {
	cells := map[string]*analysis.Cell{}
	for i := range doc.Cells {
		cells[doc.Cells[i].Name] = &doc.Cells[i]
	}
	var list []check
	seen := map[[2]string]bool{}
	for _, o := range doc.Objectives {
		key := [2]string{o.Objective, o.Cell}
		if seen[key] {
			continue
		}
		seen[key] = true
		list = append(list, check{
			name: o.Objective, cell: cells[o.Cell], verdict: o.Verdict, observed: o.Observed, why: o.Why, place: o.Place,
		})
	}
	return list
}

// measuredChecks has one entry for each cell that none of the others judges.
// The cells of a gate or a capacity search are judged by it.
func measuredChecks(doc *analysis.Document, others []check) []check {
	if doc.Gate != nil || doc.Capacity != nil {
		return nil
	}
	var list []check
	for i := range doc.Cells {
		cell := &doc.Cells[i]
		if slices.ContainsFunc(others, func(c check) bool { return c.cell == cell && c.verdict != analysis.NotApplicable }) {
			continue
		}
		c := check{name: wasMeasured, cell: cell, verdict: analysis.Pass}
		switch {
		case cell.Trials == 0:
			c.verdict, c.why = analysis.Inconclusive, "no trial was finished"
		case cell.Counted+cell.Unsteady == 0:
			c.verdict, c.why = analysis.InvalidResult, "no trial counts: "+strings.Join(cell.Validity.Reasons, "; ")
		}
		list = append(list, c)
	}
	return list
}

// finishedChecks has one entry for each environment of which trials failed, and
// one for a run that ended before its time. Where a gate's trial failed its
// round is void, and another one is measured.
func finishedChecks(doc *analysis.Document) []check {
	var list []check
	for _, f := range doc.Failures {
		if doc.Gate != nil && !f.NotStarted {
			continue
		}
		why := fmt.Sprintf("trial %d: %s", f.Index, f.Reason)
		i := slices.IndexFunc(list, func(c check) bool { return c.environment == f.Environment })
		if i < 0 {
			list = append(list, check{name: allFinished, environment: f.Environment, verdict: analysis.InvalidResult, why: why})
			continue
		}
		list[i].why += "\n" + why
	}
	if len(list) == 0 && doc.Gate == nil && doc.Outcome != "complete" {
		list = append(list, check{name: allFinished, verdict: analysis.InvalidResult, why: ending(doc)})
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

// measuredFor is for how long a cell was measured, all trials together.
func measuredFor(cell *analysis.Cell) time.Duration {
	var all time.Duration
	for _, t := range cell.Detail {
		all += t.Duration
	}
	return all
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

// ending says how many trials were finished and, where no failure tells why it
// was not all, how the run ended.
func ending(doc *analysis.Document) string {
	text := fmt.Sprintf("%d of %s", doc.Finished, count(doc.Planned, "trial"))
	switch {
	case doc.Outcome == "complete" || len(doc.Failures) > 0:
		return text
	case doc.Outcome == "":
		return text + ", cut off"
	}
	return text + ", " + doc.Outcome
}

// tally counts what was judged by its verdict, and the trials.
func tally(doc *analysis.Document) string {
	number := map[analysis.Verdict]int{}
	for _, o := range doc.Objectives {
		number[o.Verdict]++
	}
	if doc.Gate != nil {
		for _, m := range doc.Gate.Metrics {
			number[m.Verdict]++
		}
	}
	var parts []string
	for _, v := range []analysis.Verdict{analysis.Fail, analysis.InvalidResult, analysis.Inconclusive, analysis.NotApplicable, analysis.Pass} {
		if n := number[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", units.Count(int64(n)), v))
		}
	}
	return strings.Join(append(parts, ending(doc)), ", ")
}

// cellFigures prints what is known of each cell in a few lines, by its name.
func cellFigures(doc *analysis.Document) map[string]string {
	texts := map[string]string{}
	for _, m := range matrices(doc) {
		for _, r := range m.rows {
			var b strings.Builder
			fmt.Fprintf(&b, "load: %s\ntrials: %s\n", m.load.Text, trialsText(r.cell))
			if r.cell.Trials > 0 {
				for i, column := range matrixColumns {
					if r.figures[i] != none {
						fmt.Fprintf(&b, "%s: %s %s\n", column.name, r.figures[i], column.unit)
					}
				}
			}
			for _, f := range doc.Findings {
				if f.Cell == r.cell.Name {
					fmt.Fprintf(&b, "%s\n  %s\n", f.What, f.Evidence)
				}
			}
			texts[r.cell.Name] = b.String()
		}
	}
	return texts
}
