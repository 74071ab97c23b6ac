package size

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"plimsoll/internal/units"
)

const (
	// enoughRequests is below which number nothing can be said about how a
	// load's time is spread over its requests.
	enoughRequests = 1000
	// slowest requests that hold more than half of all time make an episode.
	slowestShare = 0.02
	halfOfTime   = 0.50
	// lift is how much faster a closed loop may be without its slowest
	// requests, twice as many as it keeps in flight.
	lift = 0.10
	// steadyAfter is the shortest load that can show a steady state.
	steadyAfter = 40 * time.Second
)

// Unsettled says why a load does not show what replicas do in the long run,
// but for instance how they start: empty if nothing speaks for that. times are
// the response times with their counts; inFlight is the concurrency of a
// closed loop, 0 of an open one.
func Unsettled(times iter.Seq2[time.Duration, int64], inFlight int, took time.Duration) string {
	type bucket struct {
		time  time.Duration
		count int64
	}
	var buckets []bucket
	var requests int64
	var all time.Duration
	for t, n := range times {
		buckets = append(buckets, bucket{t, n})
		requests += n
		all += t * time.Duration(n)
	}
	if requests < enoughRequests {
		return fmt.Sprintf("a load had only %s requests, too few to tell a cold start from a slow stack", units.Count(requests))
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(b.time - a.time) })
	// held is how much time the slowest n requests hold.
	held := func(n int64) time.Duration {
		var sum time.Duration
		for _, b := range buckets {
			k := min(n, b.count)
			sum += b.time * time.Duration(k)
			n -= k
		}
		return sum
	}
	slow := held(int64(slowestShare * float64(requests)))
	if share := float64(slow) / float64(all); share > halfOfTime {
		return fmt.Sprintf("the slowest %.0f %% of a load's requests hold %s of all response time, as a cold start makes them", 100*slowestShare, percent(share))
	}
	if inFlight > 0 {
		// A closed loop lasts as long as its requests' time divided by those in
		// flight.
		without := float64(requests-2*int64(inFlight)) / float64(requests) / (1 - float64(held(2*int64(inFlight)))/float64(all))
		if without > 1+lift {
			return fmt.Sprintf("without the %d slowest requests of a load its throughput would be %s higher, as after a cold start", 2*inFlight, percent(without-1))
		}
	}
	if took < steadyAfter {
		return fmt.Sprintf("a load lasted %s, and below %v nothing shows that the stack had settled", units.Latency(took), steadyAfter)
	}
	return ""
}
