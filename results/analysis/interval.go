package analysis

import (
	"fmt"
	"math"
	"slices"

	"plimsoll/results"
	"plimsoll/results/analysis/gate"
)

// Confidence is how often an interval of a ratio holds the true one.
const Confidence = 0.95

// Interval is where the true ratio of two cells lies, with Confidence. Its
// units are trials: it knows of what differs from one to the next, which the
// requests within one do not show.
type Interval struct {
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
	// None says why there is no interval; empty: there is one.
	None string `json:"none,omitempty"`
}

// Text prints an interval: "1.21× to 1.66×", or nothing if there is none.
func (i Interval) Text() string {
	if i.None != "" {
		return ""
	}
	return Times(i.Low) + " to " + Times(i.High)
}

// clause is an interval as part of a sentence, after the ratio.
func (i Interval) clause() string {
	if i.None != "" {
		return ""
	}
	return fmt.Sprintf(", %.0f %%: %s", 100*Confidence, i.Text())
}

// Holds reports whether a ratio lies in the interval.
func (i Interval) Holds(ratio float64) bool { return i.None == "" && i.Low <= ratio && ratio <= i.High }

// ratioOf estimates how many times the values of a those of b are: the
// Hodges–Lehmann estimate on their logarithms, which is the median of all
// ratios of one of b to one of a, with the limits of the exact Mann–Whitney
// test. A ratio that stands for the most distant of several pairs is given
// their number: each has its share of the probability to be wrong, so that all
// of them hold at once (Bonferroni). The ratio is 0 where there is none.
func ratioOf(a, b []float64, pairs int) (float64, Interval) {
	if len(a) == 0 || len(b) == 0 {
		return 0, Interval{None: "no trial of one side counts"}
	}
	if slices.Min(a) <= 0 || slices.Min(b) <= 0 {
		return 0, Interval{None: "a trial's value is 0, which has no ratio"}
	}
	alpha := (1 - Confidence) / 2 / float64(pairs)
	shift, low, high := gate.Between(logs(a), logs(b), alpha)
	ratio := math.Exp(shift)
	// Of three and five values the table has limits, too, but so few do not
	// show whether the sides vary alike, which the test takes for granted.
	if needed := gate.Needed(alpha); min(len(a), len(b)) < needed {
		return ratio, Interval{None: fmt.Sprintf("%s, and %.0f %% takes %d of each", trialCounts(len(a), len(b)), 100*Confidence, needed)}
	}
	return ratio, Interval{Low: math.Exp(low), High: math.Exp(high)}
}

func trialCounts(a, b int) string {
	if a == b {
		return plural(a, "trial") + " of each"
	}
	return fmt.Sprintf("%d and %s", a, plural(b, "trial"))
}

func logs(values []float64) []float64 { return each(values, math.Log) }

// counted are the cell's trials that a comparison may rest on.
func (c *Cell) counted() []*results.Trial {
	var list []*results.Trial
	for i := range c.Detail {
		t := &c.Detail[i].Trial
		if ok, _ := t.MayBeCompared(); ok {
			list = append(list, t)
		}
	}
	return list
}

// failedShare is the share of failed requests of the trials that are not
// invalid: a failure counts in whatever state the system was.
func (c *Cell) failedShare() float64 {
	var all results.Counts
	for i := range c.Detail {
		if t := &c.Detail[i].Trial; t.Validity.Verdict != results.Invalid && t.Tells("requests.ok") && t.Tells("requests.failed") {
			all.Add(t.Requests)
		}
	}
	return float64(all.Failed) / float64(max(all.OK+all.Failed, 1))
}

// values are the metric's in the trials that count; none if one of them does
// not tell it.
func (m Metric) values(c *Cell) []float64 {
	var list []float64
	for _, t := range c.counted() {
		v, ok := m.of(t)
		if !ok {
			return nil
		}
		list = append(list, v)
	}
	return list
}

// of is the metric of one trial, and false where it is not told.
func (m Metric) of(t *results.Trial) (float64, bool) {
	response := func(name string, v float64) (float64, bool) { return v, t.Tells("latency_ns.response." + name) }
	switch m {
	case throughput:
		return t.Throughput, t.Tells("throughput_rps")
	case median:
		return response("p50", float64(t.Latency.Response.P50))
	case high:
		return response("p90", float64(t.Latency.Response.P90))
	case tail:
		return response("p99", float64(t.Latency.Response.P99))
	case failures:
		done := t.Requests.OK + t.Requests.Failed
		return float64(t.Requests.Failed) / float64(max(done, 1)), done > 0 && t.Tells("requests.ok") && t.Tells("requests.failed")
	case memory:
		return sum(t.Usage, func(u results.UsageTotal) float64 { return float64(u.MemoryPeakBytes) }), len(t.Usage) > 0
	}
	return sum(t.Usage, func(u results.UsageTotal) float64 { return float64(u.CPUPerRequest) }), len(t.Usage) > 0
}
