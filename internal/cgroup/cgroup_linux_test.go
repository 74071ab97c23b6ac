package cgroup

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestOpenSelf reads this process's own control group. Others may run in it,
// so it can only have used more than we have.
func TestOpenSelf(t *testing.T) {
	r, err := Open(os.Getpid(), "")
	if err != nil {
		t.Skip("this machine does not show us our control group: ", err)
	}
	defer r.Close()
	before, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	ours := cpu(t)
	for cpu(t)-ours < 200*time.Millisecond {
	}
	after, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	// The kernel may add up to a tick late.
	if used := after.CPU - before.CPU; used < 180*time.Millisecond {
		t.Errorf("used %v of CPU, the control group says %v", cpu(t)-ours, used)
	}
	if !after.At.After(before.At) {
		t.Errorf("the second reading is of %v, the first of %v", after.At, before.At)
	}
	if after.NetIn != nil {
		t.Error("a process in our own network namespace has network counters")
	}
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkRead(b *testing.B) {
	r, err := Open(os.Getpid(), "")
	if err != nil {
		b.Skip(err)
	}
	defer r.Close()
	for b.Loop() {
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
