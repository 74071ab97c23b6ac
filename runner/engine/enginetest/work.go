package enginetest

import (
	"context"
	"fmt"
	"io"
	"time"

	"plimsoll/runner/engine"
)

// Work is a worker as a function: it reads stdin to its end, writes stdout,
// and returns when it has finished or ctx is done.
type Work func(ctx context.Context, stdin io.Reader, stdout io.Writer) error

func echo(_ context.Context, stdin io.Reader, stdout io.Writer) error {
	_, err := io.Copy(stdout, stdin)
	return err
}

// Launch implements engine.Launcher: the worker is a goroutine.
func (f *Fake) Launch(ctx context.Context, stack engine.Stack) (engine.Worker, error) {
	err := f.enter(ctx)
	defer f.leave()
	if err != nil {
		return nil, err
	}
	f.stack(stack.Name)
	f.counter++
	work := f.Work
	if work == nil {
		work = echo
	}
	w := newFakeWorker(fmt.Sprintf("fake-%d", f.counter), work)
	f.meters[w.id] = func() engine.Usage { return engine.Usage{At: time.Now()} }
	return w, nil
}

type fakeWorker struct {
	io.Reader // its stdout
	io.Writer // its stdin
	id        string
	closeIn   func() error
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error // read it after ended
}

// newFakeWorker starts work. It outlives the context that it was launched
// with, as a process would.
func newFakeWorker(id string, work Work) *fakeWorker {
	stdin, toStdin := io.Pipe()
	fromStdout, stdout := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	w := &fakeWorker{Reader: fromStdout, Writer: toStdin, id: id, closeIn: toStdin.Close, ended: make(chan struct{})}
	w.cancel = func() {
		cancel()
		stdin.CloseWithError(context.Canceled)
		fromStdout.CloseWithError(context.Canceled)
	}
	go func() {
		defer cancel()
		w.err = work(ctx, stdin, stdout)
		stdin.CloseWithError(io.ErrClosedPipe)
		stdout.Close()
		close(w.ended)
	}()
	return w
}

func (w *fakeWorker) CloseWrite() error { return w.closeIn() }

func (w *fakeWorker) ID() string { return w.id }

func (w *fakeWorker) Wait(ctx context.Context) (int, string, error) {
	select {
	case <-w.ended:
	case <-ctx.Done():
		return 0, "", ctx.Err()
	}
	if w.err != nil {
		return 1, w.err.Error(), nil
	}
	return 0, "", nil
}

func (w *fakeWorker) Stop(ctx context.Context) error {
	w.cancel()
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
