package steady

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// seconds are n seconds of a p99 in milliseconds, with 1 000 requests each and
// a deterministic scatter of ± 2 %.
func seconds(n int, p99 func(second int) float64) []Second {
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]Second, n)
	for i := range list {
		ms := p99(i) * between(r, .98, 1.02)
		list[i] = Second{Completed: 1000, P99: time.Duration(ms * float64(time.Millisecond)), Mean: time.Duration(ms * float64(time.Millisecond) / 2)}
	}
	return list
}

func constant(int) float64 { return 10 }

// changed gives each second another form.
func changed(list []Second, how func(i int, s *Second)) []Second {
	list = slices.Clone(list)
	for i := range list {
		how(i, &list[i])
	}
	return list
}

func TestWarmUp(t *testing.T) {
	faster := func(tau float64) func(int) float64 {
		return func(s int) float64 { return 10 * (1 + 4*math.Exp(-float64(s)/tau)) }
	}
	for _, c := range []struct {
		name    string
		seconds []Second
		closed  bool
		at      int // second of the decision; 0: at the end
		want    Verdict
		why     string
	}{
		{"constant", seconds(120, constant), false, 40, Steady, "p99 changed by no more than 10 % over 40 s"},
		{"not a whisper of noise", slices.Repeat([]Second{{1000, time.Second, time.Second}}, 60), false, 40, Steady, ""},
		{"faster and faster, then constant", seconds(120, faster(5)), false, 70, Steady, ""},
		{"too short", seconds(39, constant), false, 0, Undetermined, "not steady after 39 s: no check before 40 s"},
		{"getting faster to the end", seconds(120, func(s int) float64 { return 40 - 30*float64(s)/120 }), false, 0, Undetermined, "not steady after 120 s: it got faster until 1"},
		{"faster at once", seconds(69, func(s int) float64 { return 10 - float64(s/30)*3 }), false, 0, Undetermined, "it got faster until 30 s (p99 -"},
		{"slower at once", seconds(120, func(s int) float64 { return 10 + float64(s/30)*3 }), false, 80, Degrading, "it got slower after"},
		{"a pause is no level", seconds(120, func(s int) float64 { return 10 + 100*float64(btoi(s == 35)) }), false, 40, Steady, ""},
		{"few requests: the mean tells", changed(seconds(120, faster(5)), func(i int, s *Second) { s.Completed, s.P99 = 20, time.Duration(i+1)*time.Second }), false, 70, Steady, "mean"},
		{"few requests: the mean does not", changed(seconds(120, constant), func(i int, s *Second) { s.Completed, s.Mean = 20, s.Mean*time.Duration(120+i)/120 }), false, 80, Degrading, "(mean +"},
		{"none", changed(seconds(60, constant), func(_ int, s *Second) { *s = Second{} }), false, 0, Undetermined, "in most seconds no request completed"},
		{"a stall counts as slow", changed(seconds(90, constant), func(i int, s *Second) {
			switch {
			case i < 12:
				*s = Second{}
			case i == 12:
				s.P99 = 12 * time.Second
			}
		}), false, 60, Steady, ""},
		{"nothing any more", changed(seconds(50, constant), func(i int, s *Second) {
			if i > 45 {
				*s = Second{}
			}
		}), false, 40, Steady, ""},
		{"closed loop, fewer and fewer", changed(seconds(120, constant), func(i int, s *Second) { s.Completed -= 4 * int64(i) }), true, 80, Degrading, "requests/s -"},
		{"open loop, fewer and fewer", changed(seconds(120, constant), func(i int, s *Second) { s.Completed -= 4 * int64(i) }), false, 40, Steady, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			watch := NewWatch(Standard(), c.closed)
			for _, s := range c.seconds {
				watch.Add(s)
			}
			d, decided := watch.End(), 0
			if watch.Decided() {
				decided = watch.Seconds()
			}
			if d.Verdict != c.want || decided != c.at || !strings.Contains(d.Why, c.why) {
				t.Errorf("%+v after %d s, want %s (%q) after %d s", d, decided, c.want, c.why, c.at)
			}
			if d.Slower != (d.Verdict == Degrading) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestProgressSaysWhatIsWaitedFor(t *testing.T) {
	watch := NewWatch(Standard(), false)
	var said []string
	for _, s := range seconds(120, func(s int) float64 { return 10 * (1 + 3*math.Exp(-float64(s)/30)) }) {
		if why := watch.Add(s).Why; len(said) == 0 || said[len(said)-1] != why {
			said = append(said, why)
		}
	}
	if all := fmt.Sprintf("%q", said); said[0] != "no check before 40 s" || !strings.Contains(all, "it got faster until") {
		t.Error(all)
	}
}

func TestDrift(t *testing.T) {
	for _, c := range []struct {
		name    string
		seconds []Second
		closed  bool
		want    Verdict
		why     string
	}{
		{"constant", seconds(60, constant), false, Steady, "no drift"},
		{"constant closed", seconds(60, constant), true, Steady, "no drift"},
		{"short", seconds(39, constant), false, Unchecked, "measured for 39 s, less than the 40 s"},
		{"empty", nil, false, Unchecked, "measured for 0 s"},
		{"slower", seconds(60, func(s int) float64 { return 10 + float64(s)/15 }), false, Drifting, "p99 changed by +1"},
		{"faster", seconds(60, func(s int) float64 { return 10 - float64(s)/30 }), false, Drifting, "p99 changed by -"},
		{"sure but small", seconds(600, func(s int) float64 { return 10 + .4*float64(s)/600 }), false, Steady, ""},
		{"a step in the last quarter", seconds(80, func(s int) float64 { return 10 + float64(s/60)*4 }), false, Drifting, ""},
		{"one stall", seconds(60, func(s int) float64 { return 10 + 500*float64(btoi(s == 50)) }), false, Steady, ""},
		{"nothing came", slices.Repeat([]Second{{}}, 60), false, Unchecked, "no request completed"},
		{"closed loop, more and more", changed(seconds(60, constant), func(i int, s *Second) { s.Completed += 5 * int64(i) }), true, Drifting, "requests/s changed by +"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Standard().Drift(c.seconds, c.closed)
			if d.Verdict != c.want || !strings.Contains(d.Why, c.why) {
				t.Errorf("%+v, want %s (%q)", d, c.want, c.why)
			}
			if slower := d.Verdict == Drifting && c.name != "faster" && c.name != "closed loop, more and more"; d.Slower != slower {
				t.Errorf("%+v, slower should be %v", d, slower)
			}
		})
	}
}

// TestTrend holds the test against values worked out by hand: of the 10 pairs
// of 1 2 4 3 5 nine rise and one falls, so S = 8 with a variance of 50/3.
func TestTrend(t *testing.T) {
	slope, p := trend([]float64{1, 2, 4, 3, 5})
	if want := math.Erfc(7 / math.Sqrt(50.0/3) / math.Sqrt2); slope != 1 || math.Abs(p-want) > 1e-12 {
		t.Errorf("slope %v, p %v; want 1 and %v", slope, p, want)
	}
	if slope, p := trend([]float64{3, 3, 3}); slope != 0 || p != 1 {
		t.Errorf("of equal values: slope %v, p %v", slope, p)
	}
}

func TestHalves(t *testing.T) {
	// Means 2 and 5, variances 1 and 1, three values each: t(4, .95) = 2.1318.
	change, margin := halves([]float64{99, 1, 2, 3, 4, 5, 6}, .90)
	if want := 2.131847 * math.Sqrt(2.0/3); change != 3 || math.Abs(margin-want) > 1e-5 {
		t.Errorf("%v ± %v, want 3 ± %v", change, margin, want)
	}
}

func TestChanges(t *testing.T) {
	y := slices.Concat(slices.Repeat([]float64{5}, 20), slices.Repeat([]float64{1}, 30), slices.Repeat([]float64{1.5}, 10))
	if got := changes(y, 8, .01); !slices.Equal(got, []int{20, 50}) {
		t.Errorf("changes at %v, want 20 and 50", got)
	}
	if got := changes(y, 8, 10); len(got) == 0 || got[0] != 20 || len(got) > 1 {
		t.Errorf("with much noise: changes at %v, want 20 only", got)
	}
	if got := changes(y[:15], 8, .01); got != nil {
		t.Errorf("in less than two segments: changes at %v", got)
	}
	if got := kept(y, []int{20, 50}); got != 50 {
		t.Errorf("kept from %d, want 50", got)
	}
	if got := kept([]float64{9, 9, 1, 1, 1.04, 1.04}, []int{2, 4}); got != 2 {
		t.Errorf("kept from %d, want 2: the last two levels are one", got)
	}
}

// FuzzWatch: whatever the seconds are, there is a decision, and the same one
// again.
func FuzzWatch(f *testing.F) {
	f.Add([]byte{1, 2, 3}, true)
	f.Add([]byte(strings.Repeat("\x00\xff\x7f", 50)), false)
	f.Fuzz(func(t *testing.T, text []byte, closed bool) {
		var list []Second
		for i, b := range text[:min(len(text), 250)] {
			list = append(list, Second{Completed: int64(b) * int64(i%7), P99: time.Duration(b) << (i % 40), Mean: time.Duration(b)})
		}
		run := func() string {
			watch := NewWatch(Standard(), closed)
			for _, s := range list {
				watch.Add(s)
			}
			return fmt.Sprint(watch.End(), Standard().Drift(list, closed))
		}
		if a, b := run(), run(); a != b || strings.Contains(a, "NaN") {
			t.Errorf("%s, then %s", a, b)
		}
	})
}
