package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"

	"plimsoll/report/plot"
	"plimsoll/results/analysis"
)

// CompareHTML writes a comparison as one page that needs nothing else, with
// both sides in each plot.
func CompareHTML(w io.Writer, p *analysis.Pairing) error {
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	page, err := template.New("compare.html").ParseFS(pageFiles, "page/compare.html", "page/figure.html")
	if err != nil {
		return err
	}
	view := comparePage{
		Pairing: p, Style: template.CSS(string(style) + paletteCSS()), Title: compareTitle(p),
		A: sideText(p.A), B: sideText(p.B), Confidence: confidence(), HowToRead: howToRead(p),
	}
	for i := range p.Pairs {
		pair, err := newComparePair(p, &p.Pairs[i])
		if err != nil {
			return err
		}
		view.Pairs = append(view.Pairs, pair)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// comparePage is what the template shows.
type comparePage struct {
	*analysis.Pairing
	Style      template.CSS
	Title      string
	A, B       string
	Confidence string
	HowToRead  string
	Pairs      []comparePair
}

type comparePair struct {
	*analysis.Pair
	Table    changeTable
	Forest   []forestRow // one for each row of the table
	Axis     forestAxis
	Findings []findingGroup
	Plots    []plotFigure
	Omitted  []string
}

// forestRow places a ratio and its interval on a logarithmic axis, in percent
// of its width.
type forestRow struct {
	Shown          bool
	At, From, Wide float64
	HasInterval    bool
}

// forestAxis is where a ratio of 1 lies, and what the ends are.
type forestAxis struct {
	One       float64
	Low, High string
}

func newComparePair(p *analysis.Pairing, pair *analysis.Pair) (comparePair, error) {
	view := comparePair{Pair: pair, Table: changes(pair), Findings: pairFindings(pair)}
	view.Forest, view.Axis = forest(pair.Changes)
	plots := &comparePlots{title: pair.Name, sides: []compareSide{{"A " + p.A.Label, pair.A}, {"B " + p.B.Label, pair.B}}}
	if err := errors.Join(plots.byPercentile(), plots.overTime()); err != nil {
		return view, err
	}
	view.Plots, view.Omitted = plots.figures, plots.omitted
	return view, nil
}

// leastAxis is how far, as a factor, an axis of ratios reaches to both sides at
// the least, so that differences of some percent do not look large.
const leastAxis = 1.25

func forest(changes []analysis.Change) ([]forestRow, forestAxis) {
	reach := math.Log(leastAxis)
	for _, c := range changes {
		for _, v := range []float64{c.Ratio, c.Interval.Low, c.Interval.High} {
			if v > 0 {
				reach = max(reach, 1.05*math.Abs(math.Log(v)))
			}
		}
	}
	place := func(ratio float64) float64 { return 50 + 50*math.Log(ratio)/reach }
	var rows []forestRow
	for _, c := range changes {
		r := forestRow{Shown: c.Ratio > 0}
		if r.Shown {
			r.At = place(c.Ratio)
		}
		if r.HasInterval = r.Shown && c.Interval.None == ""; r.HasInterval {
			r.From = place(c.Interval.Low)
			r.Wide = place(c.Interval.High) - r.From
		}
		rows = append(rows, r)
	}
	return rows, forestAxis{One: 50, Low: analysis.Times(math.Exp(-reach)), High: analysis.Times(math.Exp(reach))}
}

// comparePlots draws both sides of a pair into one plot each.
type comparePlots struct {
	title   string
	sides   []compareSide
	figures []plotFigure
	omitted []string
}

type compareSide struct {
	name string
	cell *analysis.Cell
}

func (p *comparePlots) keys() []legendKey {
	var keys []legendKey
	for i, s := range p.sides {
		keys = append(keys, legendKey{Text: s.name, Class: fmt.Sprintf("e%d", i), Dash: plot.Dash(0)})
	}
	return keys
}

func (p *comparePlots) add(f plotFigure, draw func(string, []plot.Line) ([]byte, error), lines []plot.Line) error {
	svg, err := draw(f.Title+"; "+p.title, lines)
	switch {
	case errors.Is(err, plot.ErrEmpty):
		p.omitted = append(p.omitted, f.Title+": there is no data")
		return nil
	case err != nil:
		return err
	}
	// The plot package made it; whatever text is in it is escaped there.
	f.SVG = template.HTML(svg)
	p.figures = append(p.figures, f)
	return nil
}

func (p *comparePlots) byPercentile() error {
	var lines []plot.Line
	for i, s := range p.sides {
		lines = append(lines, curveLines(s.cell, plot.Line{Colour: i})...)
	}
	return p.add(plotFigure{
		Title: "Latency by percentile", Caption: "All trials of a side together, up to where ten requests remain above. Lower is better.",
		Keys: append(p.keys(), faintKeys(lines)...),
	}, plot.LatencyByPercentile, lines)
}

func (p *comparePlots) overTime() error {
	const title = "Latency over time"
	var lines []plot.Line
	longest := 0
	for i, s := range p.sides {
		longest = max(longest, len(s.cell.Over))
		p99, p50 := plot.Line{Colour: i}, plot.Line{Colour: i, Dash: 1}
		for _, second := range s.cell.Over {
			p99.Points = append(p99.Points, plot.Point{X: float64(second.At), Y: float64(second.P99)})
			p50.Points = append(p50.Points, plot.Point{X: float64(second.At), Y: float64(second.P50)})
		}
		lines = append(lines, p99, p50)
	}
	if longest < fewPoints {
		if longest > 0 {
			p.omitted = append(p.omitted, title+": the load was over in less than 3 seconds")
		}
		return nil
	}
	return p.add(plotFigure{
		Title: title, Caption: "Per second, of each side’s first trial that counts.",
		Keys: append(p.keys(), legendKey{Text: "p99", Dash: plot.Dash(0)}, legendKey{Text: "p50", Dash: plot.Dash(1)}),
	}, plot.LatencyOverTime, lines)
}
