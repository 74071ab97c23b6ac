package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/steady"
	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/process"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// said keeps every step that a run names.
type said struct {
	quietProgress
	mu    sync.Mutex
	steps []string
}

func (s *said) Doing(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step)
}

// TestWarmUpUntilSteady warms a service up that is ten times as slow at first,
// at a pace of its own: minutes would be too long for a test.
func TestWarmUpUntilSteady(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	self, dir := buildProgram(t), t.TempDir()
	for name, text := range map[string]string{"compose.yaml": `
services:
  web:
    image: plimsoll
    command: [fixture, news, --service-time, const(60ms), --slow-start, 700ms]
    expose: ["8080"]
`, "scenario.yaml": `
name: slow-start
environments: {all: {topology: compose.yaml, target: "http://web:8080"}}
loads: {even: {rate: 25/s, duration: 2s, keepalive: true}}
warmup: {until: steady, limit: 1m}
trials: 1
objectives: ["p(50) < 1s"]
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := scenarios.Read(filepath.Join(dir, "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Compile(s, plan.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	progress := &said{}
	outcome, err := runner.Run(t.Context(), runner.Options{
		Scenario: s, Plan: p, Out: filepath.Join(dir, "results"), Progress: progress,
		Pace: steady.Pace{Every: 1, Keep: 4, Judge: 8, Batch: 1, Trend: 1, Segment: 2},
		Engine: func(context.Context, scenarios.Environment) (engine.Engine, error) {
			return process.New(process.Options{Self: self})
		},
	})
	if err != nil || len(outcome.Failures) > 0 {
		t.Fatalf("%v, %+v", err, outcome.Failures)
	}
	run, err := results.Open(outcome.Dir)
	if err != nil {
		t.Fatal(err)
	}
	trial := run.Trials[0].Trial
	state, cold := trial.Steady, trial.ColdStart
	if state.Verdict != steady.Steady || state.After < 4*time.Second || cold.SteadyAfter != state.After {
		t.Errorf("%+v, %+v", state, cold)
	}
	// What the first requests took is nowhere in what was measured.
	if cold.First < 180*time.Millisecond || cold.Worst < cold.First || trial.Latency.Response.P50 > 120*time.Millisecond || trial.Requests.Sent != 50 {
		t.Errorf("cold start %+v, then a p50 of %v in %d requests", cold, trial.Latency.Response.P50, trial.Requests.Sent)
	}
	// It was ended gently: what was sent came to its end, and is in the log.
	var warmed results.Counts
	if _, err := run.Trials[0].Log(func(l results.Line) {
		if i, ok := l.(results.Interval); ok && i.Phase == results.Warmup {
			warmed.Add(i.Requests)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if warmed.Failed > 0 || warmed.OK < 4*25-10 || warmed.OK > int64(state.After.Seconds()+5)*25 {
		t.Errorf("the warm-up until %v: %+v", state.After, warmed)
	}
	if all := strings.Join(progress.steps, "\n"); !strings.Contains(all, "s, not steady yet: ") || !strings.Contains(all, "warmed up: steady after") {
		t.Errorf("steps:\n%s", all)
	}
	doc, err := analysis.Summarize(run)
	if err != nil {
		t.Fatal(err)
	}
	if c := doc.Cells[0]; c.Labels.Steady != "steady" || c.Counted != 1 || c.ColdStart == nil || c.ColdStart.SteadyAfter == nil {
		t.Errorf("%+v, %+v", c.Labels, c.ColdStart)
	}
}
