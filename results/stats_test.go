package results

import (
	"math"
	"testing"
	"time"

	"plimsoll/internal/latency"
)

// TestStatsAt reads percentiles off the summary of a tail that falls with a
// power, which is what is taken for granted between two of them, and of an
// exponential one, which is not.
func TestStatsAt(t *testing.T) {
	for _, tt := range []struct {
		name      string
		quantile  func(float64) float64 // of a share below, in ms
		tolerance float64
	}{
		{"power", func(p float64) float64 { return 10 * math.Pow(1-p, -0.5) }, .005},
		{"exponential", func(p float64) float64 { return 10 - 10*math.Log(1-p) }, .04},
	} {
		h := latency.New()
		const n = 200_000
		for i := range n {
			h.Record(time.Duration(tt.quantile((float64(i)+.5)/n) * float64(time.Millisecond)))
		}
		s := stats(h)
		for _, rank := range []float64{50, 60, 90, 93, 97, 98.5, 99, 99.01, 99.05, 99.5, 99.9} {
			got, want := float64(s.At(rank))/1e6, tt.quantile(rank/100)
			if math.Abs(got/want-1) > tt.tolerance {
				t.Errorf("%s: p%v is %.4g ms, want %.4g", tt.name, rank, got, want)
			}
		}
		if s.At(100) != s.Max || s.At(0) != s.Min {
			t.Errorf("%s: p0 %v and p100 %v, want %v and %v", tt.name, s.At(0), s.At(100), s.Min, s.Max)
		}
		last := time.Duration(0)
		for rank := 0.0; rank <= 100; rank += .05 {
			if v := s.At(rank); v < last {
				t.Fatalf("%s: p%.2f is %v, below the %v before it", tt.name, rank, v, last)
			} else {
				last = v
			}
		}
	}
	if got := (Stats{}).At(99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	one := Stats{Count: 1, Min: 5, P50: 5, P66: 5, P75: 5, P80: 5, P90: 5, P95: 5, P98: 5, P99: 5, P999: 5, Max: 5}
	if got := one.At(99.5); got != 5 {
		t.Errorf("of one value: %v", got)
	}
}
