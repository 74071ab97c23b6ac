// Package enginetest helps to test engines and what uses them: Fake is an
// engine in memory, Conform the suite that every engine has to pass.
package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"plimsoll/runner/engine"
)

// Behaviour is how a replica of a Fake behaves. The zero one starts at once, is
// healthy at the first probe and runs until it is removed.
type Behaviour struct {
	StartTakes time.Duration
	StartError error // what starting it fails with
	// Unhealthy is how many healthchecks fail, after each start, before the
	// first one that succeeds.
	Unhealthy int
	// Exits says that it ends by itself, so long after its start.
	Exits     bool
	ExitAfter time.Duration
	ExitCode  int
	// Logs is what it prints when it starts.
	Logs string
	// CPUs is how many CPU cores it keeps busy while it runs.
	CPUs        float64
	MemoryBytes int64
	// Endpoint is where its service is reached, whatever port is asked for;
	// the zero AddrPort: at the replica's made-up address.
	Endpoint netip.AddrPort
}

// Fake is an engine that runs nothing. Its replicas behave as told, by
// time.Now, so that it can be used within testing/synctest. Set the exported
// fields before its first use.
type Fake struct {
	// Behaviours are found by a replica's name, else by its service's.
	Behaviours map[string]Behaviour
	// Unreachable, if set, is what every method fails with, together with
	// engine.ErrUnreachable.
	Unreachable error
	// DoTakes is how long every operation takes.
	DoTakes time.Duration
	// Work is what launched workers run; nil: a worker that echoes.
	Work Work

	mu      sync.Mutex
	stacks  map[string]*fakeStack
	meters  map[string]func() engine.Usage
	ops     []engine.Op
	busy    int
	peak    int
	counter int // numbers everything that was ever made
}

type fakeStack struct {
	networks, volumes []string
	replicas          []*fakeReplica
}

type fakeReplica struct {
	engine.Replica
	does    Behaviour
	started time.Time
	probes  int
	logs    string
}

var (
	_ engine.Engine   = (*Fake)(nil)
	_ engine.Execer   = (*Fake)(nil)
	_ engine.Logger   = (*Fake)(nil)
	_ engine.Meterer  = (*Fake)(nil)
	_ engine.Launcher = (*Fake)(nil)
)

// Ops returns the operations that Do was asked for, in the order of asking.
func (f *Fake) Ops() []engine.Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ops)
}

// Peak returns how many calls of Observe, Do and Exec were under way at most
// at the same time.
func (f *Fake) Peak() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

// Kill ends a running replica with an exit code, as a crash would. It does
// nothing to one that does not run.
func (f *Fake) Kill(stack, replica string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.replica(stack, replica); r != nil && r.Status == engine.Running {
		r.Status, r.ExitCode = engine.Exited, code
	}
}

// enter begins a call, which leave has to end in any case, and locks the Fake.
// It fails when the engine cannot be reached.
func (f *Fake) enter(ctx context.Context) error {
	f.mu.Lock()
	f.busy++
	f.peak = max(f.peak, f.busy)
	if f.Unreachable != nil {
		return fmt.Errorf("%w: %w", engine.ErrUnreachable, f.Unreachable)
	}
	return ctx.Err()
}

func (f *Fake) leave() {
	f.busy--
	f.mu.Unlock()
}

// pause lets time pass in a call that has been entered.
func (f *Fake) pause(ctx context.Context, d time.Duration) error {
	f.mu.Unlock()
	defer f.mu.Lock()
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stack returns what exists of a stack, with every end that is due by now.
func (f *Fake) stack(name string) *fakeStack {
	if f.stacks == nil {
		f.stacks = map[string]*fakeStack{}
		f.meters = map[string]func() engine.Usage{}
	}
	if f.stacks[name] == nil {
		f.stacks[name] = &fakeStack{}
	}
	for _, r := range f.stacks[name].replicas {
		if r.Status == engine.Running && r.does.Exits && time.Since(r.started) >= r.does.ExitAfter {
			r.Status, r.ExitCode = engine.Exited, r.does.ExitCode
		}
	}
	return f.stacks[name]
}

func (f *Fake) replica(stack, name string) *fakeReplica {
	for _, r := range f.stack(stack).replicas {
		if r.Name() == name {
			return r
		}
	}
	return nil
}

func (f *Fake) byID(id string) *fakeReplica {
	for name := range f.stacks {
		for _, r := range f.stack(name).replicas {
			if r.ID == id {
				return r
			}
		}
	}
	return nil
}

// Info implements engine.Engine.
func (f *Fake) Info(ctx context.Context) (engine.Info, error) {
	err := f.enter(ctx)
	defer f.leave()
	return engine.Info{Kind: "fake"}, err
}

// Observe implements engine.Engine.
func (f *Fake) Observe(ctx context.Context, stack string) (engine.State, error) {
	err := f.enter(ctx)
	defer f.leave()
	if err != nil {
		return engine.State{}, err
	}
	s := f.stack(stack)
	state := engine.State{Networks: slices.Clone(s.networks), Volumes: slices.Clone(s.volumes)}
	for _, r := range s.replicas {
		state.Replicas = append(state.Replicas, r.Replica)
	}
	slices.SortFunc(state.Replicas, func(a, b engine.Replica) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number))
	})
	return state, nil
}

// Do implements engine.Engine.
func (f *Fake) Do(ctx context.Context, op engine.Op) error {
	err := f.enter(ctx)
	defer f.leave()
	f.ops = append(f.ops, op)
	if err != nil {
		return err
	}
	if err := f.pause(ctx, f.DoTakes); err != nil {
		return err
	}
	s, isTarget := f.stack(op.Stack), func(name string) bool { return name == op.Resource }
	switch op.Kind {
	case engine.EnsureImage:
	case engine.CreateNetwork:
		s.networks = add(s.networks, op.Resource)
	case engine.CreateVolume:
		s.volumes = add(s.volumes, op.Resource)
	case engine.RemoveNetwork:
		s.networks = slices.DeleteFunc(s.networks, isTarget)
	case engine.RemoveVolume:
		s.volumes = slices.DeleteFunc(s.volumes, isTarget)
	case engine.CreateReplica:
		f.create(s, op)
	case engine.StartReplica:
		return f.start(ctx, op)
	case engine.RemoveReplica:
		s.replicas = slices.DeleteFunc(s.replicas, func(r *fakeReplica) bool { return r.Name() == op.Target() })
	default:
		return fmt.Errorf("the fake engine cannot %s", op.Kind)
	}
	return nil
}

func add(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return slices.Sorted(slices.Values(append(names, name)))
}

func (f *Fake) create(s *fakeStack, op engine.Op) {
	if f.replica(op.Stack, op.Target()) != nil {
		return
	}
	behaviour, ok := f.Behaviours[op.Target()]
	if !ok {
		behaviour = f.Behaviours[op.Service.Name]
	}
	f.counter++
	s.replicas = append(s.replicas, &fakeReplica{
		Replica: engine.Replica{
			Service: op.Service.Name, Number: op.Number,
			ID: fmt.Sprintf("fake-%d", f.counter), Status: engine.Created, Image: op.Service.Image,
			// A range that is set aside for benchmarks: nobody answers there.
			Address: netip.AddrFrom4([4]byte{198, 18, byte(f.counter >> 8), byte(f.counter)}),
		},
		does: behaviour,
	})
}

func (f *Fake) start(ctx context.Context, op engine.Op) error {
	r := f.replica(op.Stack, op.Target())
	if r == nil {
		return fmt.Errorf("no replica %s in stack %s", op.Target(), op.Stack)
	}
	if r.Status == engine.Running {
		return nil
	}
	if err := f.pause(ctx, r.does.StartTakes); err != nil {
		return err
	}
	if r.does.StartError != nil {
		return r.does.StartError
	}
	r.Status, r.started, r.probes = engine.Running, time.Now(), 0
	r.logs += r.does.Logs
	f.meters[r.ID] = func() engine.Usage {
		now := time.Now()
		return engine.Usage{At: now, CPU: time.Duration(r.does.CPUs * float64(now.Sub(r.started))), MemoryBytes: r.does.MemoryBytes}
	}
	return nil
}

// Endpoint implements engine.Engine.
func (f *Fake) Endpoint(ctx context.Context, stack, service string, port uint16) ([]netip.AddrPort, error) {
	state, err := f.Observe(ctx, stack)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var endpoints []netip.AddrPort
	for _, r := range state.Replicas {
		if r.Service != service || r.Status != engine.Running {
			continue
		}
		endpoint := netip.AddrPortFrom(r.Address, port)
		if known := f.byID(r.ID); known != nil && known.does.Endpoint.IsValid() {
			endpoint = known.does.Endpoint
		}
		endpoints = append(endpoints, endpoint)
	}
	return endpoints, nil
}

// Close implements engine.Engine.
func (f *Fake) Close() error { return nil }

// Exec implements engine.Execer. The fake interprets no command: every one is
// a healthcheck.
func (f *Fake) Exec(ctx context.Context, replica engine.Replica, _ []string) (int, string, error) {
	err := f.enter(ctx)
	defer f.leave()
	if err != nil {
		return 0, "", err
	}
	r := f.byID(replica.ID)
	if r == nil || r.Status != engine.Running {
		return 0, "", fmt.Errorf("%s does not run", replica.Name())
	}
	if r.probes++; r.probes <= r.does.Unhealthy {
		return 1, fmt.Sprintf("unhealthy, probe %d", r.probes), nil
	}
	return 0, "healthy", nil
}

// Logs implements engine.Logger.
func (f *Fake) Logs(ctx context.Context, replica engine.Replica, lines int) (string, error) {
	err := f.enter(ctx)
	defer f.leave()
	if err != nil {
		return "", err
	}
	r := f.byID(replica.ID)
	if r == nil {
		return "", fmt.Errorf("no replica %s", replica.Name())
	}
	return engine.LastLines(r.logs, lines), nil
}

// Meter implements engine.Meterer.
func (f *Fake) Meter(ctx context.Context, id string) (engine.Meter, engine.Metering, error) {
	err := f.enter(ctx)
	defer f.leave()
	if err != nil {
		return nil, engine.Metering{}, err
	}
	if f.meters[id] == nil {
		return nil, engine.Metering{}, fmt.Errorf("nothing of ID %q runs", id)
	}
	return &fakeMeter{f, id}, engine.Metering{Source: "fake", Interval: 200 * time.Millisecond}, nil
}

type fakeMeter struct {
	*Fake
	id string
}

func (m *fakeMeter) Read(ctx context.Context) (engine.Usage, error) {
	err := m.enter(ctx)
	defer m.leave()
	if err != nil {
		return engine.Usage{}, err
	}
	if r := m.byID(m.id); r != nil && r.Status != engine.Running {
		return engine.Usage{}, fmt.Errorf("%s has ended", r.Name())
	}
	return m.meters[m.id](), nil
}

func (m *fakeMeter) Close() error { return nil }
