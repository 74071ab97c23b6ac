package worker

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"

	"plimsoll/internal/cgroup"
	"plimsoll/internal/proc"
	"plimsoll/results"
)

// ownUsage reads what this process has used and what held it back.
type ownUsage struct {
	process processUsage
	threads *proc.Threads // nil: not told
	limit   *cgroup.Limit // nil: not told
	gc      debug.GCStats
	pauses  int64 // collections up to the last reading
}

func openUsage() (*ownUsage, error) {
	process, err := openProcess()
	if err != nil {
		return nil, err
	}
	u := &ownUsage{process: process}
	if u.threads, err = proc.OpenThreads(); err != nil && !errors.Is(err, proc.ErrUnsupported) {
		return nil, errors.Join(err, u.close())
	}
	// A worker may be put where it cannot see its control group: then it
	// does not know of a quota.
	u.limit, _ = cgroup.OpenLimit(os.Getpid())
	return u, nil
}

func (u *ownUsage) read() (results.WorkerUsage, error) {
	cpu, rss, err := u.process.read()
	if err != nil {
		return results.WorkerUsage{}, err
	}
	usage := results.WorkerUsage{CPU: cpu, RSSBytes: rss, CPUs: u.cpus()}
	u.readPauses(&usage)
	if machine, ok := proc.ReadCPUTimes(); ok {
		usage.Machine = &results.MachineCPU{Total: machine.Total, Steal: machine.Steal}
	}
	if u.limit != nil {
		if usage.Throttled, err = u.limit.Throttled(); err != nil {
			return usage, err
		}
	}
	if u.threads == nil {
		return usage, nil
	}
	threads, err := u.threads.Read()
	usage.BusiestThread, usage.QueueWait = &threads.Busiest, &threads.Wait
	return usage, err
}

// readPauses reads the collector's pauses. The runtime keeps the last 256, far
// more than there are between two readings.
func (u *ownUsage) readPauses(to *results.WorkerUsage) {
	debug.ReadGCStats(&u.gc)
	to.GCPause, to.GCPauses = u.gc.PauseTotal, u.gc.NumGC
	for _, pause := range u.gc.Pause[:min(int64(len(u.gc.Pause)), u.gc.NumGC-u.pauses)] {
		to.LongestGCPause = max(to.LongestGCPause, pause)
	}
	u.pauses = u.gc.NumGC
}

// cpus is how many CPUs this process may use. GOMAXPROCS heeds affinity and
// quotas, but rounds the latter up.
func (u *ownUsage) cpus() float64 {
	cpus := float64(min(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	if u.limit != nil && u.limit.CPUs() > 0 {
		cpus = min(cpus, u.limit.CPUs())
	}
	return cpus
}

func (u *ownUsage) close() error {
	u.process.close()
	if u.limit == nil {
		return nil
	}
	return u.limit.Close()
}
