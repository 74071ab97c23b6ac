package proc

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/windows"
)

// Host returns what is known of the host: not its memory.
func Host() Facts {
	v := windows.RtlGetVersion()
	return Facts{
		Kernel: fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		CPU:    os.Getenv("PROCESSOR_IDENTIFIER"),
		CPUs:   runtime.NumCPU(),
	}
}
