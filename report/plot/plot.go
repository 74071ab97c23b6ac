// Package plot draws the plots of a report as SVG that becomes part of an HTML
// page: no size of its own, no font of its own, and colours that are the
// page's, so that it is readable on a phone and in the dark. Colour tells
// environments apart and nothing else; scales and services differ in their
// dashes and marks.
//
// The page may define the custom properties --ink, --quiet, --grid and --env-0
// to --env-7; without them the plots have the colours of a light page.
//
// It is the only user of gonum.org/v1/plot.
package plot

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
)

// Line is one line of a plot.
type Line struct {
	// Colour is the environment's place in the palette.
	Colour int
	// Dash is the pattern of the line and the shape of its marks.
	Dash int
	// Faint lines are there, but not to be relied on.
	Faint  bool
	Points []Point
}

// Point is a point of a line. What X and Y are is up to the plot.
type Point struct {
	X, Y float64
	// Low and High are the ends of the bar that shows a range around Y; no
	// bar if they are equal.
	Low, High float64
}

// ErrEmpty is returned for lines without a point that can be drawn.
var ErrEmpty = errors.New("nothing to draw")

// LatencyByPercentile draws latencies (Y, in ns) by percentile (X, 0–100). The
// percentiles are spread by their nines, so that the tail has room.
func LatencyByPercentile(label string, lines []Line) ([]byte, error) {
	lines = convert(lines, nines, milliseconds)
	c := newChart("percentile of the requests", "response time, ms (log)")
	_, _, most := extents(lines)
	c.axis(&c.plot.X, 0, most, percentileTicks(most))
	c.verticals = true
	c.logY(lines)
	return c.draw(label, lines)
}

// ThroughputByScale draws requests per second (Y) at each scale (X is the
// scale's place in scales).
func ThroughputByScale(label string, scales []string, lines []Line) ([]byte, error) {
	c := newChart("scale", "good answers per second")
	c.linearY(lines, 0)
	return c.draw(label, c.byScale(scales, lines))
}

// LatencyByScale draws latencies (Y, in ns) at each scale (X is the scale's
// place in scales).
func LatencyByScale(label string, scales []string, lines []Line) ([]byte, error) {
	const wide = 10 // times the lowest: then only a logarithmic axis shows both
	lines = convert(lines, same, milliseconds)
	lowest, highest, _ := extents(lines)
	c := newChart("scale", "p99 of the response time, ms")
	if highest > wide*lowest {
		c.plot.Y.Label.Text += " (log)"
		c.logY(lines)
	} else {
		c.linearY(lines, 0)
	}
	return c.draw(label, c.byScale(scales, lines))
}

// TimeByRound draws times (Y, in ns) of a gate's rounds (X is the round's place
// in rounds).
func TimeByRound(label, what string, rounds []string, lines []Line) ([]byte, error) {
	lines = convert(lines, same, milliseconds)
	c := newChart("round", what+", ms")
	c.linearY(lines, 0)
	return c.draw(label, c.byScale(rounds, lines))
}

// RateByReplicas draws rates (Y, per second) by the number of replicas (X). The
// axis has ticks at the numbers that were measured.
func RateByReplicas(label string, measured []int, lines []Line) ([]byte, error) {
	c := newChart("replicas", "supported requests per second")
	c.linearY(lines, 0)
	_, _, last := extents(lines)
	var ticks plot.ConstantTicks
	for _, n := range measured {
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: strconv.Itoa(n)})
		last = max(last, float64(n))
	}
	c.axis(&c.plot.X, 0, last*1.04, ticks)
	return c.draw(label, lines)
}

// LatencyOverTime draws latencies (Y, in ns) over time (X, in ns).
func LatencyOverTime(label string, lines []Line) ([]byte, error) {
	lines = convert(lines, seconds, milliseconds)
	c := newChart("seconds since the load began", "response time, ms (log)")
	c.timeX(lines)
	c.logY(lines)
	return c.draw(label, lines)
}

// CPUOverTime draws CPU seconds per second (Y) over time (X, in ns). Its axis
// goes up to at least top, so that several plots can share it.
func CPUOverTime(label string, lines []Line, top float64) ([]byte, error) {
	lines = convert(lines, seconds, same)
	c := newChart("seconds since the load began", "CPUs in use")
	c.timeX(lines)
	c.linearY(lines, top)
	return c.draw(label, lines)
}

// MemoryOverTime draws bytes (Y) over time (X, in ns). Its axis goes up to at
// least top.
func MemoryOverTime(label string, lines []Line, top float64) ([]byte, error) {
	lines = convert(lines, seconds, mebibytes)
	c := newChart("seconds since the load began", "memory, MiB")
	c.timeX(lines)
	c.linearY(lines, mebibytes(top))
	return c.draw(label, lines)
}

func same(v float64) float64          { return v }
func seconds(ns float64) float64      { return ns / float64(time.Second) }
func milliseconds(ns float64) float64 { return ns / float64(time.Millisecond) }
func mebibytes(n float64) float64     { return n / (1 << 20) }

// convert returns a copy of lines in other units.
func convert(lines []Line, x, y func(float64) float64) []Line {
	out := make([]Line, 0, len(lines))
	for _, l := range lines {
		points := make([]Point, 0, len(l.Points))
		for _, p := range l.Points {
			points = append(points, Point{X: x(p.X), Y: y(p.Y), Low: y(p.Low), High: y(p.High)})
		}
		l.Points = points
		out = append(out, l)
	}
	return out
}

// breakable lets a scale's name stand on several lines.
func breakable(scale string) string { return strings.ReplaceAll(scale, ",", "\n") }
