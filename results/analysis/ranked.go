package analysis

import (
	"math"
	"slices"
	"time"

	"plimsoll/internal/latency"
)

// ranked is what is known of response times in their order. A histogram tells
// every one; of a summary only some ranks are known, and between them where the
// others lie.
type ranked struct {
	n   int64
	p50 time.Duration // at most
	// bands hold all times, the shortest first.
	bands []band
	// totalLow and totalHigh bound the sum of all times.
	totalLow, totalHigh time.Duration
	// exact is false of a summary; off is half of what its figures were
	// rounded to.
	exact bool
	off   time.Duration
}

// band is a number of times that are at least low and at most high.
type band struct {
	n         int64
	low, high time.Duration
}

// ranked returns what the trial's log tells, or else its summary; ok is false
// where neither does.
func (o *observed) ranked() (r ranked, ok bool) {
	if o.response.Count() > 0 {
		return rankedHistogram(o.response), true
	}
	return o.rankedSummary()
}

func rankedHistogram(h *latency.Histogram) ranked {
	r := ranked{n: h.Count(), p50: h.Percentile(50), exact: true}
	for d, n := range h.Buckets() {
		r.bands = append(r.bands, band{n, d, d})
		r.totalLow += d * time.Duration(n)
	}
	r.totalHigh = r.totalLow
	return r
}

// rankedSummary takes the percentiles as ranks. ab prints element ⌊n·p/100⌋ of
// the sorted times, counted from 0, others the one before; either way those
// from there on are at least as long as the percentile, and those before at
// most. Each figure may be off by half of what it was rounded to.
func (o *observed) rankedSummary() (ranked, bool) {
	s := o.Latency.Response
	for _, figure := range []string{"count", "mean", "p50", "max"} {
		if !o.Tells("latency_ns.response." + figure) {
			return ranked{}, false
		}
	}
	if s.Count == 0 {
		return ranked{}, false
	}
	var off time.Duration
	if o.Foreign != nil {
		off = o.Foreign.Rounded / 2
	}
	r := ranked{n: s.Count, p50: s.P50 + off, off: off}
	r.totalLow, r.totalHigh = time.Duration(s.Count)*max(s.Mean-off, 0), time.Duration(s.Count)*(s.Mean+off)
	from, low := int64(0), time.Duration(0)
	for _, p := range []struct {
		rank  float64
		name  string
		value time.Duration
	}{
		{50, "p50", s.P50}, {66, "p66", s.P66}, {75, "p75", s.P75}, {80, "p80", s.P80}, {90, "p90", s.P90},
		{95, "p95", s.P95}, {98, "p98", s.P98}, {99, "p99", s.P99}, {99.9, "p99.9", s.P999},
	} {
		at := int64(math.Floor(float64(s.Count)*p.rank/100 + 1e-9))
		if !o.Tells("latency_ns.response."+p.name) || at <= from || at >= s.Count {
			continue
		}
		r.bands = append(r.bands, band{at - from, low, p.value + off})
		from, low = at, max(p.value-off, 0)
	}
	if rest := s.Count - 1 - from; rest > 0 {
		r.bands = append(r.bands, band{rest, low, s.Max + off})
	}
	r.bands = append(r.bands, band{1, max(s.Max-off, low), s.Max + off})
	return r, true
}

// atLeast bounds how many times are that long.
func (r ranked) atLeast(limit time.Duration) (least, most int64) {
	for _, b := range r.bands {
		if b.low >= limit {
			least += b.n
		}
		if b.high >= limit {
			most += b.n
		}
	}
	return least, most
}

// slowest bounds the sum of the k longest times.
func (r ranked) slowest(k int64) (low, high time.Duration) {
	for _, b := range slices.Backward(r.bands) {
		n := min(b.n, k)
		low, high, k = low+time.Duration(n)*b.low, high+time.Duration(n)*b.high, k-n
	}
	return low, high
}

// shares bounds the share of all time, thoughts of think each included, that
// the k longest hold.
func (r ranked) shares(k int64, think time.Duration) (least, most float64) {
	thoughts := think * time.Duration(r.n)
	low, high := r.slowest(k)
	if r.totalHigh+thoughts <= 0 {
		return 0, 0
	}
	least = float64(low) / float64(r.totalHigh+thoughts)
	most = min(1, float64(high)/float64(max(r.totalLow+thoughts, 1)))
	return least, max(least, most)
}
