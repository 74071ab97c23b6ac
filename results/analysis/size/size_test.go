package size

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// exact makes levels whose starts all have the curve's own rate.
func exact(c Curve, starts int, replicas ...int) []Level {
	var levels []Level
	for _, n := range replicas {
		l := Level{Replicas: n}
		for range starts {
			x := c.At(float64(n))
			l.Starts = append(l.Starts, Start{x, x})
		}
		levels = append(levels, l)
	}
	return levels
}

var (
	mild   = Curve{100, .06, .004}
	linear = Curve{100, .01, 0}
	strong = Curve{100, .15, .02}
)

func TestFitFindsTheParametersOfExactData(t *testing.T) {
	for _, c := range []Curve{mild, linear, strong, {650, 0, 0}, {1e5, 0, .001}, {.02, .9, .3}} {
		for _, replicas := range [][]int{{1, 2, 3}, {1, 2, 3, 4}, {1, 2, 4, 8}, {2, 4, 8, 16, 64}} {
			m, err := newModel(exact(c, 3, replicas...))
			if err != nil {
				t.Fatal(err)
			}
			got := m.curve
			near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(b)) }
			if !near(got.Rate/c.Rate, 1) || !near(got.Contention, c.Contention) || !near(got.Coherency, c.Coherency) {
				t.Errorf("%v at %v: fitted %v", c, replicas, got)
			}
		}
	}
}

// A curve that bends upwards has no parameters of its own; the nearest that is
// allowed is the straight line.
func TestFitKeepsItsBounds(t *testing.T) {
	c, err := fit([]point{{1, math.Log(100), 3}, {2, math.Log(220), 3}, {4, math.Log(480), 3}})
	if err != nil || c.Contention != 0 || c.Coherency != 0 || c.Rate < 100 || c.Rate > 120 {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := fit(nil); err == nil {
		t.Error("no points have a curve")
	}
}

func TestReplicasIsTheSmallestThatCarries(t *testing.T) {
	for _, c := range []Curve{mild, linear, strong, {100, 0, 0}, {100, 0, .01}, {100, 1.2, 0}, {100, 1, .5}, {100, .99, .0001}} {
		for rate := 10.0; rate < 1500; rate *= 1.07 {
			want, reached := 0, false
			for n := 1; n <= 2000 && !reached; n++ {
				if c.At(float64(n)) >= rate {
					want, reached = n, true
				}
			}
			if n, ok := c.Replicas(rate); ok != reached && n <= 2000 || reached && n != want {
				t.Errorf("%v, %v/s: %d %v, want %d %v", c, rate, n, ok, want, reached)
			}
		}
	}
	// A rate that is exactly that of a number of replicas takes that number.
	for n := 1; n <= 14; n++ {
		if got, ok := mild.Replicas(mild.At(float64(n))); !ok || got != n {
			t.Errorf("%d replicas' own rate takes %d, %v", n, got, ok)
		}
	}
}

func TestDecide(t *testing.T) {
	limited := exact(mild, 3, 1, 2, 3, 4)
	limited[3].Limited = true
	busy := exact(mild, 3, 1, 2, 4)
	busy[2].HostShare = .93
	kinked := exact(linear, 3, 1, 2, 4, 8)
	for i := range kinked[2].Starts {
		kinked[2].Starts[i] = Start{260, 260}
	}
	open := exact(mild, 3, 1, 2, 4)
	open[2].Starts[1].Failed = 0
	tests := []struct {
		name   string
		levels []Level
		rate   float64
		want   Answer // but for the curve and the words
		words  []string
	}{
		{"between two levels", exact(mild, 3, 1, 2, 4, 8), 400,
			Answer{Verdict: Answered, Low: 6, High: 6, Plan: 7, Carried: 8}, []string{"400.0/s: 6 replicas (90 % interval); plan 7"}},
		{"at a level's own rate", exact(mild, 3, 1, 2, 3), mild.At(2) * .999,
			Answer{Verdict: Answered, Low: 2, High: 2, Plan: 3, Carried: 2}, nil},
		{"below the lowest level", exact(mild, 3, 2, 4, 8), 50,
			Answer{Verdict: Answered, Low: 1, High: 2, Plan: 3, Carried: 2}, []string{"Fewer than 2 replicas were not measured"}},
		{"one replica is enough", exact(mild, 3, 1, 2, 4), 50,
			Answer{Verdict: Answered, Low: 1, High: 1, Plan: 2, Carried: 1}, nil},
		{"a little above the highest level, four levels", exact(mild, 3, 1, 2, 4, 8), 500,
			Answer{Verdict: Inconclusive, Reason: Beyond, AtLeast: 9, AtMost: 9, Measure: []int{9}}, []string{"at most 9 if the curve goes on", "Measure 9 replicas"}},
		{"a little above the highest level, three levels", exact(mild, 3, 1, 2, 4), 340,
			Answer{Verdict: Inconclusive, Reason: Beyond, AtLeast: 5, Measure: []int{5}}, []string{"at least 5 replicas"}},
		{"far above", exact(linear, 3, 1, 2, 4, 8), 1600,
			Answer{Verdict: Inconclusive, Reason: Beyond, AtLeast: 19, Measure: []int{16}}, []string{"at least 19 replicas", "Measure 16 replicas"}},
		{"above the curve's peak", exact(strong, 3, 1, 2, 4, 8), 270,
			Answer{Verdict: Inconclusive, Reason: Beyond, Measure: []int{16}}, []string{"may not be reachable by adding replicas (100 %"}},
		{"two levels", exact(mild, 5, 1, 4), 200,
			Answer{Verdict: Inconclusive, Reason: TooFew, Carried: 4, Measure: []int{2, 8}}, []string{"there are 2", "with 4 replicas every start carried it", "Measure 2 and 8 replicas"}},
		{"two starts", exact(mild, 2, 1, 2, 4), 200,
			Answer{Verdict: Inconclusive, Reason: TooFew, Measure: []int{1, 2, 4, 8}}, []string{"there are 0", "2 of 3 starts", "3 starts each"}},
		{"nothing", nil, 200,
			Answer{Verdict: Inconclusive, Reason: TooFew, Measure: []int{1, 2, 4, 8}}, nil},
		{"a level that the generator limited", limited, 320,
			Answer{Verdict: Inconclusive, Reason: Beyond, AtLeast: 4, Carried: 4, Measure: []int{4}}, []string{"the load generator was the limit"}},
		{"a level that no rate failed at", open, 150,
			Answer{Verdict: Inconclusive, Reason: TooFew, Carried: 2, Measure: []int{4, 8}}, []string{"no rate failed in 1 of 3 starts"}},
		{"levels off the curve", kinked, 500,
			Answer{Verdict: Inconclusive, Reason: Rejected, Carried: 8, Measure: []int{6}}, []string{"do not follow the scalability law", "Measure 6 replicas, between 4"}},
		{"a machine that is used up", busy, 400,
			Answer{Verdict: Inconclusive, Reason: Beyond, AtLeast: 6, Measure: []int{6}}, []string{"93 % busy", "says nothing about more machines", "on more or larger machines"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Decide(tt.levels, tt.rate, 1)
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != tt.want.Verdict || a.Reason != tt.want.Reason || a.Low != tt.want.Low || a.High != tt.want.High ||
				a.Plan != tt.want.Plan || a.AtLeast != tt.want.AtLeast || a.AtMost != tt.want.AtMost || a.Carried != tt.want.Carried ||
				list(a.Measure) != list(tt.want.Measure) {
				t.Errorf("got %+v\nwant %+v", a, tt.want)
			}
			said := a.Text + "\n" + a.Next + "\n" + strings.Join(a.Notes, "\n")
			for _, w := range tt.words {
				if !strings.Contains(said, w) {
					t.Errorf("%q is not in\n%s", w, said)
				}
			}
			if a.Verdict == Inconclusive && a.Next == "" {
				t.Errorf("nothing to do next: %s", a.Text)
			}
		})
	}
}

func TestDecideRefusesWhatCannotBe(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := Decide(exact(mild, 3, 1, 2, 3), rate, 1); err == nil {
			t.Errorf("a rate of %v is sized for", rate)
		}
	}
	for _, levels := range [][]Level{
		{{Replicas: 0}}, {{Replicas: 1}, {Replicas: 1}},
		{{Replicas: 1, Starts: []Start{{Met: 2, Failed: 1}}}}, {{Replicas: 1, Starts: []Start{{Met: math.NaN()}}}},
		{{Replicas: 1, Starts: []Start{{Met: math.Inf(1), Failed: math.Inf(1)}}}},
	} {
		if _, err := Decide(levels, 1, 1); err == nil {
			t.Errorf("%+v is accepted", levels)
		}
	}
}

func same(n int, rate float64) []Start {
	var starts []Start
	for i := range n {
		x := rate * (1 + .01*float64(i%3-1))
		starts = append(starts, Start{x, x})
	}
	return starts
}

func TestRetrograde(t *testing.T) {
	ladder := func(n int, met, failed float64) []Start {
		var starts []Start
		for range n {
			starts = append(starts, Start{met, failed})
		}
		return starts
	}
	tests := []struct {
		name    string
		levels  []Level
		seen    bool
		decided bool
		words   string
	}{
		{"a fifth less, five starts", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 2, Starts: same(5, 150)}, {Replicas: 4, Starts: same(5, 120)}}, true, true, "4 replicas carried 20 % less than 2 (p"},
		{"three starts", []Level{{Replicas: 1, Starts: same(3, 100)}, {Replicas: 4, Starts: same(3, 50)}}, true, false, "5 starts of each level are needed, there are 3"},
		{"not settled", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 4, Starts: same(5, 50), Unsettled: "a load lasted 2 s"}}, true, false, "a load lasted 2 s"},
		{"the generator", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 4, Starts: same(5, 50), Limited: true}}, false, false, ""},
		{"the machine", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 4, Starts: same(5, 50), HostShare: .9}}, true, true, "on this machine, whose CPUs were used up"},
		{"3 % less", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 4, Starts: same(5, 97)}}, false, false, ""},
		{"more", []Level{{Replicas: 1, Starts: same(5, 100)}, {Replicas: 4, Starts: same(5, 300)}}, false, false, ""},
		{"one level", []Level{{Replicas: 1, Starts: same(5, 100)}}, false, false, ""},
		{"a step of the ladder less", []Level{{Replicas: 1, Starts: ladder(5, 100, 150)}, {Replicas: 4, Starts: ladder(5, 80, 100)}}, false, false, ""},
		{"two steps less, always", []Level{{Replicas: 1, Starts: ladder(5, 100, 150)}, {Replicas: 4, Starts: ladder(5, 50, 80)}}, true, true, "20 % less"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Retrograde(tt.levels)
			if (d != nil) != tt.seen || d != nil && (d.Decided != tt.decided || !strings.Contains(d.Text, tt.words)) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestUnsettled(t *testing.T) {
	of := func(pairs ...int64) func(func(time.Duration, int64) bool) { // ms, count
		return func(yield func(time.Duration, int64) bool) {
			for i := 0; i < len(pairs); i += 2 {
				if !yield(time.Duration(pairs[i])*time.Millisecond, pairs[i+1]) {
					return
				}
			}
		}
	}
	tests := []struct {
		name     string
		times    []int64
		inFlight int
		took     time.Duration
		want     string
	}{
		{"steady", []int64{14, 9800, 40, 200}, 10, time.Minute, ""},
		{"few", []int64{14, 999}, 10, time.Minute, "999 requests"},
		{"short", []int64{14, 5000}, 10, 39 * time.Second, "below 40s"},
		// The published run: 989 of 15.6 ms and 11 of 2.2 s.
		{"cold, as published", []int64{16, 989, 2200, 11}, 10, 4 * time.Second, "hold 61 % of all response time"},
		{"cold, diluted", []int64{14, 14989, 2200, 11}, 10, time.Minute, "would be 11 % higher"},
		{"the same in an open loop", []int64{14, 9989, 2200, 11}, 0, time.Minute, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Unsettled(of(tt.times...), tt.inFlight, tt.took)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Whatever was measured: an answer is an interpolation with a plan, and without
// one there is something to do.
func TestDecideKeepsItsWord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	seen := map[Reason]int{}
	for range 400 {
		curve := Curve{Rate: 100, Contention: r.Float64() / 3, Coherency: r.Float64() * .03}
		var levels []Level
		highest := 0.0
		for n := 1 + r.IntN(2); n < 12 && len(levels) < 5; n += 1 + r.IntN(3) {
			l := Level{Replicas: n, Limited: r.IntN(20) == 0, HostShare: r.Float64()}
			odd := 1 - .4*float64(r.IntN(30)/29)
			for range 2 + r.IntN(4) {
				x := odd * curve.At(float64(n)) * math.Exp(.1*r.Float64()*r.NormFloat64())
				s := Start{x, x * (1 + .2*float64(r.IntN(2)))}
				switch r.IntN(60) {
				case 0:
					s.Met = 0
				case 1:
					s.Failed = 0
				}
				l.Starts = append(l.Starts, s)
			}
			highest = max(highest, l.Supported())
			levels = append(levels, l)
		}
		rate := 30 + 400*r.Float64()
		a, err := Decide(levels, rate, 1)
		if err != nil {
			t.Fatal(err)
		}
		seen[a.Reason]++
		if a.Text == "" || a.Verdict == Answered != (a.Reason == "") {
			t.Fatalf("%+v", a)
		}
		if a.Verdict == Answered {
			if a.Low < 1 || a.High < a.Low || a.Plan != a.High+1 || rate > highest || a.AtLeast != 0 || a.High > 2*levels[len(levels)-1].Replicas && !a.Parameters {
				t.Errorf("%v/s of %v: %+v", rate, highest, a)
			}
		} else if a.Low != 0 || a.High != 0 || a.Plan != 0 || a.Next == "" || a.AtMost > 0 && (a.AtMost < a.AtLeast || rate > stretch*highest) {
			t.Errorf("%v/s of %v: %+v", rate, highest, a)
		}
		for _, n := range a.Measure {
			if n < 1 || n > 1000 {
				t.Errorf("measure %d replicas: %+v", n, a)
			}
		}
	}
	for _, reason := range []Reason{"", TooFew, Beyond, Unreachable, Rejected} {
		if seen[reason] == 0 {
			t.Errorf("never %q: %v", reason, seen)
		}
	}
}
