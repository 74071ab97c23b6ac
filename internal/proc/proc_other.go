//go:build !linux

package proc

import "fmt"

// Process is a process whose counters are read: on Linux.
type Process struct{}

// Open fails with ErrUnsupported.
func Open(pid int) (*Process, error) {
	return nil, fmt.Errorf("process %d: %w", pid, ErrUnsupported)
}

// Read fails with ErrUnsupported.
func (p *Process) Read() (Counters, error) { return Counters{}, ErrUnsupported }

// Close does nothing.
func (p *Process) Close() error { return nil }

// Threads follows the threads of this process: on Linux.
type Threads struct{}

// OpenThreads fails with ErrUnsupported.
func OpenThreads() (*Threads, error) { return nil, ErrUnsupported }

// Read fails with ErrUnsupported.
func (t *Threads) Read() (ThreadCounters, error) { return ThreadCounters{}, ErrUnsupported }
