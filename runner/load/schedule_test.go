package load_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/runner/load"
)

func TestConstantTotal(t *testing.T) {
	for _, c := range []struct {
		count         int
		per, duration time.Duration
		want          int64
	}{
		{500, time.Second, 10 * time.Second, 5000},
		{1, time.Second, time.Millisecond, 1},
		{1, time.Second, time.Second, 1},
		{1, time.Second, time.Second + 1, 2},
		{30_000, time.Second, time.Second, 30_000},
		{7, 3 * time.Second, time.Minute, 140},
		{1, time.Hour, 24 * time.Hour, 24},
		{3, time.Nanosecond, 2, 6}, // several at one instant
	} {
		s, err := load.NewConstant(c.count, c.per, c.duration)
		if err != nil {
			t.Errorf("%d/%v for %v: %v", c.count, c.per, c.duration, err)
			continue
		}
		if s.Total() != c.want {
			t.Errorf("%d/%v for %v: %d requests, want %d", c.count, c.per, c.duration, s.Total(), c.want)
		}
	}
}

func TestConstantRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		count         int
		per, duration time.Duration
	}{
		{0, time.Second, time.Second},
		{-1, time.Second, time.Second},
		{1, 0, time.Second},
		{1, time.Second, 0},
		{1, time.Second, -1},
		{math.MaxInt, 1, math.MaxInt64},
	} {
		if _, err := load.NewConstant(c.count, c.per, c.duration); err == nil {
			t.Errorf("%d/%v for %v: no error", c.count, c.per, c.duration)
		}
	}
}

// FuzzConstant holds the schedule to its definition, computed with big
// integers: k·per/count, for as long as that is below the duration.
func FuzzConstant(f *testing.F) {
	f.Add(30_000, int64(time.Second), int64(10*time.Second), int64(299_999))
	f.Add(7, int64(3*time.Second), int64(time.Minute), int64(139))
	f.Add(math.MaxInt, int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64-1))
	f.Fuzz(func(t *testing.T, count int, per, duration, k int64) {
		s, err := load.NewConstant(count, time.Duration(per), time.Duration(duration))
		if err != nil {
			return
		}
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(k), big.NewInt(per)), big.NewInt(int64(count)))
		inside := k >= 0 && exact.Cmp(new(big.Rat).SetInt64(duration)) < 0
		due, ok := s.Due(k)
		if ok != inside || ok != (k >= 0 && k < s.Total()) {
			t.Fatalf("Due(%d) is %v, total %d; exact due time %v of %d", k, ok, s.Total(), exact, duration)
		}
		if !ok {
			return
		}
		floor := new(big.Int).Quo(exact.Num(), exact.Denom())
		if floor.Cmp(big.NewInt(int64(due))) != 0 {
			t.Fatalf("Due(%d) = %d, want %v", k, due, floor)
		}
	})
}

// TestConstantAgreesWithVegeta compares with vegeta's pacer, whose request k
// follows one interval after the begin: exactly where the interval is a whole
// number of nanoseconds, and else within the error of its rounding, 1 ns for
// each interval.
func TestConstantAgreesWithVegeta(t *testing.T) {
	for _, c := range []struct {
		count int
		per   time.Duration
		exact bool
	}{
		{1, time.Second, true},
		{200, time.Second, true},
		{500, time.Second, true},
		{2000, time.Second, true},
		{90, time.Minute, false},
		{30_000, time.Second, false},
		{7, time.Second, false},
	} {
		s, err := load.NewConstant(c.count, c.per, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pacer := vegeta.ConstantPacer{Freq: c.count, Per: c.per}
		first, _ := pacer.Pace(0, 0)
		for k := int64(0); k < 3000; k++ {
			due, ok := s.Due(k)
			if !ok {
				break
			}
			wait, stop := pacer.Pace(0, uint64(k))
			if stop {
				t.Fatalf("%v: the pacer stops at request %d", pacer, k)
			}
			ahead := due - (wait - first)
			if c.exact && ahead != 0 || ahead < 0 || ahead > time.Duration(k) {
				t.Fatalf("%v: request %d is due at %v, by the pacer at %v", pacer, k, due, wait-first)
			}
		}
	}
}
