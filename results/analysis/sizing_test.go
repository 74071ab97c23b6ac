package analysis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/size"
	"plimsoll/results/steady"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
	"plimsoll/scenarios/prices"
)

// growing makes a run of a stack whose web service carries the rates of a
// curve: below, the p99 is 20 ms; above, 2 s.
type growing struct {
	curve    size.Curve
	replicas []int
	rates    []float64 // of the ladder
	starts   int
	cv       float64
}

func ladderOf(from, factor float64, steps int) []float64 {
	var rates []float64
	for i := range steps {
		rates = append(rates, math.Round(from*math.Pow(factor, float64(i))))
	}
	return rates
}

func (g growing) store(t testing.TB) *results.Run {
	t.Helper()
	m := results.Manifest{
		ID: "shop-20260601-093000", Scenario: "shop", Started: began, Ended: began.Add(time.Hour), Outcome: "complete",
		Objectives: []string{"p(99) < 250ms", "errors < 0.1%"}, Plan: plan.Plan{Scenario: "shop", Seed: 7},
		Environments: []string{"production"}, Loads: map[string]results.LoadSummary{},
		Provenance: results.Provenance{Version: "0.1.0", Host: "bench-1", CPU: "Example CPU", CPUs: 32, Engines: map[string]string{"production": "docker 29.0.1"}},
	}
	for _, rate := range g.rates {
		name := fmt.Sprintf("at%v", rate)
		m.LoadNames = append(m.LoadNames, name)
		m.Loads[name] = results.LoadSummary{Mode: "open", Text: fmt.Sprintf("open loop, %v/s for 1m", rate), Rate: rate, Duration: time.Minute,
			Pattern: "open loop of a constant rate, a new connection each"}
	}
	for repetition := 1; repetition <= g.starts; repetition++ {
		for _, n := range g.replicas {
			for _, load := range m.LoadNames {
				m.Plan.Trials = append(m.Plan.Trials, plan.Trial{Index: len(m.Plan.Trials) + 1, Environment: "production",
					Scale: scenarios.Scale{"web": n}, Load: load, Repetition: repetition})
			}
		}
	}
	w, err := results.Create(t.TempDir(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Plan.Trials {
		g.storeTrial(t, w, p, m.Loads[p.Load])
	}
	run, err := results.Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (g growing) storeTrial(t testing.TB, w *results.Writer, p plan.Trial, load results.LoadSummary) {
	t.Helper()
	n := p.Scale["web"]
	r := rand.New(rand.NewPCG(uint64(n), uint64(p.Repetition)))
	capacity := g.curve.At(float64(n)) * math.Exp(g.cv*r.NormFloat64())
	typical := 15 * time.Millisecond
	if load.Mode == "open" && load.Rate > capacity {
		typical = 1500 * time.Millisecond
	}
	const requests = 2000
	i := results.Interval{Phase: results.Measure, Length: time.Minute, Latencies: results.NewLatencies(), Requests: results.Counts{Sent: requests, OK: requests}}
	for range requests {
		i.Latencies.Response.Record(time.Duration(float64(typical) * (1 + r.Float64()/3)))
		i.Latencies.Lag.Record(20 * time.Microsecond)
	}
	var lines []results.Line
	for _, name := range []string{"proxy-1", "web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8"}[:n+1] {
		service, _, _ := strings.Cut(name, "-")
		cpu := 2 * time.Millisecond * requests / time.Duration(n) // of all web replicas together, for each request
		if service == "proxy" {
			cpu = time.Millisecond / 2 * requests
		}
		for _, at := range []time.Duration{0, time.Minute} {
			lines = append(lines, results.Sample{Replica: name, Service: service, At: at, CPU: time.Duration(float64(cpu) * at.Seconds() / 60), MemoryBytes: 100 << 20})
		}
	}
	lines = append(lines, i, results.Final{Phase: results.Measure, Began: began, Length: time.Minute, Due: requests})
	log, err := w.Begin(p)
	if err != nil {
		t.Fatal(err)
	}
	tally := results.NewTally()
	for _, line := range lines {
		tally.Add(line)
		if err := log.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	trial := tally.Trial(results.Trial{Environment: p.Environment, Scale: map[string]int{"web": n, "proxy": 1}, Load: p.Load, Trial: p.Repetition, Index: p.Index,
		Mode: load.Mode, RequestedRate: load.Rate, Concurrency: load.Concurrency, Target: "http://proxy"})
	trial.Validity = results.Validity{Verdict: results.Valid, Reasons: []string{}}
	trial.Throughput = min(trial.Throughput, capacity) // of 2 000 in a minute
	if err := log.Finish(trial); err != nil {
		t.Fatal(err)
	}
}

var shop = size.Curve{Rate: 100, Contention: .06, Coherency: .004}

// stored is a run of the shop on disk, once for all tests; what a test wants
// otherwise it changes in memory.
func stored(t *testing.T) *results.Run {
	t.Helper()
	return growing{curve: shop, replicas: []int{1, 2, 4, 8}, rates: ladderOf(70, 1.2, 12), starts: 3, cv: .02}.store(t)
}

// changed is a copy of a run without the trials that keep does not want.
func changed(run *results.Run, keep func(*results.Trial) bool, edit func(*results.Manifest)) *results.Run {
	out := *run
	out.Trials = nil
	for _, t := range run.Trials {
		t.Trial.Scale = maps.Clone(t.Trial.Scale)
		if keep == nil || keep(&t.Trial) {
			out.Trials = append(out.Trials, t)
		}
	}
	out.Manifest.Loads = maps.Clone(run.Manifest.Loads)
	out.Manifest.Plan.Trials = slices.Clone(run.Manifest.Plan.Trials)
	if edit != nil {
		edit(&out.Manifest)
	}
	return &out
}

func sizeUp(t *testing.T, q analysis.SizeQuery, runs ...*results.Run) *analysis.Sizing {
	t.Helper()
	s, err := analysis.SizeUp(runs, q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSizeUp(t *testing.T) {
	run := stored(t)
	t.Run("answers", func(t *testing.T) { sizeUpAnswers(t, run) })
	t.Run("knows what it does not know", func(t *testing.T) { sizeUpRefuses(t, run) })
	t.Run("asks", func(t *testing.T) { sizeUpAsks(t, run) })
	t.Run("above what is supported a stack is not steady", func(t *testing.T) {
		drifting := changed(run, func(tr *results.Trial) bool {
			if tr.Latency.Response.P99 > time.Second {
				tr.Steady = &results.Steadiness{Verdict: steady.Drifting}
			}
			return true
		}, nil)
		if s := sizeUp(t, analysis.SizeQuery{Rate: 350}, drifting); s.Answer.Verdict != size.Answered {
			t.Errorf("%+v", s.Answer)
		}
	})
	t.Run("golden", func(t *testing.T) {
		// Package report is tested with these, too.
		for name, s := range map[string]*analysis.Sizing{
			"size-answered": sizeUp(t, analysis.SizeQuery{Rate: 350, Prices: &prices.Prices{PerVCPUHour: .03, PerGiBHour: .004, Currency: "EUR"}}, run),
			"size-beyond":   sizeUp(t, analysis.SizeQuery{Rate: 500}, run),
			"size-closed":   sizeUp(t, analysis.SizeQuery{Rate: 350}, closedLoops(run)),
		} {
			text, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			testenv.Golden(t, filepath.Join("testdata", name+".json"), string(text)+"\n")
		}
	})
	t.Run("several runs", func(t *testing.T) {
		// Starts of several runs count together.
		two := func(tr *results.Trial) bool { return tr.Trial <= 2 }
		elsewhere := changed(run, two, func(m *results.Manifest) { m.ID, m.Provenance.Host = "shop-2", "bench-2" })
		s := sizeUp(t, analysis.SizeQuery{Rate: 350}, changed(run, two, nil), elsewhere)
		if s.Answer.Verdict != size.Answered || len(s.Levels[0].Starts) != 4 || !strings.Contains(strings.Join(s.Notes, "\n"), "differ in their hosts (bench-1, bench-2)") {
			t.Errorf("%+v", s)
		}
	})
}

// closedLoops is the run as if its load were a closed loop.
func closedLoops(run *results.Run) *results.Run {
	return changed(run, func(tr *results.Trial) bool { tr.Mode = "closed"; return tr.Load == "at70" }, func(m *results.Manifest) {
		for name, l := range m.Loads {
			l.Mode, l.Pattern, l.Concurrency = "closed", "", 10
			m.Loads[name] = l
		}
	})
}

func sizeUpAnswers(t *testing.T, run *results.Run) {
	s := sizeUp(t, analysis.SizeQuery{Rate: 350, Prices: &prices.Prices{PerVCPUHour: .03, PerGiBHour: .004, Currency: "EUR"}}, run)
	want, _ := shop.Replicas(350)
	a := s.Answer
	if a.Verdict != size.Answered || a.Low > want || a.High < want || a.Plan != a.High+1 {
		t.Fatalf("%d are needed: %+v", want, a)
	}
	if s.Service != "web" || s.Environment != "production" || len(s.Levels) != 4 || len(s.Objectives) != 2 {
		t.Errorf("%+v", s)
	}
	for _, l := range s.Levels {
		true := shop.At(float64(l.Replicas))
		if l.Supported > true*1.05 || l.Supported < true/1.3 || len(l.Starts) != 3 || l.NextFailed < l.Least || l.Trials != 36 {
			t.Errorf("%d replicas carry %v: %+v", l.Replicas, true, l)
		}
	}
	if len(s.Needs) != 2 || s.Needs[1].Service != "web" || s.Needs[1].Replicas != a.Plan || s.Needs[0].Replicas != 1 {
		t.Fatalf("%+v", s.Needs)
	}
	// 2 ms of CPU for each of 350 requests a second.
	if got := s.Needs[1].VCPUs; math.Abs(got-.7) > .01 {
		t.Errorf("web needs %v CPUs", got)
	}
	if got, want := s.Needs[1].Memory, float64(a.Plan*100<<20); got != want {
		t.Errorf("web needs %v bytes, want %v", got, want)
	}
	hour := (.7+.175)*.03 + float64(a.Plan+1)*100/1024*.004
	if s.Cost == nil || math.Abs(s.Cost.PerHour-hour) > .001*hour || math.Abs(s.Cost.PerMillionRequests-hour/(350*.0036)) > .001*hour {
		t.Errorf("%+v, want %v an hour", s.Cost, hour)
	}
	again, err := json.Marshal(sizeUp(t, analysis.SizeQuery{Rate: 350, Prices: &prices.Prices{PerVCPUHour: .03, PerGiBHour: .004, Currency: "EUR"}}, run))
	if first, _ := json.Marshal(s); err != nil || string(first) != string(again) {
		t.Errorf("the same run, another answer: %v\n%s\n%s", err, first, again)
	}
	if !strings.Contains(strings.Join(s.Notes, "\n"), "says nothing about more machines") {
		t.Errorf("%q", s.Notes)
	}
}

func sizeUpRefuses(t *testing.T, run *results.Run) {
	only := func(keep func(*results.Trial) bool) *results.Run { return changed(run, keep, nil) }
	edited := func(edit func(*results.Manifest)) *results.Run { return changed(run, nil, edit) }
	tests := []struct {
		name   string
		run    *results.Run
		query  analysis.SizeQuery
		reason size.Reason
		words  []string
	}{
		{"far above", run, analysis.SizeQuery{Rate: 900}, size.Beyond, []string{"may not be reachable"}},
		{"one start", only(func(tr *results.Trial) bool { return tr.Trial == 1 }), analysis.SizeQuery{Rate: 350}, size.TooFew, []string{"1 of 3 starts"}},
		{"the ladder ends too low", only(func(tr *results.Trial) bool { return tr.RequestedRate < 250 }), analysis.SizeQuery{Rate: 350}, size.TooFew, []string{"measure higher rates"}},
		{"the ladder begins too high", only(func(tr *results.Trial) bool { return tr.RequestedRate > 200 }), analysis.SizeQuery{Rate: 350}, size.TooFew, []string{"measure lower ones"}},
		{"the generator ended it", only(func(tr *results.Trial) bool {
			if tr.RequestedRate >= 400 {
				tr.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"the generator did not keep up"}, Broken: []results.Criterion{results.SendRate}}
			}
			return true
		}), analysis.SizeQuery{Rate: 350}, size.Beyond, []string{"the load generator was the limit"}},
		{"steady nowhere", only(func(tr *results.Trial) bool {
			tr.Steady = &results.Steadiness{Verdict: steady.Drifting, Why: "the p99 rises"}
			return true
		}), analysis.SizeQuery{Rate: 350}, size.TooFew, []string{"it met the objectives, but was not steady (drifting: the p99 rises)", "measure lower ones"}},
		{"short loads", only(func(tr *results.Trial) bool { tr.Duration = 5 * time.Second; return true }), analysis.SizeQuery{Rate: 900}, size.Beyond, []string{"Loads lasted only 5.00 s"}},
		{"the host stole CPU time", only(func(tr *results.Trial) bool {
			if tr.RequestedRate >= 400 {
				tr.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"the host stole CPU time"}, Broken: []results.Criterion{results.HostSteal}}
			}
			return true
		}), analysis.SizeQuery{Rate: 350}, size.Beyond, []string{"the host stole CPU time", "no rate failed in 3 of 3 starts"}},
		{"the machine is used up", changed(run, func(tr *results.Trial) bool {
			tr.Worker.CPU = 50 * time.Second
			return true
		}, func(m *results.Manifest) { m.Provenance.CPUs = 1 }), analysis.SizeQuery{Rate: 900}, size.Beyond, []string{"CPUs were 9", "on more or larger machines"}},
		{"on stacks by hand", edited(func(m *results.Manifest) { m.Provenance.Attached = true }), analysis.SizeQuery{Rate: 350}, size.TooFew, []string{"are one start", "1 of 3 starts"}},
		{"too few requests for the objective", run, analysis.SizeQuery{Rate: 350, Objectives: objectives("p(99.9) < 250ms")}, size.TooFew, []string{"p99.9 needs 10"}},
		{"closed loops", closedLoops(run), analysis.SizeQuery{Rate: 350}, size.NoLadder, []string{"throughput of a closed loop is not used", "Add open-loop loads"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sizeUp(t, tt.query, tt.run)
			if s.Answer.Verdict != size.Inconclusive || s.Answer.Reason != tt.reason {
				t.Errorf("%+v", s.Answer)
			}
			said := strings.Join(slices.Concat([]string{s.Answer.Text, s.Answer.Next}, s.Answer.Notes, s.Notes), "\n")
			for _, w := range tt.words {
				if !strings.Contains(said, w) {
					t.Errorf("%q is not in\n%s", w, said)
				}
			}
			if s.Cost != nil || s.Answer.Plan != 0 {
				t.Errorf("a plan all the same: %+v", s)
			}
			if tt.reason == size.NoLadder && (s.Closed == nil || len(s.Closed.Levels) != 4) {
				t.Errorf("%+v", s.Closed)
			}
		})
	}
}

func objectives(texts ...string) []scenarios.Objective {
	var list []scenarios.Objective
	for _, text := range texts {
		o, err := scenarios.ParseObjective(text)
		if err != nil {
			panic(err)
		}
		list = append(list, o)
	}
	return list
}

func sizeUpAsks(t *testing.T, run *results.Run) {
	edited := func(edit func(*results.Manifest)) *results.Run { return changed(run, nil, edit) }
	tests := []struct {
		name  string
		run   *results.Run
		query analysis.SizeQuery
		want  string
	}{
		{"which environment", edited(func(m *results.Manifest) {
			m.Plan.Trials = append(m.Plan.Trials, plan.Trial{Index: 999, Environment: "training", Load: "at70", Scale: scenarios.Scale{"web": 1}})
		}), analysis.SizeQuery{}, "--env: production, training"},
		{"no such environment", run, analysis.SizeQuery{Environment: "cloud"}, `no environment is called "cloud"; there are production`},
		{"which service", changed(run, func(tr *results.Trial) bool { tr.Scale["static"] = tr.Scale["web"]; return true }, nil), analysis.SizeQuery{}, "several services were scaled: static, web"},
		{"no such service", run, analysis.SizeQuery{Service: "db"}, `no service of production is called "db"`},
		{"no scales", changed(run, func(tr *results.Trial) bool { tr.Scale = nil; return true }, nil), analysis.SizeQuery{}, "as imports do not"},
		{"one scale", changed(run, func(tr *results.Trial) bool { return tr.Scale["web"] == 2 }, nil), analysis.SizeQuery{}, "run the scenario at several scales"},
		{"which loads", edited(func(m *results.Manifest) {
			l := m.Loads["at70"]
			l.Pattern += ", connections kept"
			m.Loads["at70"] = l
		}), analysis.SizeQuery{}, "differ in more than their rate"},
		{"no such load", run, analysis.SizeQuery{Loads: []string{"steady"}}, `no load is called "steady"`},
		{"no objective", edited(func(m *results.Manifest) { m.Objectives = nil }), analysis.SizeQuery{}, "give --objective"},
		{"no upper limit", edited(func(m *results.Manifest) { m.Objectives = []string{"throughput > 1/s"} }), analysis.SizeQuery{}, "give --objective"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := analysis.SizeUp([]*results.Run{tt.run}, tt.query)
			var choice *analysis.ChoiceError
			if !errors.As(err, &choice) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// searched makes a run of a capacity search at each scale, of a stack whose p99
// grows as the rate comes near to what its curve says.
func searched(t *testing.T, id string, curve size.Curve, highest float64) *results.Run {
	t.Helper()
	scales := []scenarios.Scale{{"web": 1}, {"web": 2}, {"web": 4}}
	run := &results.Run{Dir: t.TempDir(), Manifest: results.Manifest{
		ID: id, Scenario: "shop", Objectives: []string{"p(99) < 250ms"}, Environments: []string{"production"}, Plan: plan.Plan{Seed: 5},
		Loads:    map[string]results.LoadSummary{"steady": {Mode: "open", Pattern: "open loop of a constant rate"}, "other": {Mode: "open", Pattern: "another"}},
		Capacity: &results.Capacity{Environment: "production", Load: "steady", Scales: scales, From: 50, To: highest, Block: time.Minute},
	}}
	r := rand.New(rand.NewPCG(uint64(len(id)), uint64(id[len(id)-1])))
	for {
		var trials []results.Trial
		for _, st := range run.Trials {
			trials = append(trials, st.Trial)
		}
		found, err := analysis.JudgeCapacity(run.Manifest, trials)
		if err != nil {
			t.Fatal(err)
		}
		if found.Next == nil {
			return run
		}
		next := *found.Next
		used := next.Rate / (curve.At(float64(next.Scale["web"])) * math.Exp(.02*r.NormFloat64()))
		p99 := time.Duration(float64(10*time.Millisecond) / max(1-used, .005))
		run.Manifest.Plan.Trials = append(run.Manifest.Plan.Trials, next)
		n := int64(60 * next.Rate)
		run.Trials = append(run.Trials, results.StoredTrial{Dir: run.Dir, Trial: results.Trial{
			Environment: "production", Scale: map[string]int{"web": next.Scale["web"], "proxy": 1}, Load: "steady", Trial: next.Repetition, Index: next.Index,
			Mode: "open", RequestedRate: next.Rate, Duration: time.Minute, Requests: results.Counts{Sent: n, OK: n},
			Latency:  results.LatencyStats{Response: results.Stats{Count: n, P50: p99 / 3, P99: p99, P999: p99 * 2, Max: p99 * 3, Mean: p99 / 3}},
			Validity: results.Validity{Verdict: results.Valid},
		}})
	}
}

// Each search is one start.
func TestSizeUpOfCapacitySearches(t *testing.T) {
	runs := []*results.Run{searched(t, "a", shop, 5000), searched(t, "b", shop, 5000), searched(t, "c", shop, 5000)}
	s := sizeUp(t, analysis.SizeQuery{Rate: 220}, runs...)
	if s.Answer.Verdict != size.Answered || s.Answer.Low < 3 || s.Answer.High > 4 {
		t.Errorf("%+v", s.Answer)
	}
	for _, l := range s.Levels {
		if true := shop.At(float64(l.Replicas)); len(l.Starts) != 3 || l.Supported > true || l.Supported < .8*true {
			t.Errorf("%v carry: %+v", true, l)
		}
	}
	if one := sizeUp(t, analysis.SizeQuery{Rate: 220}, runs[0]); one.Answer.Reason != size.TooFew || one.Answer.Carried != 0 {
		t.Errorf("%+v", one.Answer)
	}
	low := sizeUp(t, analysis.SizeQuery{Rate: 220}, searched(t, "d", shop, 150))
	if l := low.Levels[len(low.Levels)-1]; l.Known() || l.Starts[0].Met != 150 {
		t.Errorf("a search that ended at its highest rate: %+v", l)
	}
	_, err := analysis.SizeUp(runs, analysis.SizeQuery{Rate: 220, Objectives: objectives("p(99) < 1s")})
	var choice *analysis.ChoiceError
	if !errors.As(err, &choice) || !strings.Contains(err.Error(), "says nothing about other objectives") {
		t.Errorf("%v", err)
	}
	if s := sizeUp(t, analysis.SizeQuery{Rate: 220, Objectives: objectives("p99<250ms")}, runs...); s.Answer.Verdict != size.Answered {
		t.Errorf("the same objective, written otherwise: %+v", s.Answer)
	}
}
