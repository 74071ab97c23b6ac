package enginetest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/scenarios/topology"
)

// helperWorker does what the helper's worker does.
func helperWorker(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		if _, err := fmt.Fprintln(stdout, lines.Text()); err != nil {
			return err
		}
		switch lines.Text() {
		case "spin":
			<-ctx.Done()
			return ctx.Err()
		case "fail":
			return errors.New("failing as told")
		}
	}
	return lines.Err()
}

func TestFakeConforms(t *testing.T) {
	enginetest.Conform(t, func(*testing.T) engine.Engine {
		return &enginetest.Fake{
			Behaviours: map[string]enginetest.Behaviour{
				"app":    {Unhealthy: 2},
				"burn":   {CPUs: 2, MemoryBytes: 1 << 20},
				"job":    {Exits: true},
				"print":  {Logs: "one\ntwo\nthree\nfour\n"},
				"broken": {Exits: true, ExitAfter: 20 * time.Millisecond, ExitCode: 3, Unhealthy: 1000, Logs: "ending with 3\n"},
			},
			Work: helperWorker,
		}
	}, enginetest.Options{Without: []enginetest.Part{enginetest.Execution, enginetest.Burning}})
}

func TestFakeBehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{
			"web":   {CPUs: 0.5},
			"web-2": {Exits: true, ExitAfter: time.Second, ExitCode: 7},
		}}
		stack := engine.Stack{Name: "s", Topology: &topology.Topology{Services: []topology.Service{{Name: "web", Image: "i", Replicas: 2}}}}
		state, err := fake.Observe(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Apply(t.Context(), fake, engine.Diff(stack, state), engine.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		state, err = fake.Observe(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		one, two := state.Replicas[0], state.Replicas[1]
		if one.Status != engine.Running || two.Status != engine.Exited || two.ExitCode != 7 {
			t.Errorf("after two seconds: %+v", state.Replicas)
		}
		meter, _, err := fake.Meter(t.Context(), one.ID)
		if err != nil {
			t.Fatal(err)
		}
		if usage, err := meter.Read(t.Context()); err != nil || usage.CPU != time.Second {
			t.Errorf("half a core for two seconds is %v, %v", usage.CPU, err)
		}
		fake.Kill("s", "web-1", 137)
		if usage, err := meter.Read(t.Context()); err == nil {
			t.Errorf("a killed replica is metered: %+v", usage)
		}
		fake.Unreachable = errors.New("no route")
		if _, err := fake.Observe(t.Context(), "s"); !errors.Is(err, engine.ErrUnreachable) {
			t.Errorf("observe an engine that is away: %v", err)
		}
	})
}
