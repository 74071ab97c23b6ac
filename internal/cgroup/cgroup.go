// Package cgroup reads what the Linux kernel has counted for the control group
// that a process runs in: CPU time, memory, network and block bytes. It knows
// version 1, version 2 and hosts that mount both. The files stay open, so that
// a reading costs microseconds and needs no look-up.
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrGone is in the chain of an error that says that the control group was
// removed, which happens when its last process has ended. What it had counted
// is lost then.
var ErrGone = errors.New("control group is gone, its last process has ended")

// Counters is one reading. All but the memory count up from the control
// group's creation.
type Counters struct {
	// At is when the CPU time had this value.
	At time.Time
	// CPU is the CPU time used by all processes of the control group.
	CPU time.Duration
	// MemoryBytes is the memory in use without the page cache that the kernel
	// would drop first, as "docker stats" shows it.
	MemoryBytes int64
	// The rest is nil where the kernel does not say. Throttled is how long
	// runnable processes had to wait for their CPU quota.
	Throttled *time.Duration
	// NetIn and NetOut are the bytes on all interfaces but the loopback. They
	// are nil for a process that shares our network namespace.
	NetIn, NetOut *int64
	// BlockRead and BlockWrite are the bytes moved from and to block devices.
	// Version 1 knows only what was written past the page cache, so that it
	// never gives a BlockWrite of 0.
	BlockRead, BlockWrite *int64
}

// Reader reads the counters of one control group. It is safe for concurrent
// use.
type Reader struct {
	version int
	probes  []probe
}

// probe is an open file and what to take from its text.
type probe struct {
	file *os.File
	take func(text string, c *Counters) error
}

// Version returns 1 or 2, the control group version that CPU time is read from.
func (r *Reader) Version() int { return r.version }

// open opens the counters of process pid on the system whose file tree begins
// at root. name is as in Open.
func open(root string, pid int, name string) (_ *Reader, err error) {
	where, err := locate(root, pid, name)
	if err != nil {
		return nil, err
	}
	r := &Reader{}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if r.version, err = r.openCPU(where); err != nil {
		return nil, err
	}
	if err = r.openMemory(where); err != nil {
		return nil, err
	}
	if err = r.openBlock(where); err != nil {
		return nil, err
	}
	if err = r.openNetwork(root, pid); err != nil {
		return nil, err
	}
	return r, nil
}

// openCPU has to come first: Read stamps the first probe's value.
func (r *Reader) openCPU(where *location) (version int, err error) {
	v1 := r.add(where, "cpuacct", "cpuacct.usage", takeUsageV1)
	if v1 == nil {
		return 1, optional(r.add(where, "cpu", "cpu.stat", takeThrottledV1))
	}
	v2 := r.add(where, unified, "cpu.stat", takeCPUV2)
	if v2 == nil {
		return 2, nil
	}
	return 0, fmt.Errorf("cannot read the CPU time of process %d: %w", where.pid, errors.Join(v1, v2))
}

func (r *Reader) openMemory(where *location) error {
	v1 := r.add(where, "memory", "memory.usage_in_bytes", takeMemory)
	if v1 == nil {
		return r.add(where, "memory", "memory.stat", takeInactive("total_inactive_file"))
	}
	v2 := r.add(where, unified, "memory.current", takeMemory)
	if v2 == nil {
		return r.add(where, unified, "memory.stat", takeInactive("inactive_file"))
	}
	return fmt.Errorf("cannot read the memory of process %d: %w", where.pid, errors.Join(v1, v2))
}

func (r *Reader) openBlock(where *location) error {
	if where.has("blkio") {
		return optional(r.add(where, "blkio", "blkio.throttle.io_service_bytes", takeBlockV1))
	}
	return optional(r.add(where, unified, "io.stat", takeBlockV2))
}

func (r *Reader) openNetwork(root string, pid int) error {
	process := filepath.Join(root, "proc", strconv.Itoa(pid))
	theirs, err := os.Readlink(filepath.Join(process, "ns/net"))
	switch {
	case errors.Is(err, fs.ErrPermission):
		// The link of another user's process is hidden from us, its counters
		// are not.
	case err != nil:
		return err
	default:
		ours, err := os.Readlink(filepath.Join(root, "proc/self/ns/net"))
		if err != nil || ours == theirs {
			return err
		}
	}
	f, err := os.Open(filepath.Join(process, "net/dev"))
	if err != nil {
		return optional(err)
	}
	r.probes = append(r.probes, probe{f, takeNetwork})
	return nil
}

func (r *Reader) add(where *location, controller, name string, take func(string, *Counters) error) error {
	path, err := where.file(controller, name)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	r.probes = append(r.probes, probe{f, take})
	return nil
}

// optional forgives that this kernel does not have a file.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Read returns the counters as they are now. The error wraps ErrGone when the
// control group no longer exists.
func (r *Reader) Read() (Counters, error) {
	var (
		c   Counters
		buf = make([]byte, 8<<10)
	)
	for i, p := range r.probes {
		before := time.Now()
		n, err := p.file.ReadAt(buf, 0)
		for err == nil { // the buffer was too small
			buf = make([]byte, 2*len(buf))
			n, err = p.file.ReadAt(buf, 0)
		}
		if i == 0 {
			c.At = before.Add(time.Since(before) / 2)
		}
		switch {
		case errors.Is(err, syscall.ENODEV):
			return Counters{}, fmt.Errorf("%s: %w", p.file.Name(), ErrGone)
		case err != io.EOF:
			return Counters{}, err
		}
		if err := p.take(string(buf[:n]), &c); err != nil {
			return Counters{}, fmt.Errorf("%s: %w", p.file.Name(), err)
		}
	}
	return c, nil
}

// Close closes the files.
func (r *Reader) Close() error {
	var failed error
	for _, p := range r.probes {
		failed = errors.Join(failed, p.file.Close())
	}
	return failed
}
