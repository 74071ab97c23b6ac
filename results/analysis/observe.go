package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
	"plimsoll/results/analysis/within"
)

// observed is a finished trial with what its log tells beyond its summary.
type observed struct {
	results.Trial
	reused int64
	// response is that of the measured phase; empty when the log could not be
	// read.
	response *latency.Histogram
	// run is the same second by second; nil where the log could not be read.
	run  *within.Run
	over []SecondPoint
	// slow is how many requests above the trial's p99 ended in each second of
	// over.
	slow    []int64
	samples []results.Sample
	// stalledUntil is the end of the last second in which a request ended that
	// took as long as those of a stall; 0: in none, or not known.
	stalledUntil time.Duration
	// connects are the times to connect, of the requests that had to.
	connects *latency.Histogram
	// strangers are answers by an origin that is none of the replicas metered.
	strangers map[string]int64
}

// observe reads a trial's log. What cannot be read comes back as warnings.
func observe(stored results.StoredTrial) (*observed, []string) {
	r := newReading(stored.Trial)
	problems, err := stored.Log(r.add) // empty where an import has only a summary
	if err != nil {
		problems = append(problems, err.Error())
	}
	return r.finish(), append(slices.Clone(stored.Trial.Warnings), problems...)
}

// reading is a log while it is read, line by line.
type reading struct {
	*observed
	seconds  map[time.Duration]*second
	lag      *latency.Histogram
	servedBy map[string]int64
}

func newReading(t results.Trial) *reading {
	return &reading{
		observed: &observed{Trial: t, response: latency.New(), connects: latency.New()},
		seconds:  map[time.Duration]*second{},
		lag:      latency.New(),
		servedBy: map[string]int64{},
	}
}

// add takes in a line. Only the measured phase counts.
func (r *reading) add(line results.Line) {
	switch l := line.(type) {
	case results.Interval:
		if l.Phase != results.Measure {
			return
		}
		at := l.Start.Truncate(time.Second)
		if r.seconds[at] == nil {
			r.seconds[at] = &second{response: latency.New()}
		}
		r.seconds[at].add(l)
		mergeInto(r.response, l.Latencies.Response)
		mergeInto(r.lag, l.Latencies.Lag)
		mergeInto(r.connects, l.Latencies.Connect)
		for name, n := range l.ServedBy {
			r.servedBy[name] += n
		}
	case results.Sample:
		r.samples = append(r.samples, l)
	}
}

func (r *reading) finish() *observed {
	// A request that found its connection ready waited 0 for it.
	r.reused = r.connects.Count() - r.connects.CountAbove(0)
	if r.SystemP99 == nil && !closed(r.Mode) {
		r.SystemP99 = results.SystemBound(r.response, r.lag, 99) // an older record
	}
	r.addSeconds(r.seconds)
	r.strangers = r.unknown(r.servedBy)
	return r.observed
}

func (o *observed) addSeconds(seconds map[time.Duration]*second) {
	ordered := make([]*second, 0, len(seconds))
	for _, s := range seconds {
		ordered = append(ordered, s)
	}
	slices.SortFunc(ordered, func(a, b *second) int { return cmp.Compare(a.end, b.end) })
	p99 := o.response.Percentile(99)
	stall := stallFactor * o.response.Percentile(50)
	var bySecond []*latency.Histogram
	for _, s := range joinRest(ordered) {
		if s.length <= 0 {
			continue
		}
		bySecond = append(bySecond, s.response)
		o.over = append(o.over, s.point())
		o.slow = append(o.slow, s.response.CountAbove(p99))
		if s.response.CountAbove(stall) > 0 {
			o.stalledUntil = s.end
		}
	}
	if o.response.Count() > 0 {
		o.run = within.New(bySecond)
	}
}

// unknown are the answers whose origin is none of the replicas; none where no
// answer names a replica, as names may be of another kind altogether.
func (o *observed) unknown(servedBy map[string]int64) map[string]int64 {
	rest := maps.Clone(servedBy)
	for _, u := range o.Usage {
		delete(rest, u.Replica)
	}
	if len(rest) == len(servedBy) {
		return nil
	}
	return rest
}

// second joins the intervals of all workers for one second.
type second struct {
	end, length time.Duration
	requests    results.Counts
	response    *latency.Histogram
}

// joinRest adds a last second of less than a half to the one before: the few
// requests that ended after the load would make a point of their own.
func joinRest(seconds []*second) []*second {
	last := len(seconds) - 1
	if last < 1 || seconds[last].length >= time.Second/2 {
		return seconds
	}
	rest, before := seconds[last], seconds[last-1]
	before.end = rest.end
	before.length += rest.length
	before.requests.Add(rest.requests)
	before.response.Merge(rest.response)
	return seconds[:last]
}

func (s *second) add(i results.Interval) {
	s.end = max(s.end, i.Start+i.Length)
	s.length = max(s.length, i.Length)
	s.requests.Add(i.Requests)
	mergeInto(s.response, i.Latencies.Response)
}

func (s *second) point() SecondPoint {
	return SecondPoint{
		At:         s.end,
		Throughput: float64(s.requests.OK) / s.length.Seconds(),
		P50:        s.response.Percentile(50),
		P99:        s.response.Percentile(99),
		Max:        s.response.Max(),
		Failed:     s.requests.Failed,
	}
}

func mergeInto(all, part *latency.Histogram) {
	if part != nil {
		all.Merge(part)
	}
}

// done is how many requests came to an end, well or not.
func (o *observed) done() int64 { return o.Requests.OK + o.Requests.Failed }

// percentile is the trial's response time at a rank (0–100). It falls back on
// the summary where the log is missing; ok is false where that has no such
// rank either.
func (o *observed) percentile(rank float64) (d time.Duration, ok bool) {
	if o.response.Count() > 0 {
		return o.response.Percentile(rank), true
	}
	d, ok = rankOf(o.Latency.Response, rank)
	return d, ok && o.Latency.Response.Count > 0
}

// rankOf is what a summary says of a rank (0–100); ok is false where it has no
// such rank.
func rankOf(s results.Stats, rank float64) (d time.Duration, ok bool) {
	d, ok = map[float64]time.Duration{
		50: s.P50, 66: s.P66, 75: s.P75, 80: s.P80, 90: s.P90, 95: s.P95, 98: s.P98, 99: s.P99, 99.9: s.P999, 100: s.Max,
	}[rank]
	return d, ok
}

// serviceUse sums up the use of one service's replicas in the trial.
type serviceUse struct {
	name     string
	replicas []results.UsageTotal
	cpu      time.Duration
	perReq   time.Duration
	peak     int64 // of the largest replica
	served   int64
	named    bool // whether answers say who served them
}

// services groups the trial's usage by service, in the order of their names.
func (o *observed) services() []serviceUse {
	var list []serviceUse
	for _, u := range o.Usage {
		i := slices.IndexFunc(list, func(s serviceUse) bool { return s.name == u.Service })
		if i < 0 {
			list = append(list, serviceUse{name: u.Service})
			i = len(list) - 1
		}
		s := &list[i]
		s.replicas = append(s.replicas, u)
		s.cpu += u.CPU
		s.perReq += u.CPUPerRequest
		s.peak = max(s.peak, u.MemoryPeakBytes)
		if u.Requests != nil {
			s.named = true
			s.served += *u.Requests
		}
	}
	slices.SortFunc(list, func(a, b serviceUse) int { return cmp.Compare(a.name, b.name) })
	return list
}

// trialOf names the trial among the cell's, for evidence.
func trialOf(o *observed, g *cellGroup) string {
	if g.planned == 1 {
		return ""
	}
	return fmt.Sprintf("trial %d of %d: ", o.Trial.Trial, g.planned)
}
