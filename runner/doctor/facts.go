package doctor

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"plimsoll/internal/cgroup"
	"plimsoll/internal/precise"
	"plimsoll/internal/proc"
)

// facts are what was read of the machine. What the system does not tell is nil,
// or the zero value where that cannot be.
type facts struct {
	host       proc.Facts
	procs      int // GOMAXPROCS
	limit      float64
	cgroup     int // version; 0: none that can be read
	throttled  bool
	schedule   bool
	steal      *float64 // shares of all CPUs' time, 0–1
	busy       *float64
	late       []time.Duration // of short sleeps, sorted
	files      uint64
	portRange  *portRange
	somaxconn  int
	preciseEnd *bool // whether epoll waits to the nanosecond
}

// portRange is what connections to one target have.
type portRange struct {
	low, high int
	waiting   int // sockets in TIME_WAIT
	reuse     int // net.ipv4.tcp_tw_reuse: 0 no, 1 yes, 2 on the loopback
}

const (
	sleeps    = 300
	sleepFor  = time.Millisecond
	watchedAt = 500 * time.Millisecond
)

func read(ctx context.Context) (facts, error) {
	f := facts{host: proc.Host(), procs: runtime.GOMAXPROCS(0)}
	if limit, err := cgroup.OpenLimit(os.Getpid()); err == nil {
		f.limit, f.cgroup = limit.CPUs(), limit.Version()
		held, err := limit.Throttled()
		f.throttled = err == nil && held != nil
		if err := limit.Close(); err != nil {
			return f, err
		}
	}
	if _, err := proc.OpenThreads(); err == nil {
		f.schedule = true
	}
	if err := f.readSystem(ctx); err != nil {
		return f, err
	}
	for range sleeps {
		due := time.Now().Add(sleepFor)
		if err := precise.SleepUntil(ctx, due); err != nil {
			return f, fmt.Errorf("sleep: %w", err)
		}
		f.late = append(f.late, time.Since(due))
	}
	slices.Sort(f.late)
	return f, nil
}

// lateAt is a percentile (0–100) of the sleeps' lateness.
func (f facts) lateAt(p float64) time.Duration {
	return f.late[min(len(f.late)-1, int(p/100*float64(len(f.late))))]
}
