package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"

	"plimsoll/report/plot"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/size"
)

// SizeHTML writes the sizing as one page that needs nothing else, as HTML does.
func SizeHTML(w io.Writer, s *analysis.Sizing) error {
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	page, err := template.New("size.html").Funcs(template.FuncMap{"mark": mark}).ParseFS(pageFiles, "page/size.html")
	if err != nil {
		return err
	}
	v := newSizeView(s)
	svg, err := sizePlot(s)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, struct {
		*sizeView
		Style  template.CSS
		Plot   template.HTML
		Legend []sizeKey
		Below  []string
	}{v, template.CSS(string(style) + paletteCSS()), template.HTML(svg), sizeLegend(s), v.below()}); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Number reports whether a table's column holds numbers.
func (t sizeTable) Number(column int) bool { return column >= t.left }

// sizeKey is an entry of the plot's legend.
type sizeKey struct{ Class, Dash, Text string }

// The plot's lines: levels and curve in one colour, the question in another.
const (
	levelColour  = 0
	targetColour = 1
	targetDash   = 1
)

func sizeLegend(s *analysis.Sizing) []sizeKey {
	colour := func(i int) string { return fmt.Sprintf("e%d", i) }
	keys := []sizeKey{{colour(levelColour), "0 12 5 13", "measured; the bar goes from the least that met the objectives to the most that failed"}}
	if s.Answer.Curve != nil {
		keys = append(keys, sizeKey{colour(levelColour), plot.Dash(0), "the fitted curve, through the middles between what met and what failed"})
	}
	keys = append(keys, sizeKey{colour(targetColour), plot.Dash(targetDash), perSecond(s.Rate)})
	if s.Answer.Verdict == size.Answered {
		keys = append(keys, sizeKey{colour(targetColour), plot.Dash(0), fmt.Sprintf("the %.0f %% interval of the replicas", 100*size.Confidence)})
	}
	return keys
}

// sizePlot draws the levels, the curve between the lowest and the highest of
// them, the rate that is asked for, and the interval of the answer. Without a
// level there is no plot.
func sizePlot(s *analysis.Sizing) ([]byte, error) {
	var lines []plot.Line
	var measured []int
	var first, last float64
	for _, l := range s.Levels {
		if l.Supported <= 0 {
			continue
		}
		measured = append(measured, l.Replicas)
		n := float64(l.Replicas)
		if first == 0 {
			first = n
		}
		last = n
		p := plot.Point{X: n, Y: l.Supported, Low: l.Least, High: l.Most}
		for _, start := range l.Starts {
			p.High = max(p.High, start.Failed)
		}
		lines = append(lines, plot.Line{Colour: levelColour, Points: []plot.Point{p}})
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if c := s.Answer.Curve; c != nil {
		var points []plot.Point
		const steps = 60
		for i := range steps + 1 {
			n := first + (last-first)*float64(i)/steps
			points = append(points, flat(n, c.At(n)))
		}
		lines = append(lines, plot.Line{Colour: levelColour, Points: points})
	}
	lines = append(lines, plot.Line{Colour: targetColour, Dash: targetDash, Points: []plot.Point{flat(0, s.Rate), flat(max(last, float64(s.Answer.High)), s.Rate)}})
	if s.Answer.Verdict == size.Answered {
		low, high := float64(s.Answer.Low), float64(s.Answer.High)
		interval := []plot.Point{flat(low, s.Rate)}
		if high > low {
			interval = append(interval, flat(high, s.Rate))
			lines = append(lines, plot.Line{Colour: targetColour, Points: interval[:1]}, plot.Line{Colour: targetColour, Points: interval[1:]})
		}
		lines = append(lines, plot.Line{Colour: targetColour, Points: interval})
	}
	svg, err := plot.RateByReplicas("Supported rate by the number of replicas", measured, lines)
	if errors.Is(err, plot.ErrEmpty) {
		return nil, nil
	}
	return svg, err
}

// flat is a point without a bar.
func flat(x, y float64) plot.Point { return plot.Point{X: x, Y: y, Low: y, High: y} }
