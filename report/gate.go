package report

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"plimsoll/internal/units"
	"plimsoll/report/plot"
	"plimsoll/results/analysis"
)

// gateView is a gate as all formats show it.
type gateView struct {
	*analysis.GateResult
	// Title says what was held against what.
	Title   string
	Metrics []gateRow
	// Headers name the columns of Rounds after the first two.
	Headers []string
	Rounds  []gateRoundRow
	// Notes say what else has to be known.
	Notes []string
	Plots []plotFigure
}

type gateRow struct {
	Name, Baseline, Candidate, Change, Interval, Detectable, Rounds string
	Verdict                                                         analysis.Verdict
}

type gateRoundRow struct {
	Round, First string
	// Figures are baseline, candidate and change of each metric.
	Figures []string
	Void    bool
}

// gateOf is nil for a run that is no gate's.
func gateOf(doc *analysis.Document) *gateView {
	g := doc.Gate
	if g == nil {
		return nil
	}
	v := &gateView{GateResult: g, Title: fmt.Sprintf("%s against %s, %s, %s", g.Candidate, g.Baseline, g.Load, g.Scale)}
	for _, m := range g.Metrics {
		v.Metrics = append(v.Metrics, newGateRow(m))
		v.Headers = append(v.Headers, m.Name+", "+g.Baseline, g.Candidate, "change")
		for _, w := range m.Warnings {
			v.note(strings.ToUpper(w[:1]) + w[1:] + ".")
		}
	}
	if len(g.Metrics) > 0 {
		if look := g.Metrics[0].Last(); look != nil {
			v.note(fmt.Sprintf("Failed requests: %s of the baseline's, %s of the candidate's.", share(look.Errors.Baseline), share(look.Errors.Candidate)))
		}
	}
	for _, r := range g.Rounds {
		v.Rounds = append(v.Rounds, newGateRoundRow(g, r))
		if len(r.Void) > 0 {
			v.note(fmt.Sprintf("Round %d is void: %s.", r.Round, strings.Join(r.Void, "; ")))
		}
	}
	return v
}

func (v *gateView) note(text string) {
	for _, n := range v.Notes {
		if n == text {
			return
		}
	}
	v.Notes = append(v.Notes, text)
}

func newGateRow(m analysis.GateMetric) gateRow {
	row := gateRow{
		Name: m.Name, Baseline: gateFigure(m, m.Baseline), Candidate: gateFigure(m, m.Candidate),
		Change: none, Interval: none, Detectable: none, Rounds: "0", Verdict: m.Verdict,
	}
	look := m.Last()
	if look == nil {
		return row
	}
	row.Rounds = strconv.Itoa(look.Rounds)
	if look.Estimate != nil {
		row.Change = signedShare(*look.Estimate)
	}
	if look.Lower != nil || look.Upper != nil {
		row.Interval = limitText(look.Lower, "no lower limit") + " … " + limitText(look.Upper, "no upper limit")
	}
	if look.Detectable != nil {
		row.Detectable = signedShare(*look.Detectable)
	}
	return row
}

func newGateRoundRow(g *analysis.GateResult, r analysis.GateRound) gateRoundRow {
	row := gateRoundRow{Round: strconv.Itoa(r.Round), First: g.Baseline, Void: len(r.Void) > 0}
	if r.CandidateFirst {
		row.First = g.Candidate
	}
	if row.Void {
		row.Round += " (void)"
	}
	for i, m := range g.Metrics {
		before, after := r.Baseline[i], r.Candidate[i]
		change := none
		if ratio := float64(after / before); !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			change = signedShare(ratio - 1)
		}
		row.Figures = append(row.Figures, gateFigure(m, before), gateFigure(m, after), change)
	}
	return row
}

// gateFigure prints a metric's value.
func gateFigure(m analysis.GateMetric, v analysis.Value) string {
	if math.IsNaN(float64(v)) || v == 0 {
		return none
	}
	return units.Latency(time.Duration(v))
}

func limitText(v *float64, without string) string {
	if v == nil {
		return without
	}
	return signedShare(*v)
}

// signedShare prints a change: "+4.2 %".
func signedShare(v float64) string {
	digits := 1
	if math.Abs(v) >= 0.995 {
		digits = 0
	}
	sign := ""
	if v > 0 {
		sign = "+"
	}
	return sign + strconv.FormatFloat(100*v, 'f', digits, 64) + " %"
}

func share(v float64) string { return strconv.FormatFloat(100*v, 'g', 3, 64) + " %" }

// metricTable and roundTable fill tables for text or Markdown.
func (v *gateView) metricTable(out table.Writer, verdict func(analysis.Verdict) string) {
	out.AppendHeader(table.Row{"metric", v.Baseline, v.Candidate, "change", "interval", "could show", "rounds", "verdict"})
	out.SetColumnConfigs(rightFrom(2, 7))
	for _, m := range v.Metrics {
		out.AppendRow(table.Row{m.Name, m.Baseline, m.Candidate, m.Change, m.Interval, m.Detectable, m.Rounds, verdict(m.Verdict)})
	}
}

func (v *gateView) roundTable(out table.Writer) {
	header := table.Row{"round", "first"}
	for _, h := range v.Headers {
		header = append(header, h)
	}
	out.AppendHeader(header)
	out.SetColumnConfigs(rightFrom(3, len(header)))
	for _, r := range v.Rounds {
		row := table.Row{r.Round, r.First}
		for _, f := range r.Figures {
			row = append(row, f)
		}
		out.AppendRow(row)
	}
}

func rightFrom(first, last int) []table.ColumnConfig {
	var configs []table.ColumnConfig
	for n := first; n <= last; n++ {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return configs
}

// draw makes a plot of each metric's rounds.
func (v *gateView) draw(doc *analysis.Document) error {
	var rounds []string
	for _, r := range v.GateResult.Rounds {
		rounds = append(rounds, strconv.Itoa(r.Round))
	}
	for i, m := range v.GateResult.Metrics {
		before := plot.Line{Colour: colourOf(doc, v.Baseline)}
		after := plot.Line{Colour: colourOf(doc, v.Candidate)}
		for n, r := range v.GateResult.Rounds {
			if len(r.Void) > 0 {
				continue
			}
			before.Points = append(before.Points, plot.Point{X: float64(n), Y: float64(r.Baseline[i])})
			after.Points = append(after.Points, plot.Point{X: float64(n), Y: float64(r.Candidate[i])})
		}
		f := plotFigure{
			Title: m.Name + " by round", Caption: "Each round starts both afresh, in an order drawn for it. Lower is better.",
			Keys: []legendKey{
				{Text: v.Baseline, Class: fmt.Sprintf("e%d", before.Colour), Dash: plot.Dash(0)},
				{Text: v.Candidate, Class: fmt.Sprintf("e%d", after.Colour), Dash: plot.Dash(0)},
			},
		}
		svg, err := plot.TimeByRound(f.Title, m.Name, rounds, []plot.Line{before, after})
		switch {
		case errors.Is(err, plot.ErrEmpty):
			continue
		case err != nil:
			return err
		}
		f.SVG = template.HTML(svg) // of the plot package, which escapes what is in it
		v.Plots = append(v.Plots, f)
	}
	return nil
}
