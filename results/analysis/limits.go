package analysis

import (
	"math"
	"time"
)

// The numbers that judgements rest on.
const (
	// DecidingTrials is how many trials of each side a comparison needs. Of
	// two equal sides with five trials each, one lies wholly below the other
	// in 2 of 252 cases.
	DecidingTrials = 5
	// resolved is how many requests have to rank above a percentile before it
	// is drawn or judged: 1 000 requests for a p99, 10 000 for a p99.9.
	resolved = 10
	// tolerated is the share of failed requests that leaves latencies
	// comparable.
	tolerated = 0.001
	// fewInTail is below how many requests above it a p99 is pointed out.
	fewInTail = 20
	// alike is the ratio up to which two values are called about the same.
	alike = 1.05
	// steadyAfter is the shortest measured time that can show a steady state.
	steadyAfter = 40 * time.Second

	// A stall: at most stallBatch×concurrency requests that took at least
	// stallFactor×p50 and hold more than stallShare of all requests' time.
	stallFactor = 10
	stallBatch  = 2
	stallShare  = 0.30
	// A cold episode, of at least episodeRequests: without the slowest
	// stallBatch×concurrency requests the throughput is more than episodeGain
	// higher, or the slowest 2 % hold more than episodeTail of all time.
	episodeRequests = 1000
	episodeGain     = 0.10
	episodeTail     = 0.50

	// skewed is how many times its fair share the busiest replica serves
	// before the load is called skewed.
	skewed = 1.5
	// idleCPU is the share of the stack's CPU below which a service that no
	// answer names is called unreached.
	idleCPU = 0.01
	// keptUp is the share of the requested rate that has to be answered.
	keptUp = 0.98
	// balance is how far requests in flight, computed from throughput and
	// latency, may be from the closed loop's concurrency.
	balance = 0.10
	// throttledShare of the measured time is worth a word, hostBusy of the
	// machine's CPUs, too.
	throttledShare = 0.01
	hostBusy       = 0.80
	// memoryNear is the share of its memory limit from which on a replica is
	// close to it.
	memoryNear = 0.90
	// lower is how far below another a latency is before errors are asked
	// whether they made it so.
	lower = 0.10
	// tripShare of the p50 in round trips makes them what binds, and idleShare
	// of the CPUs may be in use then.
	tripShare = 0.50
	idleShare = 0.50
	// far is the time to connect from which on distance is looked at.
	far = 10 * time.Millisecond
	// episodeShare of the slow requests in one second makes one episode.
	episodeShare = 0.5
)

// RequestsFor is how many requests a percentile (0–100) needs before it is
// shown or judged: enough for ten to rank above it.
func RequestsFor(percentile float64) int64 {
	if percentile >= 100 {
		return 1
	}
	// The subtraction is not exact: 100-99.9 is a little below 0.1.
	return int64(math.Ceil(100*resolved/(100-percentile) - 1e-6))
}
