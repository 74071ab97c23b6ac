package proc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
)

// field returns the value of a "Name:   value" line as the files of /proc have
// them; ok is false if there is none.
func field(text []byte, name string) (value string, ok bool) {
	for line := range bytes.Lines(text) {
		key, rest, found := bytes.Cut(line, []byte(":"))
		if found && string(bytes.TrimSpace(key)) == name {
			return string(bytes.TrimSpace(rest)), true
		}
	}
	return "", false
}

// kilobytes returns the value, in bytes, of a line like "RssAnon:   1056 kB";
// ok is false if there is none.
func kilobytes(text []byte, name string) (size int64, ok bool, err error) {
	value, ok := field(text, name)
	if !ok {
		return 0, false, nil
	}
	number, isKB := bytes.CutSuffix([]byte(value), []byte(" kB"))
	size, err = strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
	if err != nil || !isKB || size < 0 || size > math.MaxInt64>>10 {
		return 0, false, fmt.Errorf("%s is %q, which is no size in kB", name, value)
	}
	return size << 10, true, nil
}

// memory returns the memory without page cache from a /proc/PID/status. A
// process that has ended but is not reaped has no such lines.
func memory(status []byte) (int64, error) {
	var sum int64
	for _, name := range []string{"RssAnon", "RssShmem"} {
		size, ok, err := kilobytes(status, name)
		if err != nil {
			return 0, err
		}
		if !ok {
			if _, runs := field(status, "VmRSS"); runs {
				return 0, fmt.Errorf("this kernel does not tell %s (Linux 4.5 and later do)", name)
			}
			return 0, ErrEnded
		}
		sum += size
	}
	return sum, nil
}

// schedule is what the scheduler has counted for a thread.
type schedule struct{ cpu, wait time.Duration }

// parseSchedule reads a schedstat: nanoseconds on a CPU, nanoseconds of waiting
// for one, and how often it was given one.
func parseSchedule(text string) (s schedule, err error) {
	var cpu, wait, slices int64
	if _, err := fmt.Sscanf(text, "%d %d %d", &cpu, &wait, &slices); err != nil || cpu < 0 || wait < 0 {
		return schedule{}, fmt.Errorf("%q is not two times and a count", text)
	}
	return schedule{time.Duration(cpu), time.Duration(wait)}, nil
}
