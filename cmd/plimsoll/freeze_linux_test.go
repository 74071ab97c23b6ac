package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"plimsoll/results"
)

// A server that stands still for a second in the midst of ten at 1 000/s: what
// the requests have to say about it follows from their schedule alone. With 50
// connections it is the same but for the time that they take to catch up, and
// that they were too few is told.
func TestFreezeIsTrue(t *testing.T) {
	self := buildProgram(t)
	for _, transport := range []string{"fast", "general"} {
		for name, flags := range map[string][]string{"connections as needed": nil, "50 connections": {"--connections", "50"}} {
			t.Run(transport+", "+name, func(t *testing.T) {
				eventually(t, func() error { return freeze(t, self, transport, flags) })
			})
		}
	}
}

func freeze(t *testing.T, self, transport string, flags []string) error {
	t.Helper()
	const rate, length = 1000, 10 * time.Second
	server, url := startFixture(t, self, "null")
	bench := exec.Command(self, append([]string{"bench", "--quiet", "--format", "json", "--transport", transport,
		"-k", "--rate", fmt.Sprintf("%d/s", rate), "-d", length.String(), url}, flags...)...)
	var out strings.Builder
	bench.Stdout = &out
	if err := bench.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(length / 2)
	froze := time.Now()
	deliver(t, server, syscall.SIGSTOP)
	time.Sleep(time.Until(froze.Add(time.Second)))
	deliver(t, server, syscall.SIGCONT)
	thawed := time.Now()
	if err := bench.Wait(); err != nil {
		// An invalid measurement is for the caller to try again.
		return fmt.Errorf("bench: %w\n%s", err, out.String())
	}
	var trial results.Trial
	if err := json.Unmarshal([]byte(out.String()), &trial); err != nil {
		t.Fatal(err)
	}
	if trial.Requests.OK != rate*int64(length/time.Second) {
		t.Fatalf("%+v", trial.Requests)
	}

	// Whatever is due while the server stands still is answered when it goes
	// on; all else at once.
	var ideal []time.Duration
	for k := range rate * int(length/time.Second) {
		due := trial.Started.Add(time.Duration(k) * time.Second / rate)
		var takes time.Duration
		if due.After(froze) {
			takes = max(0, thawed.Sub(due))
		}
		ideal = append(ideal, takes)
	}
	slices.Sort(ideal)
	var off []string
	for _, q := range []struct {
		rank  float64
		got   time.Duration
		floor time.Duration
	}{{0.5, trial.Latency.Response.P50, 500 * time.Microsecond}, {0.99, trial.Latency.Response.P99, 0}, {0.999, trial.Latency.Response.P999, 0}} {
		want := ideal[int(math.Round(q.rank*float64(len(ideal))))-1]
		t.Logf("p%g: %v, by the schedule %v", 100*q.rank, q.got, want)
		if (q.got - want).Abs() > max(want/20, q.floor) {
			off = append(off, fmt.Sprintf("p%g is %v, by the schedule %v", 100*q.rank, q.got, want))
		}
	}
	if capped := len(flags) > 0; capped != (trial.Blocked > 500*time.Millisecond) {
		off = append(off, fmt.Sprintf("requests waited for a connection for %v", trial.Blocked))
	}
	t.Logf("p90 %v, blocked %v, %+v", trial.Latency.Response.P90, trial.Blocked, trial.Validity)
	if len(off) > 0 {
		return fmt.Errorf("%s (validity %+v)", strings.Join(off, ", "), trial.Validity)
	}
	return nil
}

func deliver(t *testing.T, to *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := to.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
