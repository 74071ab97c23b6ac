package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"plimsoll/results/analysis"
)

// textWidth is what running text is wrapped at; tables are about as wide.
const textWidth = 100

// Text writes the report for a terminal: the answer first, then the tables,
// then what has to be known before they are believed. It is coloured if w is a
// terminal and NO_COLOR is not set.
func Text(w io.Writer, doc *analysis.Document) error {
	return writeText(w, doc, colours(w))
}

// colours reports whether what is written to w is to be coloured.
func colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	_, plain := os.LookupEnv("NO_COLOR")
	return ok && !plain && term.IsTerminal(int(f.Fd()))
}

// ColourText is Text with colours whatever w is.
func ColourText(w io.Writer, doc *analysis.Document) error { return writeText(w, doc, true) }

func writeText(w io.Writer, doc *analysis.Document, colour bool) error {
	t := &textReport{doc: doc, colour: colour}
	t.head()
	t.gate()
	t.capacity()
	t.objectives()
	t.matrices()
	t.warmups()
	t.comparisons()
	t.findings()
	t.balancers()
	t.rest()
	_, err := w.Write(t.b.Bytes())
	return err
}

type textReport struct {
	b      bytes.Buffer
	doc    *analysis.Document
	colour bool
}

// paint colours s, if that was asked for.
func (t *textReport) paint(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *textReport) verdict(v analysis.Verdict) string {
	codes := map[analysis.Verdict]string{
		analysis.Pass: "32", analysis.Fail: "31;1", analysis.Inconclusive: "33", analysis.InvalidResult: "35;1",
	}
	s := mark(v) + " " + string(v)
	if code, ok := codes[v]; ok {
		return t.paint(code, s)
	}
	return s
}

func (t *textReport) heading(s string) { t.b.WriteString("\n" + t.paint("1", s) + "\n") }

// paragraph writes wrapped text: first stands before its first line, and as
// much space before the others.
func (t *textReport) paragraph(first, s string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(first))
	for i, line := range wrap(s, textWidth-utf8.RuneCountInString(first)) {
		if i > 0 {
			first = indent
		}
		t.b.WriteString(strings.TrimRight(first+line, " ") + "\n")
	}
}

// wrap breaks s at its plain spaces into lines of at most width characters.
// Spaces inside of numbers are of another kind.
func wrap(s string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Split(s, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// table writes a table without the blanks that pad its lines.
func (t *textReport) table(out table.Writer) {
	for _, line := range strings.Split(out.Render(), "\n") {
		t.b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func (t *textReport) head() {
	t.b.WriteString(t.paint("1", t.doc.Title) + " — " + verdictLine(t.doc) + "\n")
	t.paragraph("", subtitle(t.doc))
	var topic analysis.Topic
	for _, h := range t.doc.Headlines {
		if h.Topic != topic {
			topic = h.Topic
			t.heading(topicName(topic))
		}
		t.paragraph("  • ", h.Text)
	}
}

func (t *textReport) gate() {
	g := gateOf(t.doc)
	if g == nil {
		return
	}
	t.heading("Gate: " + g.Title)
	out := newTable()
	g.metricTable(out, t.verdict)
	t.table(out)
	t.b.WriteString("\n")
	out = newTable()
	g.roundTable(out)
	t.table(out)
	for _, n := range g.Notes {
		t.paragraph("", n)
	}
}

func (t *textReport) objectives() {
	o := objectives(t.doc)
	if len(o.Objectives) == 0 {
		return
	}
	t.heading("Objectives by cell")
	out := newTable()
	header := table.Row{"cell"}
	for _, text := range o.Objectives {
		header = append(header, text)
	}
	out.AppendHeader(header)
	for _, r := range o.Rows {
		row := table.Row{r.Cell.Name}
		for _, j := range r.Judgements {
			s := t.verdict(j.Verdict)
			if j.Observed != "" {
				s += " " + j.Observed
			}
			if j.Note > 0 {
				s += fmt.Sprintf(" [%d]", j.Note)
			}
			row = append(row, s)
		}
		out.AppendRow(row)
	}
	t.table(out)
	for i, n := range o.Notes {
		t.paragraph(fmt.Sprintf("[%d] ", i+1), n)
	}
}

func (t *textReport) matrices() {
	for _, m := range matrices(t.doc) {
		t.heading(m.load.Name + " — " + m.load.Text)
		out := newTable()
		m.fillTable(out, "\n")
		t.table(out)
		t.paragraph("", strings.Join(m.notes(), " "))
		for _, l := range labelsOf(m) {
			t.paragraph("  · ", l.line())
		}
		for _, line := range environmentLines(m) {
			t.paragraph("", line)
		}
	}
}

func newTable() table.Writer {
	out := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	out.SetStyle(style)
	return out
}

func (t *textReport) comparisons() {
	if len(t.doc.Comparisons) == 0 {
		return
	}
	t.heading("Side by side")
	s := comparisons(t.doc)
	out := newTable()
	s.fill(out)
	t.table(out)
	for _, why := range s.intervals {
		t.paragraph("", why)
	}
	for i, n := range s.notes {
		t.paragraph(fmt.Sprintf("[%d] ", i+1), n)
	}
}

func (t *textReport) findings() {
	groups := findingGroups(t.doc)
	if len(groups) == 0 {
		return
	}
	t.heading("Before you believe a number")
	for _, g := range groups {
		t.paragraph("  • ", g.What)
		for _, e := range g.Evidence {
			if e.Cell != "" {
				e.Text = e.Cell + ": " + e.Text
			}
			t.paragraph("      ", e.Text)
		}
	}
}

// rest writes what went wrong and where the numbers come from.
func (t *textReport) rest() {
	if len(t.doc.Failures) > 0 {
		t.heading("Missing trials")
		for _, f := range t.doc.Failures {
			t.paragraph("  • ", fmt.Sprintf("trial %d (%s): %s", f.Index, f.Environment, f.Reason))
		}
	}
	if len(t.doc.Warnings) > 0 {
		t.heading("Warnings")
		for _, warning := range t.doc.Warnings {
			t.paragraph("  • ", warning)
		}
	}
	t.heading("Provenance")
	widest := 0
	for _, f := range t.doc.Provenance {
		widest = max(widest, utf8.RuneCountInString(f.Name))
	}
	for _, f := range t.doc.Provenance {
		t.paragraph(fmt.Sprintf("  %-*s  ", widest, f.Name), f.Value)
	}
}
