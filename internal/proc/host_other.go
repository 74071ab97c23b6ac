//go:build !linux && !darwin && !windows

package proc

import "runtime"

// Host returns what is known of the host: how many CPUs it has.
func Host() Facts { return Facts{CPUs: runtime.NumCPU()} }
