package runner_test

import (
	"fmt"
	"testing"

	"plimsoll/results"
	"plimsoll/scenarios/plan"
)

// TestTrialsThatAreChosen: what comes next is asked with what is finished and
// what failed, and the record's plan holds what was begun.
func TestTrialsThatAreChosen(t *testing.T) {
	s := newStage(t)
	all := s.opt.Plan.Trials
	s.opt.Gate = &results.Gate{Baseline: "training", Candidate: "production"}
	var asked []string
	s.opt.Next = func(m results.Manifest, finished []results.Trial) (plan.Trial, bool) {
		asked = append(asked, fmt.Sprintf("%d begun, %d finished, %d failed", len(m.Plan.Trials), len(finished), len(m.Failures)))
		if len(finished) == 2 {
			return plan.Trial{}, false
		}
		return all[len(m.Plan.Trials)], true
	}
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) != 0 {
		t.Fatal(outcome, err)
	}
	want := []string{"0 begun, 0 finished, 0 failed", "1 begun, 1 finished, 0 failed", "2 begun, 2 finished, 0 failed"}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked with %v, want %v", asked, want)
	}
	if len(run.Manifest.Plan.Trials) != 2 || len(run.Trials) != 2 || run.Manifest.Outcome != "complete" || run.Manifest.Gate == nil {
		t.Errorf("%d trials planned, %d finished, %s, gate %v", len(run.Manifest.Plan.Trials), len(run.Trials), run.Manifest.Outcome, run.Manifest.Gate)
	}
}
