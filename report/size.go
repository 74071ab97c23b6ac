package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/internal/units"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/size"
)

// SizeRenderer writes a sizing in one format.
type SizeRenderer func(io.Writer, *analysis.Sizing) error

func sizeFormats() []format[SizeRenderer] {
	return []format[SizeRenderer]{
		{[]string{"text", "txt"}, SizeText},
		{[]string{"json"}, SizeJSON},
		{[]string{"md", "markdown"}, SizeMarkdown},
		{[]string{"html"}, SizeHTML},
	}
}

// SizeFormats lists the names of the formats for a sizing.
func SizeFormats() []string { return namesOf(sizeFormats()) }

// SizeByName returns the renderer of a sizing. Its error is that of ByName.
func SizeByName(name string) (SizeRenderer, error) { return find(sizeFormats(), name) }

// SizeJSON writes the sizing as it is, indented.
func SizeJSON(w io.Writer, s *analysis.Sizing) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// sizeView is a sizing as people read it, in any format.
type sizeView struct {
	*analysis.Sizing
	Title    string
	Subtitle string
	Verdict  analysis.Verdict
	Levels   sizeTable
	// Law is the curve with its parameters; empty where they are not known.
	Law   string
	Needs sizeTable // no rows: nothing was metered
	// NeedsTitle says of what the needs are.
	NeedsTitle string
	Costs      string // empty: no prices, or no plan
	ClosedRows sizeTable
	ClosedText []string
	Notes      []string
}

// sizeTable is a table of texts: all but the columns named in left are
// numbers.
type sizeTable struct {
	Header []string
	Rows   [][]string
	left   int // columns
}

func newSizeView(s *analysis.Sizing) *sizeView {
	v := &sizeView{
		Sizing:   s,
		Title:    fmt.Sprintf("%s: replicas of %s for %s", s.Scenario, s.Service, perSecond(s.Rate)),
		Subtitle: fmt.Sprintf("%s · %s · %s", s.Environment, strings.Join(s.Objectives, " and "), strings.Join(s.Runs, ", ")),
		Verdict:  analysis.Inconclusive,
		Notes:    append(append([]string{}, s.Answer.Notes...), s.Notes...),
	}
	if s.Answer.Verdict == size.Answered {
		v.Verdict = analysis.Pass
	}
	v.Levels = levelTable("supported/s", s.Levels)
	if c := s.Answer.Curve; c != nil && s.Answer.Parameters {
		v.Law = fmt.Sprintf("X(N) = %s·N / (1 + %s·(N−1) + %s·N·(N−1)); starts scatter about it by %s %%. It holds between the levels, not beyond them.",
			units.Rate(c.Rate), parameter(c.Contention), parameter(c.Coherency), fixed(100*s.Answer.Scatter, 1))
	}
	v.needs()
	if c := s.Cost; c != nil {
		v.Costs = fmt.Sprintf("%s %s an hour, %s %s per million requests, for the CPU that the rate uses up and the memory of all replicas.",
			money(c.PerHour), c.Currency, money(c.PerMillionRequests), c.Currency)
	}
	if c := s.Closed; c != nil {
		v.ClosedRows = levelTable("requests/s", c.Levels).columns(5)
		v.ClosedText = append(v.ClosedText, c.Text)
		if c.Retrograde != nil {
			v.ClosedText = append(v.ClosedText, c.Retrograde.Text)
		}
	}
	return v
}

func perSecond(rate float64) string { return units.Rate(rate) + "/s" }

// parameter prints a share to three digits.
func parameter(v float64) string {
	if v == 0 {
		return "0"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// money prints an amount so that three digits of it are seen.
func money(v float64) string {
	decimals := 2
	for limit := 1.0; v > 0 && v < limit && decimals < 8; limit /= 10 {
		decimals++
	}
	return fixed(v, decimals)
}

// levelTable shows what was measured with each number of replicas. Figures
// that are a lower limit say so.
func levelTable(what string, levels []analysis.SizedLevel) sizeTable {
	t := sizeTable{Header: []string{"replicas", what, "least", "most", "starts", "failed from", "host CPU"}}
	for _, l := range levels {
		row := []string{strconv.Itoa(l.Replicas), none, none, none, strconv.Itoa(len(l.Starts)), none, none}
		if l.Supported > 0 {
			row[1], row[2], row[3] = units.Rate(l.Supported), units.Rate(l.Least), units.Rate(l.Most)
			if !l.Known() {
				row[1] = "≥ " + row[1]
			}
		}
		if l.NextFailed > 0 {
			row[5] = units.Rate(l.NextFailed)
		}
		if l.HostShare > 0 {
			row[6] = fixed(100*l.HostShare, 0) + " %"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// columns is the table with its first columns only.
func (t sizeTable) columns(n int) sizeTable {
	cut := sizeTable{Header: t.Header[:n], left: t.left}
	for _, r := range t.Rows {
		cut.Rows = append(cut.Rows, r[:n])
	}
	return cut
}

func (v *sizeView) needs() {
	if len(v.Sizing.Needs) == 0 {
		return
	}
	v.NeedsTitle = fmt.Sprintf("What %s takes, as measured with %s", perSecond(v.Rate), count(v.NeedsFrom, "replica"))
	if v.Answer.Plan > 0 {
		v.NeedsTitle = fmt.Sprintf("What %s takes with the planned %s, as measured with %d", perSecond(v.Rate), count(v.Answer.Plan, "replica"), v.NeedsFrom)
	}
	v.Needs = sizeTable{Header: []string{"service", "replicas", "CPU-ms/request", "vCPU", "MiB/replica", "MiB"}, left: 1}
	var cpus, memory float64
	for _, n := range v.Sizing.Needs {
		cpus, memory = cpus+n.VCPUs, memory+n.Memory
		v.Needs.Rows = append(v.Needs.Rows, []string{n.Service, whole(n.Replicas), fixed(n.CPUPerRequest/1e6, 3), fixed(n.VCPUs, 2),
			fixed(n.ReplicaMemory/(1<<20), 1), mebibytes(n.Memory)})
	}
	v.Needs.Rows = append(v.Needs.Rows, []string{"all", "", "", fixed(cpus, 2), "", mebibytes(memory)})
}

func whole(n int) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

func mebibytes(n float64) string {
	if n == 0 {
		return none
	}
	return fixed(math.Ceil(n/(1<<20)), 0)
}

func (t sizeTable) fill(out table.Writer) {
	row := func(texts []string) table.Row {
		r := make(table.Row, len(texts))
		for i, s := range texts {
			r[i] = s
		}
		return r
	}
	out.AppendHeader(row(t.Header))
	for _, r := range t.Rows {
		out.AppendRow(row(r))
	}
	var columns []table.ColumnConfig
	for i := t.left; i < len(t.Header); i++ {
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.SetColumnConfigs(columns)
}

// SizeText writes the sizing for a terminal, the answer first.
func SizeText(w io.Writer, s *analysis.Sizing) error {
	v := newSizeView(s)
	t := &textReport{colour: colours(w)}
	t.b.WriteString(t.paint("1", v.Title) + "\n")
	t.paragraph("", v.Subtitle)
	t.b.WriteString("\n")
	t.paragraph(mark(v.Verdict)+" ", v.Answer.Text)
	if v.Answer.Next != "" {
		t.paragraph("  ", v.Answer.Next)
	}
	section := func(title string, rows sizeTable, below ...string) {
		if len(rows.Rows) == 0 && len(below) == 0 {
			return
		}
		t.heading(title)
		if len(rows.Rows) > 0 {
			out := newTable()
			rows.fill(out)
			t.table(out)
		}
		for _, s := range below {
			if s != "" {
				t.paragraph("", s)
			}
		}
	}
	section("Supported rate by replicas", v.Levels, v.below()...)
	if v.Closed != nil {
		section("Closed loop, not a capacity", v.ClosedRows, v.ClosedText...)
	}
	if v.NeedsTitle != "" {
		section(v.NeedsTitle, v.Needs, v.NeedsNote(), v.Costs)
	}
	if len(v.Notes) > 0 {
		t.heading("Before you rely on it")
		for _, n := range v.Notes {
			t.paragraph("  • ", n)
		}
	}
	_, err := w.Write(t.b.Bytes())
	return err
}

// below are the sentences below the levels.
func (v *sizeView) below() []string {
	var list []string
	if len(v.Levels.Rows) > 0 {
		list = append(list, "The highest rate that met the objectives in a start, with all lower ones: geometric mean, least and most over the starts; the lowest rate that failed in any; host CPU at the limit.")
	}
	if v.Law != "" {
		list = append(list, v.Law)
	}
	if v.Retrograde != nil {
		list = append(list, v.Retrograde.Text)
	}
	return list
}

// NeedsNote says what the needs leave out.
func (v *sizeView) NeedsNote() string {
	return "vCPU is what the rate uses up, with nothing to spare; memory is the highest peak of a replica."
}

// SizeMarkdown writes the sizing as GitHub-flavoured Markdown.
func SizeMarkdown(w io.Writer, s *analysis.Sizing) error {
	v := newSizeView(s)
	m := &markdownReport{}
	fmt.Fprintf(&m.b, "# %s\n\n%s\n\n**%s %s**\n", escape.Replace(v.Title), escape.Replace(v.Subtitle), mark(v.Verdict), escape.Replace(v.Answer.Text))
	if v.Answer.Next != "" {
		m.b.WriteString("\n" + escape.Replace(v.Answer.Next) + "\n")
	}
	section := func(title string, rows sizeTable, below ...string) {
		m.heading(title)
		if len(rows.Rows) > 0 {
			t := table.NewWriter()
			rows.fill(t)
			m.table(t)
		}
		for _, s := range below {
			if s != "" {
				m.b.WriteString("\n" + escape.Replace(s) + "\n")
			}
		}
	}
	if below := v.below(); len(below) > 0 {
		section("Supported rate by replicas", v.Levels, below...)
	}
	if v.Closed != nil {
		section("Closed loop, not a capacity", v.ClosedRows, v.ClosedText...)
	}
	if v.NeedsTitle != "" {
		section(v.NeedsTitle, v.Needs, v.NeedsNote(), v.Costs)
	}
	if len(v.Notes) > 0 {
		m.heading("Before you rely on it")
		for _, n := range v.Notes {
			m.item(n)
		}
	}
	_, err := w.Write(m.b.Bytes())
	return err
}
