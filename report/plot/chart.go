package plot

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size that plots are drawn for. On the page they take the width that they
// are given; on a phone that is about three quarters of this.
const (
	width, height = 440, 264
	fontSize      = 12
)

// chart is a plot in the making.
type chart struct {
	plot        *plot.Plot
	verticals   bool // grid lines for X, too
	marked      bool // marks at the points of every line
	logarithmic bool // Y
}

func newChart(xLabel, yLabel string) *chart {
	p := plot.New()
	face := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, fontSize)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = face
		axis.Label.TextStyle.Color = quiet
		axis.Tick.Label.Font = face
		axis.Tick.Label.Color = quiet
		axis.Tick.LineStyle = draw.LineStyle{}
		axis.LineStyle = draw.LineStyle{}
	}
	p.X.LineStyle = draw.LineStyle{Color: quiet, Width: 1}
	p.X.Tick.LineStyle, p.X.Tick.Length = p.X.LineStyle, 5
	p.X.Padding, p.Y.Padding = 0, 7
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	p.X.Label.Padding, p.Y.Label.Padding = 5, 5
	p.Y.Label.Position, p.Y.Label.TextStyle.XAlign = 0, text.XCenter
	p.BackgroundColor = nil
	return &chart{plot: p}
}

func (c *chart) axis(a *plot.Axis, low, high float64, ticks plot.ConstantTicks) {
	if high <= low {
		high = low + 1
	}
	a.Min, a.Max, a.Tick.Marker = low, high, ticks
}

// linearY makes Y go from 0 to what the lines need, but at least to top.
func (c *chart) linearY(lines []Line, top float64) {
	_, highest, _ := extents(lines)
	ticks := linearTicks(max(top, highest), true)
	c.axis(&c.plot.Y, 0, ticks[len(ticks)-1].Value, ticks)
}

// logY makes Y logarithmic. It takes logarithms itself, because gonum's own
// logarithmic scale leaves room for the axis' label where it does not stand.
func (c *chart) logY(lines []Line) {
	lowest, highest, _ := extents(lines)
	ticks := logTicks(lowest, highest)
	for i := range ticks {
		ticks[i].Value = math.Log10(ticks[i].Value)
	}
	c.axis(&c.plot.Y, ticks[0].Value, ticks[len(ticks)-1].Value, ticks)
	c.logarithmic = true
}

// timeX makes X go from 0 to the end of the lines, and on to a tick that is
// nearly reached.
func (c *chart) timeX(lines []Line) {
	const nearly = 1.02
	_, _, last := extents(lines)
	ticks := linearTicks(last*nearly, false)
	c.axis(&c.plot.X, 0, max(last, ticks[len(ticks)-1].Value), ticks)
}

// byScale makes X an axis of named scales, and moves the lines a little apart,
// so that their bars do not hide each other.
func (c *chart) byScale(scales []string, lines []Line) []Line {
	const apart = 0.06
	var ticks plot.ConstantTicks
	for i, s := range scales {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: breakable(s)})
	}
	c.axis(&c.plot.X, -0.5, float64(len(scales))-0.5, ticks)
	c.marked = true
	moved := make([]Line, 0, len(lines))
	for i, l := range lines {
		by := apart * (float64(i) - float64(len(lines)-1)/2)
		moved = append(moved, convert([]Line{l}, func(x float64) float64 { return x + by }, same)...)
	}
	return moved
}

// extents are the lowest and highest value above 0 that the lines, with their
// bars, have, and the largest X.
func extents(lines []Line) (lowest, highest, last float64) {
	lowest = math.Inf(1)
	for _, l := range lines {
		for _, p := range l.Points {
			last = max(last, p.X)
			for _, v := range []float64{p.Y, p.Low, p.High} {
				if v > 0 {
					lowest, highest = min(lowest, v), max(highest, v)
				}
			}
		}
	}
	return lowest, highest, last
}

// draw adds the lines, above a grid, and renders the chart.
func (c *chart) draw(label string, lines []Line) ([]byte, error) {
	c.grid()
	empty := true
	for _, l := range lines {
		added, err := c.add(l)
		if err != nil {
			return nil, fmt.Errorf("plot %q: %w", label, err)
		}
		empty = empty && !added
	}
	if empty {
		return nil, fmt.Errorf("plot %q: %w", label, ErrEmpty)
	}
	return c.render(label)
}

func (c *chart) grid() {
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: faint, Width: 1}
	grid.Vertical = draw.LineStyle{}
	if c.verticals {
		grid.Vertical = grid.Horizontal
	}
	c.plot.Add(grid)
}

// render makes SVG of what was added.
func (c *chart) render(label string) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	c.plot.Draw(draw.Crop(draw.New(canvas), 2, -8, 2, -6))
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot %q: %w", label, err)
	}
	return []byte(inline(b.String(), label)), nil
}

// add adds a line, with its bars and marks. It reports whether there was
// anything to add: a value of 0 has no place on a logarithmic axis.
func (c *chart) add(l Line) (bool, error) {
	var points plotter.XYs
	bars := bars{}
	for _, p := range l.Points {
		if c.logarithmic {
			if p.Y <= 0 {
				continue
			}
			p.Y, p.Low, p.High = math.Log10(p.Y), math.Log10(p.Low), math.Log10(p.High)
		}
		points = append(points, plotter.XY{X: p.X, Y: p.Y})
		if p.High > p.Low && !math.IsInf(p.Low, -1) {
			bars.XYs = append(bars.XYs, plotter.XY{X: p.X, Y: p.Y})
			bars.ends = append(bars.ends, [2]float64{p.Y - p.Low, p.High - p.Y})
		}
	}
	if len(points) == 0 {
		return false, nil
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return false, err
	}
	line.LineStyle = draw.LineStyle{Color: colour(l.Colour), Width: 2, Dashes: dashes(l.Dash)}
	if l.Faint {
		line.LineStyle.Color = faintColour(l.Colour)
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: colour(l.Colour), Radius: 3.5, Shape: shape(l.Dash)}
	if len(points) > 1 {
		c.plot.Add(line)
	}
	if len(points) == 1 || c.marked {
		c.plot.Add(marks)
	}
	if len(bars.XYs) == 0 {
		return true, nil
	}
	errorBars, err := plotter.NewYErrorBars(bars)
	if err != nil {
		return false, err
	}
	errorBars.LineStyle = draw.LineStyle{Color: colour(l.Colour), Width: vg.Length(1.25)}
	errorBars.CapWidth = 6
	c.plot.Add(errorBars)
	return true, nil
}

// bars are vertical bars around points.
type bars struct {
	plotter.XYs
	ends [][2]float64
}

// YError implements plotter.YErrorer.
func (b bars) YError(i int) (low, high float64) { return b.ends[i][0], b.ends[i][1] }
