package analysis

import (
	"math/rand/v2"
	"slices"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// made makes a trial of response times.
func made(times []time.Duration, edits ...func(*observed)) *observed {
	o := &observed{response: latency.New()}
	var sum time.Duration
	for _, d := range times {
		o.response.Record(d)
		sum += d
	}
	h := o.response
	o.Trial = results.Trial{
		Trial: 1, Index: 1, Duration: 10 * time.Second, Target: "http://proxy",
		Requests: results.Counts{Sent: h.Count(), OK: h.Count()}, Throughput: float64(h.Count()) / 10,
		Latency: results.LatencyStats{Response: results.Stats{
			Count: h.Count(), Min: h.Min(), Mean: h.Mean(), P50: h.Percentile(50), P90: h.Percentile(90),
			P95: h.Percentile(95), P99: h.Percentile(99), Max: h.Max(),
		}},
		Validity: results.Validity{Verdict: results.Valid},
	}
	for _, edit := range edits {
		edit(o)
	}
	return o
}

// around makes n times within ±10 % of d.
func around(d time.Duration, n int) []time.Duration {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	times := make([]time.Duration, 0, n)
	for range n {
		times = append(times, time.Duration(float64(d)*(0.9+0.2*r.Float64())))
	}
	return times
}

// madeGroup makes a cell's group of trials, numbered from 1.
func madeGroup(mode string, trials ...*observed) (*cellGroup, *Cell) {
	g := &cellGroup{environment: "production", scale: "as written", load: "load", planned: len(trials), trials: trials}
	for i, o := range trials {
		o.Trial.Trial = i + 1
		o.Mode = mode
	}
	c := summarize(g, results.LoadSummary{Mode: mode, Concurrency: 10}, results.Provenance{})
	return g, &c
}

func failing(n int64) func(*observed) {
	return func(o *observed) {
		o.Requests.OK -= n
		o.Requests.Failed += n
		o.Requests.Errors = map[string]int64{"reset": n}
	}
}

func invalid(o *observed) {
	o.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"the generator did not keep up"}}
}

// serving gives a trial replicas: what each of them served, and its CPU time.
type serving struct {
	replica, service string
	requests         int64
	cpu              time.Duration
}

func servedBy(list ...serving) func(*observed) {
	return func(o *observed) {
		for _, s := range list {
			requests := s.requests
			o.Usage = append(o.Usage, results.UsageTotal{Replica: s.replica, Service: s.service, Requests: &requests, CPU: s.cpu})
		}
	}
}

func kindsOf(list []Finding) []string {
	var all []string
	for _, f := range list {
		all = append(all, f.Kind)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
