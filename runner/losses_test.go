package runner_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
)

// reaper is an engine whose killed replicas were killed for their memory.
type reaper struct{ *enginetest.Fake }

func (r reaper) Observe(ctx context.Context, stack string) (engine.State, error) {
	state, err := r.Fake.Observe(ctx, stack)
	for i := range state.Replicas {
		state.Replicas[i].OOMKilled = state.Replicas[i].ExitCode == 137
	}
	return state, err
}

func (r reaper) Info(ctx context.Context) (engine.Info, error) {
	info, err := r.Fake.Info(ctx)
	info.Limits = true
	return info, err
}

// atEnd calls do once, as a worker says that its phase is over.
type atEnd struct {
	io.Writer
	do func()
}

func (a *atEnd) Write(p []byte) (int, error) {
	if a.do != nil && bytes.Contains(p, []byte(`"final"`)) {
		a.do()
		a.do = nil
	}
	return a.Writer.Write(p)
}

func TestReplicaKilledForItsMemory(t *testing.T) {
	for _, test := range []struct {
		name string
		code int
		oom  bool
		want string
	}{
		{"for its memory", 137, true, "web-1 had ended by the end of the load, with exit code 137: killed for using more memory than its limit"},
		{"by itself", 3, false, "web-1 had ended by the end of the load, with exit code 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			compose := filepath.Join(filepath.Dir(s.opt.Out), "compose.yaml")
			text := strings.Replace(composeText, "web: {image: plimsoll,", "web: {image: plimsoll, mem_limit: 16m,", 1)
			if err := os.WriteFile(compose, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			var err error
			if s.opt.Scenario, err = scenarios.Read(filepath.Join(filepath.Dir(compose), "story.yaml")); err != nil {
				t.Fatal(err)
			}
			s.opt.Engine = func(context.Context, scenarios.Environment) (engine.Engine, error) { return reaper{s.fake}, nil }
			s.fake.Work = func(ctx context.Context, in io.Reader, out io.Writer) error {
				ops := s.fake.Ops()
				return worker.Main(ctx, in, &atEnd{out, func() { s.fake.Kill(ops[len(ops)-1].Stack, "web-1", test.code) }})
			}
			_, run, err := s.run(t.Context(), t)
			if err != nil || len(run.Trials) == 0 {
				t.Fatal(err, run)
			}
			trial := run.Trials[0].Trial
			for _, u := range trial.Usage {
				limited, ended := u.Service == "web", u.Replica == "web-1"
				if u.OOMKilled != (ended && test.oom) {
					t.Errorf("%s: killed for its memory: %v", u.Replica, u.OOMKilled)
				}
				if (u.MemoryLimitBytes != nil) != limited || limited && *u.MemoryLimitBytes != 16<<20 {
					t.Errorf("%s: memory limit %v", u.Replica, u.MemoryLimitBytes)
				}
			}
			if !has(trial.Events, test.want) {
				t.Errorf("events %+v, want %q", trial.Events, test.want)
			}
		})
	}
}

func has(events []results.TrialEvent, what string) bool {
	for _, e := range events {
		if e.What == what {
			return true
		}
	}
	return false
}
