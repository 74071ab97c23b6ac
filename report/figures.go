package report

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"plimsoll/report/plot"
	"plimsoll/results/analysis"
)

// loadPlots are the plots of one load.
type loadPlots struct {
	Load    analysis.LoadInfo
	Figures []plotFigure
	// Use is CPU and memory over time, one pair for each cell.
	Use []plotFigure
	// Omitted says what could not be drawn, and why.
	Omitted []string
}

// plotFigure is a plot with its caption and legend.
type plotFigure struct {
	Title   string
	Caption string
	SVG     template.HTML
	Keys    []legendKey
}

// legendKey explains a colour or a pattern.
type legendKey struct {
	Text  string
	Class string // of the environment; empty: any
	Dash  string
	// Opacity is that of a faint line, else empty.
	Opacity string
}

// fewPoints is how many points a line over time needs to be worth a plot.
const fewPoints = 3

func allPlots(doc *analysis.Document) ([]loadPlots, error) {
	var list []loadPlots
	for _, load := range doc.Loads {
		p := &plotter{doc: doc, out: loadPlots{Load: load}}
		for i := range doc.Cells {
			if c := &doc.Cells[i]; c.Load == load.Name && c.Counted > 0 {
				p.cells = append(p.cells, c)
				for _, s := range c.Used {
					p.services = append(p.services, s.Service)
				}
			}
		}
		slices.Sort(p.services)
		p.services = slices.Compact(p.services)
		if len(p.cells) == 0 {
			continue
		}
		if err := p.draw(); err != nil {
			return nil, err
		}
		list = append(list, p.out)
	}
	return list, nil
}

// plotter draws the plots of one load, from the cells that count.
type plotter struct {
	doc   *analysis.Document
	cells []*analysis.Cell
	// services are those of all environments; their place is their pattern.
	services []string
	out      loadPlots
}

func (p *plotter) draw() error {
	return errors.Join(p.byPercentile(), p.byScale(), p.overTime(), p.use())
}

// add takes in a plot. One that would be empty is left out, and said so.
func (p *plotter) add(to *[]plotFigure, f plotFigure, svg []byte, err error) error {
	switch {
	case errors.Is(err, plot.ErrEmpty):
		p.out.Omitted = append(p.out.Omitted, f.Title+": there is no data")
		return nil
	case err != nil:
		return err
	}
	// The plot package made it; whatever text is in it is escaped there.
	f.SVG = template.HTML(svg)
	*to = append(*to, f)
	return nil
}

func (p *plotter) byPercentile() error {
	var lines []plot.Line
	for _, c := range p.cells {
		like := plot.Line{Colour: colourOf(p.doc, c.Environment), Dash: max(0, slices.Index(p.doc.Scales, c.Scale))}
		lines = append(lines, curveLines(c, like)...)
	}
	f := plotFigure{
		Title:   "Latency by percentile",
		Caption: "All trials together, up to where ten requests remain above. Lower is better.",
		Keys:    slices.Concat(p.environmentKeys(), p.scaleKeys(), faintKeys(lines)),
	}
	svg, err := plot.LatencyByPercentile(p.label(f.Title), lines)
	return p.add(&p.out.Figures, f, svg, err)
}

// curveLines draw a cell's curve, faintly from where its tail is not resolved.
func curveLines(c *analysis.Cell, like plot.Line) []plot.Line {
	line, rest := like, like
	rest.Faint = true
	for _, pt := range c.Curve {
		drawn := plot.Point{X: pt.Percentile, Y: float64(pt.Latency)}
		if pt.Resolved {
			line.Points = append(line.Points, drawn)
			rest.Points = []plot.Point{drawn} // it goes on from here
		} else {
			rest.Points = append(rest.Points, drawn)
		}
	}
	if len(rest.Points) < 2 {
		return []plot.Line{line}
	}
	return []plot.Line{line, rest}
}

// faintKeys explains faint lines, if there are any.
func faintKeys(lines []plot.Line) []legendKey {
	if !slices.ContainsFunc(lines, func(l plot.Line) bool { return l.Faint }) {
		return nil
	}
	return []legendKey{{Text: "tail not resolved: fewer than 15 episodes, or 100 requests, above", Dash: plot.Dash(0), Opacity: plot.FaintOpacity}}
}

func (p *plotter) byScale() error {
	var scales []string
	for _, scale := range p.doc.Scales {
		if slices.ContainsFunc(p.cells, func(c *analysis.Cell) bool { return c.Scale == scale }) {
			scales = append(scales, scale)
		}
	}
	lines := func(value func(*analysis.Cell) analysis.Range) []plot.Line {
		var list []plot.Line
		for _, environment := range p.doc.Environments {
			line := plot.Line{Colour: colourOf(p.doc, environment)}
			for _, c := range p.cells {
				// What one stall made is no point of a curve over scales.
				if v := value(c); c.Environment == environment && !v.Untold && c.Stall == nil {
					line.Points = append(line.Points, plot.Point{
						X: float64(slices.Index(scales, c.Scale)), Y: v.Median, Low: v.Low, High: v.High,
					})
				}
			}
			if len(line.Points) > 0 {
				list = append(list, line)
			}
		}
		return list
	}
	bars := ""
	if kinds := p.whiskers(); len(kinds) > 0 {
		bars = " Whiskers: " + strings.Join(kinds, ", ") + "."
	}
	rate := plotFigure{Title: "Throughput by scale", Caption: "Good answers per second." + bars + p.stalls(), Keys: p.environmentKeys()}
	svg, err := plot.ThroughputByScale(p.label(rate.Title), scales, lines(func(c *analysis.Cell) analysis.Range { return c.Throughput }))
	if err := p.add(&p.out.Figures, rate, svg, err); err != nil {
		return err
	}
	tail := plotFigure{Title: "p99 by scale", Caption: "Lower is better." + bars + p.stalls(), Keys: p.environmentKeys()}
	svg, err = plot.LatencyByScale(p.label(tail.Title), scales, lines(func(c *analysis.Cell) analysis.Range { return c.P99 }))
	return p.add(&p.out.Figures, tail, svg, err)
}

// whiskers says what those of the plots by scale are, each kind once.
func (p *plotter) whiskers() []string {
	var kinds []string
	for _, c := range p.cells {
		if kind := c.P99.Kind(c.Counted); c.Counted > 1 && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// stalls says what is left out because one stall made it.
func (p *plotter) stalls() string {
	var left []string
	for _, c := range p.cells {
		if c.Stall != nil {
			left = append(left, fmt.Sprintf("%s at %s", c.Environment, c.Scale))
		}
	}
	if len(left) == 0 {
		return ""
	}
	return " Left out, because one stall made its figures: " + strings.Join(left, "; ") + "."
}

// overTime draws p50 and p99 over time, one plot for each scale.
func (p *plotter) overTime() error {
	for _, scale := range p.doc.Scales {
		var lines []plot.Line
		longest := 0
		for _, c := range p.cells {
			if c.Scale != scale {
				continue
			}
			longest = max(longest, len(c.Over))
			p50 := plot.Line{Colour: colourOf(p.doc, c.Environment), Dash: 1}
			p99 := plot.Line{Colour: p50.Colour}
			for _, s := range c.Over {
				p50.Points = append(p50.Points, plot.Point{X: float64(s.At), Y: float64(s.P50)})
				p99.Points = append(p99.Points, plot.Point{X: float64(s.At), Y: float64(s.P99)})
			}
			lines = append(lines, p99, p50)
		}
		title := "Latency over time, " + scale
		if longest < fewPoints {
			if longest > 0 {
				p.out.Omitted = append(p.out.Omitted, title+": the load was over in less than 3 seconds")
			}
			continue
		}
		f := plotFigure{
			Title: title, Caption: "Per second, of the first trial that counts.",
			Keys: append(p.environmentKeys(), legendKey{Text: "p99", Dash: plot.Dash(0)}, legendKey{Text: "p50", Dash: plot.Dash(1)}),
		}
		svg, err := plot.LatencyOverTime(p.label(title), lines)
		if err := p.add(&p.out.Figures, f, svg, err); err != nil {
			return err
		}
	}
	return nil
}

// use draws CPU and memory over time for each cell, all with the same axes.
func (p *plotter) use() error {
	var cpuTop, memoryTop float64
	for _, c := range p.cells {
		for _, s := range c.Used {
			for _, pt := range s.Points {
				cpuTop, memoryTop = max(cpuTop, pt.Cores), max(memoryTop, float64(pt.MemoryBytes))
			}
		}
	}
	for _, c := range p.cells {
		if err := p.useOf(c, cpuTop, memoryTop); err != nil {
			return err
		}
	}
	return nil
}

func (p *plotter) useOf(c *analysis.Cell, cpuTop, memoryTop float64) error {
	where := c.Environment + ", " + c.Scale
	var cpu, memory []plot.Line
	var keys []legendKey
	longest := 0
	for _, s := range c.Used {
		longest = max(longest, len(s.Points))
		dash := slices.Index(p.services, s.Service)
		cores := plot.Line{Colour: colourOf(p.doc, c.Environment), Dash: dash}
		bytes := cores
		for _, pt := range s.Points {
			cores.Points = append(cores.Points, plot.Point{X: float64(pt.At), Y: pt.Cores})
			bytes.Points = append(bytes.Points, plot.Point{X: float64(pt.At), Y: float64(pt.MemoryBytes)})
		}
		cpu, memory = append(cpu, cores), append(memory, bytes)
		keys = append(keys, legendKey{Text: s.Service, Class: p.class(c.Environment), Dash: plot.Dash(dash)})
	}
	if longest < fewPoints {
		if c.HasUsage {
			p.out.Omitted = append(p.out.Omitted, fmt.Sprintf("CPU and memory over time, %s: fewer than %d readings", where, fewPoints))
		}
		return nil
	}
	f := plotFigure{Title: "CPU, " + where, Caption: "All replicas of a service together.", Keys: keys}
	svg, err := plot.CPUOverTime(p.label(f.Title), cpu, cpuTop)
	if err := p.add(&p.out.Use, f, svg, err); err != nil {
		return err
	}
	f.Title = "Memory, " + where
	svg, err = plot.MemoryOverTime(p.label(f.Title), memory, memoryTop)
	return p.add(&p.out.Use, f, svg, err)
}

// label says to a screen reader what a plot shows.
func (p *plotter) label(title string) string {
	return strings.Join([]string{title, "load " + p.out.Load.Name, "environments " + strings.Join(p.doc.Environments, ", ")}, "; ")
}

func (p *plotter) environmentKeys() []legendKey {
	var keys []legendKey
	for _, environment := range p.doc.Environments {
		if slices.ContainsFunc(p.cells, func(c *analysis.Cell) bool { return c.Environment == environment }) {
			keys = append(keys, legendKey{Text: environment, Class: p.class(environment), Dash: plot.Dash(0)})
		}
	}
	return keys
}

func (p *plotter) scaleKeys() []legendKey {
	var keys []legendKey
	for i, scale := range p.doc.Scales {
		keys = append(keys, legendKey{Text: scale, Dash: plot.Dash(i)})
	}
	return keys
}

func (p *plotter) class(environment string) string {
	return fmt.Sprintf("e%d", colourOf(p.doc, environment))
}

// colourOf is an environment's place in the palette, the same throughout.
func colourOf(doc *analysis.Document, environment string) int {
	return max(0, slices.Index(doc.Environments, environment)) % len(plot.Palette())
}
