package load

import (
	"strconv"
	"sync"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

const (
	// second is the length of an interval.
	second = time.Second
	// settle is how long after its end an interval is handed out: shots that
	// completed in it may still be on their way to Record.
	settle = 50 * time.Millisecond
	// maxServers bounds how many values of X-Served-By are told apart; the
	// rest is counted as otherServers.
	maxServers   = 256
	otherServers = "other"
)

// Recorder keeps what became of a job's requests: counts and histograms for
// each second, never the single request. A request belongs to the second in
// which it was done. Record may be called from any number of goroutines while
// one other runs Emit.
type Recorder struct {
	job   Job
	names nameTable

	mu sync.Mutex
	// open are the seconds from number first on that have not been handed
	// out: usually the current one, and the last one until it has settled.
	first int64
	open  []*bucket
	// spare are empty buckets, so that handing one out for encoding neither
	// blocks Record nor allocates.
	spare   []*bucket
	servers map[string]bool
	sent    int64
	pace    pace
	length  time.Duration
	sample  *results.SampleAnswer
	// earliest is the shot that was due first of all that have ended.
	earliest Shot
}

// NewRecorder returns a recorder for one run of a job.
func NewRecorder(job Job) *Recorder {
	r := &Recorder{job: job, names: namesOf(job.Mix), servers: map[string]bool{}}
	for range 2 {
		r.spare = append(r.spare, newBucket(r.names))
	}
	return r
}

// nameTable numbers the names of a mix.
type nameTable struct {
	all []string
	of  []int // by index in the mix
}

func namesOf(mix []Request) nameTable {
	n := nameTable{of: make([]int, len(mix))}
	known := map[string]int{}
	for i, request := range mix {
		number, ok := known[request.Name]
		if !ok {
			number = len(n.all)
			known[request.Name] = number
			n.all = append(n.all, request.Name)
		}
		n.of[i] = number
	}
	return n
}

// told reports whether each name has histograms of its own.
func (n nameTable) told() bool { return len(n.all) > 1 && len(n.all) <= results.MostNamed }

// Record takes in one request that has ended.
//
// All that were due count in the response and lag histograms, failed ones with
// the time until they had failed. Service time needs a send; the phases of an
// answer (connect, processing, waiting) need a complete answer.
func (r *Recorder) Record(s Shot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent == 0 || s.Due < r.earliest.Due {
		r.earliest = s
	}
	r.sent++
	if r.job.Concurrency == 0 {
		r.pace.add(s)
	}
	r.length = max(r.length, s.Done)
	if s.Failure.complete() {
		s.ServedBy = r.knownServer(s.ServedBy)
		if r.sample == nil {
			r.sample = &results.SampleAnswer{Server: s.Server, Document: r.job.Mix[s.Request].Path, Length: s.BodyIn}
		}
	}
	r.bucket(int64(s.Done / second)).add(s)
}

// Blocked takes in that from one instant to another at least one request that
// was due waited for a connection because there were as many as may be. Times
// of one transport must not overlap.
func (r *Recorder) Blocked(from, to time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for from < to {
		number := int64(from / second)
		end := min(to, time.Duration(number+1)*second)
		r.bucket(number).blocked += end - from
		from = end
	}
}

// bucket returns the bucket of a second; a straggler of one that has been
// handed out goes to the oldest that has not.
func (r *Recorder) bucket(number int64) *bucket {
	at := max(0, int(number-r.first))
	for len(r.open) <= at {
		r.open = append(r.open, r.takeSpare())
	}
	return r.open[at]
}

func (r *Recorder) takeSpare() *bucket {
	n := len(r.spare)
	if n == 0 {
		// Only if whoever reads the intervals has stalled for seconds.
		return newBucket(r.names)
	}
	b := r.spare[n-1]
	r.spare = r.spare[:n-1]
	return b
}

func (r *Recorder) knownServer(name string) string {
	if name == "" || r.servers[name] {
		return name
	}
	if len(r.servers) == maxServers {
		return otherServers
	}
	r.servers[name] = true
	return name
}

// Emit hands out each second's interval once it is over, and when finished is
// closed what is left, the last one cut at the end of the last request. An
// interval's maps and histograms are only good until emit returns. Emit ends
// with the first error of emit, or nil when everything has been handed out.
func (r *Recorder) Emit(begin time.Time, finished <-chan struct{}, emit func(results.Interval) error) error {
	for number := int64(0); ; number++ {
		timer := time.NewTimer(time.Until(begin.Add(time.Duration(number+1)*second + settle)))
		select {
		case <-timer.C:
			if err := r.handOut(second, emit); err != nil {
				return err
			}
		case <-finished:
			timer.Stop()
			return r.handOutRest(emit)
		}
	}
}

func (r *Recorder) handOutRest(emit func(results.Interval) error) error {
	for {
		r.mu.Lock()
		left := len(r.open)
		length := min(second, max(0, r.length-time.Duration(r.first)*second))
		r.mu.Unlock()
		if left == 0 {
			return nil
		}
		if err := r.handOut(length, emit); err != nil {
			return err
		}
	}
}

// handOut emits the oldest open second.
func (r *Recorder) handOut(length time.Duration, emit func(results.Interval) error) error {
	r.mu.Lock()
	b := r.bucket(r.first)
	interval := results.Interval{Phase: r.job.Phase, Start: time.Duration(r.first) * second, Length: length}
	r.open = append(r.open[:0], r.open[1:]...)
	r.first++
	r.mu.Unlock()

	b.fill(&interval)
	if err := emit(interval); err != nil {
		return err
	}
	b.reset()
	r.mu.Lock()
	r.spare = append(r.spare, b)
	r.mu.Unlock()
	return nil
}

// Final returns the end of the phase, to be called when all has been recorded.
func (r *Recorder) Final(began time.Time) (results.Final, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	final := results.Final{Phase: r.job.Phase, Began: began, Length: r.length, Due: r.sent, First: r.earliest.Done - r.earliest.Due}
	if r.sample != nil {
		final.Sample = *r.sample
	}
	if r.job.Concurrency == 0 {
		schedule, err := r.job.schedule()
		if err != nil {
			return results.Final{}, err
		}
		final.Due = schedule.Total()
		final.Seconds, final.Behind = r.pace.summary()
		switch {
		case r.sent == final.Due:
			// What comes after the last due instant belongs to the load: a
			// rate that ends low would else seem higher than it was.
			final.Length = max(final.Length, r.job.Duration)
		case r.job.stopped():
			final.Due = r.sent
		}
	}
	return final, nil
}

// bucket holds what ended in one second.
type bucket struct {
	names     nameTable
	named     []tally // by number of the name
	bytes     results.Bytes
	servedBy  map[string]int64
	latencies results.Latencies
	blocked   time.Duration
}

type tally struct {
	latencies *results.Latencies // nil: not told apart
	sent      int64
	redirects int64
	statuses  [1000]int64 // of three digits
	failures  map[Failure]int64
}

func newBucket(n nameTable) *bucket {
	b := &bucket{names: n, named: make([]tally, len(n.all)), servedBy: map[string]int64{}, latencies: results.NewLatencies()}
	for i := range b.named {
		b.named[i].failures = map[Failure]int64{}
		if n.told() {
			b.named[i].latencies = results.NewNamedLatencies()
		}
	}
	return b
}

func (b *bucket) add(s Shot) {
	t := &b.named[b.names.of[s.Request]]
	t.sent++
	t.redirects += int64(s.Redirects)
	if s.Failure != None {
		t.failures[s.Failure]++
	}
	b.bytes.Add(results.Bytes{In: s.BytesIn, Out: s.BytesOut, Body: s.BodyIn})
	recordTimes(&b.latencies, s)
	if t.latencies != nil {
		recordTimes(t.latencies, s)
	}
	if !s.Failure.complete() {
		return
	}
	if s.Status != 0 {
		t.statuses[s.Status]++
	}
	if s.ServedBy != "" {
		b.servedBy[s.ServedBy]++
	}
	b.latencies.Connect.Record(s.Connected - s.Sent)
	b.latencies.Processing.Record(s.Done - s.Connected)
	b.latencies.Waiting.Record(s.FirstByte - s.Connected)
}

func recordTimes(l *results.Latencies, s Shot) {
	l.Response.Record(s.Done - s.Due)
	l.Lag.Record(s.Sent - s.Due)
	if s.Failure != NeverSent {
		l.Service.Record(s.Done - s.Sent)
	}
}

func (b *bucket) fill(i *results.Interval) {
	i.Bytes, i.Latencies, i.Blocked = b.bytes, b.latencies, b.blocked
	i.ByName = map[string]results.Named{}
	if len(b.servedBy) > 0 {
		i.ServedBy = b.servedBy
	}
	for n := range b.named {
		t := &b.named[n]
		if t.sent == 0 {
			continue
		}
		counts := t.counts()
		i.Requests.Add(counts)
		i.ByName[b.names.all[n]] = results.Named{Counts: counts, Latencies: t.latencies}
	}
}

func (t *tally) counts() results.Counts {
	c := results.Counts{Sent: t.sent, Redirects: t.redirects, Timeouts: t.failures[Timeout], Status: map[string]int64{}, Errors: map[string]int64{}}
	for status, n := range t.statuses {
		if n > 0 {
			c.Status[strconv.Itoa(status)] = n
		}
	}
	for kind, n := range t.failures {
		c.Errors[string(kind)] = n
		c.Failed += n
	}
	c.OK = c.Sent - c.Failed
	return c
}

func (b *bucket) reset() {
	for i := range b.named {
		t := &b.named[i]
		clear(t.failures)
		if t.sent > 0 && t.latencies != nil {
			reset(*t.latencies)
		}
		*t = tally{failures: t.failures, latencies: t.latencies}
	}
	b.bytes, b.blocked = results.Bytes{}, 0
	clear(b.servedBy)
	reset(b.latencies)
}

func reset(l results.Latencies) {
	for _, h := range [...]*latency.Histogram{l.Response, l.Service, l.Lag, l.Connect, l.Processing, l.Waiting} {
		if h != nil {
			h.Reset()
		}
	}
}
