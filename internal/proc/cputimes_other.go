//go:build !linux

package proc

// ReadCPUTimes is not told by this system.
func ReadCPUTimes() (t CPUTimes, ok bool) { return CPUTimes{}, false }
