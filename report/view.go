package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// matrixColumns are the figures of the matrix, with their units.
var matrixColumns = []struct{ name, unit string }{
	{"requests", "/s"}, {"p50", "ms"}, {"p90", "ms"}, {"p99", "ms"}, {"max", "ms"},
	{"errors", "%"}, {"CPU", "ms/request"}, {"memory", "MiB"},
}

// matrix is the table of one load's cells.
type matrix struct {
	load analysis.LoadInfo
	rows []matrixRow
}

type matrixRow struct {
	cell    *analysis.Cell
	figures []string // one for each of matrixColumns
	few     bool     // its p99 rests on few requests
}

// marked are the figures with marks at those that must not be read as they are.
func (r matrixRow) marked() []string {
	marked := slices.Clone(r.figures)
	for k, column := range matrixColumns {
		switch {
		case r.cell.Stall != nil && column.name == "requests":
			marked[k] += "†"
		case r.few && column.name == "p99":
			marked[k] += "*"
		}
	}
	return marked
}

// matrices are one table for each load: what was measured under one is never
// to be read against what was measured under another.
func matrices(doc *analysis.Document) []matrix {
	var list []matrix
	for _, load := range doc.Loads {
		m := matrix{load: load}
		for i := range doc.Cells {
			if c := &doc.Cells[i]; c.Load == load.Name {
				m.rows = append(m.rows, matrixRow{cell: c, few: c.RestsOnFew()})
			}
		}
		m.fill()
		list = append(list, m)
	}
	return list
}

func (m *matrix) fill() {
	ms, mib := float64(time.Millisecond), float64(1<<20)
	told := func(r func(*analysis.Cell) analysis.Range) func(*analysis.Cell) bool {
		return func(c *analysis.Cell) bool { return c.Trials > 0 && !r(c).Untold }
	}
	metered := func(c *analysis.Cell) bool { return c.Trials > 0 && c.HasUsage }
	for _, f := range []struct {
		known func(*analysis.Cell) bool
		value func(*analysis.Cell) float64
	}{
		{told(func(c *analysis.Cell) analysis.Range { return c.Throughput }), func(c *analysis.Cell) float64 { return c.Throughput.Median }},
		{told(func(c *analysis.Cell) analysis.Range { return c.P50 }), func(c *analysis.Cell) float64 { return c.P50.Median / ms }},
		{told(func(c *analysis.Cell) analysis.Range { return c.P90 }), func(c *analysis.Cell) float64 { return c.P90.Median / ms }},
		{told(func(c *analysis.Cell) analysis.Range { return c.P99 }), func(c *analysis.Cell) float64 { return c.P99.Median / ms }},
		{told(func(c *analysis.Cell) analysis.Range { return c.Max }), func(c *analysis.Cell) float64 { return c.Max.Max / ms }},
		{nil, nil}, // errors have their own text
		{metered, func(c *analysis.Cell) float64 { return c.CPUPerRequest.Median / ms }},
		{metered, func(c *analysis.Cell) float64 { return c.MemoryBytes.Median / mib }},
	} {
		if f.known == nil {
			for i := range m.rows {
				m.rows[i].figures = append(m.rows[i].figures, errorText(m.rows[i].cell))
			}
			continue
		}
		values := make([]float64, 0, len(m.rows))
		for _, r := range m.rows {
			if f.known(r.cell) {
				values = append(values, f.value(r.cell))
			} else {
				values = append(values, math.NaN())
			}
		}
		for i, text := range column(values) {
			m.rows[i].figures = append(m.rows[i].figures, text)
		}
	}
}

// fill fills a table for text or Markdown; between separates a column's name
// and unit.
func (m matrix) fillTable(out table.Writer, between string) {
	header := table.Row{"scale", "environment"}
	configs := []table.ColumnConfig{}
	for i, c := range matrixColumns {
		header = append(header, c.name+between+c.unit)
		configs = append(configs, table.ColumnConfig{Number: i + 3, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.AppendHeader(append(header, "trials"))
	out.SetColumnConfigs(configs)
	for i, r := range m.rows {
		scale := r.cell.Scale
		if i > 0 && m.rows[i-1].cell.Scale == scale {
			scale = ""
		}
		row := table.Row{scale, r.cell.Environment}
		for _, f := range r.marked() {
			row = append(row, f)
		}
		out.AppendRow(append(row, trialsText(r.cell)))
	}
}

// notes are what the table's readers have to know.
func (m *matrix) notes() []string {
	notes := []string{m.load.Caution}
	several := slices.ContainsFunc(m.rows, func(r matrixRow) bool { return r.cell.Counted > 1 })
	if several {
		notes = append(notes, "Medians over the trials; max is the longest of all.")
	}
	if slices.ContainsFunc(m.rows, func(r matrixRow) bool { return r.few }) {
		notes = append(notes, "* rests on fewer than 20 requests.")
	}
	notes = append(notes, m.stallNotes()...)
	if bound := m.boundNote(); bound != "" {
		notes = append(notes, bound)
	}
	return notes
}

// stallNotes say what a throughput would have been without a stall in it.
func (m *matrix) stallNotes() []string {
	var parts []string
	for _, r := range m.rows {
		if s := r.cell.Stall; s != nil {
			parts = append(parts, fmt.Sprintf("about %s (%s, %s)", s.WithoutText(), r.cell.Environment, r.cell.Scale))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"† One stall made this, not the stack's speed; without it " + strings.Join(parts, ", ") + "."}
}

// tightBound is how much of a p99 its bound may leave open without being told.
const tightBound = 0.10

// boundNote says what the stack's own p99 is, without what late sending by the
// generator may have added; empty where no cell has a bound.
func (m *matrix) boundNote() string {
	var wide []string
	bounded := 0
	for _, r := range m.rows {
		b := r.cell.SystemP99
		if b == nil {
			continue
		}
		bounded++
		if float64(b.High-b.Low) > tightBound*float64(b.High) {
			wide = append(wide, fmt.Sprintf("%s (%s, %s)", boundText(b), r.cell.Environment, r.cell.Scale))
		}
	}
	switch {
	case bounded == 0:
		return ""
	case len(wide) == 0:
		return "Whatever the load generator's lateness added, the stack's own p99 is less than 10 % below the measured one."
	}
	text := "Without what the load generator's lateness may have added, the stack's own p99 is " + strings.Join(wide, ", ")
	if len(wide) < bounded {
		text += "; elsewhere less than 10 % below the measured one"
	}
	return text + "."
}

// boundText prints a bound: "between 12.0 ms and 14.1 ms".
func boundText(b *results.Bound) string {
	return fmt.Sprintf("between %s and %s", units.Latency(b.Low), units.Latency(b.High))
}

// findingGroup is one finding with its evidence from all cells.
type findingGroup struct {
	Kind, What string
	Evidence   []evidence
}

type evidence struct{ Cell, Text string }

// First is the evidence that is shown at once, More the rest.
func (g findingGroup) First() []evidence { return g.Evidence[:min(1, len(g.Evidence))] }

// More is the evidence that is folded away.
func (g findingGroup) More() []evidence { return g.Evidence[min(1, len(g.Evidence)):] }

func findingGroups(doc *analysis.Document) []findingGroup {
	var groups []findingGroup
	for _, f := range doc.Findings {
		i := slices.IndexFunc(groups, func(g findingGroup) bool { return g.Kind == f.Kind && g.What == f.What })
		if i < 0 {
			groups = append(groups, findingGroup{Kind: f.Kind, What: f.What})
			i = len(groups) - 1
		}
		groups[i].Evidence = append(groups[i].Evidence, evidence{Cell: f.Cell, Text: f.Evidence})
	}
	return groups
}

// judgement is one objective's outcome in one cell. Note is the number of the
// note that says why, 0 if there is none.
type judgement struct {
	Verdict  analysis.Verdict
	Observed string
	Note     int
}

// objectiveTable has a row for each cell and a column for each objective.
type objectiveTable struct {
	Objectives []string
	Rows       []objectiveRow
	Notes      []string // numbered from 1
}

type objectiveRow struct {
	Cell *analysis.Cell
	// First is true for the first row of its load and scale.
	First      bool
	Judgements []judgement
}

func objectives(doc *analysis.Document) objectiveTable {
	var t objectiveTable
	for _, o := range doc.Objectives {
		if !slices.Contains(t.Objectives, o.Objective) {
			t.Objectives = append(t.Objectives, o.Objective)
		}
	}
	for i := range doc.Cells {
		c := &doc.Cells[i]
		if doc.Gate != nil && c.Environment != doc.Gate.Candidate {
			continue // nothing is demanded of the baseline
		}
		row := objectiveRow{Cell: c, First: i == 0 || doc.Cells[i-1].Load != c.Load || doc.Cells[i-1].Scale != c.Scale}
		for _, text := range t.Objectives {
			row.Judgements = append(row.Judgements, t.judgement(doc, text, c.Name))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// judgement finds an objective's result for a cell; one that could not be read
// has one result for all cells.
func (t *objectiveTable) judgement(doc *analysis.Document, objective, cell string) judgement {
	i := slices.IndexFunc(doc.Objectives, func(o analysis.ObjectiveResult) bool {
		return o.Objective == objective && (o.Cell == cell || o.Cell == "")
	})
	if i < 0 {
		return judgement{Verdict: analysis.NotApplicable}
	}
	o := doc.Objectives[i]
	j := judgement{Verdict: o.Verdict, Observed: o.Observed}
	if o.Why != "" {
		n := slices.Index(t.Notes, o.Why)
		if n < 0 {
			t.Notes = append(t.Notes, o.Why)
			n = len(t.Notes) - 1
		}
		j.Note = n + 1
	}
	return j
}

// sideBySide is the table of comparisons: a column for each environment.
type sideBySide struct {
	environments []string
	rows         []comparisonRow
	notes        []string // numbered from 1: the doubts
	// intervals say why ratios have none.
	intervals []string
}

type comparisonRow struct {
	load, scale, metric string
	values              []string // by environment
	apart, interval     string
	standing            string
}

func comparisons(doc *analysis.Document) sideBySide {
	t := sideBySide{environments: doc.Environments}
	for _, c := range doc.Comparisons {
		row := comparisonRow{load: c.Load, scale: c.Scale, metric: c.Metric.Name, apart: none, interval: none, standing: standing(c)}
		for _, environment := range t.environments {
			i := slices.IndexFunc(c.Sides, func(s analysis.Side) bool { return s.Environment == environment })
			if i < 0 {
				row.values = append(row.values, none)
				continue
			}
			row.values = append(row.values, c.Metric.Text(c.Sides[i].Value.Median))
		}
		if c.Ratio > 0 {
			row.apart, row.interval = apart(c.Ratio), orNone(c.Interval.Text())
			if why := noInterval(c); why != "" && !slices.Contains(t.intervals, why) {
				t.intervals = append(t.intervals, why)
			}
		}
		for _, doubt := range c.Doubts {
			n := slices.Index(t.notes, doubt)
			if n < 0 {
				t.notes = append(t.notes, doubt)
				n = len(t.notes) - 1
			}
			row.standing += " [" + strconv.Itoa(n+1) + "]"
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// fill fills a table for text or Markdown.
func (s sideBySide) fill(out table.Writer) {
	header := table.Row{"load", "scale", "metric"}
	var configs []table.ColumnConfig
	for _, environment := range append(slices.Clone(s.environments), "apart", confidence()) {
		header = append(header, environment)
		configs = append(configs, table.ColumnConfig{Number: len(header), Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.AppendHeader(append(header, "standing"))
	out.SetColumnConfigs(configs)
	for i, r := range s.rows {
		if i > 0 && s.rows[i-1].load == r.load && s.rows[i-1].scale == r.scale {
			r.load, r.scale = "", ""
		}
		row := table.Row{r.load, r.scale, r.metric}
		for _, v := range r.values {
			row = append(row, v)
		}
		out.AppendRow(append(row, r.apart, r.interval, r.standing))
	}
}
