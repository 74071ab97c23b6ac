package results

import (
	"math"
	"time"

	"plimsoll/internal/latency"
)

// Bound is an interval in which a percentile of the stack's own response time
// lies, however late the generator was and whatever the lateness depends on.
type Bound struct {
	Low  time.Duration `json:"low"`
	High time.Duration `json:"high"` // the measured one
	// ByLag is how much higher Low would be had every request been sent on
	// time. The rest of the width is the price of assuming nothing.
	ByLag time.Duration `json:"by_lag"`
}

// SystemBound bounds the stack's own response time at a percentile (0–100).
// What was measured is lag plus the stack's time, M = G + S. For every share ε,
// S > s happens at least as often as M > s + g less G > g, hence
//
//	q_S(p) ≥ q_M(p-ε) - q_G(1-ε)    and, as lag is never negative,    q_S(p) ≤ q_M(p)
//
// The best ε of .0005, .001, .002 and .005 is taken, in whole requests. It is
// nil unless both histograms hold the same number of requests, at least one.
func SystemBound(measured, lag *latency.Histogram, percentile float64) *Bound {
	n := measured.Count()
	if n == 0 || lag.Count() != n {
		return nil
	}
	rank := max(1, int64(math.Round(float64(n)*percentile/100)))
	at := func(h *latency.Histogram, rank int64) time.Duration {
		return h.Percentile(100 * float64(max(1, rank)) / float64(n))
	}
	b := &Bound{High: at(measured, rank)}
	onTime := time.Duration(0)
	for _, share := range []float64{.0005, .001, .002, .005} {
		aside := int64(share * float64(n))
		least := at(measured, rank-aside)
		b.Low = max(b.Low, least-at(lag, n-aside))
		onTime = max(onTime, least)
	}
	b.ByLag = onTime - b.Low
	return b
}
