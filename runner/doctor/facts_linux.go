package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"plimsoll/internal/precise"
	"plimsoll/internal/proc"
)

func (f *facts) readSystem(ctx context.Context) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	f.files = files.Cur
	f.somaxconn, _ = readNumber("/proc/sys/net/core/somaxconn") // zero: not told
	f.portRange = readPorts()
	fine := waitsPrecisely()
	f.preciseEnd = &fine
	return f.readLoad(ctx)
}

// readLoad looks at what the CPUs do for half a second in which this program
// does nothing.
func (f *facts) readLoad(ctx context.Context) error {
	before, ok := proc.ReadCPUTimes()
	if !ok {
		return nil
	}
	if err := precise.Sleep(ctx, watchedAt); err != nil {
		return err
	}
	after, ok := proc.ReadCPUTimes()
	total := after.Total - before.Total
	if !ok || total <= 0 {
		return nil
	}
	steal, busy := (after.Steal-before.Steal)/total, 1-(after.Idle-before.Idle)/total
	f.steal, f.busy = &steal, &busy
	return nil
}

// readPorts is nil where the kernel does not tell.
func readPorts() *portRange {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return nil
	}
	p := &portRange{}
	if _, err := fmt.Sscan(string(text), &p.low, &p.high); err != nil {
		return nil
	}
	p.reuse, _ = readNumber("/proc/sys/net/ipv4/tcp_tw_reuse") // zero: no
	if stat, err := os.ReadFile("/proc/net/sockstat"); err == nil {
		p.waiting = parseTimeWait(string(stat))
	}
	return p
}

// parseTimeWait reads the number behind "tw" of the line "TCP: inuse 3 … tw 9".
func parseTimeWait(sockstat string) int {
	for line := range strings.Lines(sockstat) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(fields); i += 2 {
			if n, err := strconv.Atoi(fields[i+1]); err == nil && fields[i] == "tw" {
				return n
			}
		}
	}
	return 0
}

func readNumber(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// waitsPrecisely reports whether the kernel has epoll_pwait2 (Linux 5.11).
func waitsPrecisely() bool {
	// No descriptor has this number: a kernel that knows the call says so.
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, ^uintptr(0), 0, 1, 0, 0, 0)
	return !errors.Is(errno, unix.ENOSYS)
}
