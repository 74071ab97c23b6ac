package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"plimsoll/results/analysis"
)

// Markdown writes the report as GitHub-flavoured Markdown.
func Markdown(w io.Writer, doc *analysis.Document) error {
	m := &markdownReport{doc: doc}
	m.head()
	m.findings()
	m.gate()
	m.capacity()
	m.faster()
	m.objectives()
	m.matrices()
	m.warmups()
	m.requests()
	m.replicas()
	m.balancers()
	m.missing()
	m.rest()
	_, err := w.Write(m.b.Bytes())
	return err
}

type markdownReport struct {
	b   bytes.Buffer
	doc *analysis.Document
}

// escape keeps text from being taken for markup.
var escape = strings.NewReplacer("\r", "", "\n", " ", `\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "|", `\|`, "[", `\[`)

func (m *markdownReport) heading(s string) { fmt.Fprintf(&m.b, "\n## %s\n\n", escape.Replace(s)) }

func (m *markdownReport) item(s string) { fmt.Fprintf(&m.b, "- %s\n", escape.Replace(s)) }

// table writes a table, of which only the line breaks in its cells are markup.
func (m *markdownReport) table(t table.Writer) {
	text := strings.ReplaceAll(t.RenderMarkdown(), "<", "&lt;")
	m.b.WriteString(strings.ReplaceAll(text, "&lt;br/>", "<br/>") + "\n")
}

func (m *markdownReport) head() {
	fmt.Fprintf(&m.b, "# %s\n\n**%s %s.** %s\n", escape.Replace(m.doc.Title), mark(m.doc.Verdict()),
		escape.Replace(verdictLine(m.doc)), escape.Replace(subtitle(m.doc)))
	m.topics(verdictTopics(m.doc))
}

// faster says what comparing showed, with the comparisons themselves.
func (m *markdownReport) faster() {
	m.topics(fasterTopics(m.doc))
	m.comparisons()
}

func (m *markdownReport) topics(list []topic) {
	for _, t := range list {
		fmt.Fprintf(&m.b, "\n**%s**\n\n", t.Name)
		for _, h := range t.Lines {
			text := h.Text
			if h.Verdict != "" {
				text = mark(h.Verdict) + " " + text
			}
			m.item(text)
		}
	}
}

func (m *markdownReport) gate() {
	g := gateOf(m.doc)
	if g == nil {
		return
	}
	m.heading("Gate: " + g.Title)
	t := table.NewWriter()
	g.metricTable(t, func(v analysis.Verdict) string { return mark(v) + " " + string(v) })
	m.table(t)
	m.b.WriteString("\n")
	t = table.NewWriter()
	g.roundTable(t)
	m.table(t)
	fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(strings.Join(g.Notes, " ")))
}

func (m *markdownReport) objectives() {
	o := objectives(m.doc)
	if len(o.Objectives) == 0 {
		return
	}
	m.heading("Objectives")
	t := table.NewWriter()
	header := table.Row{"cell"}
	for _, objective := range o.Objectives {
		header = append(header, objective)
	}
	t.AppendHeader(header)
	for _, r := range o.Rows {
		row := table.Row{r.Cell.Name}
		for _, j := range r.Judgements {
			s := mark(j.Verdict) + " " + string(j.Verdict)
			if j.Observed != "" {
				s += " " + j.Observed
			}
			if j.Note > 0 {
				s += fmt.Sprintf(" [%d]", j.Note)
			}
			row = append(row, s)
		}
		t.AppendRow(row)
	}
	m.table(t)
	m.notes(o.Notes)
}

// notes writes the numbered notes of a table.
func (m *markdownReport) notes(list []string) {
	if len(list) > 0 {
		m.b.WriteString("\n")
	}
	for i, n := range list {
		fmt.Fprintf(&m.b, "%d. %s\n", i+1, escape.Replace(n))
	}
}

func (m *markdownReport) matrices() {
	for _, x := range matrices(m.doc) {
		m.heading(x.load.Name)
		fmt.Fprintf(&m.b, "%s.\n\n", escape.Replace(x.load.Text))
		t := table.NewWriter()
		x.fillTable(t, ", ")
		m.table(t)
		fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(strings.Join(x.notes(), " ")))
		labels := labelsOf(x)
		if len(labels) == 0 {
			continue
		}
		m.b.WriteString("\n")
		for _, l := range labels {
			m.item(l.line())
		}
		m.b.WriteString("\n" + escape.Replace(strings.Join(environmentLines(x), " ")) + "\n")
	}
}

func (m *markdownReport) comparisons() {
	if len(m.doc.Comparisons) == 0 {
		return
	}
	m.heading("Side by side")
	s := comparisons(m.doc)
	t := table.NewWriter()
	s.fill(t)
	m.table(t)
	for _, why := range s.intervals {
		fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(why))
	}
	m.notes(s.notes)
}

func (m *markdownReport) findings() {
	groups := findingGroups(m.doc)
	if len(groups) == 0 {
		return
	}
	m.b.WriteString("\n**Before you believe a number**\n\n")
	first, rest := foldFindings(groups)
	folded := "all evidence"
	if len(rest) > 0 {
		folded = fmt.Sprintf("and %d more, with all evidence", len(rest))
	}
	for _, g := range first {
		m.item(g.What)
		for _, e := range g.First() {
			m.evidence(e, len(g.More()))
		}
	}
	if len(rest) == 0 && !slices.ContainsFunc(first, func(g findingGroup) bool { return len(g.More()) > 0 }) {
		return
	}
	fmt.Fprintf(&m.b, "\n<details><summary>%s</summary>\n\n", folded)
	for _, g := range groups {
		m.item(g.What)
		for _, e := range g.Evidence {
			m.evidence(e, 0)
		}
	}
	m.b.WriteString("\n</details>\n")
}

// evidence writes one line of it, and how many more there are.
func (m *markdownReport) evidence(e evidence, more int) {
	if e.Cell != "" {
		e.Text = e.Cell + ": " + e.Text
	}
	if more > 0 {
		e.Text += fmt.Sprintf("; and %d more", more)
	}
	fmt.Fprintf(&m.b, "  - %s\n", escape.Replace(e.Text))
}

func (m *markdownReport) requests() {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"cell", "request", "sent", "failed", "p50, ms", "p90, ms", "p99, ms"})
	t.SetColumnConfigs(rightFrom(3, 7))
	for _, c := range m.doc.Cells {
		for _, r := range requestRows(c.Mix) {
			t.AppendRow(table.Row{c.Name, r.Name, r.Sent, r.Failed, r.P50, r.P90, r.P99})
		}
	}
	if t.Length() > 0 {
		m.heading("Response times by request")
		m.table(t)
	}
}

func (m *markdownReport) replicas() {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"cell", "replica", "served", "share, %", "CPU, ms/request", "memory, MiB"})
	t.SetColumnConfigs(rightFrom(3, 6))
	for _, c := range m.doc.Cells {
		for _, r := range c.Replicas {
			served, share := replicaShare(r)
			t.AppendRow(table.Row{c.Name, r.Replica, served, share, fixed(r.CPUPerRequest/1e6, 3), fixed(r.MemoryBytes/(1<<20), 1)})
		}
		if w := c.Worker; len(c.Replicas) > 0 {
			t.AppendRow(table.Row{c.Name, loadWorker, "", "", fixed(w.CPUPerRequest/1e6, 3), fixed(float64(w.MemoryBytes)/(1<<20), 1)})
		}
	}
	if t.Length() > 0 {
		m.heading("Replicas")
		m.table(t)
	}
}

// missing lists the trials that are, with the reasons.
func (m *markdownReport) missing() {
	if len(m.doc.Failures) > 0 {
		m.heading("Missing trials")
		for _, f := range m.doc.Failures {
			m.item(fmt.Sprintf("trial %d (%s): %s", f.Index, f.Environment, f.Reason))
		}
	}
}

func (m *markdownReport) rest() {
	if len(m.doc.Warnings) > 0 {
		m.heading("Warnings")
		for _, w := range m.doc.Warnings {
			m.item(w)
		}
	}
	m.heading("Provenance")
	for _, f := range m.doc.Provenance {
		m.item(f.Name + ": " + f.Value)
	}
}
