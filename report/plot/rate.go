package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Rates is a capacity search as a plot.
type Rates struct {
	// Colour is the environment's place in the palette.
	Colour int
	// Met and Missed are the trials that met the objectives and those that did
	// not: latencies (Y, in ns) by rate (X, in requests per second).
	Met, Missed []Point
	// Limit is the objective's, in ns.
	Limit float64
	// Supported is the rate that was confirmed; 0: none. Low and High are the
	// ends of the estimate's interval; no interval if they are 0.
	Supported, Low, High float64
}

// LatencyByRate draws a capacity search: the trials as marks, the objective's
// limit as a dashed line, the estimate's interval as a band, and the supported
// rate as a line.
func LatencyByRate(label, what string, r Rates) ([]byte, error) {
	logRate := func(x float64) float64 { return math.Log10(max(x, 1e-9)) }
	met := Line{Colour: r.Colour, Points: r.Met}
	missed := Line{Colour: r.Colour, Points: r.Missed}
	lines := convert([]Line{met, missed}, same, milliseconds)
	all := slices.Concat(lines[0].Points, lines[1].Points)
	if len(all) == 0 {
		return nil, fmt.Errorf("plot %q: %w", label, ErrEmpty)
	}
	limit := milliseconds(r.Limit)
	c := newChart("requests per second (log)", what+", ms (log)")
	c.logY([]Line{{Points: append(all, Point{Y: limit})}})
	lowest, highest := math.Inf(1), 0.0
	for _, p := range all {
		lowest, highest = min(lowest, p.X), max(highest, p.X)
	}
	ticks := logTicks(lowest, highest)
	for i := range ticks {
		ticks[i].Value = math.Log10(ticks[i].Value)
	}
	c.axis(&c.plot.X, min(ticks[0].Value, logRate(lowest)), max(ticks[len(ticks)-1].Value, logRate(highest)), ticks)

	c.grid()
	bottom, top := c.plot.Y.Min, c.plot.Y.Max
	if r.Low > 0 && r.High > r.Low {
		left, right := max(c.plot.X.Min, logRate(r.Low)), min(c.plot.X.Max, logRate(r.High))
		band, err := plotter.NewPolygon(plotter.XYs{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}})
		if err != nil {
			return nil, err
		}
		band.Color, band.LineStyle = faint, draw.LineStyle{}
		c.plot.Add(band)
	}
	rules := []rule{{plotter.XYs{{X: c.plot.X.Min, Y: math.Log10(limit)}, {X: c.plot.X.Max, Y: math.Log10(limit)}}, quiet, 1}}
	if r.Supported > 0 {
		at := logRate(r.Supported)
		rules = append(rules, rule{plotter.XYs{{X: at, Y: bottom}, {X: at, Y: top}}, colour(r.Colour), 0})
	}
	for _, l := range rules {
		line, err := plotter.NewLine(l.points)
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.LineStyle{Color: l.colour, Width: 1.5, Dashes: dashes(l.dash)}
		c.plot.Add(line)
	}
	for i, l := range lines {
		if err := scatter(c.plot, l, i, logRate); err != nil {
			return nil, err
		}
	}
	return c.render(label)
}

// rule is a straight line across the plot.
type rule struct {
	points plotter.XYs
	colour color.Color
	dash   int
}

// scatter adds a line's points as marks: filled ones, or crosses.
func scatter(p *plot.Plot, l Line, kind int, x func(float64) float64) error {
	var points plotter.XYs
	for _, pt := range l.Points {
		if pt.Y > 0 {
			points = append(points, plotter.XY{X: x(pt.X), Y: math.Log10(pt.Y)})
		}
	}
	if len(points) == 0 {
		return nil
	}
	marks, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, cross{}}
	marks.GlyphStyle = draw.GlyphStyle{Color: colour(l.Colour), Radius: vg.Length(3.5), Shape: shapes[kind]}
	p.Add(marks)
	return nil
}

// cross is a cross whose lines are as wide as those of a plot.
type cross struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (cross) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: sty.Color, Width: 1.75})
	for _, side := range []vg.Length{1, -1} {
		var p vg.Path
		p.Move(vg.Point{X: at.X - sty.Radius, Y: at.Y - side*sty.Radius})
		p.Line(vg.Point{X: at.X + sty.Radius, Y: at.Y + side*sty.Radius})
		c.Stroke(p)
	}
}
