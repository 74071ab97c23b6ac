package proc

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Trim gives back the memory that only the start of the program has needed: what
// has become garbage, and parts of the executable. What is needed again is read
// again, mostly from the page cache. A process that lives for long, and of which
// there may be many, is a third smaller for it.
func Trim() error {
	debug.FreeOSMemory()
	executable, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		// begin-end rights offset device inode path
		fields := strings.Fields(lines.Text())
		if len(fields) != 6 || fields[5] != executable || strings.Contains(fields[1], "w") {
			continue // not of the executable, or with changes of ours
		}
		var begin, end uintptr
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &begin, &end); err != nil {
			return fmt.Errorf("/proc/self/maps: %q: %w", fields[0], err)
		}
		if _, _, code := unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_DONTNEED); code != 0 {
			return fmt.Errorf("madvise: %w", code)
		}
	}
	return lines.Err()
}
