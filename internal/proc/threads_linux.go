package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Threads follows the threads of this process. It is not safe for concurrent
// use.
type Threads struct {
	dir  string
	last map[string]schedule // by thread ID
	sum  ThreadCounters
}

// OpenThreads begins to follow the threads of this process. The error is
// ErrUnsupported where the kernel does not account for threads.
func OpenThreads() (*Threads, error) { return openThreads("/proc/self/task") }

func openThreads(dir string) (*Threads, error) {
	t := &Threads{dir: dir}
	var err error
	if t.last, err = t.schedules(); err != nil {
		return nil, err
	}
	for _, s := range t.last {
		if s != (schedule{}) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s: this kernel keeps no schedstat: %w", dir, ErrUnsupported)
}

// Read returns the counters as they are now. What a thread that has ended did
// since the reading before is lost.
func (t *Threads) Read() (ThreadCounters, error) {
	now, err := t.schedules()
	if err != nil {
		return ThreadCounters{}, err
	}
	var busiest time.Duration
	for id, s := range now {
		before := t.last[id]
		if s.cpu < before.cpu {
			before = schedule{} // another thread has the number now
		}
		busiest = max(busiest, s.cpu-before.cpu)
		t.sum.Wait += max(0, s.wait-before.wait)
	}
	t.last = now
	t.sum.Busiest += busiest
	return t.sum, nil
}

func (t *Threads) schedules() (map[string]schedule, error) {
	threads, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string]schedule, len(threads))
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Join(t.dir, thread.Name(), "schedstat"))
		switch {
		case err == nil:
		case gone(filepath.Join(t.dir, thread.Name()), err):
			continue
		case errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		default:
			return nil, err
		}
		if all[thread.Name()], err = parseSchedule(strings.TrimSpace(string(text))); err != nil {
			return nil, fmt.Errorf("schedstat of thread %s: %w", thread.Name(), err)
		}
	}
	return all, nil
}

// gone reports whether a thread has ended between listing and reading it.
func gone(thread string, err error) bool {
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	_, stat := os.Stat(thread)
	return errors.Is(stat, os.ErrNotExist)
}
