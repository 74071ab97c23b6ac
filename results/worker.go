package results

import "time"

// workerWindow is what a worker said of itself in the measured phase.
type workerWindow struct {
	first, last WorkerUsage
	rssPeak     int64
	longest     time.Duration
	// others is what other workers of the same load used.
	others []WorkerTotal
}

// open takes in the phase's opening edge.
func (w *workerWindow) open(u WorkerUsage) {
	w.first = u
	w.last = u
}

// add follows the cumulative figures.
func (w *workerWindow) add(u WorkerUsage) {
	w.last = u
	w.rssPeak = max(w.rssPeak, u.RSSBytes)
	w.longest = max(w.longest, u.LongestGCPause)
}

func (w *workerWindow) merge(other workerWindow) { w.others = append(w.others, other.total()) }

// total is the phase's use, all workers together.
func (w *workerWindow) total() WorkerTotal {
	t := WorkerTotal{
		CPU:            w.last.CPU - w.first.CPU,
		RSSBytes:       w.rssPeak,
		CPUs:           w.last.CPUs,
		GCPause:        w.last.GCPause - w.first.GCPause,
		GCPauses:       w.last.GCPauses - w.first.GCPauses,
		LongestGCPause: w.longest,
		BusiestThread:  difference(w.first.BusiestThread, w.last.BusiestThread),
		QueueWait:      difference(w.first.QueueWait, w.last.QueueWait),
		Throttled:      difference(w.first.Throttled, w.last.Throttled),
		Steal:          stolen(w.first.Machine, w.last.Machine),
	}
	for i, other := range w.others {
		if i == 0 && w.first == (WorkerUsage{}) && w.last == (WorkerUsage{}) {
			t = other // there is no worker of its own
			continue
		}
		t = t.and(other)
	}
	return t
}

// and is what two workers on one machine used.
func (t WorkerTotal) and(o WorkerTotal) WorkerTotal {
	return WorkerTotal{
		CPU:            t.CPU + o.CPU,
		RSSBytes:       t.RSSBytes + o.RSSBytes,
		CPUs:           max(t.CPUs, o.CPUs),
		GCPause:        t.GCPause + o.GCPause,
		GCPauses:       t.GCPauses + o.GCPauses,
		LongestGCPause: max(t.LongestGCPause, o.LongestGCPause),
		BusiestThread:  both(t.BusiestThread, o.BusiestThread, func(a, b time.Duration) time.Duration { return max(a, b) }),
		QueueWait:      both(t.QueueWait, o.QueueWait, func(a, b time.Duration) time.Duration { return a + b }),
		Throttled:      both(t.Throttled, o.Throttled, func(a, b time.Duration) time.Duration { return max(a, b) }),
		Steal:          both(t.Steal, o.Steal, func(a, b float64) float64 { return max(a, b) }),
	}
}

// stolen is the share of the CPU time between two readings that went to other
// virtual machines.
func stolen(first, last *MachineCPU) *float64 {
	if first == nil || last == nil || last.Total <= first.Total {
		return nil
	}
	share := (last.Steal - first.Steal) / (last.Total - first.Total)
	return &share
}

// both is nil where either does not know.
func both[T any](a, b *T, join func(a, b T) T) *T {
	if a == nil || b == nil {
		return nil
	}
	joined := join(*a, *b)
	return &joined
}
