package results_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// TestSystemBound: whatever the lag is like and depends on, the stack's true
// p99 lies inside (method E2).
func TestSystemBound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	widest := 0.0
	for range 1000 {
		stack, lag := mix(r)
		measured, late := latency.New(), latency.New()
		for i := range stack {
			measured.Record(stack[i] + lag[i])
			late.Record(lag[i])
		}
		b := results.SystemBound(measured, late, 99)
		slices.Sort(stack)
		truth := stack[max(0, int(math.Round(0.99*float64(len(stack))))-1)]
		// The histogram's own rounding: a thousandth, and what is below 1 µs.
		rounding := truth/1000 + time.Microsecond
		if truth < b.Low-rounding-b.High/1000 || truth > b.High+rounding {
			t.Fatalf("true p99 of %d requests is %v, bound %+v", len(stack), truth, *b)
		}
		if b.ByLag < 0 || b.Low < 0 || b.Low > b.High {
			t.Fatalf("bound %+v", *b)
		}
		widest = max(widest, float64(b.High-b.Low)/float64(b.High))
	}
	if widest < 0.5 {
		t.Errorf("the widest bound is %.0f %%: these mixes are too tame to show anything", 100*widest)
	}
}

// mix draws a stack and a generator: quick or slow, tails light or heavy, lags
// of any size that are independent, largest for slow requests, or largest for
// fast ones.
func mix(r *rand.Rand) (stack, lag []time.Duration) {
	n := 1 + r.IntN(20000)
	median, spread, tail := math.Exp(r.Float64()*9), r.Float64(), r.Float64()*0.05
	size, share := math.Exp(r.Float64()*10-1), math.Pow(r.Float64(), 3)
	for range n {
		s := median * math.Exp(spread*r.NormFloat64())
		if r.Float64() < tail {
			s *= 1 / math.Pow(r.Float64(), 1/1.5)
		}
		g := 3 * r.ExpFloat64()
		if r.Float64() < share {
			g += size * r.ExpFloat64()
		}
		stack, lag = append(stack, micros(s)), append(lag, micros(g))
	}
	switch r.IntN(3) {
	case 1:
		slices.Sort(stack)
		slices.Sort(lag)
	case 2:
		slices.Sort(stack)
		slices.Sort(lag)
		slices.Reverse(lag)
	}
	return stack, lag
}

func micros(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }

func TestSystemBoundOfKnownCases(t *testing.T) {
	fill := func(values ...time.Duration) *latency.Histogram {
		h := latency.New()
		for _, v := range values {
			h.Record(v)
		}
		return h
	}
	on, late := make([]time.Duration, 2000), make([]time.Duration, 2000)
	for i := range on {
		on[i], late[i] = 10*ms, 0
	}
	for name, c := range map[string]struct {
		lateRequests int
		by           time.Duration
		low          time.Duration
	}{
		"all on time":            {0, 0, 10 * ms},
		"ten of 2000 late":       {10, 8 * ms, 10 * ms}, // they can be left aside
		"eleven of 2000 late":    {11, 8 * ms, 2 * ms},
		"late by more than all":  {2000, 20 * ms, 0},
		"every one a little bit": {2000, ms, 9 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			lag := slices.Clone(late)
			for i := range c.lateRequests {
				lag[i] = c.by
			}
			b := results.SystemBound(fill(on...), fill(lag...), 99)
			if off := b.Low - c.low; off < -c.low/100-20*time.Microsecond || off > 20*time.Microsecond {
				t.Errorf("%+v, want low %v", *b, c.low)
			}
		})
	}
	if b := results.SystemBound(fill(), fill(), 99); b != nil {
		t.Errorf("of nothing: %+v", b)
	}
	if b := results.SystemBound(fill(ms, ms), fill(ms), 99); b != nil {
		t.Errorf("of unequal histograms: %+v", b)
	}
}
