package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"plimsoll/results"
)

// Change is by how much B differs from A in one metric.
type Change struct {
	Metric Metric `json:"metric"`
	// A and B are over the trials; of errors the median is the share of all
	// requests together.
	A Range `json:"a"`
	B Range `json:"b"`
	// Ratio is B ÷ A, 0 where there is none.
	Ratio    float64  `json:"ratio,omitempty"`
	Interval Interval `json:"interval"`
	// Withheld says why there is neither ratio nor interval although there are
	// values.
	Withheld string  `json:"withheld,omitempty"`
	Reading  Reading `json:"reading"`
	Text     string  `json:"text"`
}

// Reading is what an interval says in a word.
type Reading string

// The readings.
const (
	BHigher Reading = "B is higher"
	BLower  Reading = "B is lower"
	// NotApart: the interval holds a ratio of 1. That is not "the same".
	NotApart Reading = "not told apart"
	// Advice: the trials did not take turns; see Pairing.Advisory.
	Advice Reading = "advisory"
	// NoReading: there is no interval, or no ratio.
	NoReading Reading = "none"
)

// pairMetrics are what a pair is compared by. In an open loop the rate is
// given, so throughput is compared only where somebody did not keep up.
func pairMetrics(a, b *Cell) []Metric {
	list := []Metric{failures}
	if closed(a.Mode) || a.behind() || b.behind() {
		list = append(list, throughput)
	}
	list = append(list, median, high, tail)
	if a.HasUsage && b.HasUsage {
		list = append(list, cost, memory)
	}
	return list
}

// change compares by one metric. Errors come before latencies: where one side
// fails more, its other requests are not the same ones any more.
func (p *Pair) change(m Metric) Change {
	a, b := m.values(p.A), m.values(p.B)
	c := Change{Metric: m, A: rangeOf(a), B: rangeOf(b), Reading: NoReading, Interval: Interval{None: "withheld"}}
	c.A.Untold, c.B.Untold = len(a) == 0, len(b) == 0
	switch {
	case c.A.Untold || c.B.Untold:
		c.Interval.None = "not told"
		c.Text = m.Name + ": not told by both sides"
		return c
	case m == failures:
		// Of all requests together: a median would hide the one bad trial.
		c.A.Median, c.B.Median = p.A.failedShare(), p.B.failedShare()
		c.errors()
	default:
		c.Withheld = withholds(m, p.A, p.B)
	}
	c.Text = fmt.Sprintf("%s: A %s, B %s", m.Name, m.Text(c.A.Median), m.Text(c.B.Median))
	if c.Withheld != "" {
		c.Text += "; no ratio: " + c.Withheld
		return c
	}
	c.Ratio, c.Interval = ratioOf(a, b, 1)
	c.Reading = readingOf(c.Interval, p.InTurns)
	switch {
	case c.Ratio == 0:
		c.Text += "; no ratio: " + c.Interval.None
	case c.Interval.None != "":
		c.Text += fmt.Sprintf("; B ÷ A %s, no interval: %s", Times(c.Ratio), c.Interval.None)
	default:
		c.Text += fmt.Sprintf("; B ÷ A %s (%.0f %%: %s), %s", Times(c.Ratio), 100*Confidence, c.Interval.Text(), c.Reading)
	}
	return c
}

func readingOf(i Interval, inTurns bool) Reading {
	switch {
	case i.None != "":
		return NoReading
	case !inTurns:
		return Advice
	case i.Low > 1:
		return BHigher
	case i.High < 1:
		return BLower
	}
	return NotApart
}

// errors withholds the ratio of shares of which one is 0, as is usual.
func (c *Change) errors() {
	if c.A.Min == 0 || c.B.Min == 0 {
		c.Withheld = "some trials had no failed request, and 0 has no ratio"
	}
	if c.A.Median == 0 && c.B.Median == 0 {
		c.Withheld = "no request failed"
	}
}

// withholds says why a ratio would mislead.
func withholds(m Metric, a, b *Cell) string {
	latency := m == median || m == high || m == tail
	if x, y := a.failedShare(), b.failedShare(); (latency || m == cost) && math.Abs(x-y) > tolerated {
		return fmt.Sprintf("%s of the requests to A failed and %s of those to B, so the rest are not the same requests", percent(x), percent(y))
	}
	for _, side := range pairOf(a, b) {
		if why := side.mostlyUnsteady(); why != "" {
			return "of " + side.name + " " + why
		}
	}
	for _, side := range pairOf(a, b) {
		if s := side.Stall; s != nil && (m == throughput || m == tail) {
			return fmt.Sprintf("%s of %s waited in one stall and hold %s of all request time, so its %s follows from how many requests were sent",
				plural(int(s.Requests), "request"), side.name, s.shareText(), m.Name)
		}
	}
	// An emulated distance is told with every figure; one that was not asked for
	// makes a ratio of distances.
	if (a.RoundTrips != nil) != (b.RoundTrips != nil) && a.Link == b.Link && (latency || m == throughput) {
		for _, side := range pairOf(a, b) {
			if r := side.RoundTrips; r != nil {
				return fmt.Sprintf("%s is bound by %s", side.name, r.shortText())
			}
		}
	}
	if !latency {
		return ""
	}
	rank := map[Metric]float64{median: 50, high: 90, tail: 99}[m]
	for _, side := range pairOf(a, b) {
		for _, t := range side.counted() {
			if !t.Tells("latency_ns.response.count") {
				continue
			}
			if n := t.Latency.Response.Count; n < RequestsFor(rank) {
				return fmt.Sprintf("trial %d of %s had %s, and a %s takes %d", t.Trial, side.name, plural(int(n), "request"), m.Name, RequestsFor(rank))
			}
			if done := t.Requests.OK + t.Requests.Failed; float64(t.Requests.Timeouts) > float64(done)*(1-rank/100) {
				return fmt.Sprintf("%s of the requests of trial %d of %s timed out, so its %s is only known to be at least the timeout",
					percent(float64(t.Requests.Timeouts)/float64(done)), t.Trial, side.name, m.Name)
			}
		}
	}
	return ""
}

// inTurns reports whether the trials of both sides took turns: in the order of
// time repetition follows repetition, and most repetitions are there of both.
func inTurns(a, b []*results.Trial) bool {
	all := slices.Concat(a, b)
	if slices.ContainsFunc(all, func(t *results.Trial) bool { return !t.Tells("started") }) {
		return false
	}
	slices.SortStableFunc(all, func(x, y *results.Trial) int {
		return cmp.Or(x.Started.Compare(y.Started), cmp.Compare(x.Index, y.Index))
	})
	both := 0
	for _, t := range a {
		if slices.ContainsFunc(b, func(other *results.Trial) bool { return other.Trial == t.Trial }) {
			both++
		}
	}
	return 2*both >= max(len(a), len(b)) &&
		slices.IsSortedFunc(all, func(x, y *results.Trial) int { return cmp.Compare(x.Trial, y.Trial) })
}
