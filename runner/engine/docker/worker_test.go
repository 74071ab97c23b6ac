package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// launch returns a worker on a stack that is but a network.
func launch(t *testing.T, e *Engine) (engine.Worker, engine.Stack) {
	t.Helper()
	stack := newStack(t, e)
	up(t, e, stack)
	w, err := e.Launch(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return w, stack
}

func say(t *testing.T, w engine.Worker, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(w, line); err != nil {
		t.Fatal(err)
	}
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func gone(t *testing.T, e *Engine, id string) bool {
	t.Helper()
	_, err := e.cli.ContainerInspect(t.Context(), id)
	if err != nil && !errdefs.IsNotFound(err) {
		t.Fatal(err)
	}
	return err != nil
}

// TestWorkerSaysMuch reads more than any buffer holds: every line has to
// arrive, in order.
func TestWorkerSaysMuch(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	w, _ := launch(t, e)
	const n = 100_000
	begin := time.Now()
	say(t, w, fmt.Sprint("flood ", n))
	say(t, w, "complain")
	if err := w.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(w)
	for i := range n {
		if want := fmt.Sprintf("line %d of a flood that fills some forty bytes", i); !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the last line: %q, %v", lines.Text(), lines.Err())
	}
	t.Logf("%d lines in %v", n, time.Since(begin))
	code, stderr, err := w.Wait(patience(t))
	if code != 0 || stderr != "complaint\n" || err != nil {
		t.Errorf("ended with %d, %q, %v", code, stderr, err)
	}
	eventually(t, "the container is gone", func() bool { return gone(t, e, w.ID()) })
}

func TestWorkerIsOnTheStacksNetworks(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}, Networks: []topology.Attachment{{Network: "back"}}})
	stack.Topology.Networks = []string{"back", "front"}
	up(t, e, stack)
	for number := 1; number <= 2; number++ { // each has a name of its own
		w, err := e.Launch(t.Context(), stack)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Stop(context.WithoutCancel(t.Context()))
		c, err := e.cli.ContainerInspect(t.Context(), w.ID())
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("/%s-worker-%d", stack.Name, number); c.Name != want {
			t.Errorf("name %s, want %s", c.Name, want)
		}
		for _, short := range stack.Topology.Networks {
			if c.NetworkSettings.Networks[resourceName(stack.Name, short)] == nil {
				t.Errorf("not on network %s", short)
			}
		}
		if c.Config.Labels[labelRole] != roleWorker || c.Config.Labels[labelRun] != stack.Run {
			t.Errorf("labels %v", c.Config.Labels)
		}
	}
	if state := observe(t, e, stack); len(state.Replicas) != 1 {
		t.Errorf("workers among the replicas: %+v", state.Replicas)
	}
}

func TestWorkerDies(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	for _, test := range []struct {
		name string
		die  func(*testing.T, engine.Worker)
		code int
	}{
		{"by itself", func(t *testing.T, w engine.Worker) { say(t, w, "die 3") }, 3},
		{"killed from outside", func(t *testing.T, w engine.Worker) {
			if err := e.cli.ContainerKill(t.Context(), w.ID(), "KILL"); err != nil {
				t.Fatal(err)
			}
		}, 137},
		{"removed from outside", func(t *testing.T, w engine.Worker) {
			if err := e.removeContainer(t.Context(), w.ID()); err != nil {
				t.Fatal(err)
			}
		}, 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, _ := launch(t, e)
			say(t, w, "before")
			line, err := bufio.NewReader(w).ReadString('\n')
			if err != nil || line != "before\n" {
				t.Fatalf("got %q, %v", line, err)
			}
			test.die(t, w)
			if n, err := io.Copy(io.Discard, w); n != 0 || err != nil {
				t.Errorf("then %d more bytes and %v, want none and EOF", n, err)
			}
			code, _, err := w.Wait(patience(t))
			if code != test.code || err != nil {
				t.Errorf("ended with %d, %v; want %d", code, err, test.code)
			}
		})
	}
}

// TestWorkerIsStopped stops a worker that is busy and whose output nobody
// reads.
func TestWorkerIsStopped(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	w, _ := launch(t, e)
	say(t, w, "flood 1000000")
	hasty, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := w.Wait(hasty); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for a busy worker: %v", err)
	}
	if err := w.Stop(patience(t)); err != nil {
		t.Fatal(err)
	}
	if !gone(t, e, w.ID()) {
		t.Error("the container is still there")
	}
	if code, _, err := w.Wait(patience(t)); code != 137 || err != nil {
		t.Errorf("ended with %d, %v; want 137", code, err)
	}
	if err := w.Stop(patience(t)); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

// TestOrphanedWorkerEnds kills the process that launched a worker.
func TestOrphanedWorkerEnds(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e)
	up(t, e, stack)
	self, err := buildSelf()
	if err != nil {
		t.Fatal(err)
	}
	runner := exec.Command(os.Args[0], stack.Name)
	runner.Env = append(os.Environ(), orphanVariable+"="+self)
	runner.Stderr = os.Stderr
	out, err := runner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	id = strings.TrimSpace(id)
	if gone(t, e, id) {
		t.Error("no worker runs")
	}
	if err := runner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = runner.Wait() // it was killed
	begin := time.Now()
	eventually(t, "the worker's container is gone", func() bool { return gone(t, e, id) })
	t.Log("gone after ", time.Since(begin))
}

// TestLaunchFails leaves no container behind.
func TestLaunchFails(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e) // whose network does not exist
	if w, err := e.Launch(t.Context(), stack); err == nil {
		w.Stop(t.Context())
		t.Fatal("no error")
	} else {
		wantError(t, err, "worker container: network "+stack.Name+"_default is gone")
	}
	list, err := e.findContainers(t.Context(), Filter{Run: stack.Run})
	if err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}
