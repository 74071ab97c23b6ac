package process

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"plimsoll/internal/proc"
	"plimsoll/runner/engine"
)

// Launch implements engine.Launcher: the worker is a child of this process, in
// the same environment. The stack need not exist.
func (e *Engine) Launch(ctx context.Context, _ engine.Stack) (engine.Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	cmd := exec.Command(e.self, "worker")
	cmd.SysProcAttr = ownGroup()
	w := &worker{engine: e}
	err := e.starter.do(func() (err error) {
		w.Worker, err = engine.Spawn(cmd)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.workers[w.ID()] = w
	return w, nil
}

// worker is a worker that the engine has not forgotten yet.
type worker struct {
	engine.Worker
	engine *Engine
}

func (w *worker) Wait(ctx context.Context) (int, string, error) {
	code, stderr, err := w.Worker.Wait(ctx)
	if err == nil {
		w.forget()
	}
	return code, stderr, err
}

func (w *worker) Stop(ctx context.Context) error {
	err := w.Worker.Stop(ctx)
	if err == nil {
		w.forget()
	}
	return err
}

func (w *worker) forget() {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.workers[w.ID()] == engine.Worker(w) {
		delete(w.engine.workers, w.ID())
	}
}

// Meter implements engine.Meterer. Net and block traffic are not told of a
// process.
func (e *Engine) Meter(_ context.Context, id string) (engine.Meter, engine.Metering, error) {
	pid, err := strconv.Atoi(id)
	if err != nil || !e.owns(id) {
		return nil, engine.Metering{}, fmt.Errorf("no replica or worker with process ID %q", id)
	}
	process, err := proc.Open(pid)
	if err != nil {
		return nil, engine.Metering{}, err
	}
	return meter{process}, engine.Metering{Source: "process clock", Interval: 200 * time.Millisecond}, nil
}

// owns reports whether a worker or a replica that runs has that ID.
func (e *Engine) owns(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.workers[id]; ok {
		return true
	}
	for _, s := range e.stacks {
		for _, r := range s.replicas {
			if r.status == engine.Running && r.id() == id {
				return true
			}
		}
	}
	return false
}

type meter struct{ *proc.Process }

func (m meter) Read(context.Context) (engine.Usage, error) {
	c, err := m.Process.Read()
	if err != nil {
		return engine.Usage{}, err
	}
	return engine.Usage{At: c.At, CPU: c.CPU, MemoryBytes: c.MemoryBytes}, nil
}
