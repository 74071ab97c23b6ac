// Package proc reads what the operating system counts about one process, from
// outside and without touching it, and what it knows of the host.
//
// Counted are all threads of the process itself, those included that have
// ended. Its children are processes of their own and are not counted.
package proc

import (
	"errors"
	"time"
)

// ErrUnsupported is in the chain of the error that says that this system's
// counters cannot be read.
var ErrUnsupported = errors.New("counters of a process can be read on Linux only")

// ErrEnded is in the chain of the error that says that the process has ended.
var ErrEnded = errors.New("the process has ended")

// Counters is one reading.
type Counters struct {
	// At is when CPU had its value.
	At time.Time
	// CPU is the CPU time used since the process began, user and system. It
	// is the scheduler's own account in nanoseconds; a thread that runs at
	// this moment is counted up to the last time the scheduler looked at it,
	// at most one tick (1 to 10 ms) ago.
	CPU time.Duration
	// MemoryBytes is the resident memory that belongs to no file: what would
	// remain without page cache. The kernel's account of it may lag by some
	// tens of pages per CPU.
	MemoryBytes int64
}

// ThreadCounters tell how this process's threads fared since OpenThreads.
type ThreadCounters struct {
	// Busiest adds up, over the times between two readings, the CPU time of
	// the thread that used the most in each. Divided by the time it is how
	// busy one core was with this process alone.
	Busiest time.Duration
	// Wait is how long threads that wanted to run waited for a CPU, all
	// threads together: behind other processes, or held back by a quota.
	Wait time.Duration
}

// Facts describe the host. What the system does not tell is zero.
type Facts struct {
	Kernel      string // its release
	CPU         string // the model
	CPUs        int    // as many as this process may use
	MemoryBytes int64
}
