package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
	"plimsoll/scenarios/topology"
)

func twip(t *testing.T) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Read("twip")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compile(t *testing.T, s *scenarios.Scenario, opt plan.Options) *plan.Plan {
	t.Helper()
	p, err := plan.Compile(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestString(t *testing.T) {
	const file = "testdata/twip.txt"
	got := compile(t, twip(t), plan.Options{Seed: 1, Trials: 2}).String()
	testenv.Golden(t, file, got)
}

// TestInterleaving: every repetition holds every cell once, repetitions follow
// one another, and a seed gives one order.
func TestInterleaving(t *testing.T) {
	s := twip(t)
	const repetitions = 5
	p := compile(t, s, plan.Options{Trials: repetitions, Seed: 7})
	cells := len(s.Environments) * len(s.Scales) * len(s.Loads)
	if len(p.Trials) != repetitions*cells {
		t.Fatalf("%d trials, want %d", len(p.Trials), repetitions*cells)
	}
	orders := map[string]bool{}
	for r := range repetitions {
		seen := map[string]bool{}
		order := ""
		for i, trial := range p.Trials[r*cells : (r+1)*cells] {
			if trial.Repetition != r+1 || trial.Index != r*cells+i+1 {
				t.Errorf("trial %d has index %d and repetition %d", r*cells+i+1, trial.Index, trial.Repetition)
			}
			cell := fmt.Sprint(trial.Environment, trial.Scale, trial.Load)
			seen[cell] = true
			order += cell + ";"
		}
		if len(seen) != cells {
			t.Errorf("repetition %d has %d of %d cells", r+1, len(seen), cells)
		}
		orders[order] = true
	}
	if len(orders) < 2 {
		t.Errorf("all %d repetitions have the same order", repetitions)
	}
	if diff := cmp.Diff(p, compile(t, s, plan.Options{Trials: repetitions, Seed: 7})); diff != "" {
		t.Errorf("the same seed gives another plan\n%s", diff)
	}
	if cmp.Equal(p.Trials, compile(t, s, plan.Options{Trials: repetitions, Seed: 8}).Trials) {
		t.Error("another seed gives the same order")
	}
}

func TestFilters(t *testing.T) {
	p := compile(t, twip(t), plan.Options{
		Environments: []string{"production", "production"},
		Loads:        []string{"ab"},
		Scales:       []scenarios.Scale{{"web": 2}, {"web": 2}, {}},
		Trials:       1,
	})
	var got []string
	for _, trial := range p.Trials {
		got = append(got, fmt.Sprintf("%s %s %s %d", trial.Environment, trial.Scale, trial.Load, trial.Repetition))
	}
	slices.Sort(got)
	want := []string{"production as written ab 1", "production web=2 ab 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBadOptions(t *testing.T) {
	_, err := plan.Compile(twip(t), plan.Options{
		Environments: []string{"prod", "training"}, Loads: []string{"stedy"},
		Scales: []scenarios.Scale{{"wbe": 2, "static": 0}}, Trials: -1,
	})
	var problems *scenarios.Error
	if !errors.As(err, &problems) {
		t.Fatalf("%v, want a *scenarios.Error", err)
	}
	want := []string{
		`the scenario twip has no environment "prod"; did you mean "production"? (it has training, production)`,
		`the scenario twip has no load "stedy"; did you mean "steady"? (it has ab, steady)`,
		`scale static=0,wbe=2: static: is 0, but static is the target of the environment training`,
		`scale static=0,wbe=2: wbe: the environment training has no service "wbe"; did you mean "web"?`,
		`-1 trials: at least 1`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEstimates(t *testing.T) {
	two := &topology.Topology{Services: []topology.Service{{Name: "a", Replicas: 1}, {Name: "b", Replicas: 1}}}
	s := &scenarios.Scenario{
		Environments: []scenarios.Environment{{Name: "stack", Topology: two, Target: "http://a"}, {Name: "url", Target: "http://192.0.2.1"}},
		Scales:       []scenarios.Scale{{}, {"b": 4}},
		Loads: []scenarios.Load{
			{Name: "open", Mode: scenarios.Open, Duration: 20 * time.Second},
			{Name: "few", Mode: scenarios.Closed, Requests: 10, Concurrency: 1},
			{Name: "many", Mode: scenarios.Closed, Requests: 30_000, Concurrency: 1},
		},
		Warmup: scenarios.Warmup{For: 3 * time.Second}, Trials: 1,
	}
	got := map[string]time.Duration{}
	p := compile(t, s, plan.Options{})
	var sum time.Duration
	for _, trial := range p.Trials {
		got[fmt.Sprintf("%s, %s, %s", trial.Environment, trial.Scale, trial.Load)] = trial.Estimate
		sum += trial.Estimate
	}
	want := map[string]time.Duration{
		"stack, as written, open": 26100 * time.Millisecond, // 1.5 s + 2 × 0.3 s + 3 s + 20 s + 1 s
		"stack, as written, few":  7100 * time.Millisecond,
		"stack, as written, many": 36100 * time.Millisecond,
		"stack, b=4, open":        27 * time.Second,
		"stack, b=4, few":         8 * time.Second,
		"stack, b=4, many":        37 * time.Second,
		"url, as written, open":   23 * time.Second, // nothing to start, nothing to scale
		"url, as written, few":    4 * time.Second,
		"url, as written, many":   33 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p.Estimate() != sum {
		t.Errorf("the plan takes %v, its trials %v", p.Estimate(), sum)
	}
}

// TestFittingScales: environments are measured at the scales of which they have
// all services, whether the scenario or the command line gives them.
func TestFittingScales(t *testing.T) {
	stack := func(services ...string) *topology.Topology {
		top := &topology.Topology{}
		for _, name := range services {
			top.Services = append(top.Services, topology.Service{Name: name, Replicas: 1})
		}
		return top
	}
	s := &scenarios.Scenario{
		Environments: []scenarios.Environment{
			{Name: "a", Topology: stack("front", "web"), Target: "http://front"},
			{Name: "b", Topology: stack("front", "other"), Target: "http://front"},
			{Name: "url", Target: "http://192.0.2.1"},
		},
		Scales: []scenarios.Scale{{}, {"front": 2}, {"web": 3}},
		Loads:  []scenarios.Load{{Name: "l", Mode: scenarios.Closed, Requests: 1, Concurrency: 1}}, Trials: 1,
	}
	for _, tt := range []struct {
		scales []scenarios.Scale
		want   []string
	}{
		{nil, []string{"a as written", "a front=2", "a web=3", "b as written", "b front=2", "url as written"}},
		{[]scenarios.Scale{{"web": 3}}, []string{"a web=3", "url as written"}},
	} {
		var got []string
		for _, trial := range compile(t, s, plan.Options{Scales: tt.scales}).Trials {
			got = append(got, trial.Environment+" "+trial.Scale.String())
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("scales %v (-want +got)\n%s", tt.scales, diff)
		}
	}
	for scale, want := range map[*scenarios.Scale]string{
		{"web": 3, "other": 2}: "scale other=2,web=3: no chosen environment has all of these services",
		{"wbe": 3}:             `the environment a has no service "wbe"; did you mean "web"?`,
	} {
		if _, err := plan.Compile(s, plan.Options{Scales: []scenarios.Scale{*scale}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", scale, err, want)
		}
	}
}

func TestNothingToScale(t *testing.T) {
	s := &scenarios.Scenario{
		Environments: []scenarios.Environment{{Name: "url", Target: "http://192.0.2.1"}},
		Scales:       []scenarios.Scale{{}}, Loads: []scenarios.Load{{Name: "a", Requests: 1}}, Trials: 1,
	}
	_, err := plan.Compile(s, plan.Options{Scales: []scenarios.Scale{{"web": 2}}})
	if err == nil || !strings.Contains(err.Error(), "no chosen environment has a topology") {
		t.Errorf("%v", err)
	}
}

func TestPlanSurvivesJSON(t *testing.T) {
	want := compile(t, twip(t), plan.Options{Seed: 3})
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &plan.Plan{}
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
