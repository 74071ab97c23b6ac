package worker

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processUsage asks the kernel for this process's account.
type processUsage struct{ memoryInfo *windows.LazyProc }

// memoryCounters is PROCESS_MEMORY_COUNTERS of psapi.h.
type memoryCounters struct {
	size                           uint32
	pageFaults                     uint32
	peakWorkingSet, workingSet     uintptr
	peakPagedPool, pagedPool       uintptr
	peakNonPagedPool, nonPagedPool uintptr
	pagefile, peakPagefile         uintptr
}

func openProcess() (processUsage, error) {
	memoryInfo := windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")
	return processUsage{memoryInfo}, memoryInfo.Find()
}

func (p processUsage) read() (cpu time.Duration, rss int64, err error) {
	self := windows.CurrentProcess()
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		return 0, 0, fmt.Errorf("GetProcessTimes: %w", err)
	}
	var memory memoryCounters
	memory.size = uint32(unsafe.Sizeof(memory))
	if ok, _, err := p.memoryInfo.Call(uintptr(self), uintptr(unsafe.Pointer(&memory)), uintptr(memory.size)); ok == 0 {
		return 0, 0, fmt.Errorf("GetProcessMemoryInfo: %w", err)
	}
	return ticks(kernel) + ticks(user), int64(memory.workingSet), nil
}

func (processUsage) close() {}

// ticks is a time that Windows counts in units of 100 ns.
func ticks(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
