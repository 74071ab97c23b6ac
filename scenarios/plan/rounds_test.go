package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

func TestRounds(t *testing.T) {
	candidateFirst := []bool{false, true, true}
	p, err := plan.Rounds(twip(t), plan.RoundOptions{
		Baseline: "production", Candidate: "training", Load: "steady", Scale: scenarios.Scale{"web": 2}, Seed: 5,
	}, 3, func(round int) bool { return candidateFirst[round] })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, t := range p.Trials {
		got = append(got, fmt.Sprintf("%d %s %s %s %d", t.Index, t.Environment, t.Scale, t.Load, t.Repetition))
	}
	want := []string{
		"1 production web=2 steady 1", "2 training web=2 steady 1",
		"3 training web=2 steady 2", "4 production web=2 steady 2",
		"5 training web=2 steady 3", "6 production web=2 steady 3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if p.Seed != 5 || slices.ContainsFunc(p.Trials, func(t plan.Trial) bool { return t.Estimate < twipWarmup }) {
		t.Errorf("seed %d, estimates of %v", p.Seed, p.Trials)
	}
}

// twipWarmup is in each trial's estimate.
const twipWarmup = 3e9

func TestRoundsThatCannotBe(t *testing.T) {
	s := twip(t)
	for want, change := range map[string]func(*plan.RoundOptions){
		`baseline and candidate are both "production"`: func(o *plan.RoundOptions) { o.Candidate = "production" },
		`did you mean "training"`:                      func(o *plan.RoundOptions) { o.Candidate = "trainin" },
		`no load "stedy"`:                              func(o *plan.RoundOptions) { o.Load = "stedy" },
		`no service "wbe"`:                             func(o *plan.RoundOptions) { o.Scale = scenarios.Scale{"wbe": 2} },
	} {
		opt := plan.RoundOptions{Baseline: "production", Candidate: "training", Load: "steady"}
		change(&opt)
		if _, err := plan.Rounds(s, opt, 1, func(int) bool { return false }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestLoadText(t *testing.T) {
	for want, trial := range map[string]plan.Trial{
		"steady": {Load: "steady"}, "steady at 67.2/s": {Load: "steady", Rate: 67.2}, "steady at 1500/s": {Load: "steady", Rate: 1500},
	} {
		if got := trial.LoadText(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
