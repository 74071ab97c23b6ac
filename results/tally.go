package results

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"plimsoll/internal/latency"
)

// Tally adds up the lines of a trial into its summary. Only the measured phase
// counts. Adding the lines of a log again gives the same summary.
type Tally struct {
	final     Final
	finals    int
	requests  Counts
	bytes     Bytes
	servedBy  map[string]int64
	latencies Latencies
	byName    map[string]*Named
	usage     map[string]*window
	worker    workerWindow
	transport string
	blocked   time.Duration
	events    []TrialEvent
	warnings  []string
	cold      cold
}

// window spans the first and the last reading of one replica.
type window struct {
	first, last Sample
	memoryPeak  int64
}

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{
		servedBy:  map[string]int64{},
		latencies: NewLatencies(),
		byName:    map[string]*Named{},
		usage:     map[string]*window{},
	}
}

// NewLatencies returns empty histograms for every meaning of latency.
func NewLatencies() Latencies {
	return Latencies{
		Response: latency.New(), Service: latency.New(), Lag: latency.New(),
		Connect: latency.New(), Processing: latency.New(), Waiting: latency.New(),
	}
}

// NewNamedLatencies returns empty histograms for what Named tells.
func NewNamedLatencies() *Latencies {
	return &Latencies{Response: latency.New(), Service: latency.New(), Lag: latency.New()}
}

// Merge adds other's counts to l. Histograms that other lacks add nothing.
func (l Latencies) Merge(other Latencies) {
	for _, pair := range [...][2]*latency.Histogram{
		{l.Response, other.Response}, {l.Service, other.Service}, {l.Lag, other.Lag},
		{l.Connect, other.Connect}, {l.Processing, other.Processing}, {l.Waiting, other.Waiting},
	} {
		if pair[1] != nil {
			pair[0].Merge(pair[1])
		}
	}
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Sent += other.Sent
	c.OK += other.OK
	c.Failed += other.Failed
	c.Timeouts += other.Timeouts
	c.Redirects += other.Redirects
	c.Status = addCounts(c.Status, other.Status)
	c.Errors = addCounts(c.Errors, other.Errors)
}

// Add adds other to b.
func (b *Bytes) Add(other Bytes) {
	b.In += other.In
	b.Out += other.Out
	b.Body += other.Body
}

func addCounts(to, from map[string]int64) map[string]int64 {
	if to == nil && len(from) > 0 {
		to = make(map[string]int64, len(from))
	}
	for k, n := range from {
		to[k] += n
	}
	return to
}

// Add takes one line into account.
func (t *Tally) Add(l Line) {
	switch l := l.(type) {
	case Ready:
		if l.Phase == Measure {
			t.worker.open(l.Worker)
			t.transport = l.Transport
		}
	case Interval:
		if l.Phase == Warmup {
			t.cold.addInterval(l)
		}
		if l.Phase != Measure {
			return
		}
		t.worker.add(l.Worker)
		t.requests.Add(l.Requests)
		t.bytes.Add(l.Bytes)
		t.servedBy = addCounts(t.servedBy, l.ServedBy)
		t.latencies.Merge(l.Latencies)
		for name, n := range l.ByName {
			t.addNamed(name, n)
		}
		t.blocked += l.Blocked
	case Final:
		if l.Phase == Measure {
			t.worker.add(l.Worker)
			t.addFinal(l)
		} else {
			t.cold.addFinal(l)
		}
	case Sample:
		t.addSample(l)
	case Event:
		t.events = append(t.events, TrialEvent{At: l.At, What: l.What})
	case Warning:
		if !slices.Contains(t.warnings, l.What) {
			t.warnings = append(t.warnings, l.What)
		}
	}
}

func (t *Tally) addNamed(name string, n Named) {
	sum := t.byName[name]
	if sum == nil {
		sum = &Named{}
		t.byName[name] = sum
	}
	sum.Add(n.Counts)
	if n.Latencies != nil {
		if sum.Latencies == nil {
			sum.Latencies = NewNamedLatencies()
		}
		sum.Latencies.Merge(*n.Latencies)
	}
}

// addFinal joins the ends of several workers: the load began with the first
// and ended with the last of them.
func (t *Tally) addFinal(f Final) {
	t.finals++
	if t.finals == 1 {
		t.final = f
		return
	}
	begin, end := t.final.Began, t.final.Began.Add(t.final.Length)
	if f.Began.Before(begin) {
		begin = f.Began
	}
	if e := f.Began.Add(f.Length); e.After(end) {
		end = e
	}
	t.final.Began, t.final.Length = begin, end.Sub(begin)
	t.final.Due += f.Due
	t.final.Seconds, t.final.Behind = max(t.final.Seconds, f.Seconds), max(t.final.Behind, f.Behind)
	if t.final.Sample == (SampleAnswer{}) {
		t.final.Sample = f.Sample
	}
}

func (t *Tally) addSample(s Sample) {
	w, ok := t.usage[s.Replica]
	if !ok {
		w = &window{first: s}
		t.usage[s.Replica] = w
	}
	w.last = s
	w.memoryPeak = max(w.memoryPeak, s.MemoryBytes)
}

// Merge adds what another worker reported of the same load, exactly. other
// holds that worker's lines and nothing else: the stack's samples and events
// belong to no worker.
func (t *Tally) Merge(other *Tally) {
	t.requests.Add(other.requests)
	t.bytes.Add(other.bytes)
	t.servedBy = addCounts(t.servedBy, other.servedBy)
	t.latencies.Merge(other.latencies)
	for name, n := range other.byName {
		t.addNamed(name, *n)
	}
	t.blocked += other.blocked
	t.transport = cmp.Or(t.transport, other.transport)
	if other.Complete() {
		finals := t.finals + other.finals
		t.addFinal(other.final)
		t.finals = finals
	}
	t.worker.merge(other.worker)
}

// Latencies returns the histograms of all that was added. They remain t's own.
func (t *Tally) Latencies() Latencies { return t.latencies }

// Complete reports whether the measured phase came to its end.
func (t *Tally) Complete() bool { return t.finals > 0 }

// Trial returns the summary: base with everything filled in that the lines
// tell.
func (t *Tally) Trial(base Trial) Trial {
	base.Started = t.final.Began
	base.Duration = t.final.Length
	base.Due = t.final.Due
	base.Sample = t.final.Sample
	base.Transport = t.transport
	base.Blocked = t.blocked / time.Duration(max(1, t.finals))
	base.Requests = t.requests
	base.Bytes = t.bytes
	base.Latency = t.latencies.Stats()
	base.ByName = t.namedTotals()
	if secs := base.Duration.Seconds(); secs > 0 {
		base.Throughput = float64(t.requests.OK) / secs
	}
	base.Usage = t.usageTotals()
	base.Events = append([]TrialEvent{}, t.events...)
	base.Worker = t.worker.total()
	base.Seconds, base.Behind = t.final.Seconds, t.final.Behind
	if base.Mode == "open" {
		base.SystemP99 = SystemBound(t.latencies.Response, t.latencies.Lag, 99)
	}
	base.ColdStart = t.cold.start(base.Steady)
	base.Warnings = append(slices.Clone(base.Warnings), t.warnings...)
	return base
}

// namedTotals is nil for a mix of one name, which the totals tell.
func (t *Tally) namedTotals() map[string]NamedTotal {
	if len(t.byName) < 2 {
		return nil
	}
	totals := map[string]NamedTotal{}
	for name, n := range t.byName {
		total := NamedTotal{Counts: n.Counts}
		if l := n.Latencies; l != nil {
			total.Latency = &NamedStats{Response: stats(l.Response), Service: stats(l.Service), Lag: stats(l.Lag)}
		}
		totals[name] = total
	}
	return totals
}

func (t *Tally) usageTotals() []UsageTotal {
	totals := []UsageTotal{}
	done := t.requests.OK + t.requests.Failed
	for _, name := range slices.Sorted(maps.Keys(t.usage)) {
		w := t.usage[name]
		u := UsageTotal{
			Replica: name, Service: w.first.Service,
			CPU:             w.last.CPU - w.first.CPU,
			MemoryPeakBytes: w.memoryPeak,
			Throttled:       difference(w.first.Throttled, w.last.Throttled),
			NetIn:           difference(w.first.NetIn, w.last.NetIn),
			NetOut:          difference(w.first.NetOut, w.last.NetOut),
			BlockRead:       difference(w.first.BlockRead, w.last.BlockRead),
			BlockWrite:      difference(w.first.BlockWrite, w.last.BlockWrite),
		}
		if done > 0 {
			u.CPUPerRequest = u.CPU / time.Duration(done)
		}
		if len(t.servedBy) > 0 {
			served := t.servedBy[name]
			u.Requests = &served
		}
		totals = append(totals, u)
	}
	return totals
}

// difference is nil where either reading does not know.
func difference[N ~int64](first, last *N) *N {
	if first == nil || last == nil {
		return nil
	}
	d := *last - *first
	return &d
}

// Stats computes the statistics of every histogram.
func (l Latencies) Stats() LatencyStats {
	return LatencyStats{
		Response: stats(l.Response), Service: stats(l.Service), Lag: stats(l.Lag),
		Connect: stats(l.Connect), Processing: stats(l.Processing), Waiting: stats(l.Waiting),
	}
}

func stats(h *latency.Histogram) Stats {
	if h == nil || h.Count() == 0 {
		return Stats{}
	}
	return Stats{
		Count: h.Count(), Min: h.Min(), Mean: h.Mean(), StdDev: h.StdDev(), Max: h.Max(),
		P50: h.Percentile(50), P66: h.Percentile(66), P75: h.Percentile(75), P80: h.Percentile(80),
		P90: h.Percentile(90), P95: h.Percentile(95), P98: h.Percentile(98), P99: h.Percentile(99),
		P999: h.Percentile(99.9),
	}
}
