package report

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"plimsoll/internal/units"
	"plimsoll/report/plot"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/capacity"
)

// capacityView is a capacity search as all formats show it.
type capacityView struct {
	*analysis.CapacityResult
	// Title says what was searched for.
	Title string
	// Latencies name the columns of the rates between their first two and the
	// last.
	Latencies []string
	Scales    []capacityRow
	Note      string
	Plots     []plotFigure
}

// capacityRow is the search at one scale.
type capacityRow struct {
	Scale, Supported, Estimate, Interval, Trials, LimitedBy, Outcome string

	Rates []capacityRateRow
}

type capacityRateRow struct {
	Rate, Met, Errors string
	// Latencies are median and range of each.
	Latencies []string
}

// capacityOf is nil for a run that is no capacity search.
func capacityOf(doc *analysis.Document) *capacityView {
	c := doc.Capacity
	if c == nil {
		return nil
	}
	v := &capacityView{
		CapacityResult: c, Latencies: c.LatencyNames(),
		Title: fmt.Sprintf("%s under %s, with %s", c.Environment, c.Load, strings.Join(c.Objectives, " and ")),
		Note: "Supported is the rate at which at least 4 of 5 fresh trials met the objectives. Estimate is where the limit is likely to be, " +
			"with its interval: plan with the first, never with the second.",
	}
	if c.Quick {
		v.Note = "A quick search: nothing was confirmed, so there is no number to plan with."
	}
	for _, s := range c.Searches {
		v.Scales = append(v.Scales, newCapacityRow(v.Latencies, s))
	}
	return v
}

func newCapacityRow(latencies []string, s analysis.CapacitySearch) capacityRow {
	row := capacityRow{
		Scale: s.Scale, Supported: rateText(s.Supported), Estimate: none, Interval: none,
		Trials: strconv.Itoa(s.Trials), LimitedBy: cmp.Or(s.Limit(), none), Outcome: string(s.Verdict),
	}
	if s.Void > 0 {
		row.Trials += fmt.Sprintf(" + %d void", s.Void)
	}
	if e := s.Estimate; e != nil {
		row.Estimate, row.Interval = rateText(e.Rate), rateText(e.Low)+" … "+rateText(e.High)
	}
	switch s.Verdict {
	case capacity.AtLeast:
		row.Outcome += " " + rateText(s.AtLeast)
	case capacity.Rough:
		row.Outcome += ": " + rateText(s.Passing) + " … " + rateText(s.Failing)
	}
	for _, r := range s.Rates {
		line := capacityRateRow{Rate: rateText(r.Rate), Met: fmt.Sprintf("%d of %d", r.Passed, r.Trials), Errors: share(r.Errors.Median)}
		if r.Void > 0 {
			line.Met += fmt.Sprintf(" + %d void", r.Void)
		}
		if r.Trials == 0 {
			line.Errors = none
		}
		for _, name := range latencies {
			l, ok := r.Latencies[name]
			median, spread := none, none
			if ok {
				median = units.Latency(time.Duration(l.Median))
			}
			if ok && r.Trials > 1 {
				spread = units.Latency(time.Duration(l.Min)) + " – " + units.Latency(time.Duration(l.Max))
			}
			line.Latencies = append(line.Latencies, median, spread)
		}
		row.Rates = append(row.Rates, line)
	}
	return row
}

func rateText(rate float64) string {
	if rate == 0 {
		return none
	}
	return fmt.Sprintf("%g/s", capacity.Round(rate))
}

// scaleTable and rateTable fill tables for text or Markdown.
func (v *capacityView) scaleTable(out table.Writer) {
	out.AppendHeader(table.Row{"scale", "supported", "estimate", "interval", "trials", "limited by", "outcome"})
	out.SetColumnConfigs(rightFrom(2, 5))
	for _, r := range v.Scales {
		out.AppendRow(table.Row{r.Scale, r.Supported, r.Estimate, r.Interval, r.Trials, r.LimitedBy, r.Outcome})
	}
}

func (v *capacityView) rateTable(out table.Writer, r capacityRow) {
	header := table.Row{"rate", "met the objectives"}
	for _, name := range v.Latencies {
		header = append(header, name+", median", "range")
	}
	out.AppendHeader(append(header, "errors"))
	out.SetColumnConfigs(rightFrom(1, len(header)+1))
	for _, line := range r.Rates {
		row := table.Row{line.Rate, line.Met}
		for _, l := range line.Latencies {
			row = append(row, l)
		}
		out.AppendRow(append(row, line.Errors))
	}
}

func (t *textReport) capacity() {
	v := capacityOf(t.doc)
	if v == nil {
		return
	}
	t.heading("Capacity: " + v.Title)
	out := newTable()
	v.scaleTable(out)
	t.table(out)
	t.paragraph("", v.Note)
	for _, r := range v.Scales {
		if len(r.Rates) == 0 {
			continue
		}
		t.heading("Rates that were measured: " + r.Scale)
		out = newTable()
		v.rateTable(out, r)
		t.table(out)
	}
}

func (m *markdownReport) capacity() {
	v := capacityOf(m.doc)
	if v == nil {
		return
	}
	m.heading("Capacity: " + v.Title)
	t := table.NewWriter()
	v.scaleTable(t)
	m.table(t)
	fmt.Fprintf(&m.b, "\n%s\n", escape.Replace(v.Note))
	for _, r := range v.Scales {
		if len(r.Rates) == 0 {
			continue
		}
		m.heading("Rates that were measured: " + r.Scale)
		t = table.NewWriter()
		v.rateTable(t, r)
		m.table(t)
	}
}

// draw makes a plot of each scale and latency.
func (v *capacityView) draw(doc *analysis.Document) error {
	for _, s := range v.Searches {
		for i, name := range v.Latencies {
			r := plot.Rates{Colour: colourOf(doc, v.Environment), Supported: s.Supported}
			if s.Estimate != nil {
				r.Low, r.High = s.Estimate.Low, s.Estimate.High
			}
			for _, p := range s.Points {
				if p.Verdict == analysis.InvalidResult || len(p.Latencies) <= i {
					continue
				}
				r.Limit = float64(p.Latencies[i].Limit)
				point := plot.Point{X: p.Rate, Y: float64(p.Latencies[i].Value)}
				if p.Verdict == analysis.Pass {
					r.Met = append(r.Met, point)
				} else {
					r.Missed = append(r.Missed, point)
				}
			}
			f := plotFigure{
				Title:   name + " by rate, " + s.Scale,
				Caption: "A mark is a trial on a fresh stack: a dot if it met the objectives, a cross if not. " + capacityCaption(r),
				Keys:    []legendKey{{Text: v.Environment, Class: fmt.Sprintf("e%d", r.Colour), Dash: plot.Dash(0)}, {Text: "objective, " + units.Latency(time.Duration(r.Limit)), Dash: plot.Dash(1)}},
			}
			svg, err := plot.LatencyByRate(f.Title, name, r)
			switch {
			case errors.Is(err, plot.ErrEmpty):
				continue
			case err != nil:
				return err
			}
			f.SVG = template.HTML(svg) // of the plot package, which escapes what is in it
			v.Plots = append(v.Plots, f)
		}
	}
	return nil
}

func capacityCaption(r plot.Rates) string {
	var parts []string
	if r.Supported > 0 {
		parts = append(parts, "The line is at the supported rate, "+rateText(r.Supported)+".")
	}
	if r.Low > 0 {
		parts = append(parts, "The band is the estimate's interval.")
	}
	return strings.Join(parts, " ")
}

// capacityLine says in a few words what a search came to.
func capacityLine(c *analysis.CapacityResult) string {
	if len(c.Searches) == 1 {
		s := c.Searches[0]
		switch s.Verdict {
		case capacity.Supported:
			return "Supports " + rateText(s.Supported)
		case capacity.AtLeast:
			return "Carries at least " + rateText(s.AtLeast)
		case capacity.Rough:
			return "Roughly " + rateText(s.Passing)
		case capacity.Unfinished:
			return "The search was not finished"
		case capacity.NonMonotone:
			return "No single capacity"
		case capacity.Invalid:
			return "The measurement is invalid"
		}
		return "No rate is supported"
	}
	supported := 0
	for _, s := range c.Searches {
		if s.Supported > 0 {
			supported++
		}
	}
	return fmt.Sprintf("%d of %s have a supported rate", supported, count(len(c.Searches), "scale"))
}

// lines are the search in a few lines of text.
func (r capacityRow) lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "supported: %s\nestimate: %s\ninterval: %s\ntrials: %s\nlimited by: %s\noutcome: %s\n",
		r.Supported, r.Estimate, r.Interval, r.Trials, r.LimitedBy, r.Outcome)
	for _, rate := range r.Rates {
		fmt.Fprintf(&b, "at %s: %s met the objectives\n", rate.Rate, rate.Met)
	}
	return b.String()
}

// capacityChecks has one entry for each search.
func capacityChecks(doc *analysis.Document) []check {
	view := capacityOf(doc)
	if view == nil {
		return nil
	}
	var list []check
	for i, s := range doc.Capacity.Searches {
		c := check{
			figures: view.Scales[i].lines(),
			name:    "supported rate, " + s.Scale, environment: doc.Capacity.Environment, verdict: s.Judged(), why: s.Text,
		}
		if s.Supported > 0 {
			c.observed = rateText(s.Supported)
		}
		list = append(list, c)
	}
	return list
}
