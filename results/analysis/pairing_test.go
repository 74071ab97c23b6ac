package analysis

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/results/steady"
	"plimsoll/scenarios"
)

// measured makes a cell whose trials, one in each repetition, had these p99s in
// ms; a negative one is that of an invalid trial.
func measured(environment, scale, load string, p99s ...float64) *Cell {
	c := &Cell{
		Name: environment + " · " + scale + " · " + load, Environment: environment, Scale: scale, Load: load,
		Mode: "open", LoadText: "open loop, 100/s for 50s", Trials: len(p99s), HasUsage: true, Tail: 1000, ScaleCounts: map[string]int{"web": 1},
	}
	for i, ms := range p99s {
		t := TrialDetail{Trial: results.Trial{
			Environment: environment, Load: load, Trial: i + 1, Index: i + 1, Started: time.Unix(int64(100*i), 0),
			Mode: "open", Target: "http://web", Throughput: 100, RequestedRate: 100, Validity: results.Validity{Verdict: results.Valid},
			Requests: results.Counts{Sent: 5000, OK: 5000},
			Usage:    []results.UsageTotal{{Replica: "web-1", Service: "web", CPUPerRequest: time.Millisecond, MemoryPeakBytes: 1 << 20}},
		}}
		tail := time.Duration(math.Abs(ms) * 1e6)
		t.Latency.Response = results.Stats{Count: 5000, P50: tail / 4, P90: tail / 2, P99: tail}
		if ms < 0 {
			t.Validity.Verdict = results.Invalid
		} else {
			c.Counted++
			c.Requests += 5000
		}
		c.Detail = append(c.Detail, t)
	}
	return c
}

// each5 are five trials around a p99 in ms.
func each5(environment, scale, load string, p99 float64) *Cell {
	return measured(environment, scale, load, p99, 1.01*p99, .99*p99, 1.02*p99, .98*p99)
}

// subjectOf makes a run of cells.
func subjectOf(id, selector string, cells ...*Cell) Subject {
	s := Subject{Asked: id + ":" + selector, Document: &Document{RunID: id}, Manifest: results.Manifest{
		ID: id, Scenario: "news", Started: time.Unix(1_780_000_000, 0),
		Loads: map[string]results.LoadSummary{},
		Provenance: results.Provenance{
			Version: "0.1.0", Host: "bench-1", Kernel: "6.12.0", CPU: "Example CPU", CPUs: 4, Warmup: "10s", LoadPath: "a container beside the stack",
			Engines: map[string]string{"training": "docker 29.0.1", "production": "docker 29.0.1"},
			Images:  map[string]string{"training/web": "news:1", "production/web": "news:1"},
		},
	}}
	for _, c := range cells {
		s.Document.Cells = append(s.Document.Cells, *c)
		s.Manifest.Loads[c.Load] = results.LoadSummary{Mode: c.Mode, Text: "open loop, 100/s for 50s", Rate: 100, Duration: 50 * time.Second}
		if !slices.ContainsFunc(s.Document.Loads, func(l LoadInfo) bool { return l.Name == c.Load }) {
			s.Document.Loads = append(s.Document.Loads, LoadInfo{Name: c.Load, Mode: c.Mode})
		}
	}
	s.Selector, _ = ParseSelector(selector)
	return s
}

func compareOK(t *testing.T, a, b Subject) *Pairing {
	t.Helper()
	p, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompareFindsCounterparts(t *testing.T) {
	run := func(id, selector string) Subject {
		return subjectOf(id, selector,
			each5("training", "as written", "steady", 10), each5("production", "as written", "steady", 20),
			each5("training", "web=3", "steady", 10), each5("production", "web=3", "steady", 20),
			each5("production", "web=3", "busy", 30))
	}
	for _, test := range []struct {
		name, a, b string
		otherRun   bool
		want       []string
		unmatched  int
	}{
		{"two environments", "training", "production", false, []string{"training | production · as written · steady", "training | production · web=3 · steady"}, 1},
		{"and a scale", "training/web=3", "production/web=3", false, []string{"training | production · web=3 · steady"}, 1},
		{"two scales of one", "production/as written", "production/web=3", false, []string{"production · as written | web=3 · steady"}, 1},
		{"one side names an environment", "training", "", true, []string{"training · as written · steady", "training · web=3 · steady"}, 3},
		{"one side names a scale", "/web=3", "", true, []string{"training · web=3 · steady", "production · web=3 · steady", "production · web=3 · busy"}, 2},
		{"two whole runs", "", "", true, []string{"training · as written · steady", "production · as written · steady", "training · web=3 · steady", "production · web=3 · steady", "production · web=3 · busy"}, 0},
		{"loads of two names that are alike", "production/web=3/steady", "production/web=3/busy", false, []string{"production · web=3 · steady | busy"}, 0},
		{"an environment by its load alone", "training//steady", "production//steady", false, []string{"training | production · as written · steady", "training | production · web=3 · steady"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := "run-1"
			if test.otherRun {
				id = "run-2"
			}
			p := compareOK(t, run("run-1", test.a), run(id, test.b))
			var got []string
			for _, pair := range p.Pairs {
				got = append(got, pair.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("pairs (-want +got):\n%s", diff)
			}
			if len(p.Unmatched) != test.unmatched || len(p.Refused) != 0 {
				t.Errorf("%d unmatched, want %d: %q; refused: %v", len(p.Unmatched), test.unmatched, p.Unmatched, p.Refused)
			}
		})
	}
}

func TestCompareRefuses(t *testing.T) {
	load := func(edit func(*results.LoadSummary)) func(*Subject) {
		return func(s *Subject) {
			l := s.Manifest.Loads["steady"]
			edit(&l)
			s.Manifest.Loads["steady"] = l
		}
	}
	trials := func(edit func(*results.Trial)) func(*Subject) {
		return func(s *Subject) {
			for i := range s.Document.Cells[0].Detail {
				edit(&s.Document.Cells[0].Detail[i].Trial)
			}
		}
	}
	scenario := func(requests []scenarios.Request, edit func(*scenarios.Load)) *scenarios.Scenario {
		l := scenarios.Load{Name: "steady", Mode: scenarios.Open, Timeout: time.Second}
		if edit != nil {
			edit(&l)
		}
		return &scenarios.Scenario{Requests: requests, Loads: []scenarios.Load{l}}
	}
	get := []scenarios.Request{{Name: "GET /", Method: "GET", Path: "/", Weight: 9}, {Name: "post", Method: "POST", Path: "/p", Body: "a", Weight: 1}}
	weighed := slices.Clone(get)
	weighed[1].Weight = 2
	otherBody := slices.Clone(get)
	otherBody[1].Body = "b"
	bothScenarios := func(other []scenarios.Request, edit func(*scenarios.Load)) func(a, b *Subject) {
		return func(a, b *Subject) { a.Scenario, b.Scenario = scenario(get, nil), scenario(other, edit) }
	}
	onlyB := func(edit func(*Subject)) func(a, b *Subject) { return func(_, b *Subject) { edit(b) } }

	for _, test := range []struct {
		name string
		edit func(a, b *Subject)
		want string // of the only refusal; empty: compared
	}{
		{"nothing differs", func(a, b *Subject) {}, ""},
		{"mode", onlyB(func(s *Subject) { s.Document.Cells[0].Mode = "closed"; s.Document.Cells[0].Concurrency = 10 }), "mode: A has open, B has closed"},
		{"rate", onlyB(trials(func(t *results.Trial) { t.RequestedRate = 200 })), "rate: A has 100.0/s, B has 200.0/s"},
		{"concurrency", onlyB(func(s *Subject) { s.Document.Cells[0].Concurrency = 20 }), "concurrency: A has none, B has 20"},
		{"duration", onlyB(load(func(l *results.LoadSummary) { l.Duration = time.Minute })), "duration: A has 50s, B has 1m"},
		{"connections", onlyB(load(func(l *results.LoadSummary) { l.KeepAlive = true })), "connections: A has a new one each, B has kept"},
		{"what only the words tell", onlyB(func(s *Subject) { s.Document.Cells[0].LoadText += ", Poisson arrivals" }),
			"load: A has open loop, 100/s for 50s, B has open loop, 100/s for 50s, Poisson arrivals"},
		{"transport", onlyB(trials(func(t *results.Trial) { t.Transport = "fast" })), "transport: A has none, B has fast"},
		{"HTTP/2", onlyB(trials(func(t *results.Trial) { t.HTTP2 = true })), "protocol: A has not HTTP/2, B has HTTP/2"},
		{"generator", onlyB(trials(func(t *results.Trial) {
			t.Foreign = &results.Foreign{Tool: "wrk", Told: []string{"latency_ns.response.count"}}
		})), "generator: A has plimsoll, B has wrk"},
		{"where the load comes from", onlyB(func(s *Subject) { s.Manifest.Provenance.LoadPath = "the host" }), "load comes from: A has a container beside the stack, B has the host"},
		{"link", onlyB(func(s *Subject) { s.Document.Cells[0].Link = scenarios.Link{RTT: 190 * time.Millisecond} }), "emulated link: A has none, B has 190ms emulated"},
		{"warm-up", onlyB(func(s *Subject) { s.Manifest.Provenance.Warmup = "none" }), "warm-up: A has 10s, B has none"},
		{"events", onlyB(trials(func(t *results.Trial) { t.Events = []results.TrialEvent{{What: "kill web-1"}} })), "events: A has none, B has kill web-1"},
		{"the same mix", bothScenarios(get, nil), ""},
		{"weights", bothScenarios(weighed, nil), "request mix: A has 9 × GET /, 1 × POST /p, B has 9 × GET /, 2 × POST /p"},
		{"bodies", bothScenarios(otherBody, nil), `request mix: A has 9 × GET / "", 1 × POST /p "a", B has 9 × GET / "", 1 × POST /p "b"`},
		{"timeout", bothScenarios(get, func(l *scenarios.Load) { l.Timeout = time.Minute }), "timeout: A has 1s, B has 1m"},
		{"redirects", bothScenarios(get, func(l *scenarios.Load) { l.Redirects = 3 }), "redirects that are followed: A has none, B has 3"},
		{"a mix by name only", func(a, b *Subject) {
			trials(func(t *results.Trial) { t.Sample.Document = "/" })(a)
			trials(func(t *results.Trial) { t.Sample.Document = "/slow" })(b)
		}, "request mix: A has /, B has /slow"},
		{"no trial counts", func(_, b *Subject) { b.Document.Cells[0] = *measured("training", "as written", "steady", -1, -2) },
			"trials that count: A has 5 trials, B has none: 2 trials, all invalid"},
		{"no trial was finished", func(a, _ *Subject) { a.Document.Cells[0] = *measured("training", "as written", "steady") },
			"trials that count: A has none that was finished, B has 5 trials"},
		{"never steady", func(_, b *Subject) {
			c := &b.Document.Cells[0]
			c.Counted, c.Unsteady = 0, len(c.Detail)
			for i := range c.Detail {
				c.Detail[i].Steady = &results.Steadiness{Verdict: steady.Drifting, Why: "p99 rose"}
			}
		}, "trials that count: A has 5 trials, B has none: no trial was in a steady state: drifting: p99 rose (and 4 more reasons)"},
		{"several", onlyB(func(s *Subject) {
			s.Manifest.Provenance.Warmup = "20s"
			trials(func(t *results.Trial) { t.RequestedRate = 50 })(s)
		}), "rate: A has 100.0/s, B has 50.0/s; warm-up: A has 10s, B has 20s"},
		{"a copy of the same run", onlyB(func(s *Subject) { s.Manifest.ID = "run-1" }), "both sides are the same trials"},
		{"other machines, kernels and versions are facts", onlyB(func(s *Subject) {
			s.Manifest.Provenance.Host, s.Manifest.Provenance.Kernel, s.Manifest.Provenance.Version = "bench-2", "6.13.0", "0.2.0"
		}), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := subjectOf("run-1", "training", each5("training", "as written", "steady", 10))
			b := subjectOf("run-2", "training", each5("training", "as written", "steady", 10))
			test.edit(&a, &b)
			p := compareOK(t, a, b)
			want := test.want
			if want != "" {
				want = "training · as written · steady: " + want
			}
			if got := p.Refusal(); got != want {
				t.Errorf("refusal %q\nwant    %q", got, want)
			}
			if compared := len(p.Pairs) == 1; compared != (want == "") {
				t.Errorf("%d pairs", len(p.Pairs))
			}
		})
	}
}

func TestCompareWithoutCounterparts(t *testing.T) {
	p := compareOK(t, subjectOf("run-1", "", each5("training", "as written", "steady", 10)), subjectOf("run-2", "", each5("cloud", "as written", "steady", 10)))
	if got := p.Refusal(); !strings.Contains(got, "A: training · as written · steady, B: cloud · as written · steady") {
		t.Errorf("refusal %q does not name what there is", got)
	}
}

func changeOf(t *testing.T, p *Pairing, m Metric) Change {
	t.Helper()
	if len(p.Pairs) != 1 {
		t.Fatalf("%d pairs; refused: %s", len(p.Pairs), p.Refusal())
	}
	for _, c := range p.Pairs[0].Changes {
		if c.Metric == m {
			return c
		}
	}
	t.Fatalf("no %s", m.Name)
	return Change{}
}

func TestChange(t *testing.T) {
	edit := func(c *Cell, change func(*results.Trial)) *Cell {
		for i := range c.Detail {
			change(&c.Detail[i].Trial)
		}
		return c
	}
	failing := func(c *Cell, share float64) *Cell {
		return edit(c, func(t *results.Trial) {
			t.Requests.Failed = int64(share * 5000)
			t.Requests.OK = 5000 - t.Requests.Failed
		})
	}
	few := func(c *Cell) *Cell { return edit(c, func(t *results.Trial) { t.Latency.Response.Count = 400 }) }
	unsteady := func(c *Cell) *Cell { // its last trial that was not yet
		c.Counted, c.Unsteady = c.Counted-1, c.Unsteady+1
		c.Detail[c.Counted].Steady = &results.Steadiness{Verdict: steady.Drifting, Why: "p99 rose"}
		return c
	}
	inLoop := func(c *Cell) *Cell {
		c.Mode = "closed"
		return c
	}
	stalled := func(c *Cell) *Cell {
		c.Stall = &Stall{Requests: 10, Share: .72}
		return inLoop(c)
	}
	distant := func(c *Cell) *Cell {
		c.RoundTrips = &RoundTrips{Count: 2, Connect: 95 * time.Millisecond, Answer: 95 * time.Millisecond, Share: .9}
		return c
	}
	one := func(c *Cell) *Cell { // of five trials has all the failures
		c.Detail[2].Requests.Failed, c.Detail[2].Requests.OK = 250, 4750
		return c
	}
	a, b := func(p99 ...float64) *Cell { return measured("training", "x", "l", p99...) }, func(p99 ...float64) *Cell { return measured("production", "x", "l", p99...) }
	for _, test := range []struct {
		name    string
		metric  Metric
		a, b    *Cell
		ratio   float64
		reading Reading
		text    string // a part of it
	}{
		{"twice as slow", tail, a(10, 10, 10, 10, 10), b(20, 20, 20, 20, 20), 2, BHigher, "p99: A 10.0 ms, B 20.0 ms; B ÷ A 2.00× (95 %: 2.00× to 2.00×), B is higher"},
		{"twice as fast", tail, a(20, 20, 20, 20, 20), b(10, 10, 10, 10, 10), .5, BLower, "B is lower"},
		{"the median of all ratios", tail, a(1, 1, 1, 1, 1), b(1, 2, 3, 4, 5), 3, NotApart, "3.00× (95 %: 1.00× to 5.00×)"},
		{"not told apart", tail, a(10, 11, 12, 13, 14), b(10.5, 11.5, 12.5, 13.5, 14.5), 1.0417, NotApart, "not told apart"},
		{"four of each have limits", tail, a(10, 10, 10, 10), b(20, 20, 20, 20), 2, BHigher, ""},
		{"three of each have none", tail, a(10, 10, 10), b(20, 20, 20), 2, NoReading, "B ÷ A 2.00×, no interval: 3 trials of each, and 95 % takes 4 of each"},
		{"three and seven have none", tail, a(10, 10, 10), b(20, 20, 20, 20, 20, 20, 20), 2, NoReading, "no interval: 3 and 7 trials"},
		{"nor one of a system that was not steady", tail, a(10, 10, 10, 10, 10), unsteady(b(20, 20, 20, 20, 9000)), 2, BHigher, "p99: A 10.0 ms, B 20.0 ms"},
		{"whose failures count all the same", failures, a(10, 10, 10, 10, 10), unsteady(failing(b(20, 20, 20, 20, 20), .02)), 0, NoReading, "errors: A 0 %, B 2.0 %"},
		{"half of them not steady", tail, a(10, 10, 10, 10, 10), unsteady(unsteady(unsteady(b(20, 20, 20, 20, 9000)))), 0, NoReading, "no ratio: of B 3 of 5 trials were not in a steady state: drifting: p99 rose (and 2 more reasons)"},
		{"an invalid trial never counts", tail, a(10, 10, 10, 10, -9000), b(20, 20, 20, 20, 20), 2, BHigher, ""},
		{"invalid trials leave too few", tail, a(10, 10, 10, -10, -10), b(20, 20, 20, 20, 20), 2, NoReading, "3 and 5 trials"},
		{"errors come first", tail, a(10, 10, 10, 10, 10), failing(b(1, 1, 1, 1, 1), .02), 0, NoReading, "no ratio: 0 % of the requests to A failed and 2.0 % of those to B"},
		{"also for what a request costs", cost, failing(a(10, 10, 10, 10, 10), .02), b(1, 1, 1, 1, 1), 0, NoReading, "2.0 % of the requests to A failed"},
		{"a tenth of a point is tolerated", tail, a(10, 10, 10, 10, 10), failing(b(20, 20, 20, 20, 20), .001), 2, BHigher, ""},
		{"equally many errors", tail, failing(a(10, 10, 10, 10, 10), .02), failing(b(20, 20, 20, 20, 20), .02), 2, BHigher, ""},
		{"no errors have no ratio", failures, a(10, 10, 10, 10, 10), b(10, 10, 10, 10, 10), 0, NoReading, "errors: A 0 %, B 0 %; no ratio: no request failed"},
		{"errors on one side", failures, a(10, 10, 10, 10, 10), failing(b(10, 10, 10, 10, 10), .02), 0, NoReading, "errors: A 0 %, B 2.0 %; no ratio: some trials"},
		{"errors of one trial of five", failures, a(10, 10, 10, 10, 10), one(b(10, 10, 10, 10, 10)), 0, NoReading, "errors: A 0 %, B 1.0 %"},
		{"errors on both", failures, failing(a(10, 10, 10, 10, 10), .02), failing(b(10, 10, 10, 10, 10), .04), 2, BHigher, "2.00×"},
		{"memory in spite of errors", memory, a(10, 10, 10, 10, 10), failing(b(10, 10, 10, 10, 10), .5), 1, NotApart, "memory: A 1.00 MiB"},
		{"too few requests for a p99", tail, a(10, 10, 10, 10, 10), few(b(20, 20, 20, 20, 20)), 0, NoReading, "trial 1 of B had 400 requests, and a p99 takes 1000"},
		{"but enough for a p90", high, a(10, 10, 10, 10, 10), few(b(20, 20, 20, 20, 20)), 2, BHigher, ""},
		{"a p99 beyond the timeout", tail, edit(a(10, 10, 10, 10, 10), func(t *results.Trial) { t.Requests.Timeouts = 100 }), b(20, 20, 20, 20, 20), 0, NoReading, "2.0 % of the requests of trial 1 of A timed out"},
		{"a stall is no throughput", throughput, inLoop(a(10, 10, 10, 10, 10)), stalled(b(10, 10, 10, 10, 10)), 0, NoReading, "10 requests of B waited in one stall and hold 72 %"},
		{"nor a p99", tail, stalled(a(10, 10, 10, 10, 10)), inLoop(b(20, 20, 20, 20, 20)), 0, NoReading, "10 requests of A waited in one stall"},
		{"but most requests never saw it", median, stalled(a(10, 10, 10, 10, 10)), inLoop(b(20, 20, 20, 20, 20)), 2, BHigher, ""},
		{"distance is no speed", tail, a(10, 10, 10, 10, 10), distant(b(20, 20, 20, 20, 20)), 0, NoReading, "B is bound by 2 round trips of about 95.0 ms a request, not by its capacity"},
		{"the same distance", tail, distant(a(10, 10, 10, 10, 10)), distant(b(20, 20, 20, 20, 20)), 2, BHigher, ""},
		{"a p90 below it", high, edit(a(10, 10, 10, 10, 10), func(t *results.Trial) { t.Requests.Timeouts = 100 }), b(20, 20, 20, 20, 20), 2, BHigher, ""},
		{"a value of 0", tail, a(10, 10, 10, 10, 0), b(20, 20, 20, 20, 20), 0, NoReading, "a trial's value is 0"},
		{"throughput of a rate that was not kept up", throughput, a(10, 10, 10, 10, 10),
			edit(b(10, 10, 10, 10, 10), func(t *results.Trial) { t.Throughput = 50 }), .5, BLower, "requests/s: A 100.0/s, B 50.0/s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := changeOf(t, compareOK(t, subjectOf("run-1", "training", test.a, test.b), subjectOf("run-1", "production", test.a, test.b)), test.metric)
			if math.Abs(c.Ratio-test.ratio) > 1e-3 || c.Reading != test.reading || !strings.Contains(c.Text, test.text) {
				t.Errorf("%v, %q, %q\nwant %v, %q, %q", c.Ratio, c.Reading, c.Text, test.ratio, test.reading, test.text)
			}
			if c.Ratio > 0 && c.Interval.None == "" && !c.Interval.Holds(c.Ratio) {
				t.Errorf("the ratio %v lies outside of its interval %+v", c.Ratio, c.Interval)
			}
			if c.Interval.None == "" && (c.Interval.Low <= 0 || c.Interval.High < c.Interval.Low) {
				t.Errorf("interval %+v", c.Interval)
			}
		})
	}
}

// Each way round says the same.
func TestCompareTurnedRound(t *testing.T) {
	a, b := measured("training", "x", "l", 10, 12, 11, 14, 13), measured("production", "x", "l", 15, 13, 18, 12, 20)
	there := changeOf(t, compareOK(t, subjectOf("r", "training", a, b), subjectOf("r", "production", a, b)), tail)
	back := changeOf(t, compareOK(t, subjectOf("r", "production", a, b), subjectOf("r", "training", a, b)), tail)
	for _, pair := range [][2]float64{{there.Ratio, back.Ratio}, {there.Interval.Low, back.Interval.High}, {there.Interval.High, back.Interval.Low}} {
		if math.Abs(pair[0]*pair[1]-1) > 1e-9 {
			t.Errorf("%v and %v are not each other's inverse", pair[0], pair[1])
		}
	}
}

func TestTwoRunsAreAdvisory(t *testing.T) {
	p := compareOK(t, subjectOf("run-1", "", each5("training", "as written", "steady", 10)), subjectOf("run-2", "", each5("training", "as written", "steady", 20)))
	c := changeOf(t, p, tail)
	if p.Expect != "" {
		t.Errorf("it says how often such intervals hold, which nobody knows: %q", p.Expect)
	}
	if p.Advisory == "" || p.Pairs[0].InTurns || c.Reading != Advice || c.Interval.None != "" {
		t.Errorf("advisory %q, in turns %v, %+v", p.Advisory, p.Pairs[0].InTurns, c)
	}
	for _, share := range []string{"6 of 100 cases", "13 to 14 with 10", "17 and 28"} {
		if !strings.Contains(p.Advisory, share) {
			t.Errorf("it does not say how often such a comparison is wrong: %q", share)
		}
	}
}

func TestInTurns(t *testing.T) {
	// Trials in the order of time, by side, with their repetitions.
	trials := func(order string) (a, b []*results.Trial) {
		counted := map[byte]int{}
		for i := range len(order) {
			counted[order[i]]++
			trial := &results.Trial{Trial: counted[order[i]], Index: i + 1, Started: time.Unix(int64(i), 0)}
			if order[i] == 'A' {
				a = append(a, trial)
			} else {
				b = append(b, trial)
			}
		}
		return a, b
	}
	for order, want := range map[string]bool{
		"ABABABAB": true, "ABBAABBA": true, "BAABABBAAB": true, "AABB": false, "AAAABBBB": false, "AABBAABB": false, "AB": true,
	} {
		a, b := trials(order)
		if got := inTurns(a, b); got != want {
			t.Errorf("%s: %v, want %v", order, got, want)
		}
	}
	a, b := trials("ABABABABAB")
	if inTurns(a[:2], b[3:]) {
		t.Error("the first two repetitions of one and the last two of the other took turns")
	}
	if !inTurns(a[:4], b[1:]) {
		t.Error("three common repetitions of four did not take turns")
	}
	a[0].Foreign = &results.Foreign{Tool: "wrk"}
	if inTurns(a, b) {
		t.Error("trials of unknown times took turns")
	}
}

func TestCircumstances(t *testing.T) {
	a := subjectOf("run-1", "production", each5("production", "as written", "steady", 10))
	b := subjectOf("run-2", "production", each5("production", "as written", "steady", 10))
	p := &b.Manifest.Provenance
	b.Manifest.Started = b.Manifest.Started.Add(24 * time.Hour)
	p.Version, p.Host, p.Kernel, p.CPU, p.CPUs = "0.2.0", "bench-2", "6.13.0", "Another CPU", 8
	p.Engines = map[string]string{"production": "docker 28.0.0"}
	p.Images = map[string]string{"production/web": "news:2", "production/proxy": "nginx", "training/web": "news:1"}
	p.CPULimits = map[string]float64{"production/web": .5, "training/web": 2}
	p.ImageDetails = map[string]results.Image{"news:2": {Digests: []string{"news@sha256:abc"}}}
	b.Document.Cells[0].ScaleCounts = map[string]int{"web": 1, "proxy": 1}
	want := []Difference{
		{"measured", "28 May 2026 20:26 UTC", "29 May 2026 20:26 UTC"},
		{"plimsoll", "0.1.0", "0.2.0"}, {"machine", "bench-1", "bench-2"}, {"kernel", "6.12.0", "6.13.0"},
		{"CPU", "Example CPU", "Another CPU"}, {"CPUs", "4", "8"}, {"engine", "docker 29.0.1", "docker 28.0.0"},
		{"replicas as written", "web=1", "proxy=1,web=1"}, {"image of web", "news:1", "news@sha256:abc"},
		{"CPU limit of web", "none", "0.5 CPUs"},
	}
	if diff := cmp.Diff(want, compareOK(t, a, b).Differences); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := compareOK(t, a, subjectOf("run-3", "", each5("production", "as written", "steady", 10))).Differences; len(got) != 0 {
		t.Errorf("equal runs differ in %v", got)
	}
}

func TestCautions(t *testing.T) {
	a := subjectOf("run-1", "training", measured("training", "x", "l", 10, 11, 12, 13, -14), each5("production", "x", "l", 20))
	a.Document.Cells[1].Detail[2].Validity = results.Validity{Verdict: results.Suspect, Reasons: []string{"sent late"}}
	a.Document.Findings = []Finding{
		{Kind: "suspect", Cell: "production · x · l", What: "A suspect trial counts.", Evidence: "trial 3 of 5: sent late"},
		{Kind: "invalid", Cell: "training · x · l", What: "An invalid trial.", Evidence: "trial 5 of 5: why"},
		{Kind: "idle", Cell: "elsewhere · x · l", What: "Another cell's."},
	}
	a.Manifest.Provenance.Attached = true
	b := a
	b.Selector.Environment = "production"
	pair := compareOK(t, a, b).Pairs[0]
	said := strings.Join(pair.Cautions, "\n")
	for _, want := range []string{"1 of 5 trials of A is invalid and left out", "met the same start"} {
		if !strings.Contains(said, want) {
			t.Errorf("cautions %q do not say %q", said, want)
		}
	}
	want := []Finding{{Kind: "suspect", Cell: "B", What: "A suspect trial counts.", Evidence: "trial 3 of 5: sent late"}}
	if diff := cmp.Diff(want, pair.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSelect(t *testing.T) {
	linked := each5("cloud (190ms emulated)", "as written", "steady", 10)
	linked.Link = scenarios.Link{RTT: 190 * time.Millisecond}
	doc := subjectOf("run-1", "", each5("training", "as written", "steady", 10), each5("production", "static=2,web=3", "ab", 10), linked).Document
	for text, want := range map[string]string{
		"training":                         "training · as written · steady",
		"/web=3,static=2":                  "production · static=2,web=3 · ab",
		"production/static=2,web=3/ab":     "production · static=2,web=3 · ab",
		"training/as written":              "training · as written · steady",
		"cloud":                            "cloud (190ms emulated) · as written · steady",
		"cloud (190ms emulated)//steady":   "cloud (190ms emulated) · as written · steady",
		"//ab":                             "production · static=2,web=3 · ab",
		"trainin":                          `no environment "trainin" of run run-1; did you mean "training"? (it has training, production, "cloud (190ms emulated)")`,
		"production/web=3":                 `no scale "web=3" of production in run run-1`,
		"training/web=3,static=2":          `no scale "static=2,web=3" of training in run run-1 (it has "as written")`,
		"production/static=2,web=3/steady": `no load "steady" of run run-1 (it has ab)`,
		"a/b/c/d":                          "at most three",
	} {
		s, err := ParseSelector(text)
		var cells []*Cell
		if err == nil {
			cells, err = doc.Select(s)
		}
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case len(cells) == 1:
			got = cells[0].Name
		}
		if !strings.HasPrefix(got, want) && !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// The most distant two of three environments were picked out of three pairs, so
// their interval takes more trials, or is wider.
func TestIntervalOfThePickedPair(t *testing.T) {
	of := func(cells ...*Cell) Comparison { return compare(tail, cells) }
	a, b, c := each5("a", "x", "l", 10), each5("b", "x", "l", 15), each5("c", "x", "l", 20)
	two, three := of(a, c), of(a, b, c)
	if two.Interval.None != "" || three.Interval.None != "" {
		t.Fatalf("no interval: %q, %q", two.Interval.None, three.Interval.None)
	}
	if !(three.Interval.Low < two.Interval.Low && three.Interval.High > two.Interval.High) {
		t.Errorf("of three %+v is not wider than of two %+v", three.Interval, two.Interval)
	}
	four := func(name string, p99 float64) *Cell {
		return measured(name, "x", "l", p99, 1.01*p99, .99*p99, 1.02*p99)
	}
	if got := of(four("a", 10), four("b", 15), four("c", 20)).Interval.None; got != "4 trials of each, and 95 % takes 5 of each" {
		t.Errorf("four trials of three: %q", got)
	}
	if got := of(four("a", 10), four("c", 20)).Interval; got.None != "" || !got.Holds(2) {
		t.Errorf("four trials of two: %+v", got)
	}
	if got := of(measured("a", "x", "l", 10), measured("c", "x", "l", 20)).Interval.None; got != "1 trial of each, and 95 % takes 4 of each" {
		t.Errorf("seen once: %q", got)
	}
}
