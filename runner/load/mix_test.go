package load_test

import (
	"slices"
	"testing"

	"plimsoll/runner/load"
)

func mixOf(weights ...int) []load.Request {
	mix := make([]load.Request, len(weights))
	for i, w := range weights {
		mix[i] = load.Request{Name: string(rune('a' + i)), Weight: w}
	}
	return mix
}

func draws(t *testing.T, mix []load.Request, seed uint64, n int) []int {
	t.Helper()
	deck, err := load.NewDeck(mix, seed)
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for k := range n {
		out = append(out, deck.Draw(int64(k)))
	}
	return out
}

func TestDeckKeepsTheWeights(t *testing.T) {
	for _, weights := range [][]int{{1}, {5}, {9, 1}, {1, 1}, {3, 2, 7}, {900, 100}, {5000, 1}, {1, 1, 1, 1, 1}} {
		mix := mixOf(weights...)
		sum, divisor := 0, weights[0]
		for _, w := range weights {
			sum += w
			for w%divisor != 0 {
				divisor--
			}
		}
		for slices.ContainsFunc(weights, func(w int) bool { return w%divisor != 0 }) {
			divisor--
		}
		round := sum / divisor
		got := make([]int, len(weights))
		for k, i := range draws(t, mix, 1, 3*max(round, 5000)) {
			got[i]++
			if (k+1)%round != 0 {
				continue
			}
			rounds := (k + 1) / round
			for i, w := range weights {
				if want := rounds * w / divisor; got[i] != want {
					t.Fatalf("weights %v: after %d draws request %d came %d times, want %d", weights, k+1, i, got[i], want)
				}
			}
		}
	}
}

func TestDeckOrder(t *testing.T) {
	mix := mixOf(1, 1)
	one := draws(t, mix, 1, 1000)
	if !slices.Equal(one, draws(t, mix, 1, 1000)) {
		t.Error("the same seed gave another order")
	}
	if slices.Equal(one, draws(t, mix, 2, 1000)) {
		t.Error("another seed gave the same order")
	}
	// Two requests over two targets in turn: each request must reach both.
	var met [2][2]int
	for k, i := range one {
		met[k%2][i]++
	}
	for _, target := range met {
		for _, n := range target {
			if n < 150 {
				t.Errorf("requests against places in turn: %v: out of balance", met)
			}
		}
	}
}

func TestDeckRefuses(t *testing.T) {
	for _, weights := range [][]int{{0}, {1, -1}, {1 << 20, 1}, {1 << 62, 1<<62 - 1}} {
		if _, err := load.NewDeck(mixOf(weights...), 1); err == nil {
			t.Errorf("weights %v: no error", weights)
		}
	}
}
