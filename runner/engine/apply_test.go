package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/scenarios/topology"
)

// checked is a service whose health the engine is asked for.
func checked(name string, replicas int, deps ...topology.Dependency) topology.Service {
	return topology.Service{
		Name: name, Image: name + ":1", Replicas: replicas, DependsOn: deps,
		Healthcheck: &topology.Healthcheck{Test: []string{"check"}},
	}
}

func stackOf(services ...topology.Service) engine.Stack {
	return engine.Stack{Name: "s", Topology: &topology.Topology{Networks: []string{"default"}, Services: services}}
}

// applyTo applies what a stack needs to a fake on which nothing exists.
func applyTo(ctx context.Context, eng engine.Engine, stack engine.Stack, opt engine.ApplyOptions) ([]engine.Op, []engine.Done, error) {
	ops := engine.Diff(stack, engine.State{})
	done, err := engine.Apply(ctx, eng, ops, opt)
	return ops, done, err
}

func find(t *testing.T, done []engine.Done, kind engine.Kind, target string) engine.Done {
	t.Helper()
	for _, d := range done {
		if d.Op.Kind == kind && d.Op.Target() == target {
			return d
		}
	}
	t.Fatalf("%s %s was not done", kind, target)
	return engine.Done{}
}

func TestApplyKeepsOrderAndBound(t *testing.T) {
	for _, parallel := range []int{1, 3, 100} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &enginetest.Fake{
					DoTakes: time.Second,
					Behaviours: map[string]enginetest.Behaviour{
						"db": {Unhealthy: 5}, "prepare": {Exits: true, ExitAfter: 3 * time.Second},
					},
				}
				stack := shop()
				for i, s := range stack.Topology.Services {
					if s.Name != "prepare" {
						stack.Topology.Services[i].Healthcheck = &topology.Healthcheck{Test: []string{"check"}}
					}
				}
				ops, done, err := applyTo(t.Context(), fake, stack, engine.ApplyOptions{Parallel: parallel})
				if err != nil || len(done) != len(ops) {
					t.Fatalf("%d of %d operations done: %v", len(done), len(ops), err)
				}
				for i, d := range done {
					for _, need := range ops[i].Needs {
						if d.Begin.Before(done[need].End) {
							t.Errorf("%v begins before #%d is done", d.Op, need)
						}
					}
				}
				if peak := fake.Peak(); peak > parallel || peak < min(parallel, 5) { // five replicas are created at once
					t.Errorf("up to %d calls at once, want %d", peak, parallel)
				}
				job := find(t, done, engine.AwaitExit, "prepare-1")
				if took := job.End.Sub(job.Begin); took < 3*time.Second || took > 4*time.Second {
					t.Errorf("a job of 3 s was awaited for %v", took)
				}
			})
		})
	}
}

// What waits between two probes must not keep others from going on: it may
// wait for them.
func TestApplyAwaitingHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{
			"a": {Unhealthy: 100}, "b": {StartTakes: time.Second},
		}}
		_, done, err := applyTo(t.Context(), fake, stackOf(checked("a", 3), checked("b", 3)), engine.ApplyOptions{Parallel: 1})
		if err != nil {
			t.Fatal(err)
		}
		slow, quick := find(t, done, engine.AwaitReady, "a-1"), find(t, done, engine.AwaitReady, "b-3")
		if !quick.End.Before(slow.End) {
			t.Errorf("b-3 was ready at %v, after a-1 at %v", quick.End, slow.End)
		}
	})
}

func TestApplyStopsAtTheFirstFailure(t *testing.T) {
	for _, parallel := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			boom := errors.New("no such device")
			fake := &enginetest.Fake{
				DoTakes:    time.Second,
				Behaviours: map[string]enginetest.Behaviour{"a-1": {StartError: boom}},
			}
			ops, done, err := applyTo(t.Context(), fake, stackOf(checked("a", 10)), engine.ApplyOptions{Parallel: parallel})
			var failed *engine.OpError
			if !errors.As(err, &failed) || failed.Op.Kind != engine.StartReplica || failed.Op.Target() != "a-1" || !errors.Is(err, boom) {
				t.Fatalf("error %v; want that of starting a-1", err)
			}
			if got, want := err.Error(), "start a-1: no such device"; got != want {
				t.Errorf("error %q, want %q", got, want)
			}
			// What the engine was asked for is what it has done, the
			// failure, and with it at most the others that were under way.
			finished := 0
			for _, d := range done {
				if d.Op.Kind != engine.AwaitReady {
					finished++
				}
			}
			if asked := len(fake.Ops()); asked < finished+1 || asked > finished+parallel {
				t.Errorf("%d operations begun, %d done, %d at once", asked, finished, parallel)
			}
			if len(done) == len(ops) {
				t.Error("everything was done in spite of the failure")
			}
			for _, d := range done {
				if d.Op.Target() == "a-1" && d.Op.Kind == engine.StartReplica {
					t.Error("the failure counts as done")
				}
			}
		})
	}
}

func TestApplyNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{
			"web": {Unhealthy: 1 << 30, Logs: "reading the configuration\nwaiting for the database\n"},
		}}
		_, done, err := applyTo(t.Context(), fake, stackOf(checked("web", 1)), engine.ApplyOptions{ReadyWithin: 30 * time.Second})
		var notReady *engine.NotReadyError
		if !errors.As(err, &notReady) {
			t.Fatalf("error %v", err)
		}
		if notReady.Waited != 30*time.Second {
			t.Errorf("waited %v", notReady.Waited)
		}
		probe := strings.TrimPrefix(notReady.Last, "its healthcheck ended with exit code 1: unhealthy, probe ")
		want := "await ready web-1: not ready after 30s: its healthcheck ended with exit code 1: unhealthy, probe " + probe +
			"; its last lines:\n    reading the configuration\n    waiting for the database"
		if err.Error() != want {
			t.Errorf("error\n%s\nwant\n%s", err, want)
		}
		// With pauses that grow to 250 ms there are some 120 probes.
		if probe < "100" || len(probe) != 3 {
			t.Errorf("last probe %s of about 120", probe)
		}
		if len(done) != len(fake.Ops()) {
			t.Errorf("%d operations done of %d", len(done), len(fake.Ops()))
		}
	})
}

func TestApplyReplicaExits(t *testing.T) {
	tests := []struct {
		name  string
		does  enginetest.Behaviour
		stack engine.Stack
		want  string
	}{
		{"a server, soon", enginetest.Behaviour{Exits: true, ExitCode: 3, Unhealthy: 1 << 30, Logs: "one\ntwo\n"}, stackOf(checked("web", 1)),
			"await ready web-1: ended with exit code 3; its last lines:\n    one\n    two"},
		{"a server, between two probes", enginetest.Behaviour{Exits: true, ExitAfter: 5 * time.Second, ExitCode: 137, Unhealthy: 1 << 30}, stackOf(checked("web", 1)),
			"await ready web-1: ended with exit code 137; it printed nothing"},
		{"a server, with success", enginetest.Behaviour{Exits: true, Unhealthy: 1 << 30}, stackOf(checked("web", 1)),
			"await ready web-1: ended with exit code 0; it printed nothing"},
		{"a job that fails", enginetest.Behaviour{Exits: true, ExitAfter: time.Second, ExitCode: 2, Logs: "no table\n"},
			stackOf(checked("after", 1, topology.Dependency{Service: "web", Condition: topology.Completed}), checked("web", 1)),
			"await exit web-1: ended with exit code 2; its last lines:\n    no table"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{"web": test.does}}
				_, _, err := applyTo(t.Context(), fake, test.stack, engine.ApplyOptions{})
				if err == nil || err.Error() != test.want {
					t.Errorf("error\n%v\nwant\n%s", err, test.want)
				}
				if started := slices.ContainsFunc(fake.Ops(), func(op engine.Op) bool {
					return op.Kind == engine.StartReplica && op.Service.Name == "after"
				}); started {
					t.Error("what waits for the job was started")
				}
			})
		})
	}
}

// learnsLate is an engine that knows a moment after a replica's end that it was
// killed for its memory, as Docker does.
type learnsLate struct {
	*enginetest.Fake
	ended time.Time
}

func (l *learnsLate) Observe(ctx context.Context, stack string) (engine.State, error) {
	state, err := l.Fake.Observe(ctx, stack)
	for i, r := range state.Replicas {
		if r.Status == engine.Exited && l.ended.IsZero() {
			l.ended = time.Now()
		}
		state.Replicas[i].OOMKilled = r.Status == engine.Exited && time.Since(l.ended) > 150*time.Millisecond
	}
	return state, err
}

func TestApplyAsksAgainWhyAReplicaWasKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{"web": {Exits: true, ExitCode: 137, Unhealthy: 1 << 30}}}
		_, _, err := applyTo(t.Context(), &learnsLate{Fake: fake}, stackOf(checked("web", 1)), engine.ApplyOptions{})
		const want = "await ready web-1: ended with exit code 137 (killed for using more memory than its limit); it printed nothing"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

func TestApplyJobThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := stackOf(checked("after", 1, topology.Dependency{Service: "job", Condition: topology.Completed}), checked("job", 1))
		_, _, err := applyTo(t.Context(), &enginetest.Fake{}, stack, engine.ApplyOptions{})
		want := "await exit job-1: not ready after 1m0s: still running; it printed nothing"
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
}

func TestApplyContextEnds(t *testing.T) {
	cancelled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(2500*time.Millisecond, cancel)
		return ctx, cancel
	}
	expired := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 2500*time.Millisecond)
	}
	tests := []struct {
		name    string
		context func(context.Context) (context.Context, context.CancelFunc)
		fake    enginetest.Fake
		want    string
	}{
		{"cancelled in an operation", cancelled, enginetest.Fake{DoTakes: time.Second}, "context canceled"},
		{"cancelled while awaiting", cancelled, enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{"web": {Unhealthy: 1 << 30}}}, "context canceled"},
		// A deadline says what took too long.
		{"expired in an operation", expired, enginetest.Fake{DoTakes: time.Second}, "start web-1: context deadline exceeded"},
		{"expired while awaiting", expired, enginetest.Fake{Behaviours: map[string]enginetest.Behaviour{"web": {Unhealthy: 1 << 30}}}, "await ready web-1: not ready after 2.5s"},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := test.context(t.Context())
				defer cancel()
				begin := time.Now()
				_, done, err := applyTo(ctx, &test.fake, stackOf(checked("web", 1)), engine.ApplyOptions{})
				if err == nil || !strings.HasPrefix(err.Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				if errors.Is(err, context.Canceled) != (test.want == "context canceled") {
					t.Errorf("error %v is a cancellation: %v", err, errors.Is(err, context.Canceled))
				}
				if took := time.Since(begin); took != 2500*time.Millisecond {
					t.Errorf("ended after %v", took)
				}
				for _, d := range done {
					if d.Op.Target() == "web-1" && d.Op.Kind == engine.AwaitReady {
						t.Error("web-1 counts as ready")
					}
				}
			})
		})
	}
}

// odd is a Fake with some of its answers changed.
type odd struct {
	*enginetest.Fake
	execute func(context.Context) (int, string, error)
	observe func(engine.State) (engine.State, error)
}

func (o *odd) Exec(ctx context.Context, r engine.Replica, command []string) (int, string, error) {
	if o.execute == nil {
		return o.Fake.Exec(ctx, r, command)
	}
	return o.execute(ctx)
}

func (o *odd) Observe(ctx context.Context, stack string) (engine.State, error) {
	state, err := o.Fake.Observe(ctx, stack)
	if err != nil || o.observe == nil {
		return state, err
	}
	return o.observe(state)
}

// bare is an engine without any of the abilities that are not required.
type bare struct{ engine.Engine }

func TestApplyProbes(t *testing.T) {
	web := checked("web", 1)
	quick := web
	quick.Healthcheck = &topology.Healthcheck{Test: []string{"check"}, Timeout: time.Second}
	ports := topology.Service{Name: "web", Replicas: 1, Ports: []topology.Port{{Target: 53, Protocol: "udp"}, {Target: 80, Protocol: "tcp"}}}
	hangs := func(ctx context.Context) (int, string, error) {
		<-ctx.Done()
		return 0, "", fmt.Errorf("exec: %w", ctx.Err())
	}
	tests := []struct {
		name    string
		engine  engine.Engine
		service topology.Service
		want    string
	}{
		{"a healthcheck that hangs", &odd{Fake: &enginetest.Fake{}, execute: hangs}, quick,
			"await ready web-1: not ready after 20s: its healthcheck did not answer within 1s; it printed nothing"},
		{"a healthcheck that hangs longer than all may take", &odd{Fake: &enginetest.Fake{}, execute: hangs},
			topology.Service{Name: "web", Replicas: 1, Healthcheck: &topology.Healthcheck{Test: []string{"check"}, Timeout: time.Hour}},
			"await ready web-1: not ready after 20s: no probe was answered; it printed nothing"},
		{"a healthcheck that cannot run", &odd{Fake: &enginetest.Fake{}, execute: func(context.Context) (int, string, error) { return 0, "", errors.New("no shell") }}, web,
			"await ready web-1: not ready after 20s: its healthcheck could not be run: no shell; it printed nothing"},
		{"an engine that runs no commands", bare{&enginetest.Fake{}}, web,
			"await ready web-1: this engine cannot run a healthcheck"},
		{"no address to connect to", &odd{Fake: &enginetest.Fake{}, observe: func(s engine.State) (engine.State, error) {
			s.Replicas[0].Address = netip.Addr{}
			return s, nil
		}}, ports, "await ready web-1: not ready after 20s: it has no known address; it printed nothing"},
		{"never running", &odd{Fake: &enginetest.Fake{}, observe: func(s engine.State) (engine.State, error) {
			s.Replicas[0].Status = engine.Created
			return s, nil
		}}, web, "await ready web-1: not ready after 20s: not running yet; it printed nothing"},
		{"killed for want of memory", &odd{Fake: &enginetest.Fake{}, observe: func(s engine.State) (engine.State, error) {
			s.Replicas[0].Status, s.Replicas[0].ExitCode, s.Replicas[0].OOMKilled = engine.Exited, 137, true
			return s, nil
		}}, web, "await ready web-1: ended with exit code 137 (killed for using more memory than its limit); it printed nothing"},
		{"removed by somebody", &odd{Fake: &enginetest.Fake{}, observe: func(engine.State) (engine.State, error) { return engine.State{}, nil }}, web,
			"await ready web-1: it has vanished"},
		{"an engine that fails to observe", &odd{Fake: &enginetest.Fake{}, observe: func(engine.State) (engine.State, error) {
			return engine.State{}, errors.New("connection reset")
		}}, web, "await ready web-1: connection reset"},
		{"nothing to ask: ready when it runs", &enginetest.Fake{}, topology.Service{Name: "web", Replicas: 1}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := applyTo(t.Context(), test.engine, stackOf(test.service), engine.ApplyOptions{ReadyWithin: 20 * time.Second})
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != test.want {
					t.Errorf("error\n%v\nwant\n%s", err, test.want)
				}
			})
		})
	}
}

// Ports are asked for real, so this test runs by the real clock.
func TestApplyAwaitsPorts(t *testing.T) {
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().(*net.TCPAddr).AddrPort()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	opened := make(chan time.Time, 1)
	probed := 0
	eng := &odd{Fake: &enginetest.Fake{}, observe: func(s engine.State) (engine.State, error) {
		s.Replicas[0].Address = address.Addr()
		if probed++; probed == 2 { // half a second later
			listener, err := net.Listen("tcp4", address.String())
			if err != nil {
				return s, err
			}
			t.Cleanup(func() { listener.Close() })
			opened <- time.Now()
		}
		return s, nil
	}}
	web := topology.Service{Name: "web", Replicas: 1, Ports: []topology.Port{{Target: address.Port(), Protocol: "tcp"}}}
	_, done, err := applyTo(t.Context(), eng, stackOf(web), engine.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ready := find(t, done, engine.AwaitReady, "web-1").End; ready.Before(<-opened) {
		t.Error("ready before the port was open")
	}
}

// far is an engine whose replicas only it can reach.
type far struct {
	*enginetest.Fake
	dial func(address string) (net.Conn, error)
}

func (f *far) Dial(_ context.Context, address string, _ time.Duration) (net.Conn, error) {
	return f.dial(address)
}

// An engine that dials for us is asked, and nobody else: in the bubble a real
// connection would not get ready.
func TestApplyAwaitsPortsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		eng := &far{Fake: &enginetest.Fake{}, dial: func(address string) (net.Conn, error) {
			if asked = append(asked, address); len(asked) < 3 {
				return nil, errors.New("connection refused there")
			}
			near, _ := net.Pipe()
			return near, nil
		}}
		web := topology.Service{Name: "web", Replicas: 1, Ports: []topology.Port{{Target: 53, Protocol: "udp"}, {Target: 80, Protocol: "tcp"}}}
		if _, _, err := applyTo(t.Context(), eng, stackOf(web), engine.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		state, err := eng.Observe(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		want := netip.AddrPortFrom(state.Replicas[0].Address, 80).String()
		if !slices.Equal(asked, []string{want, want, want}) {
			t.Errorf("asked for %q, want %s three times", asked, want)
		}

		eng = &far{Fake: &enginetest.Fake{}, dial: func(string) (net.Conn, error) { return nil, errors.New("no way there") }}
		_, _, err = applyTo(t.Context(), eng, stackOf(web), engine.ApplyOptions{ReadyWithin: time.Second})
		if err == nil || err.Error() != "await ready web-1: not ready after 1s: port 80: no way there; it printed nothing" {
			t.Errorf("error %v", err)
		}
	})
}

func TestApplyNothing(t *testing.T) {
	done, err := engine.Apply(t.Context(), &enginetest.Fake{}, nil, engine.ApplyOptions{})
	if len(done) != 0 || err != nil {
		t.Errorf("%v, %v", done, err)
	}
}

func TestApplyUnreachable(t *testing.T) {
	fake := &enginetest.Fake{Unreachable: errors.New("connection refused")}
	_, _, err := applyTo(t.Context(), fake, stackOf(checked("web", 1)), engine.ApplyOptions{})
	if !errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}

// checking is an engine whose images have a healthcheck of their own.
type checking struct {
	*enginetest.Fake
	own *topology.Healthcheck
	run *[]string // the checks that were run
}

func (c checking) Exec(ctx context.Context, r engine.Replica, command []string) (int, string, error) {
	*c.run = append(*c.run, command...)
	return c.Fake.Exec(ctx, r, command)
}

func (c checking) ImageCheck(context.Context, string) (*topology.Healthcheck, error) {
	return c.own, nil
}

// TestImageCheck looks which check is run: the file's, the image's, or none.
func TestImageCheck(t *testing.T) {
	own := &topology.Healthcheck{Test: []string{"own"}}
	for _, test := range []struct {
		name    string
		own     *topology.Healthcheck
		service topology.Service
		want    []string // what was run
	}{
		{"the image's", own, topology.Service{}, []string{"own"}},
		{"the image's, at other times", own, topology.Service{Healthcheck: &topology.Healthcheck{Timeout: time.Second}}, []string{"own"}},
		{"the file's", own, topology.Service{Healthcheck: &topology.Healthcheck{Test: []string{"given"}}}, []string{"given"}},
		{"taken away", own, topology.Service{NoHealthcheck: true}, nil},
		{"none, with times", nil, topology.Service{Healthcheck: &topology.Healthcheck{Timeout: time.Second}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.service.Name, test.service.Image, test.service.Replicas = "web", "x", 1
			var run []string
			stack := engine.Stack{Name: "s", Topology: &topology.Topology{Services: []topology.Service{test.service}}}
			if _, err := engine.Apply(t.Context(), checking{&enginetest.Fake{}, test.own, &run}, engine.Diff(stack, engine.State{}), engine.ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, run); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
