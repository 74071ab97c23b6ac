package docker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/internal/testenv"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/scenarios/topology"
)

// fakeSSH puts a shell script called ssh in front of PATH.
func fakeSSH(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell scripts here")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// behindSSH returns the engine of this host as one that is reached by ssh: an
// ssh that runs its command here. So everything goes the way that it goes to
// another host.
func behindSSH(t *testing.T) (e *Engine, calls string) {
	t.Helper()
	testenv.Docker(t)
	testenv.Command(t, "docker", "docker")
	calls = filepath.Join(t.TempDir(), "calls")
	fakeSSH(t, `echo "$@" >>'`+calls+`'; while [ "$1" != -- ]; do shift; done; shift 2; exec sh -c "$*"`)
	return connect(t, Options{Endpoint: Endpoint{Host: "ssh://me@elsewhere:2222"}}), calls
}

func TestBehindSSH(t *testing.T) {
	e, calls := behindSSH(t)
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"serve", "8080"}, Ports: []topology.Port{{Target: 8080, Protocol: "tcp"}}})
	web := up(t, e, stack).Replicas[0]

	said, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(said), "-l me -p 2222") || !strings.Contains(string(said), "-- elsewhere docker system dial-stdio") {
		t.Errorf("ssh was called as %q, %v", said, err)
	}
	info, err := e.Info(t.Context())
	if err != nil || info.Endpoint != "ssh://me@elsewhere:2222" || !strings.Contains(info.LoadPath, "beyond this host's reach: it runs on ") {
		t.Errorf("%+v, %v", info, err)
	}
	meter, metering, err := e.Meter(t.Context(), web.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	if metering.Source != "stats API" || metering.Interval != time.Second {
		t.Errorf("metered by %+v", metering)
	}
	if _, err := meter.Read(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestConformBehindSSH: for whoever uses it, an engine elsewhere is like any.
func TestConformBehindSSH(t *testing.T) {
	behindSSH(t) // for the skip and the ssh
	self := enginetest.BuildHelper(t)
	open := func(t *testing.T) engine.Engine {
		return connect(t, Options{Endpoint: Endpoint{Host: "ssh://elsewhere"}, Self: self})
	}
	enginetest.Conform(t, open, enginetest.Options{})
}

// TestGate dials by the container that stands in the engine's host's network.
func TestGate(t *testing.T) {
	e, _ := behindSSH(t)
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"serve", "8080"}})
	web := up(t, e, stack).Replicas[0]
	address := func(port string) string { return net.JoinHostPort(web.Address.String(), port) }
	eventually(t, "web answers", func() bool {
		conn, err := e.Dial(t.Context(), address("8080"), time.Second)
		if err != nil {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
			return false
		}
		defer conn.Close()
		const question = "are you there?\n"
		if _, err := io.WriteString(conn, question); err != nil {
			t.Fatal(err)
		}
		want := "web-1\n" + question
		answer := make([]byte, len(want))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != want {
			t.Errorf("answer %q, %v; want %q", answer, err, want)
		}
		return true
	})
	if _, err := e.Dial(t.Context(), address("8081"), time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nobody listens: %v", err)
	}

	gates := func() []string {
		t.Helper()
		found, err := e.findContainers(t.Context(), Filter{Run: gateRun})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range found {
			names = append(names, f.what)
		}
		return names
	}
	id := func() string {
		gate := <-e.gate
		defer func() { e.gate <- gate }()
		return gate.id
	}
	first := id()
	if !strings.Contains(strings.Join(gates(), " "), "container plimsoll-gate-") {
		t.Errorf("it cannot be found by its label: %v", gates())
	}
	// One that is lost is replaced.
	if err := e.removeContainer(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another gate", func() bool {
		conn, err := e.Dial(t.Context(), address("8080"), time.Second)
		return err == nil && conn.Close() == nil
	})
	second := id()
	if first == second {
		t.Error("the gate that was removed is still used")
	}
	if err := e.closeGate(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.cli.ContainerInspect(t.Context(), second); err == nil {
		t.Error("the gate is still there after it was closed")
	}
}

// TestForeignExecutable: one that is for another CPU is refused before it is
// sent anywhere.
func TestForeignExecutable(t *testing.T) {
	e, _ := behindSSH(t)
	self, err := buildSelf()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	const machine = 18 // e_machine's offset
	other := bytes.Clone(text)
	copy(other[machine:], []byte{22, 0}) // EM_S390
	path := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(path, other, 0o755); err != nil {
		t.Fatal(err)
	}
	foreign, err := New(t.Context(), Options{Endpoint: Endpoint{Host: e.host}, Self: path})
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	_, err = foreign.Dial(t.Context(), "127.0.0.1:1", time.Second)
	wantError(t, err, "this plimsoll is built for s390x, but the host of the Docker engine at ssh://me@elsewhere:2222 is ")
	_, err = foreign.Launch(t.Context(), engine.Stack{Name: "x", Run: "x"})
	wantError(t, err, "--linux-binary FILE")
}
