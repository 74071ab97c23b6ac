package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// upTo is a stack without noise: it passes up to a rate, and fails by that
// cause above.
func upTo(capacity float64, cause Cause) func(float64) Trial {
	return func(rate float64) Trial {
		t := Trial{Rate: rate, Excess: 3 * math.Log(rate/capacity), Passed: rate <= capacity}
		if !t.Passed {
			t.Cause = cause
		}
		return t
	}
}

// replay lets a search run trial by trial, as a runner does, and returns what
// it asked for. It checks that each prefix is still the same search.
func replay(t *testing.T, s Settings, run func(float64) Trial) ([]Ask, []Trial, Outcome) {
	t.Helper()
	var asks []Ask
	var trials []Trial
	for {
		ask, o, err := Next(trials, s)
		if err != nil {
			t.Fatal(err)
		}
		if ask == nil {
			return asks, trials, o
		}
		if o.Verdict != Unfinished {
			t.Fatalf("asks for %v after %d trials with the verdict %s", *ask, len(trials), o.Verdict)
		}
		if len(trials) > 200 {
			t.Fatalf("no end: %v", asks[len(asks)-10:])
		}
		asks = append(asks, *ask)
		trials = append(trials, run(ask.Rate))
	}
}

// phases are the rates asked for, phase by phase; those of Replicate sorted.
func phases(asks []Ask) string {
	var w strings.Builder
	for _, p := range []Phase{Bracket, Bisect, Replicate, Confirm} {
		var rates []float64
		for _, a := range asks {
			if a.Phase == p {
				rates = append(rates, a.Rate)
			}
		}
		if p == Replicate {
			slices.Sort(rates)
		}
		if len(rates) > 0 {
			fmt.Fprintf(&w, "%s %v\n", p, rates)
		}
	}
	return w.String()
}

func TestSearch(t *testing.T) {
	steady := upTo(500, Objective)
	flaky := 0
	for _, tt := range []struct {
		name     string
		settings Settings
		run      func(float64) Trial
		asks     string // "" is not looked at
		want     Outcome
	}{
		{
			name: "a stack without noise", settings: Settings{From: 100, To: 20_000}, run: steady,
			asks: "bracket [100 100 150 150 225 225 338 338 507 507 761]\n" +
				"bisect [414 414 458 458]\n" +
				"replicate [434 434 434 463 463 463 482 482 482 501 501 501]\n" +
				"confirm [500 500 500 500 500]\n",
			want: Outcome{Verdict: Supported, Supported: 500, Met: 5, Fresh: 5, Estimate: &Estimate{500, 500, 500},
				Passing: 458, Failing: 507, LimitedBy: Objective, Trials: 32},
		},
		{
			name: "one that refuses what is too much", settings: Settings{From: 400, To: 20_000},
			run: func(rate float64) Trial {
				if rate > 500 {
					return Trial{Rate: rate, Excess: 1, Cause: Errors}
				}
				return Trial{Rate: rate, Excess: -3, Passed: true}
			},
			want: Outcome{Verdict: Supported, Supported: 494, Met: 5, Fresh: 5, Passing: 490, Failing: 542, LimitedBy: Errors},
		},
		{
			name: "the lowest rate fails", settings: Settings{From: 600, To: 20_000}, run: steady, asks: "bracket [600 600]\n",
			want: Outcome{Verdict: None, Failing: 600, LimitedBy: Objective, Trials: 2},
		},
		{
			name: "the highest rate passes", settings: Settings{From: 300, To: 400}, run: steady,
			asks: "bracket [300 300 400 400]\nconfirm [400 400 400 400 400]\n",
			want: Outcome{Verdict: Supported, Supported: 400, Met: 5, Fresh: 5, AtLeast: 400, Passing: 400, LimitedBy: Highest, Trials: 9},
		},
		{
			name: "only that rate is asked for", settings: Settings{From: 400, To: 400}, run: steady,
			asks: "bracket [400 400]\nconfirm [400 400 400 400 400]\n",
			want: Outcome{Verdict: Supported, Supported: 400, Met: 5, Fresh: 5, AtLeast: 400, Passing: 400, LimitedBy: Highest, Trials: 7},
		},
		{
			name: "the highest rate passes twice only", settings: Settings{From: 200, To: 300},
			run: func(rate float64) Trial {
				if flaky++; rate == 300 && flaky > 4 {
					return Trial{Rate: rate, Excess: .1, Cause: Objective}
				}
				return upTo(290, Objective)(rate)
			},
			want: Outcome{Verdict: Supported, Met: 5, Fresh: 5, LimitedBy: Objective, Passing: 271, Failing: 300},
		},
		{
			name: "the generator ends first", settings: Settings{From: 100, To: 20_000},
			run: func(rate float64) Trial {
				if rate > 200 {
					return Trial{Rate: rate, Limited: true}
				}
				return steady(rate)
			},
			asks: "bracket [100 100 150 150 225 225]\n",
			want: Outcome{Verdict: AtLeast, AtLeast: 150, Passing: 150, LimitedBy: Generator, Trials: 4, Void: 2},
		},
		{
			name: "the generator cannot even begin", settings: Settings{From: 100, To: 20_000},
			run:  func(rate float64) Trial { return Trial{Rate: rate, Limited: true} },
			want: Outcome{Verdict: Invalid, LimitedBy: Generator, Void: 2},
		},
		{
			name: "the generator cannot do the look above", settings: Settings{From: 300, To: 20_000},
			run: func(rate float64) Trial {
				if rate > 700 {
					return Trial{Rate: rate, Limited: true}
				}
				return steady(rate)
			},
			want: Outcome{Verdict: Supported, Supported: 500, Met: 5, Fresh: 5, LimitedBy: Objective, Void: 1, Passing: 498, Failing: 551},
		},
		{
			name: "a machine that spoils every trial", settings: Settings{From: 100, To: 20_000},
			run:  func(rate float64) Trial { return Trial{Rate: rate, Void: "the host stole the CPU"} },
			want: Outcome{Verdict: Invalid, Void: 7},
		},
		{
			name: "quick", settings: Settings{From: 100, To: 20_000, Quick: true}, run: steady,
			want: Outcome{Verdict: Rough, Passing: 494, Failing: 507, LimitedBy: Objective},
		},
		{
			name: "quick, and the highest rate passes", settings: Settings{From: 300, To: 400, Quick: true}, run: steady,
			want: Outcome{Verdict: AtLeast, AtLeast: 400, Passing: 400, LimitedBy: Highest, Trials: 4},
		},
		{
			name: "passes above what fails", settings: Settings{From: 200, To: 20_000},
			run: func(rate float64) Trial {
				if rate > 250 && rate < 400 {
					return Trial{Rate: rate, Excess: .5, Cause: Objective}
				}
				return steady(rate)
			},
			asks: "bracket [200 200 300 300 450 450]\n",
			want: Outcome{Verdict: NonMonotone, Passing: 200, Failing: 300, LimitedBy: Objective, Trials: 6},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asks, trials, got := replay(t, tt.settings, tt.run)
			if tt.asks != "" {
				if diff := cmp.Diff(tt.asks, phases(asks)); diff != "" {
					t.Errorf("asked for (-want +got)\n%s", diff)
				}
			} else { // how many there are is no matter then
				tt.want.Trials = got.Trials
			}
			if got.Text == "" || strings.Contains(got.Text, "Inf") || strings.Contains(got.Text, " 0/s") {
				t.Errorf("says %q", got.Text)
			}
			t.Log(got.Text)
			got.Text = ""
			if got.Estimate != nil && tt.want.Estimate == nil {
				got.Estimate = nil
			}
			if tt.want.Supported == 0 && got.Verdict == Supported {
				tt.want.Supported = got.Supported
			}
			near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-3*math.Abs(a) })
			if diff := cmp.Diff(tt.want, got, near); diff != "" {
				t.Errorf("outcome (-want +got)\n%s", diff)
			}
			if got.Trials+got.Void != len(trials) {
				t.Errorf("%d count and %d are void, of %d", got.Trials, got.Void, len(trials))
			}
			again, _, _ := Next(trials, tt.settings)
			if again != nil {
				t.Errorf("asks for %v once it is over", again)
			}
		})
	}
}

// A failure that was chance does not end the climb: the look above it shows it.
func TestClimbsOnAfterChance(t *testing.T) {
	n := 0
	_, _, o := replay(t, Settings{From: 100, To: 20_000}, func(rate float64) Trial {
		trial := upTo(500, Objective)(rate)
		if rate == 150 {
			if n++; n != 2 { // fails, passes, fails
				trial.Passed, trial.Excess, trial.Cause = false, .1, Objective
			}
		}
		return trial
	})
	if o.Verdict != Supported || o.Supported < 480 {
		t.Errorf("%+v", o)
	}
}

// The seed fixes the order of the replicated rates, and another gives another.
func TestSeed(t *testing.T) {
	order := func(seed uint64) []Ask {
		asks, _, _ := replay(t, Settings{From: 100, To: 20_000, Seed: seed}, upTo(500, Objective))
		return asks
	}
	if diff := cmp.Diff(order(1), order(1)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(order(1), order(2)) {
		t.Error("two seeds have one order")
	}
	// With noise, the interval is the seed's as well.
	play := func(seed uint64) Outcome {
		return searchOn(Settings{From: 100, To: 20_000, Seed: seed}, newStack(.1, 7).run)
	}
	if diff := cmp.Diff(play(3), play(3)); diff != "" {
		t.Error(diff)
	}
}

// A prefix of a search says what is known of it.
func TestUnfinished(t *testing.T) {
	_, trials, _ := replay(t, Settings{From: 100, To: 20_000}, upTo(500, Objective))
	for _, tt := range []struct {
		n    int
		text string
	}{
		{0, "unfinished: nothing is known yet"},
		{2, "unfinished: 100/s passed; nothing was confirmed"},
		{11, "unfinished: 338/s passed and 507/s failed; nothing was confirmed"},
		{30, "unfinished: 458/s passed and 507/s failed; nothing was confirmed"},
	} {
		ask, o, err := Next(trials[:tt.n], Settings{From: 100, To: 20_000})
		if err != nil || ask == nil || o.Verdict != Unfinished || o.Text != tt.text {
			t.Errorf("after %d trials: %v, %s, %q, %v; want %q", tt.n, ask, o.Verdict, o.Text, err, tt.text)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		trials   []Trial
		settings Settings
		want     string
	}{
		{nil, Settings{From: 0, To: 100}, "lowest rate 0"},
		{nil, Settings{From: math.NaN(), To: 100}, "lowest rate NaN"},
		{nil, Settings{From: 100, To: 50}, "highest rate 50/s is below the lowest, 100/s"},
		{[]Trial{{Rate: 101, Passed: true}}, Settings{From: 100, To: 200}, "trial 1 was measured at 101/s, not at 100/s"},
		{[]Trial{{Rate: 100}, {Rate: 100}, {Rate: 100}}, Settings{From: 100, To: 200}, "3 trials, but the search ends after 2"},
	} {
		if _, _, err := Next(tt.trials, tt.settings); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt, err, tt.want)
		}
	}
}

func TestRound(t *testing.T) {
	for rate, want := range map[float64]float64{1234.4: 1234, 100.4: 100, 99.96: 100, 56.28: 56.3, 9.999: 10, 3.456: 3.46} {
		if got := Round(rate); math.Abs(got-want) > 1e-9 {
			t.Errorf("Round(%v) = %v, want %v", rate, got, want)
		}
	}
}

// The crossing is that of the line, whatever a minority of the points does.
func TestCrossing(t *testing.T) {
	x := []float64{-.1, -.05, 0, .05, .1, .15}
	y := []float64{-.24, -.14, -.04, .06, .16, .26}
	if at, rises := crossing(x, y); !rises || math.Abs(at-.02) > 1e-12 {
		t.Errorf("%v, %v; want 0.02", at, rises)
	}
	y[1] += 5
	if at, rises := crossing(x, y); !rises || math.Abs(at-.02) > .005 {
		t.Errorf("with an outlier %v, %v; want about 0.02", at, rises)
	}
	if at, rises := crossing([]float64{0, 0, 0}, []float64{1, 1, 1}); rises || at != -math.Ln2 {
		t.Errorf("of a single failing rate %v, %v", at, rises)
	}
	if at, rises := crossing([]float64{0, .1}, []float64{-1, -2}); rises || at != math.Ln2 {
		t.Errorf("of a falling latency %v, %v", at, rises)
	}
}
