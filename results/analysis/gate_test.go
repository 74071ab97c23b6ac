package analysis

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/results/analysis/gate"
	"plimsoll/scenarios/plan"
)

// gateRun is a made-up gate of whole rounds. Change makes each trial what it
// was: round from 0, side "base" or "new".
func gateRun(rounds int, g results.Gate, change func(round int, side string, t *results.Trial)) *results.Run {
	const seed = 1
	began := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	g.Baseline, g.Candidate, g.Load = "base", "new", "steady"
	g.MinEffect, g.Tolerance, g.Alpha, g.Beta, g.ErrorMargin, g.MaxVoid = 0.05, 0.10, gate.Alpha, gate.Beta, 0.001, 0.25
	if g.Metrics == nil {
		g.Metrics = []string{"p(99)"}
	}
	if g.Looks == nil {
		g.Looks = []int{5, 10, 15, 20}
	}
	run := &results.Run{Manifest: results.Manifest{
		ID: "gate-1", Scenario: "gate", Started: began, Outcome: "complete", Gate: &g,
		Plan: plan.Plan{Scenario: "gate", Seed: seed}, Environments: []string{"base", "new"}, LoadNames: []string{"steady"},
		Loads:      map[string]results.LoadSummary{"steady": {Mode: "open", Text: "open loop, 500/s for 30s", Rate: 500, Duration: 30 * time.Second}},
		Objectives: []string{"p(99) < 1s", "errors < 1%"},
		Provenance: results.Provenance{Seed: seed, CPUs: 2},
	}}
	for round := range rounds {
		sides := []string{"base", "new"}
		if gate.CandidateFirst(seed, round) {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			index := len(run.Manifest.Plan.Trials) + 1
			run.Manifest.Plan.Trials = append(run.Manifest.Plan.Trials, plan.Trial{Index: index, Environment: side, Load: "steady", Repetition: round + 1})
			// Rounds differ by up to 3 %, in no order that matters.
			p99 := 20*time.Millisecond + time.Duration(round*7%11)*60*time.Microsecond
			t := results.Trial{
				Environment: side, Load: "steady", Trial: round + 1, Index: index, Mode: "open", RequestedRate: 500,
				Started: began.Add(time.Duration(index) * time.Minute), Duration: 30 * time.Second, Due: 15_000,
				Requests:   results.Counts{Sent: 15_000, OK: 15_000, Status: map[string]int64{"200": 15_000}},
				Throughput: 500,
				Latency:    results.LatencyStats{Response: results.Stats{Count: 15_000, P50: p99 / 4, P90: p99 / 2, P99: p99, Max: 2 * p99}},
				Validity:   results.Validity{Verdict: results.Valid, Reasons: []string{}},
				Usage: []results.UsageTotal{
					{Replica: "web-1", Service: "web", CPUPerRequest: p99 / 50}, {Replica: "web-2", Service: "web", CPUPerRequest: p99 / 50},
					{Replica: "proxy-1", Service: "proxy", CPUPerRequest: p99 / 100},
				},
				Target: "http://web",
			}
			if change != nil {
				change(round, side, &t)
			}
			run.Trials = append(run.Trials, results.StoredTrial{Trial: t})
		}
	}
	return run
}

func slowerBy(share float64) func(int, string, *results.Trial) {
	return func(_ int, side string, t *results.Trial) {
		if side == "new" {
			t.Latency.Response.P99 += time.Duration(share * float64(t.Latency.Response.P99))
		}
	}
}

func trialsOf(run *results.Run) []results.Trial {
	var trials []results.Trial
	for _, t := range run.Trials {
		trials = append(trials, t.Trial)
	}
	return trials
}

func lateIn(round int, wanted string) func(int, string, *results.Trial) {
	return func(n int, side string, t *results.Trial) {
		if n == round && side == wanted {
			t.Validity = results.Validity{Verdict: results.Suspect, Reasons: []string{"requests were sent late"}, Broken: []results.Criterion{results.SendLag}}
		}
	}
}

func TestJudgeGate(t *testing.T) {
	double := func(_ int, side string, t *results.Trial) {
		if side == "new" {
			t.Usage[0].CPUPerRequest *= 2
			t.Usage[1].CPUPerRequest *= 2
			t.Throughput /= 2
		}
	}
	for _, c := range []struct {
		name    string
		run     *results.Run
		more    bool
		verdict Verdict
		next    int
		says    []string // one for each metric
		rounds  int
		void    int
	}{
		{name: "equal", run: gateRun(5, results.Gate{}, nil), verdict: Pass, says: []string{"a rise of the p99 by 10 % or more is excluded"}, rounds: 5},
		{name: "a fifth slower", run: gateRun(5, results.Gate{}, slowerBy(.2)), verdict: Fail, says: []string{"the p99 rose by 20 %"}, rounds: 5},
		{name: "four rounds", run: gateRun(4, results.Gate{}, slowerBy(.2)), more: true, verdict: Inconclusive, next: 5, rounds: 4},
		{name: "nothing more to come", run: gateRun(4, results.Gate{}, slowerBy(.2)), verdict: Inconclusive, rounds: 4},
		{name: "a round that was sent late", run: gateRun(5, results.Gate{}, lateIn(2, "base")), more: true, verdict: Inconclusive, next: 5, rounds: 5, void: 1},
		{name: "half of a round", run: cut(gateRun(6, results.Gate{}, slowerBy(.2)), 1), verdict: Fail, rounds: 5},
		{name: "a bound of the load's own", run: gateRun(5, results.Gate{}, func(_ int, _ string, t *results.Trial) {
			t.Validity = results.Validity{Verdict: results.Suspect, Reasons: []string{"all 5 connections were taken"}, Broken: []results.Criterion{results.LocalLimits}}
		}), verdict: Pass, rounds: 5},
		{name: "CPU of a service", run: gateRun(5, results.Gate{Metrics: []string{"cpu(web)"}}, double), verdict: Fail, says: []string{"the CPU time per request of web rose by 100 %"}, rounds: 5},
		{name: "CPU of another", run: gateRun(5, results.Gate{Metrics: []string{"cpu(proxy)"}}, double), verdict: Pass, rounds: 5},
		{name: "throughput", run: gateRun(5, results.Gate{Metrics: []string{"throughput"}}, double), verdict: Fail, says: []string{"the time per good answer (1 ÷ throughput) rose by 100 %"}, rounds: 5},
		{name: "a service that is not there", run: gateRun(5, results.Gate{Metrics: []string{"cpu(db)"}}, nil), verdict: InvalidResult, says: []string{"a round has no CPU time per request of db"}, rounds: 5},
		// Each of two may spend half, and five rounds cannot show so little.
		{name: "two metrics, five rounds", run: gateRun(5, results.Gate{Metrics: []string{"p(99)", "p(50)"}}, slowerBy(.2)), more: true, verdict: Inconclusive, next: 10, rounds: 5},
		{name: "one of two fails", run: gateRun(10, results.Gate{Metrics: []string{"p(99)", "p(50)"}}, slowerBy(.2)), more: true, verdict: Fail,
			says: []string{"the p99 rose by 20 %", "a rise of the p50 by 10 % or more is excluded"}, rounds: 10},
		{name: "failures that are fast", run: gateRun(5, results.Gate{}, func(n int, side string, t *results.Trial) {
			if side == "new" {
				t.Requests.OK, t.Requests.Failed = 14_700, 300
				t.Latency.Response.P99 /= 2
			}
		}), verdict: Fail, says: []string{"2 % of the candidate's requests failed"}, rounds: 5},
		{name: "requests that were never sent", run: gateRun(5, results.Gate{}, func(n int, side string, t *results.Trial) {
			if side == "new" {
				t.Requests.Sent, t.Requests.OK = 14_000, 14_000
			}
		}), verdict: Fail, says: []string{"6.67 % of the candidate's requests failed"}, rounds: 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := JudgeGate(c.run.Manifest, trialsOf(c.run), c.more)
			if err != nil {
				t.Fatal(err)
			}
			void := len(g.Rounds) - g.Counted()
			if g.Verdict != c.verdict || g.Next != c.next || len(g.Rounds) != c.rounds || void != c.void {
				t.Errorf("%s, next %d, %d rounds, %d void; want %s, %d, %d, %d: %+v", g.Verdict, g.Next, len(g.Rounds), void, c.verdict, c.next, c.rounds, c.void, g.Metrics)
			}
			for i, want := range c.says {
				if !strings.Contains(g.Metrics[i].Text, want) {
					t.Errorf("says %q, want %q in it", g.Metrics[i].Text, want)
				}
			}
		})
	}
}

// cut takes away a run's last trials, which were not finished.
func cut(run *results.Run, n int) *results.Run {
	run.Trials = run.Trials[:len(run.Trials)-n]
	return run
}

// TestGateFailures: a trial that failed makes its round void.
func TestGateFailures(t *testing.T) {
	run := gateRun(6, results.Gate{}, slowerBy(.2))
	lost := run.Trials[3].Trial
	run.Trials = slices.Delete(run.Trials, 3, 4)
	run.Manifest.Failures = []results.Failure{{Index: lost.Index, Environment: lost.Environment, Reason: "the worker was killed"}}
	g, err := JudgeGate(run.Manifest, trialsOf(run), false)
	if err != nil {
		t.Fatal(err)
	}
	if g.Verdict != Fail || len(g.Rounds) != 6 || g.Counted() != 5 || !strings.Contains(strings.Join(g.Rounds[1].Void, ""), "the worker was killed") {
		t.Errorf("%s after %d of %d rounds: %+v", g.Verdict, g.Counted(), len(g.Rounds), g.Rounds)
	}
}

// TestGateOfAMixedRequest judges the percentile of one name.
func TestGateOfAMixedRequest(t *testing.T) {
	run := gateRun(5, results.Gate{Request: "post"}, func(_ int, side string, t *results.Trial) {
		post := results.NamedStats{Response: results.Stats{Count: 5_000, P99: 2 * t.Latency.Response.P99}}
		if side == "new" {
			post.Response.P99 *= 2
		}
		t.ByName = map[string]results.NamedTotal{"post": {Counts: results.Counts{Sent: 5_000, OK: 5_000}, Latency: &post}}
	})
	g, err := JudgeGate(run.Manifest, trialsOf(run), false)
	if err != nil {
		t.Fatal(err)
	}
	if m := g.Metrics[0]; g.Verdict != Fail || !strings.Contains(m.Text, "rose by 100 %") {
		t.Errorf("%s: %s", g.Verdict, m.Text)
	}
}

func TestParseGateMeasure(t *testing.T) {
	for text, want := range map[string]string{
		"p(99)": "p99", "p(99.9)": "p99.9", "p(50)": "p50", "throughput": "time per good answer (1 ÷ throughput)",
		"cpu": "CPU time per request", "cpu(web)": "CPU time per request of web",
	} {
		if m, err := ParseGateMeasure(text); err != nil || m.Name != want || m.Text != text {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "p", "p99", "p()", "p(100)", "p(97)", "p(99", "p99)", "cpu()", "cpu(web", "throughput(web)", "memory", "p(NaN)"} {
		if m, err := ParseGateMeasure(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, m)
		} else {
			t.Log(err)
		}
	}
}

// TestGateDocument: the whole document of a gate's run. It says nothing about
// the two sides but what the gate says, and the run's verdict is the gate's.
func TestGateDocument(t *testing.T) {
	for _, c := range []struct {
		name    string
		run     *results.Run
		verdict Verdict
	}{
		{"gate-fail", gateRun(6, results.Gate{Looks: []int{5}}, func(n int, side string, t *results.Trial) {
			slowerBy(.2)(n, side, t)
			lateIn(1, "new")(n, side, t)
		}), Fail},
		{"gate-pass", gateRun(5, results.Gate{}, nil), Pass},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "log.ndjson"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for i := range c.run.Trials {
			c.run.Trials[i].Dir = dir
		}
		doc, err := Summarize(c.run)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Verdict() != c.verdict || len(doc.Comparisons) != 0 || len(doc.Scalings) != 0 {
			t.Errorf("%s: %s with %d comparisons and %d scalings", c.name, doc.Verdict(), len(doc.Comparisons), len(doc.Scalings))
		}
		for _, o := range doc.Objectives {
			if o.Cell != "new · as written · steady" {
				t.Errorf("%s: an objective is held against %s", c.name, o.Cell)
			}
		}
		text, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		testenv.Golden(t, filepath.Join("testdata", c.name+".json"), string(text)+"\n")
	}
}
