package gate

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/combin"
)

// Every assignment of ranks, and every choice of signs, counted one by one.
func TestTablesMatchEnumeration(t *testing.T) {
	for k := 1; k <= 8; k++ {
		ranked := make([]float64, k*k+1)
		for _, ranks := range combin.Combinations(2*k, k) {
			u := 0
			for i, r := range ranks {
				u += r - i
			}
			ranked[u]++
		}
		if got := rankSums(k, k); !slices.Equal(got, ranked) {
			t.Errorf("rankSums(%d) = %v, enumerated %v", k, got, ranked)
		}
		signed := make([]float64, k*(k+1)/2+1)
		for signs := range uint(1) << k {
			sum := 0
			for rest := signs; rest != 0; rest &= rest - 1 {
				sum += bits.TrailingZeros(rest) + 1
			}
			signed[sum]++
		}
		if got := signedRanks(k); !slices.Equal(got, signed) {
			t.Errorf("signedRanks(%d) = %v, enumerated %v", k, got, signed)
		}
	}
}

// The recurrence of Mann & Whitney (1947): the largest of all values is of the
// one sample or of the other.
func TestRankSumsMatchRecurrence(t *testing.T) {
	known := map[[3]int]float64{}
	var count func(u, m, n int) float64
	count = func(u, m, n int) float64 {
		switch {
		case u < 0:
			return 0
		case m == 0 || n == 0:
			if u == 0 {
				return 1
			}
			return 0
		}
		key := [3]int{u, m, n}
		if c, ok := known[key]; ok {
			return c
		}
		c := count(u-n, m-1, n) + count(u, m, n-1)
		known[key] = c
		return c
	}
	for k := fewest; k <= 20; k++ {
		for u, got := range rankSums(k, k) {
			if want := count(u, k, k); got != want {
				t.Fatalf("rankSums(%d)[%d] = %v, want %v", k, u, got, want)
			}
		}
	}
}

func TestTablesAreWholeUpToTheMost(t *testing.T) {
	for k := 1; k <= most; k++ {
		sum := 0.0
		for u, c := range rankSums(k, k) {
			if c < 1 || c != math.Trunc(c) {
				t.Fatalf("rankSums(%d)[%d] = %v", k, u, c)
			}
			sum += c
		}
		if want := float64(combin.Binomial(2*k, k)); sum != want {
			t.Errorf("rankSums(%d) sums to %v, want %v", k, sum, want)
		}
		sum = 0
		for _, c := range signedRanks(k) {
			sum += c
		}
		if want := math.Ldexp(1, k); sum != want {
			t.Errorf("signedRanks(%d) sums to %v, want %v", k, sum, want)
		}
	}
}

// Critical values as tables print them, one-sided: the largest u with
// P(U ≤ u) ≤ p is one less than how many there are.
func TestCriticalValues(t *testing.T) {
	tests := []struct {
		name   string
		counts []float64
		p      float64
		want   int
	}{
		{"Mann-Whitney 3", rankSums(3, 3), .004, 0},
		{"Mann-Whitney 4", rankSums(4, 4), .004, 0},
		{"Mann-Whitney 5", rankSums(5, 5), .004, 1},
		{"Mann-Whitney 5", rankSums(5, 5), .003, 0},
		{"Mann-Whitney 5", rankSums(5, 5), .05, 4 + 1},
		{"Mann-Whitney 10", rankSums(10, 10), .05, 27 + 1},
		{"Mann-Whitney 10", rankSums(10, 10), .01, 19 + 1},
		{"Mann-Whitney 20", rankSums(20, 20), .05, 138 + 1},
		{"Mann-Whitney 20", rankSums(20, 20), .01, 114 + 1},
		{"signed rank 6", signedRanks(6), .01, 0},
		{"signed rank 7", signedRanks(7), .01, 0 + 1},
		{"signed rank 10", signedRanks(10), .001, 0 + 1},
		{"signed rank 10", signedRanks(10), .05, 10 + 1},
		{"signed rank 10", signedRanks(10), .01, 5 + 1},
		{"signed rank 20", signedRanks(20), .05, 60 + 1},
		{"signed rank 20", signedRanks(20), .01, 43 + 1},
	}
	for _, tt := range tests {
		if got := critical(tt.counts, tt.p); got != tt.want {
			t.Errorf("%s at %v: %d values, want %d", tt.name, tt.p, got, tt.want)
		}
	}
}

func TestShift(t *testing.T) {
	tests := []struct {
		name                        string
		a, b                        []float64
		alpha, beta                 float64
		wantShift, wantLow, wantTop float64
	}{
		// The 25 differences are 6, 7 7, 8 8 8 … 12 12 12, 13 13, 14; of the 252
		// rankings 1, 1, 2, 3 have U = 0, 1, 2, 3: one is at most .004 of them,
		// three values hold at most .02.
		{"five", seq(1, 5), seq(11, 5), .004, .02, 10, 6, 13},
		{"five, no limit", seq(1, 5), seq(11, 5), .003, .003, 10, math.Inf(-1), math.Inf(1)},
		// Equal differences in every pair: the signed rank says exactly 10, the
		// unpaired limits are wider.
		{"ten, drifting alike", seq(1, 10), seq(11, 10), .002, .02, 10, 10, 10},
		// The order of rounds means nothing to the unpaired test, and all to the
		// paired one: differences of pairs 1, 3 … 19, so its limits are 1 and 19.
		// Unpaired, the 100 differences are 1, 2 2, 3 3 3, …; 139 of the 184756
		// rankings have U ≤ 10 and 195 U ≤ 11, so eleven values hold .001 and
		// the eleventh smallest difference is 5.
		{"ten, reversed", reversed(seq(1, 10)), seq(11, 10), .002, .002, 10, 5, 15},
	}
	for _, tt := range tests {
		got := shift(tt.a, tt.b, tt.alpha, tt.beta)
		if got.shift != tt.wantShift || got.lower != tt.wantLow || got.upper != tt.wantTop {
			t.Errorf("%s: %+v, want %v, %v, %v", tt.name, got, tt.wantShift, tt.wantLow, tt.wantTop)
		}
	}
}

func seq(from, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(from + i)
	}
	return v
}

func reversed(v []float64) []float64 {
	slices.Reverse(v)
	return v
}
