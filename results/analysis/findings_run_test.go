package analysis

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// madeCell is a cell of a document: its place, and its trials.
type madeCell struct {
	environment, scale, mode string
	trials                   []*observed
}

// madeDocument makes a document of cells under one load.
func madeDocument(cells ...madeCell) (*Document, cellGroups) {
	doc := &Document{Loads: []LoadInfo{{Name: "load", Mode: cells[0].mode}}}
	var groups cellGroups
	for _, m := range cells {
		g, c := madeGroup(m.mode, m.trials...)
		g.environment, g.scale, g.load = m.environment, m.scale, "load"
		c.Environment, c.Scale, c.Load, c.Name = m.environment, m.scale, "load", g.name()
		groups = append(groups, g)
		doc.Cells = append(doc.Cells, *c)
		doc.Environments, doc.Scales = distinct(append(doc.Environments, m.environment)), distinct(append(doc.Scales, m.scale))
	}
	return doc, groups
}

func looping(throughput float64) func(*observed) {
	return func(o *observed) { o.Concurrency, o.Throughput = 10, throughput }
}

// A stall is called a cold start of new replicas only if the smallest scale had
// none and was faster.
func TestStallOrColdStart(t *testing.T) {
	ms := time.Millisecond
	even := func(throughput float64) []*observed {
		return []*observed{made(around(15*ms, 1000), looping(throughput))}
	}
	stalled := func(throughput float64) []*observed {
		return []*observed{made(append(around(15*ms, 990), around(2*time.Second, 10)...), looping(throughput))}
	}
	for _, test := range []struct {
		name         string
		small, large []*observed
		want         []string
		text         string
	}{
		{"none", even(650), even(700), nil, ""},
		{"a larger scale that is just slower", even(650), []*observed{made(around(40*ms, 1000), looping(250))}, nil, ""},
		{"at the larger scale", even(650), stalled(255), []string{"coldscale"}, "As written it was 650.0/s, without such a stall"},
		{"at the larger scale, faster all the same", even(650), stalled(655), []string{"stall"}, ""},
		{"at both", stalled(255), stalled(250), []string{"stall"}, ""},
		{"at the smaller scale", stalled(255), even(650), []string{"stall"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, groups := madeDocument(madeCell{"production", "as written", "closed", test.small}, madeCell{"production", "web=3", "closed", test.large})
			got := findStalls(doc, groups)
			if diff := cmp.Diff(test.want, kindsOf(got)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if test.text != "" && !strings.Contains(got[0].Evidence, test.text) {
				t.Errorf("%q does not say %q", got[0].Evidence, test.text)
			}
			for _, s := range scalings(doc) {
				cold := test.want != nil && test.want[0] == "coldscale"
				if s.Cold != cold || strings.Contains(s.Text, "not shown that web=3 is slower") != cold || s.Decided {
					t.Errorf("cold %v, decided %v: %s", s.Cold, s.Decided, s.Text)
				}
			}
		})
	}
}

// Where a few requests decide the throughput no verdict on scaling is given,
// though they may be no stall; nor with too few requests to tell.
func TestColdEpisodeWithholdsScaling(t *testing.T) {
	ms := time.Millisecond
	five := func(times []time.Duration, throughput float64) []*observed {
		var list []*observed
		for range DecidingTrials {
			list = append(list, made(times, looping(throughput), func(o *observed) { o.Duration = time.Minute }))
		}
		return list
	}
	small := madeCell{"production", "as written", "closed", five(around(15*ms, 4000), 650)}
	for _, test := range []struct {
		name  string
		times []time.Duration
		want  string
	}{
		{"even", around(30*ms, 4000), ""},
		{"a batch of 60 ms", append(around(15*ms, 3980), around(600*ms, 20)...), "a cold start or a stall cannot be ruled out at web=3"},
		{"too few", around(30*ms, 500), "fewer than the 1\u202f000 requests at web=3"},
	} {
		doc, _ := madeDocument(small, madeCell{"production", "web=3", "closed", five(test.times, 330)})
		s := scalings(doc)[0]
		if test.want == "" && !s.Decided || !strings.Contains(s.Text, test.want) || s.Decided == (test.want != "") {
			t.Errorf("%s: decided %v: %s", test.name, s.Decided, s.Text)
		}
	}
	// One trial of five that looks so is what a heavy tail does.
	trials := five(around(15*ms, 4000), 650)
	trials[2] = made(append(around(15*ms, 3980), around(600*ms, 20)...), looping(500))
	if e := coldEpisodes(trials); e != nil {
		t.Errorf("one trial of five made an episode of all: %+v", e)
	}
}

func TestMaskedByFailures(t *testing.T) {
	ms := time.Millisecond
	sound := madeCell{"training", "as written", "open", []*observed{made(append(around(10*ms, 3900), around(100*ms, 100)...))}}
	for _, test := range []struct {
		name string
		cell madeCell
		want bool
	}{
		{"as slow, and no failure", madeCell{"production", "as written", "open", []*observed{made(append(around(10*ms, 3900), around(100*ms, 100)...))}}, false},
		{"faster, and no failure", madeCell{"production", "as written", "open", []*observed{made(around(10*ms, 4000))}}, false},
		{"what was slow fails fast now", madeCell{"production", "as written", "open", []*observed{made(around(10*ms, 4000), failing(100))}}, true},
		{"another scale of it", madeCell{"training", "web=3", "open", []*observed{made(around(10*ms, 4000), failing(100))}}, true},
		{"another scale of another environment", madeCell{"production", "web=3", "open", []*observed{made(around(10*ms, 4000), failing(100))}}, false},
		{"too few failures to matter", madeCell{"production", "as written", "open", []*observed{made(around(10*ms, 4000), failing(8))}}, false},
		{"failures, and not faster", madeCell{"production", "as written", "open", []*observed{made(append(around(10*ms, 3900), around(100*ms, 100)...), failing(100))}}, false},
	} {
		doc, groups := madeDocument(sound, test.cell)
		got := findMasked(doc, groups)
		if (len(got) > 0) != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
		if test.want && !strings.Contains(got[0].Evidence, "with 2.5 % failed, against") {
			t.Errorf("%s: %q", test.name, got[0].Evidence)
		}
	}
}

func TestWholeRun(t *testing.T) {
	working := func(stack, worker time.Duration) []*observed {
		return []*observed{made(around(time.Millisecond, 2000), servedBy(serving{"web-1", "web", 2000, stack}), func(o *observed) {
			o.Worker.CPU = worker
		})}
	}
	for _, test := range []struct {
		name          string
		stack, worker time.Duration
		cpus          int
		want          bool
	}{
		{"half of two CPUs", 5 * time.Second, 5 * time.Second, 2, false},
		{"nearly all of two CPUs", 12 * time.Second, 5 * time.Second, 2, true},
		{"how many there are is not known", 12 * time.Second, 5 * time.Second, 0, false},
	} {
		doc, _ := madeDocument(madeCell{"production", "as written", "open", working(test.stack, test.worker)})
		if got := len(findBusy(doc, test.cpus)) > 0; got != test.want {
			t.Errorf("%s: busy %v", test.name, got)
		}
	}
	long := func(o *observed) { o.Duration = time.Minute }
	for name, test := range map[string]struct {
		edit func(*observed)
		want bool
	}{
		"10 s":           {func(*observed) {}, true},
		"a minute":       {long, false},
		"imported, 10 s": {func(o *observed) { o.Foreign = &results.Foreign{Told: []string{"duration_ns"}} }, false},
	} {
		doc, _ := madeDocument(madeCell{"production", "as written", "open", []*observed{made(around(time.Millisecond, 2000), test.edit)}})
		if got := len(findShort(doc)) > 0; got != test.want {
			t.Errorf("%s: short %v", name, got)
		}
	}
	scaled := func(environment string, web int) madeCell {
		return madeCell{environment, "as written", "open", []*observed{made(around(time.Millisecond, 2000), func(o *observed) {
			o.Scale = map[string]int{"web": web}
		})}}
	}
	for web, want := range map[int]bool{1: true, 2: false} {
		doc, _ := madeDocument(scaled("training", 2), scaled("production", web))
		if got := len(findUnequal(doc)) > 0; got != want {
			t.Errorf("2 and %d replicas: unequal %v", web, got)
		}
	}
}

// What only a summary tells is bounded from both ends; what it does not tell
// makes no stall.
func TestRankedSummary(t *testing.T) {
	ms := time.Millisecond
	twip := func() *observed {
		o := &observed{response: latency.New()}
		o.Concurrency, o.Throughput = 10, 255.01
		o.Latency.Response = results.Stats{
			Count: 1000, Mean: 39 * ms, Max: 2328 * ms, P50: 11 * ms, P66: 18 * ms, P75: 23 * ms, P80: 27 * ms,
			P90: 41 * ms, P95: 58 * ms, P98: 84 * ms, P99: 2145 * ms,
		}
		o.Foreign = &results.Foreign{Rounded: ms, Told: []string{"concurrency", "throughput_rps"}}
		for _, name := range []string{"count", "mean", "max", "p50", "p66", "p75", "p80", "p90", "p95", "p98", "p99"} {
			o.Foreign.Told = append(o.Foreign.Told, "latency_ns.response."+name)
		}
		return o
	}
	r, ok := twip().ranked()
	if !ok || r.exact {
		t.Fatalf("%+v, %v", r, ok)
	}
	if least, most := r.atLeast(110 * ms); least != 10 || most != 20 {
		t.Errorf("%d to %d requests of 110 ms and more, want 10 to 20", least, most)
	}
	var n int64
	for _, b := range r.bands {
		n += b.n
		if b.low > b.high {
			t.Errorf("a band from %v to %v", b.low, b.high)
		}
	}
	if n != 1000 {
		t.Errorf("%d requests in bands", n)
	}
	for name, test := range map[string]struct {
		edit func(*observed)
		want bool
	}{
		"as published": {func(*observed) {}, true},
		"no mean":      {func(o *observed) { o.Foreign.Told = without(o.Foreign.Told, "latency_ns.response.mean") }, false},
		"no ranks above p50": {func(o *observed) {
			o.Foreign.Told = keeping(o.Foreign.Told, "p50", "count", "mean", "max", "concurrency", "throughput_rps")
		}, false},
		"concurrency not told":     {func(o *observed) { o.Foreign.Told = without(o.Foreign.Told, "concurrency") }, false},
		"a hundred requests slow":  {func(o *observed) { o.Latency.Response.P90 = 1500 * ms }, false},
		"one request slow, hardly": {func(o *observed) { o.Latency.Response.P99 = 90 * ms }, false},
		"rounded so that it might": {func(o *observed) { o.Foreign.Rounded = time.Second }, false},
	} {
		o := twip()
		test.edit(o)
		if got := worstStall([]*observed{o}); (got != nil) != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func without(list []string, name string) []string {
	var rest []string
	for _, s := range list {
		if s != name {
			rest = append(rest, s)
		}
	}
	return rest
}

func keeping(list []string, ends ...string) []string {
	var kept []string
	for _, s := range list {
		for _, end := range ends {
			if strings.HasSuffix(s, end) {
				kept = append(kept, s)
				break
			}
		}
	}
	return kept
}
