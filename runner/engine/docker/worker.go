package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

const (
	// stderrKept is how much of the end of a worker's stderr is kept.
	stderrKept = 4 << 10
	// maxWorkers bounds the numbers tried for a worker's name.
	maxWorkers = 256
)

// Launch starts a worker in a container on all of the stack's networks.
//
// If this process dies, the engine sees the connection close and closes the
// worker's stdin, upon which the worker ends and the engine removes its
// container: neither load nor container is left behind.
func (e *Engine) Launch(ctx context.Context, stack engine.Stack) (engine.Worker, error) {
	image, err := e.ensureSelf(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := seeThrough(ctx) // as in Do
	defer cancel()
	id, err := e.createWorker(ctx, stack, image)
	if err != nil {
		return nil, fmt.Errorf("worker container: %w", err)
	}
	w, err := e.startWorker(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("worker container: %w", e.undo(ctx, id, err))
	}
	return w, nil
}

// createWorker creates the container under the first name that is free.
func (e *Engine) createWorker(ctx context.Context, stack engine.Stack, image string) (id string, err error) {
	for number := 1; number <= maxWorkers; number++ {
		id, err = e.create(ctx, workerSpec(stack, number, image))
		if !errdefs.IsConflict(err) {
			return id, err
		}
	}
	return "", err
}

func workerSpec(stack engine.Stack, number int, image string) spec {
	c := spec{
		name: containerName(stack.Name, roleWorker, number),
		config: &container.Config{
			Hostname: engine.ReplicaName(roleWorker, number), Image: image, Cmd: []string{"worker"}, Labels: workerLabels(stack, number),
			OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		},
		host: &container.HostConfig{
			AutoRemove: true,
			// What it prints is read as it comes, and logging would cost CPU
			// beside the stack that is measured.
			LogConfig: container.LogConfig{Type: "none"},
		},
	}
	if stack.Topology != nil {
		for _, name := range workerNetworks(stack) {
			c.networks = append(c.networks, attachment{network: name})
		}
	}
	return c
}

// workerNetworks are the engine's names of the networks on which a worker
// meets the stack's services.
func workerNetworks(stack engine.Stack) []string {
	var names []string
	for _, n := range stack.Topology.Networks {
		names = append(names, resourceName(stack.Name, n))
	}
	outside := map[string]bool{}
	for _, s := range stack.Topology.Services {
		for _, a := range s.Networks {
			if a.External != "" {
				outside[a.External] = true
			}
		}
		if s.NetworkMode == topology.BridgeMode || s.NetworkMode == topology.HostMode && len(names) == 0 {
			outside[network.NetworkBridge] = true
		}
	}
	return append(names, slices.Sorted(maps.Keys(outside))...)
}

// startWorker attaches to a created container, so that nothing it prints is
// missed, and starts it.
func (e *Engine) startWorker(ctx context.Context, id string) (*worker, error) {
	conn, err := e.cli.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, e.explain(err)
	}
	// The wait outlives this call's context. It has to begin before the
	// start: the container is removed as soon as it ends.
	waiting, stop := context.WithCancel(context.WithoutCancel(ctx))
	exited, failed := e.cli.ContainerWait(waiting, id, container.WaitConditionNextExit)
	w := &worker{
		engine: e, id: id, conn: conn, stop: stop, stderr: engine.NewTail(stderrKept),
		drained: make(chan struct{}), ended: make(chan struct{}),
	}
	var stdout *io.PipeWriter
	w.stdout, stdout = io.Pipe()
	go w.copy(stdout)
	go w.await(exited, failed)
	if err := e.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		w.release()
		return nil, e.explain(err)
	}
	return w, nil
}

// worker is a container that we are attached to.
type worker struct {
	engine *Engine
	id     string
	conn   types.HijackedResponse
	stop   context.CancelFunc // ends the wait
	stdout *io.PipeReader
	stderr *engine.Tail

	drained chan struct{} // closed when all of its output was read
	copyErr error         // read it after drained
	ended   chan struct{} // closed when the wait is over
	code    int           // read these after ended
	waitErr error
}

var _ engine.Worker = (*worker)(nil)

// copy takes stdout and stderr apart until the container has ended.
func (w *worker) copy(stdout *io.PipeWriter) {
	defer close(w.drained)
	_, err := stdcopy.StdCopy(stdout, w.stderr, w.conn.Reader)
	if errors.Is(err, io.ErrClosedPipe) {
		// Stop wants no more of it. But the engine removes no container
		// whose output is stuck.
		_, err = io.Copy(io.Discard, w.conn.Reader)
	}
	w.copyErr = err
	stdout.CloseWithError(err) // nil: EOF
}

func (w *worker) await(exited <-chan container.WaitResponse, failed <-chan error) {
	defer close(w.ended)
	select {
	case end := <-exited:
		w.code = int(end.StatusCode)
		if end.Error != nil {
			w.waitErr = errors.New(end.Error.Message)
		}
	case err := <-failed:
		w.waitErr = w.engine.explain(err)
	}
}

func (w *worker) ID() string { return w.id }

func (w *worker) Read(p []byte) (int, error)  { return w.stdout.Read(p) }
func (w *worker) Write(p []byte) (int, error) { return w.conn.Conn.Write(p) }
func (w *worker) CloseWrite() error           { return w.conn.CloseWrite() }

func (w *worker) Wait(ctx context.Context) (int, string, error) {
	for _, event := range []chan struct{}{w.ended, w.drained} {
		select {
		case <-event:
		case <-ctx.Done():
			return 0, "", fmt.Errorf("wait for worker container %.12s: %w", w.id, ctx.Err())
		}
	}
	if err := errors.Join(w.waitErr, w.copyErr); err != nil {
		return 0, w.stderr.String(), fmt.Errorf("wait for worker container %.12s: %w", w.id, err)
	}
	return w.code, w.stderr.String(), nil
}

// Stop returns when the container is gone. Output that nobody has read is
// dropped.
func (w *worker) Stop(ctx context.Context) error {
	w.stdout.Close()
	err := w.engine.removeContainer(ctx, w.id)
	if err == nil {
		// Then the engine ends the output and the wait.
		for _, event := range []chan struct{}{w.ended, w.drained} {
			select {
			case <-event:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
	}
	w.release()
	return err
}

// release closes the connections and waits for the goroutines.
func (w *worker) release() {
	w.stop()
	w.conn.Close()
	w.stdout.Close()
	<-w.drained
	<-w.ended
}
