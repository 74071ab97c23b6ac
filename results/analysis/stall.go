package analysis

import (
	"time"

	"plimsoll/internal/latency"
)

// stallOf looks for a batch of requests of a closed loop that waited together,
// as when containers answer for the first time: no more of them than the loop
// keeps in flight, and yet much of the time. Its throughput is then a matter
// of how many requests were sent in all, not of how fast the stack is.
func stallOf(h *latency.Histogram, concurrency int, think time.Duration, throughput float64) (Stall, bool) {
	limit := stallFactor * h.Percentile(50)
	var slow int64
	var slowTime time.Duration
	allTime := think * time.Duration(h.Count()) // of the senders
	for d, n := range h.Buckets() {
		allTime += d * time.Duration(n)
		if d >= limit {
			slow += n
			slowTime += d * time.Duration(n)
		}
	}
	if slow == 0 || limit == 0 || float64(slow) > stallBatch*float64(concurrency) {
		return Stall{}, false
	}
	share := float64(slowTime) / float64(allTime)
	if share <= stallShare {
		return Stall{}, false
	}
	// With c requests in flight or thought about all the time, the loop lasts
	// as long as all senders' time divided by c.
	rest := float64(h.Count()-slow) / float64(h.Count())
	return Stall{
		Requests: slow, Share: share,
		Throughput: throughput, Without: throughput * rest / (1 - share),
	}, true
}

// worstStall is the stall that weighed most in any of the trials.
func worstStall(trials []*observed) *Stall {
	var worst *Stall
	stalled := 0
	for _, o := range trials {
		s, found := stallOf(o.response, o.Concurrency, o.Think, o.Throughput)
		if !found {
			continue
		}
		stalled++
		if worst == nil || s.Share > worst.Share {
			s.Trial = o.Trial.Trial
			worst = &s
		}
	}
	if worst != nil {
		worst.Trials = stalled
	}
	return worst
}
