package load_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"plimsoll/runner/load"
)

func ramp(t testing.TB, from int, stages ...load.Stage) *load.Ramp {
	t.Helper()
	r, err := load.NewRamp(perSecond(from), stages)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all lists when the requests of a schedule are due, asked for in turn.
func all(t *testing.T, s load.Schedule) []time.Duration {
	t.Helper()
	var dues []time.Duration
	for k := int64(0); ; k++ {
		due, ok := s.Due(k)
		if !ok {
			break
		}
		dues = append(dues, due)
	}
	if int64(len(dues)) != s.Total() {
		t.Fatalf("%d requests are due, %d in total", len(dues), s.Total())
	}
	if !slices.IsSorted(dues) {
		t.Fatal("requests are not due in order")
	}
	return dues
}

// TestPoissonIsPure: whatever is asked, in which order and by whom, a ramp and
// a seed give one schedule; other seeds give others.
func TestPoissonIsPure(t *testing.T) {
	shape := ramp(t, 0, load.Stage{To: perSecond(1000), Over: 5 * time.Second}, load.Stage{To: perSecond(1), Over: 5 * time.Second})
	want := all(t, load.NewPoisson(shape, 7))

	backwards := load.NewPoisson(shape, 7)
	if got := backwards.Total(); got != int64(len(want)) {
		t.Errorf("%d requests when asked first, %d when asked last", got, len(want))
	}
	for k := len(want) - 1; k >= 0; k -= 97 {
		if due, ok := backwards.Due(int64(k)); !ok || due != want[k] {
			t.Fatalf("request %d is due at %v, %v; asked in turn, at %v", k, due, ok, want[k])
		}
	}
	for _, k := range []int64{-1, int64(len(want)), math.MaxInt64} {
		if _, ok := backwards.Due(k); ok {
			t.Errorf("there is a request %d", k)
		}
	}

	shared := load.NewPoisson(shape, 7)
	var wg sync.WaitGroup
	for from := range 4 {
		wg.Go(func() {
			for k := from; k < len(want); k += 4 {
				if due, _ := shared.Due(int64(k)); due != want[k] {
					t.Errorf("request %d is due at %v among others, else at %v", k, due, want[k])
					return
				}
			}
		})
	}
	wg.Wait()

	if other := all(t, load.NewPoisson(shape, 8)); slices.Equal(other, want) {
		t.Error("two seeds have the same arrivals")
	}
}

// TestPoissonCounts: over many seeds the number of requests has the mean and
// the variance of a Poisson distribution, which are both the integral of the
// rate; and so has each half of the time, however the rate changes.
func TestPoissonCounts(t *testing.T) {
	const seeds = 400
	shape := ramp(t, 0, load.Stage{To: perSecond(200), Over: 10 * time.Second}) // 250 + 750 requests
	var halves [2][]float64
	for seed := range uint64(seeds) {
		dues := all(t, load.NewPoisson(shape, seed))
		first, _ := slices.BinarySearch(dues, 5*time.Second)
		halves[0] = append(halves[0], float64(first))
		halves[1] = append(halves[1], float64(len(dues)-first))
	}
	for i, expected := range []float64{250, 750} {
		var mean, variance float64
		for _, n := range halves[i] {
			mean += n / seeds
		}
		for _, n := range halves[i] {
			variance += (n - mean) * (n - mean) / (seeds - 1)
		}
		// Four standard errors: of a mean √(λ/n), of a variance about λ·√(2/n).
		if off := math.Abs(mean - expected); off > 4*math.Sqrt(expected/seeds) {
			t.Errorf("half %d: mean %.1f, want %v", i, mean, expected)
		}
		if off := math.Abs(variance - expected); off > 4*expected*math.Sqrt(2.0/seeds) {
			t.Errorf("half %d: variance %.1f, want %v", i, variance, expected)
		}
	}
}

// TestPoissonGaps holds the gaps at a constant rate to the exponential
// distribution, by the Kolmogorov-Smirnov distance; beyond 1.95/√n it would
// exceed what chance does in 999 of 1000 cases.
func TestPoissonGaps(t *testing.T) {
	for _, c := range []struct {
		perSecond int
		seed      uint64
	}{{1000, 1}, {1000, 2}, {30_000, 3}, {7, 4}} {
		length := 20_000 * time.Second / time.Duration(c.perSecond)
		dues := all(t, load.NewPoisson(ramp(t, c.perSecond, load.Stage{To: perSecond(c.perSecond), Over: length}), c.seed))
		gaps := make([]float64, len(dues))
		last := time.Duration(0)
		for i, due := range dues {
			gaps[i], last = (due-last).Seconds()*float64(c.perSecond), due
		}
		// Neighbours have nothing to do with each other.
		var product float64
		for i := range gaps[1:] {
			product += (gaps[i] - 1) * (gaps[i+1] - 1)
		}
		n := float64(len(gaps))
		if r := product / n; math.Abs(r) > 4/math.Sqrt(n) {
			t.Errorf("%d/s, seed %d: neighbouring gaps have a correlation of %.4f", c.perSecond, c.seed, r)
		}
		slices.Sort(gaps)
		var distance float64
		for i, gap := range gaps {
			expected := 1 - math.Exp(-gap)
			distance = max(distance, math.Abs(expected-float64(i)/n), math.Abs(expected-float64(i+1)/n))
		}
		if distance > 1.95/math.Sqrt(n) {
			t.Errorf("%d/s, seed %d: the gaps are %.4f away from exponential ones, more than %.4f", c.perSecond, c.seed, distance, 1.95/math.Sqrt(n))
		}
	}
}
