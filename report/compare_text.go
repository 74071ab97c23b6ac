package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/results/analysis"
)

// CompareText writes a comparison for a terminal.
func CompareText(w io.Writer, p *analysis.Pairing) error {
	t := &textReport{colour: colours(w)}
	t.compareHead(p)
	for i := range p.Pairs {
		t.pair(&p.Pairs[i])
	}
	if how := howToRead(p); how != "" {
		t.b.WriteString("\n")
		t.paragraph("", how)
	}
	t.compareRest(p)
	_, err := w.Write(t.b.Bytes())
	return err
}

func (t *textReport) compareHead(p *analysis.Pairing) {
	t.b.WriteString(t.paint("1", compareTitle(p)) + "\n")
	t.paragraph("A  ", sideText(p.A))
	t.paragraph("B  ", sideText(p.B))
	t.b.WriteString("\n")
	t.paragraph("", p.Scope)
	if p.Advisory != "" {
		t.paragraph("", p.Advisory)
	}
}

func (t *textReport) pair(pair *analysis.Pair) {
	t.heading(pair.Name + " — " + pair.Load.Text)
	view := changes(pair)
	out := newTable()
	view.fill(out)
	t.table(out)
	for i, n := range view.Notes {
		t.paragraph(fmt.Sprintf("[%d] ", i+1), n)
	}
	t.paragraph("", strings.Join(view.Below, " "))
	for _, c := range pair.Cautions {
		t.paragraph("  • ", c)
	}
	for _, g := range pairFindings(pair) {
		t.paragraph("  • ", g.What)
		for _, e := range g.Evidence {
			t.paragraph("      ", e.Cell+": "+e.Text)
		}
	}
}

func (t *textReport) compareRest(p *analysis.Pairing) {
	if len(p.Refused) > 0 {
		t.heading("Not compared")
		for _, r := range p.Refused {
			t.paragraph("  • ", r.Text())
		}
	}
	if len(p.Unmatched) > 0 {
		t.heading("Without a counterpart")
		for _, name := range p.Unmatched {
			t.paragraph("  • ", name)
		}
	}
	if len(p.Differences) > 0 {
		t.heading("What else is recorded to differ")
		out := newTable()
		fillDifferences(out, p.Differences, differenceWidth)
		t.table(out)
	}
	if len(p.Warnings) > 0 {
		t.heading("Warnings")
		for _, warning := range p.Warnings {
			t.paragraph("  • ", warning)
		}
	}
}

// differenceWidth is what the two columns of differences are broken at.
const differenceWidth = 42

func fillDifferences(out table.Writer, list []analysis.Difference, width int) {
	out.AppendHeader(table.Row{"", "A", "B"})
	if width > 0 {
		out.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: width}, {Number: 3, WidthMax: width}})
	}
	for _, d := range list {
		out.AppendRow(table.Row{d.What, d.A, d.B})
	}
}

// fill fills a table for text or Markdown.
func (c changeTable) fill(out table.Writer) {
	out.AppendHeader(table.Row{"metric", "A", "B", "B ÷ A", confidence(), "reading"})
	var right []table.ColumnConfig
	for n := 2; n <= 5; n++ {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.SetColumnConfigs(right)
	for _, r := range c.Rows {
		if r.Note > 0 {
			r.Reading = fmt.Sprintf("%s [%d]", r.Reading, r.Note)
		}
		out.AppendRow(table.Row{r.Metric, r.A, r.B, r.Ratio, r.Interval, r.Reading})
	}
}

// CompareMarkdown writes a comparison as GitHub-flavoured Markdown.
func CompareMarkdown(w io.Writer, p *analysis.Pairing) error {
	m := &markdownReport{}
	fmt.Fprintf(&m.b, "# %s\n\n", escape.Replace(compareTitle(p)))
	m.item("A: " + sideText(p.A))
	m.item("B: " + sideText(p.B))
	fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(strings.TrimSpace(p.Scope+" "+p.Advisory)))
	for i := range p.Pairs {
		m.pair(&p.Pairs[i])
	}
	if how := howToRead(p); how != "" {
		fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(how))
	}
	if len(p.Refused) > 0 {
		m.heading("Not compared")
		for _, r := range p.Refused {
			m.item(r.Text())
		}
	}
	if len(p.Unmatched) > 0 {
		m.heading("Without a counterpart")
		for _, name := range p.Unmatched {
			m.item(name)
		}
	}
	if len(p.Differences) > 0 {
		m.heading("What else is recorded to differ")
		t := table.NewWriter()
		fillDifferences(t, p.Differences, 0)
		m.table(t)
	}
	if len(p.Warnings) > 0 {
		m.heading("Warnings")
		for _, warning := range p.Warnings {
			m.item(warning)
		}
	}
	_, err := w.Write(m.b.Bytes())
	return err
}

func (m *markdownReport) pair(pair *analysis.Pair) {
	m.heading(pair.Name)
	fmt.Fprintf(&m.b, "%s.\n\n", escape.Replace(pair.Load.Text))
	view := changes(pair)
	t := table.NewWriter()
	view.fill(t)
	m.table(t)
	m.notes(view.Notes)
	fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(strings.Join(view.Below, " ")))
	groups := pairFindings(pair)
	if len(pair.Cautions)+len(groups) > 0 {
		m.b.WriteString("\n")
	}
	for _, c := range pair.Cautions {
		m.item(c)
	}
	for _, g := range groups {
		m.item(g.What)
		for _, e := range g.Evidence {
			fmt.Fprintf(&m.b, "  - %s\n", escape.Replace(e.Cell+": "+e.Text))
		}
	}
}
