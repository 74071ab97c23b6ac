package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/montanaflynn/stats"

	"plimsoll/results"
)

// summarize computes a cell from its trials.
func summarize(g *cellGroup, load results.LoadSummary, p results.Provenance) Cell {
	c := Cell{
		Name: g.name(), Environment: g.environment, Scale: g.scale, Load: g.load,
		LoadText: load.Text, Mode: load.Mode, Concurrency: load.Concurrency,
		Planned: g.planned, Trials: len(g.trials), Counted: len(g.counted()),
		ScaleCounts: map[string]int{}, Validity: worstValidity(g),
		Services: []ServiceUsage{}, Replicas: []ReplicaUsage{},
		Curve: []Point{}, Over: []SecondPoint{}, Used: []ServiceSeries{}, Detail: []TrialDetail{},
	}
	for _, o := range g.trials {
		c.Detail = append(c.Detail, TrialDetail{Trial: o.Trial, Reused: o.reused, Within: o.estimates()})
	}
	shown := g.shown()
	if len(shown) == 0 {
		return c
	}
	first := shown[0]
	maps.Copy(c.ScaleCounts, first.Scale)
	c.Link = first.Link
	c.Labels = labels(shown, load, p)
	c.addState(g)
	c.addLatency(shown)
	c.addMix(shown)
	c.addUsage(shown)
	c.Startup = told(shown, "startup_ns", func(o *observed) float64 {
		return float64(slices.Max(append(slices.Collect(maps.Values(o.Startup)), 0)))
	})
	c.Curve = curve(shown)
	c.Over = append(c.Over, first.over...)
	c.Used = usageOverTime(first.samples, first.Duration)
	if closed(c.Mode) {
		c.Stall = worstStall(shown)
		c.ColdEpisode = coldEpisodes(shown)
	}
	c.RoundTrips = roundTripsOf(shown, g.cpus)
	return c
}

func (c *Cell) addLatency(shown []*observed) {
	// Of nothing there is no percentile, least of all 0.
	nothing := slices.ContainsFunc(shown, func(o *observed) bool { return o.Foreign == nil && o.Latency.Response.Count == 0 })
	response := func(name string, f func(results.Stats) time.Duration) Range {
		if nothing {
			return Range{Untold: true}
		}
		return told(shown, "latency_ns.response."+name, func(o *observed) float64 { return float64(f(o.Latency.Response)) })
	}
	c.Duration = told(shown, "duration_ns", func(o *observed) float64 { return float64(o.Duration) })
	c.Throughput = told(shown, "throughput_rps", func(o *observed) float64 { return o.Throughput })
	c.Mean = response("mean", func(s results.Stats) time.Duration { return s.Mean })
	c.P50 = response("p50", func(s results.Stats) time.Duration { return s.P50 })
	c.P90 = response("p90", func(s results.Stats) time.Duration { return s.P90 })
	c.P99 = response("p99", func(s results.Stats) time.Duration { return s.P99 })
	c.Max = response("max", func(s results.Stats) time.Duration { return s.Max })
	c.ServiceP99, c.LagP99 = Range{Untold: true}, Range{Untold: true}
	if !nothing {
		c.ServiceP99 = told(shown, "latency_ns.service.p99", func(o *observed) float64 { return float64(o.Latency.Service.P99) })
		c.LagP99 = told(shown, "latency_ns.lag.p99", func(o *observed) float64 { return float64(o.Latency.Lag.P99) })
	}
	c.SystemP99 = systemP99(shown)
	c.Untold = !tell(shown, "requests.ok") || !tell(shown, "requests.failed")
	for _, o := range shown {
		c.Tail += above(o.Latency.Response.Count, 99)
		if !c.Untold {
			c.Requests += o.done()
			c.Failed += o.Requests.Failed
		}
	}
	if c.Requests > 0 {
		c.ErrorRate = float64(c.Failed) / float64(c.Requests)
	}
}

// addMix needs every trial to tell the requests apart.
func (c *Cell) addMix(shown []*observed) {
	for _, name := range slices.Sorted(maps.Keys(shown[0].ByName)) {
		r := RequestSummary{Name: name}
		fewest := int64(math.MaxInt64)
		for _, o := range shown {
			n := o.ByName[name]
			r.Sent, r.Failed = r.Sent+n.Sent, r.Failed+n.Failed
			if n.Latency == nil {
				fewest = 0
				continue
			}
			fewest = min(fewest, n.Latency.Response.Count)
		}
		middle := func(rank float64, of func(results.Stats) time.Duration) *float64 {
			if fewest < RequestsFor(rank) {
				return nil
			}
			return new(over(shown, func(o *observed) float64 { return float64(of(o.ByName[name].Latency.Response)) }).Median)
		}
		r.P50 = middle(50, func(s results.Stats) time.Duration { return s.P50 })
		r.P90 = middle(90, func(s results.Stats) time.Duration { return s.P90 })
		r.P99 = middle(99, func(s results.Stats) time.Duration { return s.P99 })
		c.Mix = append(c.Mix, r)
	}
}

// systemP99 is nil unless every trial has a bound.
func systemP99(shown []*observed) *results.Bound {
	if slices.ContainsFunc(shown, func(o *observed) bool { return o.SystemP99 == nil }) {
		return nil
	}
	middle := func(f func(*results.Bound) time.Duration) time.Duration {
		return time.Duration(over(shown, func(o *observed) float64 { return float64(f(o.SystemP99)) }).Median)
	}
	return &results.Bound{
		Low:   middle(func(b *results.Bound) time.Duration { return b.Low }),
		High:  middle(func(b *results.Bound) time.Duration { return b.High }),
		ByLag: middle(func(b *results.Bound) time.Duration { return b.ByLag }),
	}
}

// above is how many of n requests rank above a percentile.
func above(n int64, percentile float64) int64 {
	return n - int64(math.Round(float64(n)*percentile/100))
}

func (c *Cell) addUsage(shown []*observed) {
	c.HasUsage = !slices.ContainsFunc(shown, func(o *observed) bool { return len(o.Usage) == 0 })
	c.Worker = WorkerUsage{
		Cores: over(shown, func(o *observed) float64 { return cores(o.Worker.CPU, o.Duration) }).Median,
		CPUPerRequest: over(shown, func(o *observed) float64 {
			return float64(o.Worker.CPU) / float64(max(o.done(), 1))
		}).Median,
		MemoryBytes: int64(over(shown, func(o *observed) float64 {
			return float64(o.Worker.RSSBytes)
		}).Max),
	}
	if !c.HasUsage {
		return
	}
	c.CPUPerRequest = over(shown, func(o *observed) float64 {
		return sum(o.Usage, func(u results.UsageTotal) float64 { return float64(u.CPUPerRequest) })
	})
	c.MemoryBytes = over(shown, func(o *observed) float64 {
		return sum(o.Usage, func(u results.UsageTotal) float64 { return float64(u.MemoryPeakBytes) })
	})
	c.addServices(shown)
	c.addReplicas(shown)
}

func (c *Cell) addServices(shown []*observed) {
	byName := map[string][]serviceUse{}
	busy := map[string][]float64{}
	for _, o := range shown {
		for _, s := range o.services() {
			byName[s.name] = append(byName[s.name], s)
			busy[s.name] = append(busy[s.name], cores(s.cpu, o.Duration))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		uses := byName[name]
		u := ServiceUsage{Service: name, Cores: rangeOf(busy[name]).Median}
		for _, s := range uses {
			u.Replicas = max(u.Replicas, len(s.replicas))
		}
		u.CPUPerRequest = rangeOf(each(uses, func(s serviceUse) float64 { return float64(s.perReq) })).Median
		u.MemoryBytes = rangeOf(each(uses, func(s serviceUse) float64 { return float64(s.peak) })).Median
		c.Services = append(c.Services, u)
	}
}

func (c *Cell) addReplicas(shown []*observed) {
	byName := map[string][]results.UsageTotal{}
	var done int64
	for _, o := range shown {
		done += o.done()
		for _, u := range o.Usage {
			byName[u.Replica] = append(byName[u.Replica], u)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		uses := byName[name]
		r := ReplicaUsage{Replica: name, Service: uses[0].Service}
		r.CPUPerRequest = rangeOf(each(uses, func(u results.UsageTotal) float64 { return float64(u.CPUPerRequest) })).Median
		r.MemoryBytes = rangeOf(each(uses, func(u results.UsageTotal) float64 { return float64(u.MemoryPeakBytes) })).Max
		for _, u := range uses {
			if u.Requests == nil {
				continue
			}
			if r.Requests == nil {
				r.Requests = new(int64)
			}
			*r.Requests += *u.Requests
		}
		if r.Requests != nil && done > 0 {
			r.Share = float64(*r.Requests) / float64(done)
		}
		c.Replicas = append(c.Replicas, r)
	}
	slices.SortStableFunc(c.Replicas, func(a, b ReplicaUsage) int {
		// web-2 before web-10.
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(len(a.Replica), len(b.Replica)), cmp.Compare(a.Replica, b.Replica))
	})
}

// worstValidity joins the trials' validities.
func worstValidity(g *cellGroup) results.Validity {
	v := results.Validity{Verdict: results.Valid, Reasons: []string{}}
	for _, o := range g.trials {
		switch o.Validity.Verdict {
		case results.Invalid:
			v.Verdict = results.Invalid
		case results.Suspect:
			if v.Verdict == results.Valid {
				v.Verdict = results.Suspect
			}
		}
		for _, reason := range o.Validity.Reasons {
			v.Reasons = append(v.Reasons, trialOf(o, g)+reason)
		}
	}
	return v
}

// tell reports whether all trials tell the figure at that place.
func tell(trials []*observed, place string) bool {
	return !slices.ContainsFunc(trials, func(o *observed) bool { return !o.Tells(place) })
}

// told collects one figure of each trial, if all of them tell it.
func told(trials []*observed, place string, figure func(*observed) float64) Range {
	if !tell(trials, place) {
		return Range{Untold: true}
	}
	return over(trials, figure)
}

// over collects one figure of each trial.
func over(trials []*observed, figure func(*observed) float64) Range {
	return rangeOf(each(trials, figure))
}

// rangeOf is the median, smallest and largest of values, and the interval of
// the median; all 0 without any.
func rangeOf(values []float64) Range {
	if len(values) == 0 {
		return Range{}
	}
	// Median fails for no values only.
	median, _ := stats.Median(values)
	low, high, level := between(values)
	return Range{Median: median, Min: slices.Min(values), Max: slices.Max(values), Low: low, High: high, Level: level}
}

func each[T any](list []T, figure func(T) float64) []float64 {
	values := make([]float64, 0, len(list))
	for _, v := range list {
		values = append(values, figure(v))
	}
	return values
}

func sum[T any](list []T, figure func(T) float64) float64 {
	var total float64
	for _, v := range list {
		total += figure(v)
	}
	return total
}

// cores is CPU seconds per second.
func cores(cpu, during time.Duration) float64 {
	if during <= 0 {
		return 0
	}
	return cpu.Seconds() / during.Seconds()
}

// RestsOnFew reports whether the cell's p99 rests on so few requests that it
// has to be pointed out.
func (c *Cell) RestsOnFew() bool { return c.Requests > 0 && !c.P99.Untold && c.Tail < fewInTail }
