package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/internal/units"
	"plimsoll/results/analysis"
)

// warmups is the table of what the first requests met, and of whether systems
// were steady: a row for each cell that tells either.
type warmups struct {
	Rows []warmupRow
	Note string
}

type warmupRow struct {
	Cell                *analysis.Cell
	First, Worst, After string
	State               string
}

const warmupNote = "The first request to fresh replicas, the worst one of the warm-up, and when the system was steady; medians over the trials."

// warmupsOf is nil when no cell tells anything.
func warmupsOf(doc *analysis.Document) *warmups {
	w := &warmups{Note: warmupNote}
	for i := range doc.Cells {
		c := &doc.Cells[i]
		checked := slices.ContainsFunc(c.Detail, func(t analysis.TrialDetail) bool { return t.Steady != nil })
		if c.ColdStart == nil && !checked {
			continue
		}
		row := warmupRow{Cell: c, First: none, Worst: none, After: none, State: c.Labels.Steady}
		if c.Counted > 0 && c.Unsteady > 0 {
			row.State += fmt.Sprintf(" (%d more were not)", c.Unsteady)
		}
		if s := c.ColdStart; s != nil {
			row.First, row.Worst = latencyText(s.First.Median), latencyText(s.Worst.Median)
			if s.SteadyAfter != nil {
				row.After = units.Duration(time.Duration(s.SteadyAfter.Median).Round(time.Second))
			}
		}
		w.Rows = append(w.Rows, row)
	}
	if len(w.Rows) == 0 {
		return nil
	}
	return w
}

func latencyText(ns float64) string { return units.Latency(time.Duration(ns)) }

// fill fills a table for text or Markdown.
func (w *warmups) fill(out table.Writer) {
	out.AppendHeader(table.Row{"cell", "first request", "worst of warm-up", "steady after", "state"})
	var configs []table.ColumnConfig
	for n := 2; n <= 4; n++ {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.SetColumnConfigs(configs)
	for _, r := range w.Rows {
		out.AppendRow(table.Row{r.Cell.Name, r.First, r.Worst, r.After, r.State})
	}
}

func (t *textReport) warmups() {
	w := warmupsOf(t.doc)
	if w == nil {
		return
	}
	t.heading("Cold start")
	out := newTable()
	w.fill(out)
	t.table(out)
	t.paragraph("", w.Note)
}

func (m *markdownReport) warmups() {
	w := warmupsOf(m.doc)
	if w == nil {
		return
	}
	m.heading("Cold start")
	out := table.NewWriter()
	w.fill(out)
	m.table(out)
	fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(w.Note))
}
