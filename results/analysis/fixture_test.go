package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// began is when the made-up runs took place.
var began = time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC)

// stack is a made-up deployment: how it answers and what that costs.
type stack struct {
	environment string
	replicas    map[string][]string // by service
	target      string
	// pick chooses the web replica that answers request k.
	pick func(k int) int
	// median and spread describe the lognormal service time.
	median time.Duration
	spread float64
	// cold is what the first request of a connection waits, if anything.
	cold time.Duration
	// cpu is what a request costs web and the front.
	web, front time.Duration
}

// shot is one simulated request.
type shot struct {
	due, sent, done, connect time.Duration
	failed                   bool
	replica                  string
}

// closedLoop sends n requests, c at a time.
func (s stack) closedLoop(r *rand.Rand, n, c int) []shot {
	free := make([]time.Duration, c)
	var shots []shot
	for k := range n {
		w := 0
		for i := range free {
			if free[i] < free[w] {
				w = i
			}
		}
		one := s.serve(r, k, free[w], free[w])
		if s.cold > 0 && free[w] > s.cold/20 && free[w] < s.cold {
			one.done += s.cold + time.Duration(r.IntN(100))*time.Millisecond
		}
		free[w] = one.done
		shots = append(shots, one)
	}
	return shots
}

// openLoop sends rate requests per second for a time, whatever becomes of them.
func (s stack) openLoop(r *rand.Rand, rate int, length time.Duration) []shot {
	var shots []shot
	for k := range int(length.Seconds() * float64(rate)) {
		due := time.Duration(k) * time.Second / time.Duration(rate)
		lag := time.Duration(20+r.ExpFloat64()*30) * time.Microsecond
		shots = append(shots, s.serve(r, k, due, due+lag))
	}
	return shots
}

func (s stack) serve(r *rand.Rand, k int, due, sent time.Duration) shot {
	connect := time.Duration(80+r.IntN(120)) * time.Microsecond
	took := time.Duration(float64(s.median) * math.Exp(s.spread*r.NormFloat64()))
	return shot{due: due, sent: sent, connect: connect, done: sent + connect + took,
		replica: s.replicas["web"][s.pick(k)]}
}

// log turns shots into what a worker and a sampler would have written.
func (s stack) log(shots []shot) []results.Line {
	lines := []results.Line{results.Ready{Phase: results.Measure}}
	var length time.Duration
	for _, o := range shots {
		length = max(length, o.done)
	}
	seconds := int(length/time.Second) + 1
	for n := range seconds {
		lines = append(lines, s.interval(shots, n, length))
	}
	lines = append(lines, s.samples(shots, length)...)
	return append(lines, results.Final{
		Phase: results.Measure, Began: began, Length: length, Due: int64(len(shots)),
		Sample: results.SampleAnswer{Server: "plimsoll", Document: "/", Length: 331},
		Worker: results.WorkerUsage{CPU: time.Duration(len(shots)) * 60 * time.Microsecond, RSSBytes: 24 << 20},
	})
}

func (s stack) interval(shots []shot, number int, length time.Duration) results.Interval {
	start := time.Duration(number) * time.Second
	i := results.Interval{
		Phase: results.Measure, Start: start, Length: min(time.Second, length-start),
		Latencies: results.NewLatencies(), ServedBy: map[string]int64{},
		Worker: results.WorkerUsage{CPU: time.Duration(len(shots)) * 60 * time.Microsecond, RSSBytes: 24 << 20},
	}
	i.Requests.Status, i.Requests.Errors = map[string]int64{}, map[string]int64{}
	// Every tenth request is another one.
	i.ByName = map[string]results.Named{"GET /": {Latencies: results.NewNamedLatencies()}, "GET /Read.action": {Latencies: results.NewNamedLatencies()}}
	for k, o := range shots {
		if o.done < start || o.done >= start+time.Second {
			continue
		}
		name := "GET /"
		if k%10 == 9 {
			name = "GET /Read.action"
		}
		n := i.ByName[name]
		n.Sent++
		if o.failed {
			n.Failed++
		} else {
			n.OK++
		}
		n.Latencies.Response.Record(o.done - o.due)
		n.Latencies.Service.Record(o.done - o.sent)
		n.Latencies.Lag.Record(o.sent - o.due)
		i.ByName[name] = n
		i.Requests.Sent++
		i.Latencies.Response.Record(o.done - o.due)
		i.Latencies.Service.Record(o.done - o.sent)
		i.Latencies.Lag.Record(o.sent - o.due)
		i.Bytes.Out += 77
		if o.failed {
			i.Requests.Failed++
			i.Requests.Errors["reset"]++
			continue
		}
		i.Requests.OK++
		i.Requests.Status["200"]++
		i.ServedBy[o.replica]++
		i.Bytes.In += 562
		i.Bytes.Body += 331
		i.Latencies.Connect.Record(o.connect)
		i.Latencies.Processing.Record(o.done - o.sent - o.connect)
		i.Latencies.Waiting.Record(o.done - o.sent - o.connect - 20*time.Microsecond)
	}
	return i
}

// samples are readings every 400 ms and at both edges, a little apart for each
// replica.
func (s stack) samples(shots []shot, length time.Duration) []results.Line {
	var lines []results.Line
	front := strings.TrimPrefix(s.target, "http://")
	for at := time.Duration(0); ; at += 400 * time.Millisecond {
		at = min(at, length)
		for n, replica := range s.names() {
			service, _, _ := strings.Cut(replica, "-")
			cpu := time.Duration(0)
			for _, o := range shots {
				switch {
				case o.done > at:
				case o.replica == replica:
					cpu += s.web
				case service == front:
					cpu += s.front
				}
			}
			offset := time.Duration(n) * time.Millisecond
			if at == 0 || at == length {
				offset = 0
			}
			memory := int64(6+n)<<20 + int64(cpu/time.Microsecond)*4
			lines = append(lines, results.Sample{Replica: replica, Service: service, At: at + offset, CPU: cpu, MemoryBytes: memory})
		}
		if at == length {
			return lines
		}
	}
}

func (s stack) names() []string {
	var all []string
	for _, names := range s.replicas {
		all = append(all, names...)
	}
	slices.Sort(all)
	return all
}

func (s stack) scale() map[string]int {
	counts := map[string]int{}
	for service, names := range s.replicas {
		counts[service] = len(names)
	}
	return counts
}

// newStack makes the news application as training or production deploys it.
func newStack(environment string, scale scenarios.Scale) stack {
	s := stack{environment: environment, replicas: map[string][]string{}, spread: 0.45, web: 700 * time.Microsecond, front: 150 * time.Microsecond}
	counts := map[string]int{"static": 1, "web": 2}
	s.target, s.median = "http://static", 6*time.Millisecond
	s.pick = func(int) int { return 0 } // pinned by client address
	if environment == "production" {
		counts = map[string]int{"proxy": 1, "static": 1, "web": 1}
		s.target, s.median = "http://proxy", 10*time.Millisecond
	}
	for service, n := range scale {
		counts[service] = n
	}
	for service, n := range counts {
		for i := range n {
			s.replicas[service] = append(s.replicas[service], fmt.Sprintf("%s-%d", service, i+1))
		}
	}
	if environment == "production" {
		web := counts["web"]
		s.pick = func(k int) int { return k % web }
		if web > 1 {
			s.median = 8 * time.Millisecond
			s.cold = 2200 * time.Millisecond
		}
	}
	return s
}

// storeTwip writes a made-up run of the twip scenario: two environments, two
// scales, two loads, with one invalid and one missing trial. It returns the
// run as read back from disk.
func storeTwip(t testing.TB, trials int) *results.Run {
	t.Helper()
	scales := []scenarios.Scale{{}, {"web": 3, "static": 2}}
	m := results.Manifest{
		ID: "twip-20260601-093000", Scenario: "twip", Started: began, Ended: began.Add(7*time.Minute + 12*time.Second),
		Outcome: "complete", Objectives: []string{"p(99) < 1s", "p(99.9) < 2s", "errors < 0.1%"},
		Plan: plan.Plan{Scenario: "twip", Seed: 7}, Environments: []string{"training", "production"}, LoadNames: []string{"ab", "steady"},
		Loads: map[string]results.LoadSummary{
			"ab":     {Mode: "closed", Text: "closed loop, 1000 requests, 10 at a time, a new connection each", Requests: 1000, Concurrency: 10},
			"steady": {Mode: "open", Text: "open loop, 200/s for 10s, a new connection each", Rate: 200, Duration: 10 * time.Second},
		},
		Provenance: results.Provenance{
			Version: "0.1.0", Command: []string{"plimsoll", "run", "twip", "--trials", fmt.Sprint(trials)},
			Host: "bench-1", OS: "linux/amd64", Kernel: "6.12.0", CPU: "Example CPU 3.0 GHz", CPUs: 4, MemoryBytes: 16 << 30,
			Engines: map[string]string{"training": "docker 29.0.1", "production": "docker 29.0.1"}, ScenarioHash: strings.Repeat("ab12", 16),
			Seed: 7, LoadPath: "worker container on the stack's own network, replicas addressed directly", Transport: "general", Warmup: "3s",
		},
	}
	for rep := range trials {
		for _, scale := range scales {
			for _, load := range []string{"steady", "ab"} {
				for _, environment := range []string{"production", "training"} {
					m.Plan.Trials = append(m.Plan.Trials, plan.Trial{
						Index: len(m.Plan.Trials) + 1, Environment: environment, Scale: scale, Load: load, Repetition: rep + 1,
					})
				}
			}
		}
	}
	missing := m.Plan.Trials[len(m.Plan.Trials)-1]
	if trials > 1 {
		m.Outcome = "failed"
		m.Failures = []results.Failure{{Index: missing.Index, Environment: missing.Environment, Reason: "environment " + missing.Environment + " did not start: web-3 was not ready within 1m0s"}}
	}
	w, err := results.Create(t.TempDir(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Plan.Trials {
		if trials > 1 && p.Index == missing.Index {
			continue
		}
		storeTrial(t, w, p, m.Loads[p.Load], trials)
	}
	run, err := results.Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func storeTrial(t testing.TB, w *results.Writer, p plan.Trial, load results.LoadSummary, trials int) {
	t.Helper()
	s := newStack(p.Environment, p.Scale)
	r := rand.New(rand.NewPCG(7, uint64(p.Index)))
	var shots []shot
	if load.Mode == "closed" {
		shots = s.closedLoop(r, load.Requests, load.Concurrency)
	} else {
		shots = s.openLoop(r, int(load.Rate), load.Duration)
	}
	if p.Environment == "training" && p.Load == "steady" && p.Repetition == 2 {
		shots[100].failed = true
	}
	log, err := w.Begin(p)
	if err != nil {
		t.Fatal(err)
	}
	tally := results.NewTally()
	for _, line := range s.log(shots) {
		tally.Add(line)
		if err := log.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	startup := map[string]time.Duration{}
	for n, name := range s.names() {
		startup[name] = time.Duration(300+100*n) * time.Millisecond
	}
	trial := tally.Trial(results.Trial{
		Environment: p.Environment, Scale: s.scale(), Load: p.Load, Trial: p.Repetition, Index: p.Index,
		Startup: startup, Mode: load.Mode, Concurrency: load.Concurrency, RequestedRate: load.Rate,
		Target: s.target, Metering: "cgroup v2 files, 5 Hz",
	})
	trial.Validity = results.Judge(trial, nil)
	if trials > 1 && p.Environment == "production" && p.Load == "ab" && p.Repetition == 3 && len(p.Scale) == 0 {
		trial.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"only 91.0 % of the due requests were sent"}}
	}
	if err := log.Finish(trial); err != nil {
		t.Fatal(err)
	}
}
