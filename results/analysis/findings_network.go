package analysis

import (
	"fmt"
	"math"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/scenarios"
)

// roundTrips are those of a trial that waits for little else. Nothing answers
// before a round trip is over, so the fastest connection and the fastest first
// byte each bound it from above; that both are far from 0 and about the same is
// what distance looks like, and work does not. ok is false without them, and
// where the stack was busy.
func roundTrips(o *observed, cpus int) (r RoundTrips, ok bool) {
	for _, place := range []string{"latency_ns.connect.min", "latency_ns.waiting.min", "latency_ns.response.p50", "keepalive"} {
		if !o.Tells(place) {
			return r, false
		}
	}
	connect, answer, p50 := o.connectMin(), o.Latency.Waiting.Min, o.Latency.Response.P50
	if connect < far || answer > 2*connect || connect > 2*answer || p50 == 0 {
		return r, false
	}
	r = RoundTrips{Count: 2, Connect: connect, Answer: answer}
	if o.KeepAlive {
		r.Count, r.Connect = 1, 0
	}
	r.Share = float64(r.Together()) / float64(p50)
	return r, r.Share >= tripShare && (cpus == 0 || o.cores() <= idleShare*float64(cpus))
}

// cores is how many CPUs the stack kept busy.
func (o *observed) cores() float64 {
	return sum(o.Usage, func(u results.UsageTotal) float64 { return cores(u.CPU, o.Duration) })
}

// connectMin is the fastest connection, of the requests that had to connect.
func (o *observed) connectMin() time.Duration {
	for d := range o.connected() {
		return d
	}
	return o.Latency.Connect.Min
}

// connected yields the times to connect, in their order and with how often,
// without those of requests that found their connection ready.
func (o *observed) connected() func(func(time.Duration, int64) bool) {
	return func(yield func(time.Duration, int64) bool) {
		if o.connects == nil {
			return
		}
		for d, n := range o.connects.Buckets() {
			if d >= latency.Lowest && !yield(d, n) {
				return
			}
		}
	}
}

// roundTripsOf is the first trial's, where distance binds all of them.
func roundTripsOf(trials []*observed, cpus int) *RoundTrips {
	var first *RoundTrips
	for _, o := range trials {
		r, ok := roundTrips(o, cpus)
		if !ok {
			return nil
		}
		if first == nil {
			first = &r
		}
	}
	return first
}

func findDistance(_ *Cell, g *cellGroup) []Finding {
	return inTrials("distance", g.shown(), func(o *observed) string {
		var text string
		if o.Link != (scenarios.Link{}) {
			text = fmt.Sprintf("%s: each round trip takes so much longer than it really did, and without kept connections each request takes two", o.Link)
		}
		r, ok := roundTrips(o, g.cpus)
		if !ok {
			return text
		}
		if text != "" {
			text += "; "
		}
		text += r.text() + fmt.Sprintf(", %s of the p50 of %s", percent(min(1, r.Share)), units.Latency(o.Latency.Response.P50))
		if closed(o.Mode) && o.Tells("concurrency") && o.Tells("throughput_rps") && o.Concurrency > 0 && o.Think == 0 {
			text += fmt.Sprintf("; %d at a time cannot get more than %s over it, however fast the stack is (measured: %s/s)",
				o.Concurrency, about(float64(o.Concurrency)/r.Together().Seconds()), units.Rate(o.Throughput))
		}
		if len(o.Usage) > 0 && g.cpus > 0 {
			text += fmt.Sprintf("; the stack used %.2f of %d CPUs", o.cores(), g.cpus)
		}
		return text
	})
}

// text says what the round trips are.
func (r *RoundTrips) text() string {
	if r.Count == 1 {
		return fmt.Sprintf("one round trip a request, of about %s (the fastest answer took %s)", aboutTime(r.Each()), units.Latency(r.Answer))
	}
	return fmt.Sprintf("two round trips a request, of about %s each (to connect took at least %s, to answer at least %s more)",
		aboutTime(r.Each()), units.Latency(r.Connect), units.Latency(r.Answer))
}

// shortText says the same as a reason.
func (r *RoundTrips) shortText() string {
	return fmt.Sprintf("%s of about %s a request, not by its capacity", plural(r.Count, "round trip"), aboutTime(r.Each()))
}

// aboutTime prints an estimated time to two digits.
func aboutTime(d time.Duration) string {
	unit := time.Duration(math.Pow(10, math.Floor(math.Log10(float64(max(d, 1))))-1))
	return units.Latency(d.Round(max(unit, 1)))
}

// resent is how long after the first SYN a host has sent it again once, twice,
// three and four times (RFC 6298: after 1 s, then twice as long each time).
var resent = []time.Duration{time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}

const (
	// resentEarly and resentLate are how far off a retransmission may be.
	resentEarly = 50 * time.Millisecond
	resentLate  = 250 * time.Millisecond
	// resentShare of the slow connections have to fit.
	resentShare = 0.8
)

// afterResending is the retransmission that explains so much more time; 0: none.
func afterResending(extra time.Duration) time.Duration {
	for _, again := range resent {
		if extra > again-resentEarly && extra < again+resentLate {
			return again
		}
	}
	return 0
}

// findLost looks for connections that took a whole retransmission longer than
// the fastest.
func findLost(_ *Cell, g *cellGroup) []Finding {
	return inTrials("lost", g.shown(), func(o *observed) string {
		if o.connects != nil && o.connects.CountAbove(0) > 0 {
			return lostInLog(o)
		}
		if !o.Tells("latency_ns.connect.max") || !o.Tells("latency_ns.connect.min") {
			return ""
		}
		least, most := o.Latency.Connect.Min, o.Latency.Connect.Max
		again := afterResending(most - least)
		if again == 0 {
			return ""
		}
		text := fmt.Sprintf("the slowest connection took %s, the fastest %s: %v apart, as when a SYN is sent again", units.Latency(most), units.Latency(least), again)
		if s := o.Latency.Response; o.Tells("latency_ns.response.p95") && afterResending(s.P95-s.P50) == time.Second {
			text += fmt.Sprintf("; and p95 is %s, 1s above the p50 of %s", units.Latency(s.P95), units.Latency(s.P50))
		}
		return text
	})
}

// lostInLog looks at every connection: most of those that took at least about a
// second longer than the fastest have to fit.
func lostInLog(o *observed) string {
	least := o.connectMin()
	var slow, fit, all int64
	counts := map[time.Duration]int64{}
	for d, n := range o.connected() {
		all += n
		if extra := d - least; extra >= resent[0]-2*resentEarly {
			slow += n
			if again := afterResending(extra); again > 0 {
				fit += n
				counts[again] += n
			}
		}
	}
	if fit == 0 || float64(fit) < resentShare*float64(slow) {
		return ""
	}
	var parts []string
	for _, again := range resent {
		if counts[again] > 0 {
			parts = append(parts, fmt.Sprintf("%s took %v longer than the fastest", units.Count(counts[again]), again))
		}
	}
	return fmt.Sprintf("of %s connections %s (%s), as when a SYN is sent again", units.Count(all), enumerate(parts), units.Latency(least))
}
