package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process whose counters are read. It is safe for concurrent use.
type Process struct {
	pid int
	// status stays open: it belongs to this very process, and reading it
	// fails once that has ended, whoever has its number then.
	status *os.File
}

// Open makes a process's counters readable. Close releases what it holds open.
func Open(pid int) (*Process, error) {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("process %d: %w", pid, ErrEnded)
	}
	if err != nil {
		return nil, err
	}
	return &Process{pid: pid, status: status}, nil
}

// Read returns the counters as they are now; the error is ErrEnded when there
// is no such process any more.
func (p *Process) Read() (Counters, error) {
	// The clock goes by the process's number. That the status file can be
	// read afterwards proves that the number was still this process's.
	var cpu unix.Timespec
	if err := unix.ClockGettime(cpuClock(p.pid), &cpu); errors.Is(err, unix.EINVAL) {
		return Counters{}, fmt.Errorf("process %d: %w", p.pid, ErrEnded)
	} else if err != nil {
		return Counters{}, fmt.Errorf("read the CPU clock of process %d: %w", p.pid, err)
	}
	c := Counters{At: time.Now(), CPU: time.Duration(cpu.Nano())}
	var buffer [8 << 10]byte // three times what a status takes
	n, err := p.status.ReadAt(buffer[:], 0)
	if errors.Is(err, unix.ESRCH) {
		return Counters{}, fmt.Errorf("process %d: %w", p.pid, ErrEnded)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Counters{}, err
	}
	if c.MemoryBytes, err = memory(buffer[:n]); err != nil {
		return Counters{}, fmt.Errorf("process %d: %w", p.pid, err)
	}
	return c, nil
}

// Close closes what Open opened.
func (p *Process) Close() error { return p.status.Close() }

// cpuClock returns the ID of the clock that counts a process's CPU time. It is
// the number that clock_getcpuclockid(3) makes: the inverted process number
// and, in the three lower bits, the scheduler's clock (2) of all threads.
func cpuClock(pid int) int32 { return int32(^pid)<<3 | 2 }

// Host returns what is known of the host.
func Host() Facts {
	facts := Facts{CPUs: runtime.NumCPU()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		facts.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		facts.CPU, _ = field(info, "model name") // ARM has none
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		facts.MemoryBytes, _, _ = kilobytes(info, "MemTotal") // zero: not told
	}
	return facts
}
