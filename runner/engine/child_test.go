package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
)

// TestSpawn is about what Conform, which knows no processes, leaves out.
func TestSpawn(t *testing.T) {
	helper := enginetest.BuildHelper(t)
	spawn := func(t *testing.T, args ...string) (engine.Worker, *exec.Cmd) {
		t.Helper()
		cmd := exec.Command(helper, args...)
		worker, err := engine.Spawn(cmd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := worker.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return worker, cmd
	}
	killed := 137
	if runtime.GOOS == "windows" {
		killed = 1
	}

	t.Run("ID is the process ID", func(t *testing.T) {
		worker, cmd := spawn(t, "worker")
		if worker.ID() != strconv.Itoa(cmd.Process.Pid) {
			t.Errorf("ID %s, process %d", worker.ID(), cmd.Process.Pid)
		}
	})
	t.Run("what was printed can be read after the end", func(t *testing.T) {
		worker, cmd := spawn(t, "echo", "last words")
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			// Signal 0 asks whether there is a process, and harms none.
			if err := cmd.Process.Signal(syscall.Signal(0)); errors.Is(err, os.ErrProcessDone) || runtime.GOOS == "windows" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the process does not end")
			}
		}
		text, err := io.ReadAll(worker)
		if string(text) != "last words\n" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if code, stderr, err := worker.Wait(t.Context()); code != 0 || stderr != "" || err != nil {
			t.Errorf("exit code %d, %q, %v", code, stderr, err)
		}
	})
	t.Run("wait lasts until all is read", func(t *testing.T) {
		worker, _ := spawn(t, "echo", "unread")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, _, err := worker.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait while something is unread: %v", err)
		}
		if _, err := io.Copy(io.Discard, worker); err != nil {
			t.Fatal(err)
		}
		if _, _, err := worker.Wait(t.Context()); err != nil {
			t.Errorf("wait after all was read: %v", err)
		}
	})
	t.Run("the end of stderr is kept", func(t *testing.T) {
		line := strings.Repeat("e", 3000)
		args := []string{"print"}
		for range 5 {
			args = append(args, "out", line)
		}
		worker, _ := spawn(t, append(args, "out", "the end", "all printed")...)
		var got bytes.Buffer
		for !strings.Contains(got.String(), "all printed") {
			if _, err := io.CopyN(&got, worker, 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		code, stderr, err := worker.Wait(t.Context())
		if code != killed || err != nil {
			t.Errorf("exit code %d, %v; want %d", code, err, killed)
		}
		if !strings.HasSuffix(stderr, "eee\nthe end\n") || len(stderr) != 4<<10 {
			t.Errorf("%d bytes of stderr, ending with %q", len(stderr), stderr[max(0, len(stderr)-20):])
		}
		if _, err := worker.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("read from a stopped worker: %v", err)
		}
		if _, err := worker.Write([]byte("x")); err == nil {
			t.Error("written to a stopped worker")
		}
	})
	t.Run("no such program", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nothing")
		if worker, err := engine.Spawn(exec.Command(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("worker %v, %v", worker, err)
		}
	})
	t.Run("standard streams are spoken for", func(t *testing.T) {
		cmd := exec.Command(helper, "worker")
		cmd.Stdin = strings.NewReader("")
		if _, err := engine.Spawn(cmd); err == nil {
			t.Error("a command that has a stdin already was spawned")
		}
	})
}

func TestTail(t *testing.T) {
	var all []byte
	tail := engine.NewTail(10)
	for i := range 50 {
		part := bytes.Repeat([]byte{byte('a' + i%26)}, i%23)
		if n, err := tail.Write(part); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %d bytes, %v", n, len(part), err)
		}
		all = append(all, part...)
		if got, want := tail.String(), string(all[max(0, len(all)-10):]); got != want {
			t.Fatalf("after part %d: %q, want %q", i, got, want)
		}
	}
}

func TestLastLines(t *testing.T) {
	tests := []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""},
		{"one", 1, "one"},
		{"one\ntwo\nthree\n", 2, "two\nthree\n"},
		{"one\ntwo\nthree", 2, "two\nthree"},
		{"one\ntwo\n", 2, "one\ntwo\n"},
		{"one\ntwo\n", 5, "one\ntwo\n"},
		{"one\n\ntwo\n", 2, "\ntwo\n"}, // an empty line is a line
	}
	for _, test := range tests {
		if got := engine.LastLines(test.text, test.n); got != test.want {
			t.Errorf("last %d of %q: %q, want %q", test.n, test.text, got, test.want)
		}
	}
}
