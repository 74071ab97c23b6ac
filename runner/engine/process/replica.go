package process

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

const (
	logsKept   = 64 << 10 // of what a replica prints
	outputKept = 4 << 10  // of what an executed command prints
	// pipesWithin is how long after a process's end its output is waited
	// for, which children of its own may hold open.
	pipesWithin = time.Second
)

// replica is one replica; the engine's lock guards it.
type replica struct {
	service topology.Service
	number  int
	image   string
	address netip.Addr
	surroundings
	logs *engine.Tail

	status   engine.Status
	exitCode int
	removing bool
	run      *run // nil before the first start
}

// run is one process of a replica.
type run struct {
	process *os.Process
	ended   chan struct{} // closed when it has been reaped and noted
}

func (r *replica) id() string {
	if r.run == nil {
		return ""
	}
	return strconv.Itoa(r.run.process.Pid)
}

func (r *replica) name() string { return engine.ReplicaName(r.service.Name, r.number) }

func (r *replica) observed() engine.Replica {
	return engine.Replica{
		Service: r.service.Name, Number: r.number, ID: r.id(), Image: r.image,
		Status: r.status, ExitCode: r.exitCode, Address: r.address,
	}
}

// createReplica makes everything but the process. Call it with the lock held.
func (e *Engine) createReplica(s *stack, op engine.Op) error {
	name := op.Target()
	if _, exists := s.replicas[name]; exists {
		return nil
	}
	if err := runnable(op.Service); err != nil {
		return err
	}
	image, err := e.image()
	if err != nil {
		return err
	}
	address, err := s.chooseAddress(op.Service)
	if err != nil {
		return err
	}
	around, err := s.surround(op.Service, name, address)
	if err != nil {
		return err
	}
	s.replicas[name] = &replica{
		service: op.Service, number: op.Number, image: image, address: address,
		surroundings: around, logs: engine.NewTail(logsKept), status: engine.Created,
	}
	return s.writeHosts()
}

// surround makes a replica's folders and says what its processes see.
func (s *stack) surround(service topology.Service, name string, address netip.Addr) (surroundings, error) {
	scratch := s.scratch(name)
	around := surroundings{dir: scratch, folders: map[string]string{}}
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return around, err
	}
	for i, m := range service.Mounts {
		folder := filepath.Join(scratch, fmt.Sprintf("mount-%d", i))
		switch {
		case m.Type == topology.BindMount:
			folder = m.Source
		case m.Type == topology.VolumeMount && m.Source != "":
			if !s.volumes[m.Source] {
				return around, fmt.Errorf("volume %s does not exist", m.Source)
			}
			folder = s.volume(m.Source)
		default:
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return around, err
			}
		}
		around.folders[m.Target] = folder
	}
	if folder, inMount := around.rewrite(service.WorkingDir); inMount {
		around.dir = folder
	}
	around.env = append([]string{"PATH=" + os.Getenv("PATH")}, service.Environment...)
	around.env = append(around.env,
		"PLIMSOLL_REPLICA="+name,
		"PLIMSOLL_ADDRESS="+address.String(),
		"PLIMSOLL_HOSTS="+s.hosts(),
	)
	return around, nil
}

// startReplica starts the process. Call it with the lock held.
func (e *Engine) startReplica(s *stack, op engine.Op) error {
	r, ok := s.replicas[op.Target()]
	switch {
	case !ok || r.removing:
		return fmt.Errorf("no replica %s in stack %s", op.Target(), s.name)
	case r.status == engine.Running:
		return nil
	}
	cmd := r.command(context.Background(), e.self, arguments(r.service))
	cmd.Stdout, cmd.Stderr = r.logs, r.logs
	if err := e.starter.start(cmd); err != nil {
		return err
	}
	r.status, r.exitCode = engine.Running, 0
	r.run = &run{process: cmd.Process, ended: make(chan struct{})}
	go e.watch(s, r, cmd, r.run.ended)
	return s.writeHosts()
}

// watch waits for a replica's process to end.
func (e *Engine) watch(s *stack, r *replica, cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	defer close(ended)
	r.status, r.exitCode = engine.Exited, engine.ExitCode(cmd.ProcessState)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(r.logs, "plimsoll: what it printed last may be missing: %v\n", err)
	}
	if s.replicas[r.name()] == r {
		if err := s.writeHosts(); err != nil {
			fmt.Fprintf(r.logs, "plimsoll: %v\n", err) // where somebody looks who wonders
		}
	}
}

// kill ends the process and waits until it has been reaped.
func (r *run) kill(ctx context.Context) error {
	select {
	case <-r.ended:
		return nil
	default:
	}
	if err := killGroup(r.process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", r.process.Pid, err)
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("kill process %d: %w", r.process.Pid, ctx.Err())
	}
}

// removeReplica kills a replica's process and forgets the replica. Call it
// without the lock.
func (e *Engine) removeReplica(ctx context.Context, op engine.Op) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.stacks[op.Stack]
	if !ok {
		return nil
	}
	r, ok := s.replicas[op.Target()]
	if !ok {
		return nil
	}
	r.removing = true
	if r.run != nil {
		e.mu.Unlock()
		err := r.run.kill(ctx)
		e.mu.Lock()
		if err != nil {
			r.removing = false
			return err
		}
	}
	if s.replicas[r.name()] != r {
		return nil // somebody else removed it meanwhile
	}
	delete(s.replicas, r.name())
	return errors.Join(os.RemoveAll(s.scratch(r.name())), s.writeHosts(), e.forgetIfEmpty(s))
}

// Exec implements engine.Execer. The first word of the command has to be this
// program, /plimsoll; it sees what the replica sees.
func (e *Engine) Exec(ctx context.Context, observed engine.Replica, command []string) (int, string, error) {
	r, err := e.find(observed)
	if err != nil {
		return 0, "", err
	}
	e.mu.Lock()
	status := r.status
	e.mu.Unlock()
	if status != engine.Running {
		return 0, "", fmt.Errorf("%s does not run", observed.Name())
	}
	if len(command) == 0 || !isSelf(command[0]) {
		return 0, "", fmt.Errorf("command %q in %s: %w", command, observed.Name(), errNotSelf)
	}
	cmd := r.command(ctx, e.self, command[1:])
	output := engine.NewTail(outputKept)
	cmd.Stdout, cmd.Stderr = output, output
	if err := e.starter.start(cmd); err != nil {
		return 0, "", err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, output.String(), ctx.Err()
	case err == nil || errors.As(err, &exit):
		return engine.ExitCode(cmd.ProcessState), output.String(), nil
	}
	return 0, output.String(), err
}
