// Package within says how well one run knows a percentile of its latencies,
// from its histograms of one second each: the limits between which the
// percentile would be found if the same run went on for ever.
//
// Latencies of neighbouring requests resemble each other, because they wait in
// the same queue and for the same stall. The textbook interval takes them for
// independent and is far too narrow, the more so the longer the run. Here the
// run is cut into ten batches in time order, and what differs between the
// batches tells how much the percentile varies: by Woodruff's method, by
// sectioning, and as limits the wider of both. Where only a few episodes make
// the tail, no method knows how often they come back; then there is no upper
// limit, and an [Estimate] says so.
//
// A run knows nothing of events that did not occur in it, nor of how the next
// run will differ. So its limits belong to this run alone and are never used
// to compare runs.
package within

import (
	"cmp"
	"math"
	"slices"
	"time"

	"plimsoll/internal/latency"
)

const (
	// batches is the number of batches that a run is cut into, student the
	// 97.5 % quantile of Student's t with one degree of freedom less.
	batches = 10
	student = 2.262157
	// resolvedEpisodes and resolvedAbove are how many episodes and how many
	// requests above a percentile make its tail resolved.
	resolvedEpisodes = 15
	resolvedAbove    = 100
)

// Requests is how many requests a percentile (0–100, below 100) takes before a
// run can have an upper limit at all: with fewer of them even independent ones
// all lie below it in more than 2.5 % of all runs. 368 for p99, 3 688 for
// p99.9.
func Requests(percentile float64) int64 {
	return int64(math.Ceil(math.Log(0.025) / math.Log(percentile/100)))
}

// Run is one run's latencies, each with the second that it was recorded in.
type Run struct {
	seconds int
	total   int64
	batch   [batches]int64 // requests in each batch
	latency []group        // ascending
}

// group is how many requests of one second took the same time.
type group struct {
	value  time.Duration
	second int
	n      int64
}

// New returns the run of these seconds, in time order. A nil histogram is a
// second without requests.
func New(seconds []*latency.Histogram) *Run {
	r := &Run{seconds: len(seconds)}
	for i, h := range seconds {
		if h == nil {
			continue
		}
		for value, n := range h.Buckets() {
			r.add(value, i, n)
		}
	}
	r.sort()
	return r
}

// Join returns one run with the seconds of all, one run after the other. It is
// for what all of them hold together; the limits of an [Estimate] of it mean
// nothing, because runs differ by more than the time between them.
func Join(runs ...*Run) *Run {
	all := new(Run)
	for _, r := range runs {
		all.seconds += r.seconds
	}
	begin := 0
	for _, r := range runs {
		for _, g := range r.latency {
			all.add(g.value, begin+g.second, g.n)
		}
		begin += r.seconds
	}
	all.sort()
	return all
}

func (r *Run) add(value time.Duration, second int, n int64) {
	r.latency = append(r.latency, group{value, second, n})
	r.total += n
	r.batch[r.batchOf(second)] += n
}

func (r *Run) sort() {
	slices.SortFunc(r.latency, func(a, b group) int { return cmp.Or(cmp.Compare(a.value, b.value), a.second-b.second) })
}

// batchOf is the batch that a second belongs to.
func (r *Run) batchOf(second int) int { return second * batches / max(r.seconds, 1) }

// Estimate is a percentile of a run with its limits.
type Estimate struct {
	Percentile float64       `json:"percentile"` // 0–100
	Value      time.Duration `json:"value_ns"`   // 0 without requests
	Requests   int64         `json:"requests"`
	Above      int64         `json:"above"` // requests that rank above the percentile
	// Episodes is the number of equal seconds that would carry these requests
	// above as unevenly as the run's seconds do (Kish's effective number).
	Episodes float64 `json:"episodes"`
	// Resolved says that enough episodes and requests make the tail.
	Resolved bool `json:"resolved"`
	// Low and High are the limits of a 95 % interval within this run, given
	// the events that occurred in it; nil where there is none. Missing says
	// why one is nil.
	Low     *time.Duration `json:"low_ns"`
	High    *time.Duration `json:"high_ns"`
	Missing Missing        `json:"missing,omitempty"`
}

// Missing is why an estimate lacks a limit.
type Missing string

// The reasons, in the order in which they are looked for.
const (
	NoData      Missing = "no data"
	TooShort    Missing = "too short" // fewer than ten seconds, or a tenth of them without requests: no limits
	TooFew      Missing = "too few"   // fewer than Requests: no upper limit
	NotResolved Missing = "tail not resolved"
	Unbounded   Missing = "no upper limit" // the upper limit lies beyond the largest latency
)

// Estimate estimates a percentile (above 0, below 100).
func (r *Run) Estimate(percentile float64) Estimate {
	e := Estimate{Percentile: percentile, Requests: r.total}
	if r.total == 0 {
		e.Missing = NoData
		return e
	}
	p := percentile / 100
	e.Value = r.at(p)
	above := r.above(p, e.Value)
	e.Above = r.total - rank(p*float64(r.total), r.total)
	e.Episodes = kish(above)
	e.Resolved = e.Episodes >= resolvedEpisodes && e.Above >= resolvedAbove
	if r.seconds < batches || slices.Contains(r.batch[:], 0) {
		e.Missing, e.Resolved = TooShort, false
		return e
	}
	low, high, bounded := r.hull(p, e.Value, above)
	e.Low = &low
	switch {
	case r.total < Requests(percentile):
		e.Missing = TooFew
	case !e.Resolved:
		e.Missing = NotResolved
	case !bounded:
		e.Missing = Unbounded
	default:
		e.High = &high
	}
	return e
}

// hull is the wider of the two intervals; bounded is false where there is no
// upper limit.
func (r *Run) hull(p float64, q time.Duration, above []float64) (low, high time.Duration, bounded bool) {
	low, high, bounded = r.woodruff(p, above)
	half := r.sectioning(p, q)
	return max(0, min(low, q-half)), max(high, q+half), bounded
}

// woodruff inverts an interval of the share of requests above the percentile.
// The share's standard error is that of the batches' shares, but at least that
// of independent requests. Batches of unequal size count by their size, which
// for equal ones is the standard error of a mean.
//
// Woodruff, Confidence intervals for medians and other position measures,
// J. Amer. Statist. Assoc. 47 (1952); the standard error of a ratio: Cochran,
// Sampling Techniques, 6.4.
func (r *Run) woodruff(p float64, above []float64) (low, high time.Duration, bounded bool) {
	var off [batches]float64
	for second, n := range above {
		off[r.batchOf(second)] += n
	}
	n, squares := float64(r.total), 0.0
	for b := range off {
		d := off[b] - (1-p)*float64(r.batch[b])
		squares += d * d
	}
	se := max(math.Sqrt(squares*batches/(batches-1))/n, math.Sqrt(p*(1-p)/n))
	by := student * se
	if low = 0; p > by {
		low = r.at(p - by)
	}
	if p+by >= 1 {
		return low, 0, false
	}
	return low, r.at(p + by), true
}

// sectioning is half the width of the interval that the batches' own
// percentiles give around the whole run's.
//
// Asmussen & Glynn, Stochastic Simulation, III.5.
func (r *Run) sectioning(p float64, q time.Duration) time.Duration {
	var seen [batches]int64
	var at [batches]time.Duration
	for _, g := range r.latency {
		b := r.batchOf(g.second)
		want := rank(p*float64(r.batch[b]), r.batch[b])
		if seen[b] < want && seen[b]+g.n >= want {
			at[b] = g.value
		}
		seen[b] += g.n
	}
	squares := 0.0
	for _, v := range at {
		d := float64(v - q)
		squares += d * d
	}
	return time.Duration(student * math.Sqrt(squares/(batches*(batches-1))))
}

// rank is the place, from 1, of a share of n requests in ascending order, the
// nearest one as in a histogram.
func rank(share float64, n int64) int64 { return min(n, max(1, int64(share+0.5))) }

// at is the quantile (0–1) of the run.
func (r *Run) at(p float64) time.Duration {
	left := rank(p*float64(r.total), r.total)
	for _, g := range r.latency {
		if left -= g.n; left <= 0 {
			return g.value
		}
	}
	return 0
}

// above is how many requests of each second belong to the slowest 1-p of all.
// Of those that took just as long as the quantile q each counts by the same
// part, so that the sum is exact.
func (r *Run) above(p float64, q time.Duration) []float64 {
	beyond, ties := 0.0, 0.0
	for _, g := range r.latency {
		switch {
		case g.value > q:
			beyond += float64(g.n)
		case g.value == q:
			ties += float64(g.n)
		}
	}
	// Ranks are whole, so that it may be a hair outside.
	part := min(1, max(0, ((1-p)*float64(r.total)-beyond)/ties))
	list := make([]float64, r.seconds)
	for _, g := range r.latency {
		switch {
		case g.value > q:
			list[g.second] += float64(g.n)
		case g.value == q:
			list[g.second] += part * float64(g.n)
		}
	}
	return list
}

// kish is the effective number of counts: that of equal ones with the same sum
// and the same sum of squares.
//
// Kish, Survey Sampling (1965), 11.7.
func kish(counts []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, c := range counts {
		sum += c
		squares += c * c
	}
	if squares == 0 {
		return 0
	}
	// The parts of ties do not add up to the last digit.
	return math.Round(1000*sum*sum/squares) / 1000
}
