//go:build unix && !linux

package worker

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// processUsage asks the kernel for this process's account. Of the memory it
// tells only the most that was ever resident.
type processUsage struct{}

func openProcess() (processUsage, error) { return processUsage{}, nil }

func (processUsage) read() (cpu time.Duration, rss int64, err error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, 0, err
	}
	rss = int64(usage.Maxrss)
	if runtime.GOOS != "darwin" {
		rss <<= 10 // the others count in KiB
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), rss, nil
}

func (processUsage) close() {}
