package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stderrKept is how much of the end of a child's stderr is kept.
const stderrKept = 4 << 10

// Spawn starts cmd as a child of this process and returns it as a Worker whose
// ID is its process ID. cmd's Stdin, Stdout and Stderr must not be set. The
// child is reaped as soon as it ends; what it printed can be read after that.
func Spawn(cmd *exec.Cmd) (Worker, error) {
	// Not StdoutPipe: its reading end is closed when the child has been
	// reaped, with whatever nobody has read yet.
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer childStdout.Close()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", cmd.Path, err), stdout.Close())
	}
	c := &child{
		cmd: cmd, stdin: stdin, stdout: stdout, stderr: NewTail(stderrKept),
		ended: make(chan struct{}), drained: make(chan struct{}),
	}
	cmd.Stdout, cmd.Stderr = childStdout, c.stderr
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second // for a stderr that the child left to a child of its own
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", cmd.Path, err), stdout.Close())
	}
	go c.reap()
	return c, nil
}

type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *os.File
	stderr *Tail

	ended   chan struct{} // closed when the child has been reaped
	waitErr error         // read it after ended
	drained chan struct{} // closed when nothing is left to be read
	drain   sync.Once
}

var _ Worker = (*child)(nil)

// reap collects the child's exit. That it failed is told by its exit code,
// and that its stderr was cut off after its end (ErrWaitDelay) harms nothing.
func (c *child) reap() {
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		c.waitErr = fmt.Errorf("wait for %s: %w", c.cmd.Path, err)
	}
	close(c.ended)
}

func (c *child) ID() string { return strconv.Itoa(c.cmd.Process.Pid) }

func (c *child) Write(p []byte) (int, error) { return c.stdin.Write(p) }

func (c *child) CloseWrite() error {
	if err := c.stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (c *child) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if err != nil {
		if closing := c.closeStdout(); closing != nil {
			return n, closing
		}
	}
	return n, err // io.EOF bare, as readers compare it
}

func (c *child) closeStdout() error {
	var err error
	c.drain.Do(func() {
		err = c.stdout.Close()
		close(c.drained)
	})
	return err
}

func (c *child) Wait(ctx context.Context) (int, string, error) {
	for _, event := range []chan struct{}{c.ended, c.drained} {
		select {
		case <-event:
		case <-ctx.Done():
			return 0, "", fmt.Errorf("wait for %s, process %s: %w", c.cmd.Path, c.ID(), ctx.Err())
		}
	}
	if c.waitErr != nil {
		return 0, c.stderr.String(), c.waitErr
	}
	return ExitCode(c.cmd.ProcessState), c.stderr.String(), nil
}

func (c *child) Stop(ctx context.Context) error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s, process %s: %w", c.cmd.Path, c.ID(), err)
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		return fmt.Errorf("kill %s, process %s: %w", c.cmd.Path, c.ID(), ctx.Err())
	}
	return errors.Join(c.waitErr, c.CloseWrite(), c.closeStdout())
}

// ExitCode returns a process's exit code as containers have it: 128 and the
// signal's number for one that a signal ended.
func ExitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// Tail is a writer that keeps the last bytes written to it. It is safe for
// concurrent use.
type Tail struct {
	limit int
	mu    sync.Mutex
	kept  []byte // up to twice the limit, so that copying is rare
}

// NewTail returns a Tail that keeps limit bytes.
func NewTail(limit int) *Tail { return &Tail{limit: limit} }

// Write always succeeds.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if len(t.kept) > 2*t.limit {
		t.kept = t.kept[:copy(t.kept, t.kept[len(t.kept)-t.limit:])]
	}
	return len(p), nil
}

// String returns the last bytes written, at most the limit.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept[max(0, len(t.kept)-t.limit):])
}

// LastLines returns the last n lines of what was printed, n being at least 1.
func LastLines(printed string, n int) string {
	end := len(strings.TrimRight(printed, "\n"))
	for i := end - 1; i >= 0; i-- {
		if printed[i] == '\n' {
			if n--; n == 0 {
				return printed[i+1:]
			}
		}
	}
	return printed
}
