package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestBetween(t *testing.T) {
	for k, want := range map[int]struct {
		low, high, level float64
	}{
		1: {1, 1, 0}, 2: {1, 2, 0}, 3: {1, 3, 0}, 4: {1, 4, 0},
		5: {1, 5, .9375}, 6: {1, 6, .96875}, 7: {1, 7, .984375}, 8: {1, 8, .9921875},
		9: {2, 8, .9609375}, 10: {2, 9, .978515625}, 20: {6, 15, .95861053466796875},
	} {
		var values []float64
		for i := range k {
			values = append(values, float64(k-i))
		}
		low, high, level := between(values)
		if low != want.low || high != want.high || math.Abs(level-want.level) > 1e-12 {
			t.Errorf("of %d: %v to %v at %v, want %+v", k, low, high, level, want)
		}
		if values[0] != float64(k) {
			t.Errorf("of %d: the values were sorted in place", k)
		}
	}
}

// The level that is printed is the share of intervals that hold the median,
// whatever the values are distributed like.
func TestBetweenHolds(t *testing.T) {
	const sessions = 4000
	r := rand.New(rand.NewPCG(1, 5))
	for name, draw := range map[string]func() float64{
		"normal":  func() float64 { return r.NormFloat64() },
		"skewed":  func() float64 { return r.ExpFloat64() - math.Ln2 },
		"bimodal": func() float64 { return math.Copysign(1, r.Float64()-.5) + r.Float64()/2 },
	} {
		for _, k := range []int{5, 6, 9} {
			held, said := 0, 0.0
			for range sessions {
				values := make([]float64, k)
				for i := range values {
					values[i] = draw()
				}
				low, high, level := between(values)
				said = level
				// The bimodal one has no unique median: any of -1/2 to 1 is.
				if low <= 0 && 0 <= high {
					held++
				}
			}
			share := float64(held) / sessions
			if off := math.Abs(share - said); off > 3*math.Sqrt(said*(1-said)/sessions) {
				t.Errorf("%s, %d trials: %.2f %% hold the median, %.2f %% was said", name, k, 100*share, 100*said)
			}
		}
	}
}

func TestIntervalText(t *testing.T) {
	for want, values := range map[string][]float64{
		"one trial":                              {5e6},
		"5.00 ms to 7.00 ms (range of 2 trials)": {7e6, 5e6},
		"5.00 ms to 9.00 ms (93.8 % interval between 5 runs)": {7e6, 5e6, 6e6, 8e6, 9e6},
		"2.00 ms to 8.00 ms (96.1 % interval between 9 runs)": {1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6},
	} {
		if got := tail.Interval(rangeOf(values), len(values)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
