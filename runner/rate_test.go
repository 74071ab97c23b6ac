package runner_test

import (
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// openStage is a stage with an open loop instead of its closed one.
func openStage(t *testing.T, rate int, lasting time.Duration) *stage {
	s := newStage(t)
	s.opt.Scenario.Loads = []scenarios.Load{{
		Name: "steady", Mode: scenarios.Open, Arrivals: scenarios.Constant, KeepAlive: true, Timeout: time.Minute,
		Rate: scenarios.Rate{Count: rate, Per: time.Second}, Duration: lasting,
	}}
	for i := range s.opt.Plan.Trials {
		s.opt.Plan.Trials[i].Load = "steady"
	}
	return s
}

// TestRateOfATrial: it replaces the load's, and the record says so.
func TestRateOfATrial(t *testing.T) {
	s := openStage(t, 10, time.Second)
	s.opt.Capacity = &results.Capacity{Environment: "training", From: 10, To: 60}
	first := s.opt.Plan.Trials[0]
	rates := []float64{60, 42.5, 0}
	s.opt.Next = func(m results.Manifest, finished []results.Trial) (plan.Trial, bool) {
		if len(finished) == len(rates) {
			return plan.Trial{}, false
		}
		trial := first
		trial.Index, trial.Rate = len(m.Plan.Trials)+1, rates[len(finished)]
		return trial, true
	}
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) != 0 {
		t.Fatal(outcome, err)
	}
	want := []struct {
		rate float64
		due  int64
	}{{60, 60}, {42.5, 43}, {10, 10}}
	for i, w := range want {
		got, planned := run.Trials[i].Trial, run.Manifest.Plan.Trials[i]
		if got.RequestedRate != w.rate || got.Due != w.due || got.Requests.Sent != w.due || planned.Rate != rates[i] {
			t.Errorf("trial %d: %v/s requested, %d due, %d sent, planned with %v/s; want %v/s and %d", i+1,
				got.RequestedRate, got.Due, got.Requests.Sent, planned.Rate, w.rate, w.due)
		}
	}
	if c := run.Manifest.Capacity; c == nil || c.To != 60 {
		t.Errorf("the record's search is %+v", c)
	}
	if name := run.Trials[1].Dir; !strings.Contains(name, "steady@42.5") {
		t.Errorf("the folder's name %q lacks the rate", name)
	}
}

// TestHopelessLoad: a load that is given up ends long before its time, and the
// trial counts as finished and says why.
func TestHopelessLoad(t *testing.T) {
	s := openStage(t, 20, time.Hour)
	s.opt.Plan.Trials = s.opt.Plan.Trials[:1]
	var seen []int64
	s.opt.Hopeless = func(trial plan.Trial, soFar results.Trial, elapsed time.Duration) string {
		if trial.Load != "steady" || elapsed <= 0 || soFar.Latency.Service.Count != soFar.Requests.Sent {
			t.Errorf("asked about %s after %v with %+v", trial.Load, elapsed, soFar.Requests)
		}
		if seen = append(seen, soFar.Requests.OK); len(seen) == 2 {
			return "it is of no use"
		}
		return ""
	}
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) != 0 || len(run.Trials) != 1 {
		t.Fatal(outcome, err)
	}
	got := run.Trials[0].Trial
	if got.EndedEarly != "it is of no use" || got.Duration >= time.Hour || got.Requests.OK < seen[1] || run.Manifest.Outcome != "complete" {
		t.Errorf("%q after %v with %+v, run %s", got.EndedEarly, got.Duration, got.Requests, run.Manifest.Outcome)
	}
	if len(got.Events) != 1 || got.Events[0].What != "load ended early: it is of no use" {
		t.Errorf("the record has the events %+v", got.Events)
	}
	if len(seen) != 2 || seen[0] > seen[1] || seen[1] == 0 {
		t.Errorf("asked with %v good answers so far", seen)
	}
	for _, reason := range got.Validity.Broken {
		if reason == results.SendRate {
			t.Errorf("what was given up is held against the generator: %v", got.Validity.Reasons)
		}
	}
}
