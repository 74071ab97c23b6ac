package analysis

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/results/analysis/capacity"
	"plimsoll/results/steady"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// capacityRun is a made-up search, run to its end as a runner would: trial says
// what is seen at a rate in a trial, counted from 0.
func capacityRun(t *testing.T, c results.Capacity, trial func(n int, p plan.Trial) results.Trial) *results.Run {
	t.Helper()
	began := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	c.Environment, c.Load, c.Block = "web", "steady", 30*time.Second
	if c.To == 0 {
		c.From, c.To = 100, 20_000
	}
	if c.Scales == nil {
		c.Scales = []scenarios.Scale{{}}
	}
	run := &results.Run{Manifest: results.Manifest{
		ID: "capacity-1", Scenario: "capacity", Started: began, Outcome: "complete", Capacity: &c,
		Plan: plan.Plan{Scenario: "capacity", Seed: 1}, Environments: []string{"web"}, LoadNames: []string{"steady"},
		Loads: map[string]results.LoadSummary{"steady": {
			Mode: "open", Text: "open loop, 100/s for 30s, connections kept", Rate: 100, Duration: 30 * time.Second,
		}},
		Objectives: []string{"p(99) < 100ms", "errors < 0.1%"},
		Provenance: results.Provenance{Seed: 1, CPUs: 2},
	}}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "log.ndjson"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var finished []results.Trial
	for {
		judged, err := JudgeCapacity(run.Manifest, finished)
		if err != nil {
			t.Fatal(err)
		}
		if judged.Next == nil {
			return run
		}
		if len(finished) > 200 {
			t.Fatal("no end")
		}
		p := *judged.Next
		run.Manifest.Plan.Trials = append(run.Manifest.Plan.Trials, p)
		done := trial(len(finished), p)
		done.Index, done.Trial, done.Environment, done.Load, done.Mode = p.Index, p.Repetition, "web", "steady", "open"
		done.Started = began.Add(time.Duration(p.Index) * time.Minute)
		finished = append(finished, done)
		run.Trials = append(run.Trials, results.StoredTrial{Trial: done, Dir: dir})
	}
}

// carrying is a trial of a stack that carries that many requests a second, with
// a p99 of 100 ms at the limit: twice the rate takes four times as long. Trials
// differ by up to 5 %.
func carrying(limit float64) func(int, plan.Trial) results.Trial {
	return func(n int, p plan.Trial) results.Trial {
		p99 := 100 * math.Pow(p.Rate/limit, 2) * (1 + 0.01*float64(n*7%11-5))
		return trialAt(p.Rate, time.Duration(p99*float64(time.Millisecond)))
	}
}

func trialAt(rate float64, p99 time.Duration) results.Trial {
	n := int64(30 * rate)
	s := results.Stats{
		Count: n, Min: p99 / 20, Mean: p99 / 4, P50: p99 / 5, P66: p99 / 4, P75: p99 / 3, P80: p99 * 2 / 5, P90: p99 / 2,
		P95: p99 * 2 / 3, P98: p99 * 9 / 10, P99: p99, P999: 2 * p99, Max: 3 * p99,
	}
	return results.Trial{
		RequestedRate: rate, Duration: 30 * time.Second, Due: n, Throughput: rate, Target: "http://web",
		Requests: results.Counts{Sent: n, OK: n}, Latency: results.LatencyStats{Response: s, Service: s},
		Validity: results.Validity{Verdict: results.Valid, Reasons: []string{}}, Usage: []results.UsageTotal{}, Events: []results.TrialEvent{},
	}
}

// TestCapacityDocument: the whole document of a search. Beside the search it
// shows the trials at the supported rate, and nothing else decides.
func TestCapacityDocument(t *testing.T) {
	run := capacityRun(t, results.Capacity{}, carrying(640))
	doc, err := Summarize(run)
	if err != nil {
		t.Fatal(err)
	}
	s := doc.Capacity.Searches[0]
	if doc.Verdict() != Pass || s.Supported < 600 || s.Supported > 640 || s.Estimate == nil || s.Estimate.Low > 640 || s.Estimate.High < 640 {
		t.Errorf("%s: %+v", doc.Verdict(), s.Outcome)
	}
	if len(doc.Cells) != 1 || doc.Cells[0].Load != "steady at "+rateText(s.Supported) || doc.Cells[0].Trials < 5 || len(doc.Objectives) != 0 {
		t.Errorf("shows %d cells and %d objectives", len(doc.Cells), len(doc.Objectives))
	}
	if doc.Planned != len(run.Manifest.Plan.Trials) || doc.Finished != doc.Planned {
		t.Errorf("%d of %d trials", doc.Finished, doc.Planned)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, filepath.Join("testdata", "capacity.json"), string(text)+"\n")

	// The same run, read again on another day, is the same document.
	again, err := Summarize(run)
	if diff := cmp.Diff(doc, again, cmp.AllowUnexported(CapacitySearch{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestCapacityOutcomes(t *testing.T) {
	twoScales := results.Capacity{Scales: []scenarios.Scale{{"web": 1}, {"web": 3}}}
	for _, c := range []struct {
		name     string
		settings results.Capacity
		trial    func(int, plan.Trial) results.Trial
		verdict  Verdict
		outcomes []capacity.Verdict
		reason   string
	}{
		{"two scales", twoScales, func(n int, p plan.Trial) results.Trial {
			return carrying(300*float64(p.Scale["web"]))(n, p)
		}, Pass, []capacity.Verdict{capacity.Supported, capacity.Supported}, ""},
		{"one of two scales fails at once", twoScales, func(n int, p plan.Trial) results.Trial {
			return carrying(30*float64(p.Scale["web"]*p.Scale["web"]))(n, p)
		}, Inconclusive, []capacity.Verdict{capacity.None, capacity.Supported}, "web=1: no rate is supported: already 100/s fails"},
		{"quick", results.Capacity{Quick: true}, carrying(300), Inconclusive, []capacity.Verdict{capacity.Rough}, "rough: between "},
		{"the generator is the limit", results.Capacity{}, func(n int, p plan.Trial) results.Trial {
			t := carrying(3000)(n, p)
			if p.Rate > 400 {
				t.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"it did not keep up"}, Broken: []results.Criterion{results.SendRate}}
			}
			return t
		}, Inconclusive, []capacity.Verdict{capacity.AtLeast}, "at least 338/s: beyond that the load generator"},
		{"a host that steals CPU time", results.Capacity{}, func(n int, p plan.Trial) results.Trial {
			t := carrying(300)(n, p)
			t.Validity = results.Validity{Verdict: results.Suspect, Reasons: []string{"stolen"}, Broken: []results.Criterion{results.HostSteal}}
			return t
		}, InvalidResult, []capacity.Verdict{capacity.Invalid}, "this machine cannot be used: 7 of 7 trials say nothing"},
		{"errors", results.Capacity{}, func(n int, p plan.Trial) results.Trial {
			t := carrying(3000)(n, p)
			if p.Rate > 300 {
				t.Requests.Failed = t.Requests.Sent / 50
				t.Requests.OK -= t.Requests.Failed
			}
			return t
		}, Pass, []capacity.Verdict{capacity.Supported}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := Summarize(capacityRun(t, c.settings, c.trial))
			if err != nil {
				t.Fatal(err)
			}
			if doc.Verdict() != c.verdict || !strings.HasPrefix(doc.Reason(), c.reason) || c.reason == "" && doc.Reason() != "" {
				t.Errorf("%s: %q, want %s: %q", doc.Verdict(), doc.Reason(), c.verdict, c.reason)
			}
			for i, want := range c.outcomes {
				s := doc.Capacity.Searches[i]
				if s.Outcome.Verdict != want {
					t.Errorf("%s: %s (%s), want %s", s.Scale, s.Outcome.Verdict, s.Text, want)
				}
				if c.name == "errors" && s.LimitedBy != capacity.Errors {
					t.Errorf("limited by %s", s.LimitedBy)
				}
			}
		})
	}
}

// TestCapacityLostTrial: a record that lacks a trial in the middle is shown, and
// says that it has no outcome.
func TestCapacityLostTrial(t *testing.T) {
	run := capacityRun(t, results.Capacity{}, carrying(640))
	run.Trials = append(run.Trials[:5], run.Trials[6:]...)
	doc, err := Summarize(run)
	if err != nil {
		t.Fatal(err)
	}
	s := doc.Capacity.Searches[0]
	if doc.Verdict() != Inconclusive || s.Supported != 0 || len(s.Points) != len(run.Trials) || !strings.Contains(doc.Reason(), "no outcome can be computed: ") {
		t.Errorf("%s: %s, %+v", doc.Verdict(), doc.Reason(), s.Outcome)
	}
	if judged, err := JudgeCapacity(run.Manifest, trialsOf(run)); err != nil || judged.Next != nil {
		t.Errorf("it goes on with %+v, %v", judged.Next, err)
	}
}

func TestJudgeCapacityTrial(t *testing.T) {
	broken := func(v results.ValidityVerdict, c results.Criterion) func(*results.Trial) {
		return func(t *results.Trial) {
			t.Validity = results.Validity{Verdict: v, Reasons: []string{"why"}, Broken: []results.Criterion{c}}
		}
	}
	unsteady := func(v steady.Verdict) func(*results.Trial) {
		return func(t *results.Trial) {
			t.Steady = &results.Steadiness{Verdict: v, Why: "why", Slower: v == steady.Degrading}
		}
	}
	failing := func(n int64) func(*results.Trial) {
		return func(t *results.Trial) { t.Requests.OK, t.Requests.Failed = t.Requests.OK-n, n }
	}
	for _, c := range []struct {
		name   string
		p99    time.Duration
		change func(*results.Trial)
		want   capacity.Trial
		why    string
	}{
		{"well below the limit", 50 * time.Millisecond, nil, capacity.Trial{Passed: true, Excess: math.Log(.5)}, ""},
		{"on the limit is beyond it", 100 * time.Millisecond, nil, capacity.Trial{Cause: capacity.Objective}, "p99 100 ms"},
		{"beyond it", 200 * time.Millisecond, nil, capacity.Trial{Cause: capacity.Objective, Excess: math.Log(2)}, "p99 200 ms"},
		// 5 in 10 000 move the p99 to the p99.05: a twentieth of the way to the
		// p99.9 on the scale of the shares above, 2^log10(1/.95).
		{"a few failed", 99 * time.Millisecond, failing(5), capacity.Trial{Cause: capacity.Objective, Excess: math.Log(.99 * math.Pow(2, math.Log10(1/.95)))}, "p99 101 ms"},
		{"many failed, and fast", 10 * time.Millisecond, failing(100), capacity.Trial{Cause: capacity.Errors, Excess: 1}, "1.0 % failed"},
		{"all failed", 10 * time.Millisecond, failing(10_000), capacity.Trial{Cause: capacity.Errors, Excess: 1}, "100 % failed"},
		{"suspect", 50 * time.Millisecond, broken(results.Suspect, results.SendLag), capacity.Trial{Passed: true, Excess: math.Log(.5)}, ""},
		{"invalid", 50 * time.Millisecond, broken(results.Invalid, results.SendLag), capacity.Trial{Limited: true}, "why"},
		{"invalid and beyond the limit", 500 * time.Millisecond, broken(results.Invalid, results.WorkerCPU), capacity.Trial{Limited: true}, "why"},
		{"stolen CPU time", 500 * time.Millisecond, broken(results.Suspect, results.HostSteal), capacity.Trial{Void: "why"}, "why"},
		{"met while the latency rises", 50 * time.Millisecond, unsteady(steady.Degrading), capacity.Trial{Cause: capacity.Objective}, "degrading: why"},
		{"missed while the latency rises", 200 * time.Millisecond, unsteady(steady.Degrading), capacity.Trial{Cause: capacity.Objective, Excess: math.Log(2)}, "p99 200 ms"},
		{"met, steady or not", 50 * time.Millisecond, unsteady(steady.Undetermined), capacity.Trial{Void: "undetermined: why"}, "undetermined: why"},
		{"missed, steady or not", 200 * time.Millisecond, unsteady(steady.Undetermined), capacity.Trial{Cause: capacity.Objective, Excess: math.Log(2)}, "p99 200 ms"},
		{"met and steady", 50 * time.Millisecond, unsteady(steady.Steady), capacity.Trial{Passed: true, Excess: math.Log(.5)}, ""},
		{"ended early", 3 * time.Second, func(t *results.Trial) {
			t.EndedEarly = "hopeless"
			t.Requests.OK, t.Requests.Failed, t.Requests.Errors = 5_000, 5_000, map[string]int64{"cut off": 4_000, "never sent": 1_000}
		}, capacity.Trial{Cause: capacity.Objective, Excess: math.Log(30)}, "ended early: hopeless"},
		{"ended early for errors", 10 * time.Millisecond, func(t *results.Trial) {
			t.EndedEarly = "hopeless"
			t.Requests.OK, t.Requests.Failed, t.Requests.Errors = 5_000, 5_000, map[string]int64{"cut off": 1_000, "refused": 4_000}
		}, capacity.Trial{Cause: capacity.Errors, Excess: 1}, "ended early: hopeless"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial := trialAt(10_000./30, c.p99)
			if c.change != nil {
				c.change(&trial)
			}
			j, err := newCapacityJudge([]string{"p(99) < 100ms", "errors < 0.1%"}, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			got, shown := j.trial(trial, 333)
			c.want.Rate = 333
			if math.Abs(got.Excess-c.want.Excess) > 1e-3 {
				t.Errorf("excess %v, want %v", got.Excess, c.want.Excess)
			}
			got.Excess = c.want.Excess
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if shown.Why != c.why {
				t.Errorf("why: %q, want %q", shown.Why, c.why)
			}
		})
	}
}

// Without an objective on latencies a trial passes or does not.
func TestJudgeCapacityByErrorsOnly(t *testing.T) {
	j, err := newCapacityJudge([]string{"errors < 1%"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	trial := trialAt(100, time.Second)
	if got, _ := j.trial(trial, 100); !got.Passed || got.Excess != -1 {
		t.Errorf("%+v", got)
	}
	trial.Requests.OK, trial.Requests.Failed = 2_900, 100
	if got, _ := j.trial(trial, 100); got.Passed || got.Excess != 1 || got.Cause != capacity.Errors {
		t.Errorf("%+v", got)
	}
}

func TestHopeless(t *testing.T) {
	c := results.Capacity{Block: 30 * time.Second}
	objectives := []string{"p(99) < 100ms", "errors < 0.1%"}
	seen := func(ok, failed int64, p50, p90 time.Duration) results.Trial {
		s := results.Stats{Count: ok, P50: p50, P66: p50, P75: p50, P80: p50, P90: p90, P95: p90, P98: p90, P99: p90, P999: p90, Max: p90}
		return results.Trial{Requests: results.Counts{OK: ok, Failed: failed}, Latency: results.LatencyStats{Service: s}}
	}
	const fast, slow = 10 * time.Millisecond, 900 * time.Millisecond
	late := seen(600, 0, fast, fast)
	late.Latency.Lag = results.Stats{Count: 600, P90: 500 * time.Millisecond}
	// 200/s for 30 s are 6 000 requests, of which 60 may be slow and 6 may fail.
	for _, tt := range []struct {
		name  string
		soFar results.Trial
		at    time.Duration
		want  string
	}{
		{"nothing yet", results.Trial{}, 0, ""},
		{"all is well", seen(2000, 0, fast, fast), 10 * time.Second, ""},
		{"one in ten is slow, early", seen(1000, 0, fast, slow), 5 * time.Second, ""},
		{"one in ten is slow, at the end", seen(5900, 0, fast, slow), 29500 * time.Millisecond, ""},
		{"half are slow", seen(1400, 0, slow, slow), 7 * time.Second, "at least 700 of 6 000 requests took longer than 100 ms within 7s"},
		{"few are answered at all", seen(400, 0, fast, fast), 6 * time.Second, "at least 780 of 6 000 requests took longer than 100 ms within 6s"},
		{"few are answered yet", seen(400, 0, fast, fast), 4 * time.Second, ""},
		{"few were sent, because the generator is late", late, 10 * time.Second, ""},
		{"some fail", seen(1000, 50, fast, fast), 5250 * time.Millisecond, ""},
		{"many fail", seen(1000, 61, fast, fast), 5300 * time.Millisecond, "61 of 6 000 requests failed within 5s"},
	} {
		if got := plainSpaces(Hopeless(c, objectives, 200, tt.soFar, tt.at)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCheckCapacity(t *testing.T) {
	for _, tt := range []struct {
		objectives []string
		from       float64
		want       string
	}{
		{[]string{"p(99) < 1s", "errors < 0.1%", "mean < 50ms", "max <= 3s"}, 50, ""},
		{nil, 50, "there is no objective"},
		{[]string{"throughput > 100/s"}, 50, "each has to be an upper limit"},
		{[]string{"throughput < 100/s"}, 50, "response times and errors only"},
		{[]string{"p(99) > 1s"}, 50, "each has to be an upper limit"},
		{[]string{"p(99) < 1s"}, 33, "p(99) < 1s takes 1 000 requests in each trial, and 30s at 33/s has 990: begin at 34/s, or with loads of 31s"},
		{[]string{"nonsense"}, 50, "is not an objective"},
	} {
		err := CheckCapacity(tt.objectives, tt.from, 30*time.Second)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(plainSpaces(err.Error()), tt.want)) {
			t.Errorf("%v from %v/s: %v, want %q", tt.objectives, tt.from, err, tt.want)
		}
	}
}

// plainSpaces replaces the spaces inside of numbers.
func plainSpaces(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s)
}
