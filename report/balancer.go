package report

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// balancerColumns are the figures of a balancer's row, with their units.
var balancerColumns = []struct {
	name, unit string
	value      func(results.BalancerRow) *int64
}{
	{"sessions", "", func(r results.BalancerRow) *int64 { return r.Sessions }},
	{"at once", "most", func(r results.BalancerRow) *int64 { return r.MostSessions }},
	{"per second", "most", func(r results.BalancerRow) *int64 { return r.HighestRate }},
	{"requests", "bytes", func(r results.BalancerRow) *int64 { return r.BytesIn }},
	{"answers", "bytes", func(r results.BalancerRow) *int64 { return r.BytesOut }},
	{"4xx", "", func(r results.BalancerRow) *int64 { return r.Answers4xx }},
	{"5xx", "", func(r results.BalancerRow) *int64 { return r.Answers5xx }},
	{"failed", "connections", func(r results.BalancerRow) *int64 { return r.ConnectErrors }},
	{"broken", "answers", func(r results.BalancerRow) *int64 { return r.AnswerErrors }},
	{"down for", "s", func(r results.BalancerRow) *int64 { return r.DowntimeSeconds }},
}

// balancerNote is what the counters have to be read with.
const balancerNote = "What a balancer counted since it started or was cleared. In a request's bytes are its head and body; an answer's may lack what the balancer adds to it."

// balancerPage is the page of one trial.
type balancerPage struct {
	Cell    *analysis.Cell
	Columns []pageColumn
	Rows    []balancerLine
}

type balancerLine struct {
	Name, Status string
	Figures      []string
}

// balancerPages are those of all trials that have one, without the columns that
// none of a page's rows tells.
func balancerPages(doc *analysis.Document) []balancerPage {
	var pages []balancerPage
	for i := range doc.Cells {
		c := &doc.Cells[i]
		for _, t := range c.Detail {
			if t.Foreign != nil && len(t.Foreign.Balancer) > 0 {
				pages = append(pages, newBalancerPage(c, t.Foreign.Balancer))
			}
		}
	}
	return pages
}

func newBalancerPage(c *analysis.Cell, rows []results.BalancerRow) balancerPage {
	p := balancerPage{Cell: c}
	for _, r := range rows {
		p.Rows = append(p.Rows, balancerLine{Name: r.Proxy + "/" + r.Server, Status: r.Status})
	}
	for _, column := range balancerColumns {
		told := false
		figures := make([]string, len(rows))
		for i, r := range rows {
			figures[i] = none
			if v := column.value(r); v != nil {
				told, figures[i] = true, units.Count(*v)
			}
		}
		if !told {
			continue
		}
		p.Columns = append(p.Columns, pageColumn{column.name, column.unit})
		for i := range p.Rows {
			p.Rows[i].Figures = append(p.Rows[i].Figures, figures[i])
		}
	}
	return p
}

// fill fills a table for text or Markdown; between separates a column's name
// and unit.
func (p balancerPage) fill(out table.Writer, between string) {
	header := table.Row{"proxy/server", "status"}
	var configs []table.ColumnConfig
	for _, c := range p.Columns {
		name := c.Name
		if c.Unit != "" {
			name += between + c.Unit
		}
		header = append(header, name)
		configs = append(configs, table.ColumnConfig{Number: len(header), Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.AppendHeader(header)
	out.SetColumnConfigs(configs)
	for _, r := range p.Rows {
		row := table.Row{r.Name, r.Status}
		for _, f := range r.Figures {
			row = append(row, f)
		}
		out.AppendRow(row)
	}
}

func (t *textReport) balancers() {
	for i, p := range balancerPages(t.doc) {
		if i == 0 {
			t.heading("Balancers")
		}
		t.b.WriteString(p.Cell.Name + "\n")
		out := newTable()
		p.fill(out, "\n")
		t.table(out)
		t.paragraph("", balancerNote)
	}
}

func (m *markdownReport) balancers() {
	for i, p := range balancerPages(m.doc) {
		if i == 0 {
			m.heading("Balancers")
			fmt.Fprintf(&m.b, "%s\n", balancerNote)
		}
		fmt.Fprintf(&m.b, "\n%s\n\n", escape.Replace(p.Cell.Name))
		out := table.NewWriter()
		p.fill(out, ", ")
		m.table(out)
	}
}
