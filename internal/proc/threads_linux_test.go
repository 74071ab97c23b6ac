package proc

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestThreadsSeeWork: one thread works, the others rest.
func TestThreadsSeeWork(t *testing.T) {
	threads, err := OpenThreads()
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threads.Read()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for time.Since(begin) < 100*time.Millisecond {
	}
	after, err := threads.Read()
	elapsed := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	// The machine may be shared; what we did not run we waited.
	busiest, wait := after.Busiest-before.Busiest, after.Wait-before.Wait
	if busiest <= 0 || busiest > elapsed+20*time.Millisecond || busiest+wait < 50*time.Millisecond {
		t.Errorf("in %v of work the busiest thread used %v, and all waited %v", elapsed, busiest, wait)
	}
}

func TestThreadsCountEachReading(t *testing.T) {
	dir := t.TempDir()
	write := func(thread, text string) {
		if err := os.MkdirAll(filepath.Join(dir, thread), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, thread, "schedstat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("1", "1000 50 3\n")
	write("2", "5000 70 3\n")
	threads, err := openThreads(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		change func()
		want   ThreadCounters
	}{
		{func() {}, ThreadCounters{}},
		{func() { write("1", "1400 60 4\n"); write("2", "5100 70 4\n") }, ThreadCounters{Busiest: 400, Wait: 10}},
		{func() { write("2", "6100 95 5\n") }, ThreadCounters{Busiest: 1400, Wait: 35}},
		{func() { os.RemoveAll(filepath.Join(dir, "1")); write("3", "30 5 1\n") }, ThreadCounters{Busiest: 1430, Wait: 40}},
		{func() { write("3", "10 1 1\n") }, ThreadCounters{Busiest: 1440, Wait: 41}}, // the number came again
	} {
		step.change()
		got, err := threads.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
}

func TestThreadsOfAKernelThatDoesNotTell(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := openThreads(dir); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no schedstat: %v", err)
	}
	file := filepath.Join(dir, "7", "schedstat")
	for text, unsupported := range map[string]bool{"0 0 0\n": true, "1 2\n": false, "-1 2 3\n": false, "x\n": false} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := openThreads(dir); err == nil || errors.Is(err, ErrUnsupported) != unsupported {
			t.Errorf("%q: %v", text, err)
		}
	}
}
