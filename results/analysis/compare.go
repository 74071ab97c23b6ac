package analysis

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/scenarios"
)

// The metrics that cells are compared by.
var (
	throughput = Metric{Name: "requests/s", Unit: PerSecond, HigherIsBetter: true}
	median     = Metric{Name: "p50", Unit: Nanoseconds}
	high       = Metric{Name: "p90", Unit: Nanoseconds}
	tail       = Metric{Name: "p99", Unit: Nanoseconds}
	failures   = Metric{Name: "errors", Unit: Share}
	cost       = Metric{Name: "CPU per request", Unit: Nanoseconds}
	memory     = Metric{Name: "memory", Unit: Bytes}
)

// value is the metric's in a cell.
func (m Metric) value(c *Cell) Range {
	switch m {
	case throughput:
		return c.Throughput
	case median:
		return c.P50
	case high:
		return c.P90
	case tail:
		return c.P99
	case memory:
		return c.MemoryBytes
	}
	return c.CPUPerRequest
}

// comparisons compares environments at equal scale and load. Different loads,
// or scales, are never compared with each other here; what an invalid trial
// showed never is.
//
// A comparison is decided only with at least DecidingTrials trials of each side
// and ranges that do not overlap. That is a coarse rule on purpose: it cannot
// tell small differences, and it does not know of drift during the run.
func comparisons(doc *Document) []Comparison {
	list := []Comparison{}
	for _, load := range doc.Loads {
		for _, scale := range doc.Scales {
			var cells []*Cell
			for _, environment := range doc.Environments {
				if c := doc.Cell(environment, scale, load.Name); c != nil && c.measured() {
					cells = append(cells, c)
				}
			}
			if len(cells) < 2 {
				continue
			}
			for _, m := range metricsFor(load.Mode, cells) {
				if !slices.ContainsFunc(cells, func(c *Cell) bool { return m.value(c).Untold }) {
					c := compare(m, cells)
					c.Headline = m == headlineMetric(doc, load)
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// metricsFor picks what can differ. In an open loop the rate is given, so
// throughput is compared only where somebody did not keep up.
func metricsFor(mode string, cells []*Cell) []Metric {
	var list []Metric
	if closed(mode) || slices.ContainsFunc(cells, (*Cell).behind) {
		list = append(list, throughput)
	}
	list = append(list, median, tail)
	if !slices.ContainsFunc(cells, func(c *Cell) bool { return !c.HasUsage }) {
		list = append(list, cost)
	}
	return list
}

// behind reports whether an open loop's rate was not answered.
func (c *Cell) behind() bool {
	return slices.ContainsFunc(c.Detail, func(t TrialDetail) bool { return t.Throughput < keptUp*t.RequestedRate })
}

func compare(m Metric, cells []*Cell) Comparison {
	sorted := slices.Clone(cells)
	slices.SortStableFunc(sorted, func(a, b *Cell) int {
		x, y := m.value(a).Median, m.value(b).Median
		switch {
		case x == y:
			return 0
		case (x < y) != m.HigherIsBetter:
			return -1
		}
		return 1
	})
	best, worst := sorted[0], sorted[len(sorted)-1]
	c := Comparison{Load: best.Load, Scale: best.Scale, Metric: m, Sides: []Side{}}
	var values []string
	for _, cell := range sorted {
		c.Sides = append(c.Sides, Side{Environment: cell.Environment, Value: m.value(cell), Trials: cell.Counted})
		values = append(values, cell.Environment+" "+m.Text(m.value(cell).Median))
	}
	c.Ratio = ratio(m.value(best).Median, m.value(worst).Median)
	// The two were picked as the most distant ones of all pairs.
	c.Interval = apart(m, best, worst, len(cells)*(len(cells)-1)/2)
	c.Doubts = doubts(m, sorted)
	c.Standing, c.Why = decide(m, best, sorted[1:], c.Doubts)
	c.Text = fmt.Sprintf("%s, %s, %s: %s", c.Load, c.Scale, m.Name, strings.Join(values, ", "))
	if c.Ratio >= alike {
		c.Text += fmt.Sprintf(" (%s apart%s)", times(c.Ratio), c.Interval.clause())
	}
	c.Text += "; " + c.Why
	return c
}

// ratio is how far two values are apart, ≥ 1; 0 where either is 0.
func ratio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return max(a, b) / min(a, b)
}

// apart is the interval of the ratio of two cells, the larger to the smaller
// by their medians. There is none where the machine may have changed between
// the one's trials and the other's.
func apart(m Metric, a, b *Cell, pairs int) Interval {
	if !inTurns(a.counted(), b.counted()) {
		return Interval{None: "the trials did not take turns"}
	}
	if m.value(a).Median > m.value(b).Median {
		a, b = b, a
	}
	_, interval := ratioOf(m.values(a), m.values(b), pairs)
	return interval
}

// decide says whether best is better than each of the others, and why.
func decide(m Metric, best *Cell, others []*Cell, doubts []string) (Standing, string) {
	fewest := best.Counted
	for _, c := range others {
		fewest = min(fewest, c.Counted)
	}
	if len(doubts) > 0 && fewest == 0 {
		return InDoubt, strings.Join(doubts, "; ")
	}
	if len(doubts) > 0 {
		return InDoubt, strings.Join(append([]string{seen(fewest)}, doubts...), "; ")
	}
	if fewest < DecidingTrials {
		return TooFewTrials, fmt.Sprintf("%s, %d trials of each decide", seen(fewest), DecidingTrials)
	}
	for _, c := range others {
		if overlap(m.value(best), m.value(c)) {
			return NotToldApart, fmt.Sprintf("%s, and the trials' ranges overlap: not told apart", seen(fewest))
		}
	}
	return Decided, fmt.Sprintf("%d trials of each, and their ranges do not overlap", fewest)
}

func overlap(a, b Range) bool { return a.Min <= b.Max && b.Min <= a.Max }

// doubts are what keeps cells from being compared by a metric, however many
// trials there are.
func doubts(m Metric, cells []*Cell) []string {
	list := []string{}
	var suspects, foreign []string
	for _, c := range cells {
		if why := c.mostlyUnsteady(); why != "" {
			list = append(list, c.Environment+": "+why)
			continue
		}
		switch {
		case c.ErrorRate > tolerated && m != cost:
			list = append(list, fmt.Sprintf("%s of the requests to %s failed", percent(c.ErrorRate), c.Environment))
		case c.Stall != nil && m != median && m != cost:
			list = append(list, fmt.Sprintf("%s of %s waited in one stall, without which it would be about %s",
				plural(int(c.Stall.Requests), "request"), c.Environment, c.Stall.WithoutText()))
		case m == tail && c.countless():
			list = append(list, fmt.Sprintf("how many requests the p99 of %s rests on is not told", c.Environment))
		case m == tail && c.Tail < fewInTail:
			list = append(list, fmt.Sprintf("the p99 of %s rests on %s", c.Environment, plural(int(c.Tail), "request")))
		case c.imported():
			foreign = append(foreign, c.Environment)
		case c.suspect():
			suspects = append(suspects, c.Environment)
		}
		if r := c.RoundTrips; r != nil && c.Link == (scenarios.Link{}) && m != cost {
			list = append(list, fmt.Sprintf("%s is bound by %s", c.Environment, r.shortText()))
		}
	}
	if m != cost && slices.ContainsFunc(cells, func(c *Cell) bool { return c.Link != cells[0].Link }) {
		list = append(list, "the difference contains emulated distance")
	}
	if len(foreign) > 0 {
		list = append(list, "imported results decide nothing")
	}
	if len(suspects) > 0 {
		list = append(list, "suspect trials of "+enumerate(suspects))
	}
	return list
}

// countless reports whether a trial, an imported one, does not tell on how many
// requests its latencies rest.
func (c *Cell) countless() bool {
	return slices.ContainsFunc(c.Detail, func(t TrialDetail) bool { return !t.Tells("latency_ns.response.count") })
}

// suspect reports whether a trial that counts is in doubt.
func (c *Cell) suspect() bool {
	return slices.ContainsFunc(c.Detail, func(t TrialDetail) bool { return t.Validity.Verdict == "suspect" })
}

// scalings holds every scale of an environment against its smallest, by what
// its load can show: throughput of a closed loop, p99 of an open one.
func scalings(doc *Document) []Scaling {
	list := []Scaling{}
	for _, load := range doc.Loads {
		m := tail
		if closed(load.Mode) {
			m = throughput
		}
		for _, environment := range doc.Environments {
			var from *Cell
			for _, scale := range doc.Scales {
				c := doc.Cell(environment, scale, load.Name)
				switch {
				case c == nil || !c.measured():
				case from == nil:
					from = c
				case m.value(from).Untold || m.value(c).Untold:
				default:
					list = append(list, scaling(doc, m, from, c))
				}
			}
		}
	}
	return list
}

func scaling(doc *Document, m Metric, from, to *Cell) Scaling {
	s := Scaling{
		Environment: from.Environment, Load: from.Load, Metric: m, From: from.Scale, To: to.Scale,
		Before: m.value(from), After: m.value(to), Withheld: []string{},
	}
	if s.Before.Median > 0 {
		s.Ratio = s.After.Median / s.Before.Median
	}
	s.Interval = apart(m, from, to, 1)
	s.Withheld = append(s.Withheld, withheld(doc, m, from, to)...)
	s.Decided = len(s.Withheld) == 0
	seen := fmt.Sprintf("%s %s %s, %s %s", m.Name, m.Text(s.Before.Median), at(s.From), m.Text(s.After.Median), at(s.To))
	switch {
	case s.Decided:
		s.Text = fmt.Sprintf("%s, %s: %s. The scale made a difference of %s%s on this machine.", s.Environment, s.Load, seen,
			times(ratio(s.Before.Median, s.After.Median)), s.Interval.clause())
	case coldScale(from, to):
		s.Cold = true
		s.Text = fmt.Sprintf("%s, %s: it is not shown that %s is slower than %s. %s; a cold start of new replicas is the likely reading.",
			s.Environment, s.Load, s.To, fromText(s.From), to.Stall.inWords(m, s))
		if rest := s.Withheld[1:]; len(rest) > 0 { // the first is that stall
			s.Text += " No verdict on scaling, either way: " + strings.Join(rest, "; ") + "."
		}
	default:
		s.Text = fmt.Sprintf("%s, %s: %s. No verdict on scaling: %s.", s.Environment, s.Load, seen, strings.Join(s.Withheld, "; "))
	}
	return s
}

// fromText names a scale that another is held against.
func fromText(scale string) string {
	if scale == "as written" {
		return "the stack " + scale
	}
	return scale
}

// inWords says what a stall did to a scaling.
func (s *Stall) inWords(m Metric, c Scaling) string {
	return fmt.Sprintf("One stall of %s of %s requests holds %s of the request time %s; without it %s would be about %s, against %s %s",
		units.Count(s.Requests), units.Count(s.Of), s.shareText(), at(c.To), m.Name, s.WithoutText(), m.Text(c.Before.Median), at(c.From))
}

// withheld lists what speaks against taking the difference of two scales for
// an effect of the scale.
func withheld(doc *Document, m Metric, from, to *Cell) []string {
	var list []string
	for _, c := range []*Cell{to, from} {
		switch e := c.ColdEpisode; {
		case c.Stall != nil:
			list = append(list, fmt.Sprintf("%s of one stall hold %s of all request time %s, without which it would be about %s",
				plural(int(c.Stall.Requests), "request"), c.Stall.shareText(), at(c.Scale), c.Stall.WithoutText()))
		case e != nil && e.Gain > episodeGain:
			list = append(list, fmt.Sprintf("a cold start or a stall cannot be ruled out %s: without its %d slowest requests the throughput would be %s higher",
				at(c.Scale), e.Requests, percent(e.Gain)))
		case e != nil:
			list = append(list, fmt.Sprintf("a cold start or a stall cannot be ruled out %s: the slowest 2 %% of its requests hold %s of the time",
				at(c.Scale), percent(e.Tail)))
		case closed(c.Mode) && c.Requests > 0 && c.Requests < episodeRequests*int64(c.Counted):
			list = append(list, fmt.Sprintf("fewer than the %s requests %s that tell a cold start from a tail", units.Count(episodeRequests), at(c.Scale)))
		}
		if why := c.mostlyUnsteady(); why != "" {
			list = append(list, why+" "+at(c.Scale))
		}
		if c.ErrorRate > tolerated {
			list = append(list, fmt.Sprintf("%s of the requests failed %s", percent(c.ErrorRate), at(c.Scale)))
		}
		if m == tail && c.Tail < fewInTail {
			list = append(list, fmt.Sprintf("the p99 rests on %s %s", plural(int(c.Tail), "request"), at(c.Scale)))
		}
	}
	if pinned := pinnedIn(doc, to); pinned != "" {
		list = append(list, pinned)
	}
	if d := min(from.Duration.Min, to.Duration.Min); d < float64(steadyAfter) && !(from.knownSteady() && to.knownSteady()) {
		list = append(list, fmt.Sprintf("measured for less than the %v that can show a steady state", steadyAfter))
	}
	fewest := min(from.Counted, to.Counted)
	switch {
	case fewest == 0: // it was said why
	case fewest < DecidingTrials:
		list = append(list, fmt.Sprintf("%s, %d trials of each decide", seen(fewest), DecidingTrials))
	case overlap(m.value(from), m.value(to)):
		list = append(list, "the trials' ranges overlap")
	}
	return list
}

// pinnedIn says that a cell's load came to one replica only.
func pinnedIn(doc *Document, c *Cell) string {
	for _, f := range doc.Findings {
		if f.Kind == "pinned" && f.Cell == c.Name {
			return "one replica served everything " + at(c.Scale)
		}
	}
	return ""
}
