package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"plimsoll/internal/testenv"
	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

func TestMain(m *testing.M) {
	if os.Getenv(orphanVariable) != "" {
		orphan()
		return
	}
	code := m.Run()
	if err := errors.Join(removeImages(), os.RemoveAll(scratch())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// loaded are the images that the tests may have brought to the engine.
var loaded sync.Map

func removeImages() error {
	var failed error
	for ref := range loaded.Range {
		e, err := New(context.Background(), Options{})
		if err != nil {
			return err
		}
		_, err = e.cli.ImageRemove(context.Background(), ref.(string), image.RemoveOptions{})
		if !errdefs.IsNotFound(err) {
			failed = errors.Join(failed, err)
		}
		failed = errors.Join(failed, e.Close())
	}
	return failed
}

// scratch is the folder of what all tests share.
func scratch() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("plimsoll-docker-test-%d", os.Getpid()))
}

// buildSelf builds the program that stands in for plimsoll, once.
var buildSelf = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch(), "self")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./testdata/self")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return path, nil
})

// connect returns an engine whose own image is the stand-in.
func connect(t *testing.T, opt Options) *Engine {
	t.Helper()
	testenv.Docker(t)
	if opt.Self == "" {
		self, err := buildSelf()
		if err != nil {
			t.Fatal(err)
		}
		opt.Self = self
	}
	e, err := New(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	self, err := e.self()
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(self.ref, true)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

var stacks atomic.Int64

// newStack makes up a stack of its own for a test and removes what is left of
// it afterwards. Services need a name and what differs from the usual.
func newStack(t *testing.T, e *Engine, services ...topology.Service) engine.Stack {
	t.Helper()
	id := fmt.Sprintf("plimsolltest-%d-%d", os.Getpid(), stacks.Add(1))
	top := &topology.Topology{Name: "test", Dir: "/srv/test", Networks: []string{"default"}}
	for _, s := range services {
		if s.Image == "" {
			s.Image = engine.SelfImage
		}
		if s.Replicas == 0 {
			s.Replicas = 1
		}
		if s.Networks == nil {
			s.Networks = []topology.Attachment{{Network: "default"}}
		}
		top.Services = append(top.Services, s)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		// Sweep without its pauses: nobody was killed, nothing is under way.
		for again := true; again; {
			gone, err := e.sweepOnce(ctx, Filter{Run: id})
			if err != nil {
				t.Errorf("sweep: %v", err)
				return
			}
			again = len(gone) > 0
		}
	})
	return engine.Stack{Name: id, Run: id, Topology: top}
}

// up brings a stack to where it should be.
func up(t *testing.T, e *Engine, stack engine.Stack) engine.State {
	t.Helper()
	if err := apply(t, e, stack); err != nil {
		t.Fatal(err)
	}
	return observe(t, e, stack)
}

func observe(t *testing.T, e *Engine, stack engine.Stack) engine.State {
	t.Helper()
	state, err := e.Observe(t.Context(), stack.Name)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func apply(t *testing.T, e *Engine, stack engine.Stack) error {
	t.Helper()
	_, err := engine.Apply(t.Context(), e, engine.Diff(stack, observe(t, e, stack)), engine.ApplyOptions{ReadyWithin: 20 * time.Second})
	return err
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never came true: ", what)
		}
	}
}

// orphanVariable makes this test binary launch a worker and say its ID, and
// then wait to be killed.
const orphanVariable = "PLIMSOLL_TEST_ORPHAN"

func orphan() {
	err := func() error {
		ctx := context.Background()
		e, err := New(ctx, Options{Self: os.Getenv(orphanVariable)})
		if err != nil {
			return err
		}
		w, err := e.Launch(ctx, engine.Stack{Name: os.Args[1], Run: os.Args[1], Topology: &topology.Topology{Networks: []string{"default"}}})
		if err != nil {
			return err
		}
		fmt.Println(w.ID())
		time.Sleep(time.Minute)
		return errors.New("nobody killed us")
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// kernelCPU reads a control group's CPU time from its file.
func kernelCPU(path string) (time.Duration, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	number, unit := strings.TrimSpace(string(text)), time.Nanosecond
	if rest, v2 := strings.CutPrefix(number, "usage_usec "); v2 {
		number, _, _ = strings.Cut(rest, "\n")
		unit = time.Microsecond
	}
	n, err := strconv.ParseInt(number, 10, 64)
	return time.Duration(n) * unit, err == nil
}

// exchange sends bytes to a replica that sends them back.
func exchange(t *testing.T, addr netip.AddrPort, n int64) {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	back := make(chan int64)
	go func() {
		got, _ := io.Copy(io.Discard, conn)
		back <- got
	}()
	if _, err := io.CopyN(conn, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-back; got < n {
		t.Errorf("sent %d bytes, got %d back", n, got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
