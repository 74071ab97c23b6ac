package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Limit is what holds a process's CPU time back: the tightest quota of its
// control group and of those above it, as far as they can be seen. It is safe
// for concurrent use.
type Limit struct {
	version int
	cpus    float64
	stat    *os.File
	take    func(string, *Counters) error
}

// CPUs is the quota in CPUs, such as 0.5; 0: there is none.
func (l *Limit) CPUs() float64 { return l.cpus }

// Version is 1 or 2: that of the control groups.
func (l *Limit) Version() int { return l.version }

// Throttled is how long the control group with the quota was held back since
// it was made; without a quota, the process's own. It is nil where the kernel
// does not say.
func (l *Limit) Throttled() (*time.Duration, error) {
	if l.stat == nil {
		return nil, nil
	}
	var buf [8 << 10]byte
	n, err := l.stat.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var c Counters
	if err := l.take(string(buf[:n]), &c); err != nil {
		return nil, fmt.Errorf("%s: %w", l.stat.Name(), err)
	}
	return c.Throttled, nil
}

// Close closes the file.
func (l *Limit) Close() error {
	if l.stat == nil {
		return nil
	}
	return l.stat.Close()
}

// openLimit is OpenLimit on the system whose file tree begins at root.
func openLimit(root string, pid int) (*Limit, error) {
	where, err := locate(root, pid, "")
	if err != nil {
		return nil, err
	}
	l := &Limit{version: 1, take: takeThrottledV1}
	folders, err := where.folders("cpu", "cpu.stat")
	quota := quotaV1
	if err != nil {
		l.version, l.take, quota = 2, takeCPUV2, quotaV2
		var v2 error
		if folders, v2 = where.folders(unified, "cpu.stat"); v2 != nil {
			return nil, fmt.Errorf("cannot read the CPU limit of process %d: %w", pid, errors.Join(err, v2))
		}
	}
	tightest := folders[0]
	for _, folder := range folders {
		cpus, err := quota(folder)
		if err != nil {
			return nil, err
		}
		if cpus > 0 && (l.cpus == 0 || cpus < l.cpus) {
			l.cpus, tightest = cpus, folder
		}
	}
	l.stat, err = os.Open(filepath.Join(tightest, "cpu.stat"))
	return l, err
}

// folders are the control group's folder and those above it up to the mount's
// top. The first has the file name; the error wraps fs.ErrNotExist.
func (l *location) folders(controller, name string) ([]string, error) {
	file, err := l.file(controller, name)
	if err != nil {
		return nil, err
	}
	var list []string
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); len(list) > 0 && err != nil {
			return list, nil // above the mount's top
		}
		list = append(list, dir)
	}
}

// quotaV1 returns a folder's quota in CPUs; 0: none.
func quotaV1(folder string) (float64, error) {
	quota, err := readTrimmed(folder, "cpu.cfs_quota_us")
	if err != nil || quota == "" || strings.HasPrefix(quota, "-") {
		return 0, err
	}
	period, err := readTrimmed(folder, "cpu.cfs_period_us")
	if err != nil {
		return 0, err
	}
	return ratio(folder, quota, period)
}

// quotaV2 is quotaV1 for version 2; the hierarchy's top has no quota.
func quotaV2(folder string) (float64, error) {
	text, err := readTrimmed(folder, "cpu.max")
	quota, period, _ := strings.Cut(text, " ")
	if err != nil || quota == "" || quota == "max" {
		return 0, err
	}
	return ratio(folder, quota, period)
}

func ratio(folder, quota, period string) (float64, error) {
	q, err := strconv.ParseUint(quota, 10, 63)
	p, perr := strconv.ParseUint(period, 10, 63)
	if err = errors.Join(err, perr); err != nil {
		return 0, fmt.Errorf("%s: CPU quota: %w", folder, err)
	}
	if p == 0 {
		return 0, fmt.Errorf("%s: CPU quota: %s µs in a period of 0", folder, quota)
	}
	return float64(q) / float64(p), nil
}

// readTrimmed returns "" for a file that there is not.
func readTrimmed(folder, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}
