package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"plimsoll/fixtures"
	"plimsoll/internal/testenv"
)

// The fast transport needs a write and a read for each request, and a wait for
// every few. The count is that of the whole program with its worker, from start
// to end.
func TestSystemCallsPerRequest(t *testing.T) {
	const requests, most = 20000, 2.4
	strace := testenv.Command(t, "strace", "strace")
	self := buildProgram(t)
	null, err := fixtures.NewNull(fixtures.NullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- null.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	table := filepath.Join(t.TempDir(), "calls")
	cmd := exec.Command(strace, "-f", "-c", "-o", table, self, "bench", "--quiet", "-k",
		"-n", strconv.Itoa(requests), "-c", "10", "--transport", "fast", "http://"+listener.Addr().String()+"/")
	// Under strace latencies need not be believed; calls are counted all the
	// same.
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != exitInvalid {
		t.Fatalf("%v: %s", err, out)
	}
	if got := null.Served(); got != requests {
		t.Fatalf("the server counted %d requests, want %d", got, requests)
	}
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	each := float64(allCalls(t, string(text))) / requests
	t.Logf("%.3f system calls per request", each)
	if each < 2 || each > most {
		t.Errorf("%.3f system calls per request, want at most %v:\n%s", each, most, text)
	}
}

// byTheClock are the calls that Go's runtime makes as time goes by, in threads
// that sleep and look around: under strace on a busy machine, where everything
// takes long, they become many. On a quiet one they are 0.1 a request.
var byTheClock = []string{"futex", "nanosleep", "getpid", "tgkill", "rt_sigreturn", "sched_yield"}

// allCalls adds up the table of strace -c, without those byTheClock.
func allCalls(t *testing.T, table string) (calls int64) {
	t.Helper()
	for line := range strings.Lines(table) {
		// % time, seconds, usecs/call, calls, errors if any, name
		fields := strings.Fields(line)
		if len(fields) < 5 || slices.Contains(byTheClock, fields[len(fields)-1]) || fields[len(fields)-1] == "total" {
			continue
		}
		if n, err := strconv.ParseInt(fields[3], 10, 64); err == nil {
			calls += n
		}
	}
	return calls
}
