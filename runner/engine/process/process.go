// Package process is the engine that needs nothing installed: it runs a
// stack's replicas as child processes, each on a loopback address of its own
// (127.x.y.z), so that several can listen on the same port. It runs only
// services of the image engine.SelfImage, which is this program's executable.
//
// A replica is told by environment variables what a container would find in
// its surroundings: PLIMSOLL_REPLICA, its name; PLIMSOLL_ADDRESS, the address
// to listen on; PLIMSOLL_HOSTS, a file in the format of /etc/hosts with the
// addresses of all of the stack's services and replicas.
//
// Nothing outlives the engine: Close kills what still runs, and on Linux the
// kernel does when this process dies. So no other process can observe the
// stacks of this one.
package process

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"plimsoll/internal/proc"
	"plimsoll/runner/engine"
)

// Options say what runs and where its files lie.
type Options struct {
	// Self is the executable that stands for engine.SelfImage; empty: the
	// running one.
	Self string
	// Dir is the folder for volumes and other files; it is made if there is
	// none, and kept. Empty: a temporary folder, which Close removes unless a
	// volume in it still holds something.
	Dir string
}

// Engine runs stacks as child processes.
type Engine struct {
	self    string
	image   func() (string, error) // self's name and digest
	dir     string
	ownsDir bool
	starter *starter

	mu      sync.Mutex
	closed  bool
	stacks  map[string]*stack
	workers map[string]engine.Worker // by ID
}

var (
	_ engine.Engine   = (*Engine)(nil)
	_ engine.Execer   = (*Engine)(nil)
	_ engine.Logger   = (*Engine)(nil)
	_ engine.Meterer  = (*Engine)(nil)
	_ engine.Launcher = (*Engine)(nil)
	_ engine.Warner   = (*Engine)(nil)
)

// killWithin is how long a killed process may take to end.
const killWithin = 10 * time.Second

var errClosed = errors.New("the process engine is closed")

// New returns an engine without any stack.
func New(opt Options) (*Engine, error) {
	e := &Engine{
		self: opt.Self, dir: opt.Dir, ownsDir: opt.Dir == "",
		stacks: map[string]*stack{}, workers: map[string]engine.Worker{},
	}
	var err error
	if e.self == "" {
		e.self, err = os.Executable()
	} else {
		e.self, err = filepath.Abs(e.self)
	}
	if err != nil {
		return nil, fmt.Errorf("process engine: find the executable: %w", err)
	}
	if e.ownsDir {
		e.dir, err = makeTempDir()
	} else if e.dir, err = filepath.Abs(opt.Dir); err == nil {
		err = os.MkdirAll(e.dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("process engine: make a folder for volumes: %w", err)
	}
	e.image = sync.OnceValues(func() (string, error) { return digest(e.self) })
	e.starter = newStarter()
	return e, nil
}

// digest returns the image's name with the executable's digest.
func digest(executable string) (string, error) {
	file, err := os.Open(executable)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read %s: %w", executable, err)
	}
	return fmt.Sprintf("%s@sha256:%x", engine.SelfImage, hash.Sum(nil)), nil
}

// Info implements engine.Engine.
func (e *Engine) Info(context.Context) (engine.Info, error) {
	facts := proc.Host()
	details := map[string]string{
		"system":     runtime.GOOS + "/" + runtime.GOARCH,
		"cpus":       strconv.Itoa(facts.CPUs),
		"limits":     "not honoured",
		"executable": e.self,
	}
	if facts.Kernel != "" {
		details["kernel"] = facts.Kernel
	}
	return engine.Info{Kind: "process", Details: details, LoadPath: "worker process on this host, over loopback"}, nil
}

// Observe implements engine.Engine.
func (e *Engine) Observe(ctx context.Context, name string) (engine.State, error) {
	if err := ctx.Err(); err != nil {
		return engine.State{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.stacks[name]
	if !ok {
		return engine.State{}, nil
	}
	state := engine.State{
		Networks: slices.Sorted(maps.Keys(s.networks)),
		Volumes:  slices.Sorted(maps.Keys(s.volumes)),
	}
	for _, r := range s.sorted() {
		state.Replicas = append(state.Replicas, r.observed())
	}
	return state, nil
}

// Do implements engine.Engine.
func (e *Engine) Do(ctx context.Context, op engine.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if op.Kind == engine.RemoveReplica { // it has to wait without the lock
		return e.removeReplica(ctx, op)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	switch op.Kind {
	case engine.EnsureImage:
		return e.ensureImage(op)
	case engine.RemoveNetwork, engine.RemoveVolume:
		return e.removeResource(op)
	}
	s, err := e.stack(op.Stack)
	if err != nil {
		return err
	}
	switch op.Kind {
	case engine.CreateNetwork: // a name only: every process reaches every other
		s.networks[op.Resource] = true
		return nil
	case engine.CreateVolume:
		return s.createVolume(op.Resource)
	case engine.CreateReplica:
		return e.createReplica(s, op)
	case engine.StartReplica:
		return e.startReplica(s, op)
	}
	return fmt.Errorf("the process engine cannot %s", op.Kind)
}

func (e *Engine) ensureImage(op engine.Op) error {
	if op.Resource != engine.SelfImage {
		return fmt.Errorf("image %q (%s) cannot run as a process, only %q can: use Docker (--engine docker)", op.Resource, op.Cause, engine.SelfImage)
	}
	_, err := e.image()
	return err
}

// stack returns the stack of that name, which it makes if there is none. Call
// it with the lock held.
func (e *Engine) stack(name string) (*stack, error) {
	if s, ok := e.stacks[name]; ok {
		return s, nil
	}
	if !isFileName(name) {
		return nil, fmt.Errorf("stack name %q: want one that can be a folder's name", name)
	}
	taken := map[subnet]bool{}
	for _, s := range e.stacks {
		taken[s.subnet] = true
	}
	s := newStack(name, filepath.Join(e.dir, name), chooseSubnet(name, os.Getpid(), taken))
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	e.stacks[name] = s
	return s, nil
}

// removeResource removes a network or a volume. Call it with the lock held.
func (e *Engine) removeResource(op engine.Op) error {
	s, ok := e.stacks[op.Stack]
	if !ok {
		return nil
	}
	if op.Kind == engine.RemoveNetwork {
		delete(s.networks, op.Resource)
	} else if s.volumes[op.Resource] {
		if err := os.RemoveAll(s.volume(op.Resource)); err != nil {
			return err
		}
		delete(s.volumes, op.Resource)
	}
	return e.forgetIfEmpty(s)
}

// forgetIfEmpty removes a stack's folder when nothing is left of the stack.
func (e *Engine) forgetIfEmpty(s *stack) error {
	if len(s.networks)+len(s.volumes)+len(s.replicas) > 0 {
		return nil
	}
	delete(e.stacks, s.name)
	return os.RemoveAll(s.dir)
}

// Endpoint implements engine.Engine.
func (e *Engine) Endpoint(ctx context.Context, name, service string, port uint16) ([]netip.AddrPort, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.stacks[name]
	if !ok {
		return nil, fmt.Errorf("no stack %s", name)
	}
	var endpoints []netip.AddrPort
	for _, r := range s.sorted() {
		if r.service.Name == service && r.status == engine.Running {
			endpoints = append(endpoints, netip.AddrPortFrom(r.address, port))
		}
	}
	return endpoints, nil
}

// Logs implements engine.Logger.
func (e *Engine) Logs(_ context.Context, replica engine.Replica, lines int) (string, error) {
	r, err := e.find(replica)
	if err != nil {
		return "", err
	}
	return engine.LastLines(r.logs.String(), lines), nil
}

// find returns the replica that was observed as such.
func (e *Engine) find(observed engine.Replica) (*replica, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.stacks {
		// Process IDs come again, but not in a replica of the same name.
		if r, ok := s.replicas[observed.Name()]; ok && r.id() == observed.ID {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no replica %s with process ID %q", observed.Name(), observed.ID)
}

// Close kills all processes and removes the files, but not a volume that holds
// something and has not been removed.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true // from here on nothing is added
	workers := slices.Collect(maps.Values(e.workers))
	stacks := slices.Collect(maps.Values(e.stacks))
	var removals []engine.Op
	for _, s := range stacks {
		for _, r := range s.sorted() {
			removals = append(removals, engine.Op{Kind: engine.RemoveReplica, Stack: s.name, Service: r.service, Number: r.number})
		}
	}
	e.mu.Unlock()

	var errs []error
	for _, w := range workers {
		errs = append(errs, w.Stop(ctx))
	}
	for _, op := range removals {
		errs = append(errs, e.removeReplica(ctx, op))
	}
	for _, s := range stacks {
		errs = append(errs, s.removeFiles())
	}
	if e.ownsDir {
		errs = append(errs, removeIfEmpty(e.dir))
	}
	e.starter.close()
	return errors.Join(errs...)
}

func compareReplicas(a, b *replica) int {
	return cmp.Or(strings.Compare(a.service.Name, b.service.Name), cmp.Compare(a.number, b.number))
}
