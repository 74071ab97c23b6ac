package runner

import (
	"context"
	"fmt"
	"time"

	"plimsoll/results"
	"plimsoll/results/steady"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
)

// state follows a trial's load second by second and says whether the system
// was in a steady state.
type state struct {
	pace     steady.Pace
	closed   bool
	watch    *steady.Watch // nil: the warm-up does not wait for anything
	measured []steady.Second
}

func (t *trial) newState() *state {
	s := &state{pace: t.Pace, closed: t.load.Mode == scenarios.Closed}
	if s.pace == (steady.Pace{}) {
		s.pace = steady.Standard()
	}
	if t.Scenario.Warmup.UntilSteady {
		s.watch = steady.NewWatch(s.pace, s.closed)
	}
	return s
}

// warmUp applies the load until its time is over, or the system is steady or
// will not be.
func (t *trial) warmUp(ctx context.Context, client *worker.Client) error {
	t.Progress.Doing("warming up")
	begin := func() (time.Time, error) { return time.Now(), nil }
	_, err := client.Run(ctx, results.Warmup, begin, func(l results.Line) error {
		watch := t.state.watch
		i, ok := l.(results.Interval)
		if !ok || watch == nil || i.Length < time.Second || watch.Decided() {
			return t.observe(l)
		}
		d := watch.Add(i.Second())
		if !watch.Decided() {
			t.Progress.Doing(fmt.Sprintf("warming up: %d s, not steady yet: %s", watch.Seconds(), d.Why))
			return t.observe(l)
		}
		t.Progress.Doing(fmt.Sprintf("warmed up: %s after %d s", d.Verdict, watch.Seconds()))
		if err := t.observe(l); err != nil {
			return err
		}
		return client.End(ctx)
	})
	return err
}

// addMeasured takes in a second of the measured window.
func (s *state) addMeasured(i results.Interval) {
	if i.Length == time.Second {
		s.measured = append(s.measured, i.Second())
	}
}

// steadiness is what all seconds of the trial say.
func (s *state) steadiness(w scenarios.Warmup, l scenarios.Load) *results.Steadiness {
	out := &results.Steadiness{Verdict: steady.Unchecked, Why: "warm-up: " + w.Text()}
	if s.watch != nil {
		d := s.watch.End()
		out.Verdict, out.Why, out.Slower = d.Verdict, d.Why, d.Slower
		if d.Verdict == steady.Steady {
			out.After = time.Duration(s.watch.Seconds()) * time.Second
		}
	}
	drift := steady.Decision{Verdict: steady.Unchecked, Why: "the load changes by itself, so that latencies may, too"}
	if l.Stages == nil && l.Sine == nil {
		drift = s.pace.Drift(s.measured, s.closed)
	}
	switch {
	case out.Unsteady():
		return out
	case drift.Verdict == steady.Drifting:
		out.Verdict, out.Why, out.Slower = drift.Verdict, drift.Why, drift.Slower
	default:
		out.Why += "; " + drift.Why
	}
	return out
}
