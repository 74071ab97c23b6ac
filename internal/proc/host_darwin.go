package proc

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Host returns what is known of the host.
func Host() Facts {
	facts := Facts{CPUs: runtime.NumCPU()}
	if release, err := unix.Sysctl("kern.osrelease"); err == nil {
		facts.Kernel = release
	}
	if model, err := unix.Sysctl("machdep.cpu.brand_string"); err == nil {
		facts.CPU = model
	}
	if size, err := unix.SysctlUint64("hw.memsize"); err == nil {
		facts.MemoryBytes = int64(size)
	}
	return facts
}
