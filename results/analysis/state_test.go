package analysis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/results/steady"
	"plimsoll/scenarios"
)

func state(v steady.Verdict, why string) func(*observed) {
	return func(o *observed) { o.Steady = &results.Steadiness{Verdict: v, Why: why} }
}

func coldStart(first, early, worst, after time.Duration) func(*observed) {
	return func(o *observed) {
		o.ColdStart = &results.ColdStart{First: first, Early: early, Worst: worst, SteadyAfter: after}
	}
}

// TestUnsteadyTrialsDecideNothing: their figures are left out where there are
// others, and shown where there are none.
func TestUnsteadyTrialsDecideNothing(t *testing.T) {
	const fast, slow = 10 * time.Millisecond, 90 * time.Millisecond
	good := func() *observed { return made(around(fast, 3000), state(steady.Steady, "")) }
	drifting := func() *observed { return made(around(slow, 3000), state(steady.Drifting, "p99 changed by +30 %")) }
	slower := func(o *observed) {
		o.Steady = &results.Steadiness{Verdict: steady.Drifting, Why: "p99 +50 %", Slower: true}
	}
	for _, c := range []struct {
		name              string
		trials            []*observed
		counted, unsteady int
		p50               time.Duration
		label             string
		latency, errors   Verdict
		why               string
	}{
		{"all steady", []*observed{good(), good()}, 2, 0, fast, "steady", Pass, Pass, ""},
		{"one drifting", []*observed{good(), drifting(), good()}, 2, 1, fast, "steady", Pass, Pass, ""},
		{"unchecked counts", []*observed{made(around(fast, 3000), state(steady.Unchecked, "")), good(), good()}, 3, 0, fast, "steady in 2 of 3, unchecked in 1", Pass, Pass, ""},
		{"not told counts", []*observed{made(around(fast, 3000))}, 1, 0, fast, "not told", Pass, Pass, ""},
		{"all drifting", []*observed{drifting(), drifting()}, 0, 2, slow, "drifting", Inconclusive, Pass,
			"no trial was in a steady state: drifting: p99 changed by +30 % (and 1 more reason)"},
		{"degrading or invalid", []*observed{made(around(slow, 3000), state(steady.Degrading, "slower")), made(around(fast, 3000), invalid)}, 0, 1, slow, "degrading",
			Inconclusive, Pass, "no trial was in a steady state: degrading: slower"},
		{"undetermined and failing", []*observed{good(), made(around(fast, 3000), failing(300), state(steady.Undetermined, "noise"))}, 1, 1, fast, "steady", Inconclusive, Fail,
			"1 of 2 trials were not in a steady state: undetermined: noise"},
		{"slower and slower, and too slow", []*observed{made(around(slow, 3000), slower), made(around(slow, 3000), slower)}, 0, 2, slow, "drifting", Fail, Pass,
			"no trial was in a steady state: drifting: p99 +50 % (and 1 more reason)"},
		{"slower and slower, and fast enough", []*observed{made(around(fast, 3000), slower)}, 0, 1, fast, "drifting", Inconclusive, Pass, "no trial was in a steady state"},
		{"invalid and drifting", []*observed{made(around(slow, 3000), invalid, state(steady.Drifting, ""))}, 0, 0, slow, "drifting", InvalidResult, InvalidResult, "no valid trial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, cell := madeGroup("open", c.trials...)
			if cell.Counted != c.counted || cell.Unsteady != c.unsteady || cell.Labels.Steady != c.label {
				t.Errorf("%d count, %d unsteady, %q; want %d, %d, %q", cell.Counted, cell.Unsteady, cell.Labels.Steady, c.counted, c.unsteady, c.label)
			}
			if got := time.Duration(cell.P50.Median); got < c.p50*8/10 || got > c.p50*12/10 {
				t.Errorf("p50 %v, want about %v", got, c.p50)
			}
			for text, want := range map[string]Verdict{"p(99) < 50ms": c.latency, "errors < 1%": c.errors} {
				o, err := scenarios.ParseObjective(text)
				if err != nil {
					t.Fatal(err)
				}
				r := judgeCell(o, g, cell)
				if r.Verdict != want || want == c.latency && !strings.Contains(r.Why, c.why) {
					t.Errorf("%s: %+v, want %s (%q)", text, r, want, c.why)
				}
			}
			if n := strings.Count(fmt.Sprint(kindsOf(findings(cell, g))), "unsteady"); n != min(1, c.unsteady) {
				t.Errorf("findings %v", kindsOf(findings(cell, g)))
			}
			doc := Document{Cells: []Cell{*cell}}
			if v := doc.Verdict(); (v == InvalidResult) != (c.latency == InvalidResult) {
				t.Errorf("the run is %s", v)
			}
		})
	}
}

func TestColdStart(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	warm := func(edits ...func(*observed)) *observed { return made(around(10*ms, 3000), edits...) }
	for _, c := range []struct {
		name   string
		trials []*observed
		want   string // part of the evidence; empty: none
	}{
		{"as TWIP's", []*observed{warm(coldStart(2100*ms, 2200*ms, 3*s, 60*s))},
			"first request 2.10 s, worst 2.20 s in the first 10s of the warm-up; measured afterwards p50 9.98 ms, longest 11.0 ms; steady after 1m"},
		{"in some", []*observed{warm(coldStart(10*ms, 12*ms, 12*ms, 0)), warm(coldStart(300*ms, 300*ms, 300*ms, 0))}, "(1 of 2 trials)"},
		{"warm from the begin", []*observed{warm(coldStart(11*ms, 30*ms, 30*ms, 60*s))}, ""},
		{"a late pause", []*observed{warm(coldStart(11*ms, 30*ms, 2200*ms, 60*s))}, ""},
		{"no longer than what is measured", []*observed{made(append(around(10*ms, 3000), 1500*ms), coldStart(10*ms, 2200*ms, 2200*ms, 0))}, ""},
		{"not warmed up", []*observed{warm()}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, cell := madeGroup("open", c.trials...)
			var found string
			for _, f := range findings(cell, g) {
				if f.Kind == "cold" {
					found = f.Evidence
				}
			}
			if (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
				t.Errorf("%q, want %q", found, c.want)
			}
		})
	}
	_, cell := madeGroup("open", warm(coldStart(10*ms, 20*ms, 20*ms, 40*s)), warm(coldStart(30*ms, 60*ms, 60*ms, 0)), warm())
	if got := cell.ColdStart; got == nil || got.First.Max != float64(30*ms) || got.Worst.Min != float64(20*ms) || got.SteadyAfter == nil || got.SteadyAfter.Median != float64(40*s) {
		t.Errorf("%+v", got)
	}
	if _, cell := madeGroup("open", warm()); cell.ColdStart != nil {
		t.Errorf("%+v without a warm-up", cell.ColdStart)
	}
}

// TestGateVoidsUnsteadyRounds: a round of which one side was not steady is
// repeated, whatever it measured.
func TestGateVoidsUnsteadyRounds(t *testing.T) {
	for verdict, void := range map[steady.Verdict]bool{
		steady.Steady: false, steady.Unchecked: false, steady.Degrading: true, steady.Undetermined: true, steady.Drifting: true,
	} {
		p := pair{baseline: &results.Trial{Environment: "old"}, candidate: &results.Trial{Environment: "new", Steady: &results.Steadiness{Verdict: verdict, Why: "why"}}}
		want := ""
		if void {
			want = fmt.Sprintf("new: %s: why", verdict)
		}
		if got := strings.Join(p.void(), "; "); got != want {
			t.Errorf("%s: %q, want %q", verdict, got, want)
		}
	}
}

// TestCapacityNeedsASteadyPass: a rate that was met by a system on the move is
// not met, one that was missed is missed all the same.
func TestCapacityNeedsASteadyPass(t *testing.T) {
	judge, err := newCapacityJudge([]string{"p(99) < 100ms"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p99          time.Duration
		state        *results.Steadiness
		passed, void bool
	}{
		{50 * time.Millisecond, nil, true, false},
		{50 * time.Millisecond, &results.Steadiness{Verdict: steady.Steady}, true, false},
		{50 * time.Millisecond, &results.Steadiness{Verdict: steady.Drifting, Why: "p99 +20 %"}, false, true},
		{500 * time.Millisecond, &results.Steadiness{Verdict: steady.Drifting, Why: "p99 +20 %", Slower: true}, false, false},
	} {
		trial := trialAt(100, c.p99)
		trial.Steady = c.state
		got, shown := judge.trial(trial, 100)
		if got.Passed != c.passed || (got.Void != "") != c.void || c.void && shown.Why != "drifting: p99 +20 %" {
			t.Errorf("%v, %+v: %+v, %+v", c.p99, c.state, got, shown)
		}
	}
}
