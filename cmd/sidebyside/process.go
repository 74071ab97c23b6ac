//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The generator and the server have a CPU each.
const (
	generatorCPU = 0
	serverCPU    = 1
)

// startOn starts a command on one CPU. The child inherits the affinity of the
// thread that forks it, so the program itself needs no wrapper.
func startOn(cpu int, cmd *exec.Cmd) (err error) {
	runtime.LockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the CPU affinity: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	err = cmd.Start()
	if restore := unix.SchedSetaffinity(0, &before); restore != nil {
		// The thread stays locked, and ends with its goroutine.
		return errors.Join(err, fmt.Errorf("undo the pinning: %w", restore))
	}
	runtime.UnlockOSThread()
	return err
}

// cost is what a process and those that it waited for have used up.
type cost struct {
	CPU time.Duration `json:"cpu_ns"`
	// Largest is the peak resident memory of the largest process, Together
	// the sum of all processes' peaks, in bytes.
	Largest  int64         `json:"largest_rss_bytes"`
	Together int64         `json:"together_rss_bytes"`
	Wall     time.Duration `json:"wall_ns"`
}

// invalidMeasurement is the exit code with which plimsoll says that it was too
// slow itself; the server's figures hold nevertheless.
const invalidMeasurement = 97

// execute runs a generator to its end.
func execute(ctx context.Context, path string, args []string, stdin string) (cost, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	begin := time.Now()
	if err := startOn(generatorCPU, cmd); err != nil {
		return cost{}, err
	}
	peaks := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	used := cost{Wall: time.Since(begin)}
	used.Largest, used.Together = peaks.stop()
	if err != nil && cmd.ProcessState.ExitCode() != invalidMeasurement {
		return cost{}, fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	// wait4(2) adds up those that the process itself has waited for, as
	// plimsoll does for its workers.
	used.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return used, nil
}

// raiseFileLimit lets the children have as many connections as may be.
// Without the explicit call, Go gives children the limit that it found.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}

// output is what a helper program printed.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
