package analysis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
)

// The scaled run of the TWIP benchmark: 1000 requests, 10 at a time, 3.921 s;
// p50 11 ms, p98 84 ms, but p99 2145 ms and a longest of 2328 ms. The ten
// connections met cold containers once each; the rest was as fast as before.
func TestStallOfTwip(t *testing.T) {
	times := append(around(16*time.Millisecond, 989), around(2200*time.Millisecond, 11)...)
	o := made(times, func(o *observed) {
		o.Concurrency, o.Throughput, o.Duration = 10, 255.01, 3921*time.Millisecond
	})
	g, c := madeGroup("closed", o)
	if c.Stall == nil {
		t.Fatal("the stall was not found")
	}
	s := c.Stall
	if s.Requests != 11 || s.Share < 0.55 || s.Share > 0.65 {
		t.Errorf("%d requests with a share of %.2f, want 11 with 0.55 to 0.65", s.Requests, s.Share)
	}
	if s.Without < 557 || s.Without > 680 {
		t.Errorf("throughput without the stall %.0f/s, want what the others ran at: 557 to 680", s.Without)
	}
	doc := &Document{Scales: []string{c.Scale}, Cells: []Cell{*c}}
	got := findStalls(doc, cellGroups{g})
	if diff := cmp.Diff([]string{"stall"}, kindsOf(got)); diff != "" {
		t.Fatal(diff)
	}
	if !strings.Contains(got[0].Evidence, "The p99 rests on 10 requests") || slices.Contains(kindsOf(findings(c, g)), "few") {
		t.Errorf("that its p99 rests on few requests is to be said with the stall: %+v, %v", got, kindsOf(findings(c, g)))
	}
}

func TestStallNeedsABatch(t *testing.T) {
	ms := time.Millisecond
	for name, test := range map[string]struct {
		times []time.Duration
		think time.Duration
		want  bool
	}{
		"even":                            {around(10*ms, 1000), 0, false},
		"one batch":                       {append(around(10*ms, 990), around(2*time.Second, 10)...), 0, true},
		"one batch, and senders think":    {append(around(10*ms, 990), around(2*time.Second, 10)...), ms, true},
		"one batch, and they think a lot": {append(around(10*ms, 990), around(2*time.Second, 10)...), time.Second, false},
		"more than a batch":               {append(around(10*ms, 960), around(2*time.Second, 40)...), 0, false},
		"a batch that weighs little":      {append(around(10*ms, 990), around(150*ms, 10)...), 0, false},
		"slow throughout":                 {around(2*time.Second, 1000), 0, false},
		"too short a time to tell":        {around(0, 1000), 0, false},
		"nothing was ever sent at all":    {nil, 0, false},
	} {
		_, got := stallOf(rankedHistogram(made(test.times).response), 10, test.think, 500)
		if got != test.want {
			t.Errorf("%s: stall %v, want %v", name, got, test.want)
		}
	}
}

func TestWhoServed(t *testing.T) {
	s := time.Second
	for _, test := range []struct {
		name   string
		trials []func(*observed)
		want   []string
		text   string
	}{
		{"even", []func(*observed){servedBy(serving{"web-1", "web", 500, s}, serving{"web-2", "web", 500, s})}, nil, ""},
		{
			"pinned", []func(*observed){servedBy(serving{"web-1", "web", 1000, s}, serving{"web-2", "web", 0, 0})},
			[]string{"pinned"}, "1 of 2 web replicas (web-1) served all 1\u202f000 requests; scaling web cannot help this client",
		},
		{"one replica is not pinned", []func(*observed){servedBy(serving{"web-1", "web", 1000, s})}, nil, ""},
		{
			"pinned to another one in each trial",
			[]func(*observed){
				servedBy(serving{"web-1", "web", 1000, s}, serving{"web-2", "web", 0, 0}),
				servedBy(serving{"web-1", "web", 0, 0}, serving{"web-2", "web", 1000, s}),
			},
			[]string{"pinned"}, "(2 of 2 trials)",
		},
		{
			"idle", []func(*observed){servedBy(serving{"web-1", "web", 500, s}, serving{"web-2", "web", 500, s}, serving{"web-3", "web", 0, 0})},
			[]string{"idle"}, "no request came to web-3; 2 of 3",
		},
		{
			"skewed", []func(*observed){servedBy(serving{"web-1", "web", 800, s}, serving{"web-2", "web", 100, s}, serving{"web-3", "web", 100, s})},
			[]string{"skewed"}, "web-1 served 800 of 1\u202f000 requests (80 %)",
		},
		{"too few to call skewed", []func(*observed){servedBy(serving{"web-1", "web", 9, s}, serving{"web-2", "web", 1, s})}, nil, ""},
		{
			"unreached", []func(*observed){servedBy(serving{"static-1", "static", 0, 0}, serving{"static-2", "static", 0, 0}, serving{"web-1", "web", 1000, s})},
			[]string{"unreached"}, "every answer came from web; static (2 replicas)",
		},
		{"the target passes requests on", []func(*observed){servedBy(serving{"proxy-1", "proxy", 0, 0}, serving{"web-1", "web", 1000, s})}, nil, ""},
		{"a database works without being named", []func(*observed){servedBy(serving{"db-1", "db", 0, s / 2}, serving{"web-1", "web", 1000, s})}, nil, ""},
		{"names of another kind", []func(*observed){servedBy(serving{"web-1", "web", 0, 0}, serving{"static-1", "static", 0, 0})}, nil, ""},
		{"no names", []func(*observed){func(o *observed) {
			o.Usage = []results.UsageTotal{{Replica: "web-1", Service: "web"}, {Replica: "web-2", Service: "web"}}
		}}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var trials []*observed
			for _, edit := range test.trials {
				trials = append(trials, made(around(time.Millisecond, 2000), edit))
			}
			g, c := madeGroup("open", trials...)
			got := append(findBalance(c, g), findUnreached(c, g)...)
			if diff := cmp.Diff(test.want, kindsOf(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%+v", diff, got)
			}
			if test.text != "" && (len(got) == 0 || !strings.Contains(got[0].Evidence, test.text)) {
				t.Errorf("%+v, want evidence %q", got, test.text)
			}
		})
	}
}

// The TWIP benchmark of the cloud: connecting takes at least 197 ms of a median
// of 400 ms, and the slowest connection 3266 ms.
func TestDistanceAndLossOfTwip(t *testing.T) {
	ms := time.Millisecond
	cloud := made(around(400*ms, 1000), func(o *observed) {
		o.Concurrency = 10
		o.Latency.Connect = results.Stats{Count: 1000, Min: 197 * ms, P50: 203 * ms, Max: 3266 * ms}
		o.Latency.Waiting = results.Stats{Count: 1000, Min: 187 * ms, P50: 196 * ms, Max: 2988 * ms}
	})
	g, c := madeGroup("closed", cloud)
	got := append(findDistance(c, g), findLost(c, g)...)
	if diff := cmp.Diff([]string{"distance", "lost"}, kindsOf(got)); diff != "" {
		t.Fatalf("findings (-want +got):\n%s", diff)
	}
	if !strings.Contains(got[1].Evidence, "3s apart") {
		t.Errorf("evidence %q, want the retransmission after 3s", got[1].Evidence)
	}
	near := made(around(6*ms, 1000), func(o *observed) {
		o.Latency.Connect = results.Stats{Count: 1000, Min: ms / 10, Max: 3 * ms}
		o.Latency.Waiting = results.Stats{Count: 1000, Min: 2 * ms}
	})
	g, c = madeGroup("closed", near)
	if got := append(findDistance(c, g), findLost(c, g)...); len(got) > 0 {
		t.Errorf("a near and sound target: %+v", got)
	}
}

func TestGeneratorFindings(t *testing.T) {
	ms := time.Millisecond
	rate := func(r float64) func(*observed) { return func(o *observed) { o.RequestedRate = r } }
	loop := func(c int) func(*observed) { return func(o *observed) { o.Concurrency = c } }
	thinking := func(c int, think time.Duration) func(*observed) {
		return func(o *observed) { o.Concurrency, o.Think = c, think }
	}
	throttled := func(d time.Duration) func(*observed) {
		return func(o *observed) { o.Usage = []results.UsageTotal{{Replica: "web-1", Service: "web", Throttled: &d}} }
	}
	for _, test := range []struct {
		name, mode string
		edit       func(*observed)
		want       []string
	}{
		{"kept up", "open", rate(201), nil},
		{"behind", "open", rate(250), []string{"behind"}},
		{"behind, for the generator did not send", "open", func(o *observed) { rate(250)(o); invalid(o) }, []string{"invalid"}},
		{"loop kept full", "closed", loop(20), nil},
		{"loop not kept full", "closed", loop(40), []string{"inflight"}},
		{"loop kept full by thinking", "closed", thinking(40, 100*ms), nil},
		{"loop not kept full by thinking", "closed", thinking(40, 50*ms), []string{"inflight"}},
		{"throttled", "open", throttled(time.Second), []string{"throttled"}},
		{"hardly throttled", "open", throttled(10 * ms), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, c := madeGroup(test.mode, made(around(100*ms, 2000), test.edit))
			var got []string
			for _, kind := range kindsOf(findings(c, g)) {
				if kind != "few" {
					got = append(got, kind)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEpisode(t *testing.T) {
	seconds := func(slow ...int64) func(*observed) {
		return func(o *observed) {
			o.slow = slow
			for i := range slow {
				o.over = append(o.over, SecondPoint{At: time.Duration(i+1) * time.Second})
			}
		}
	}
	for name, test := range map[string]struct {
		slow []int64
		want bool
	}{
		"spread":           {[]int64{4, 4, 4, 4, 4}, false},
		"one second":       {[]int64{0, 0, 18, 1, 1}, true},
		"too few to tell":  {[]int64{0, 0, 5, 0, 0}, false},
		"too short a load": {[]int64{0, 20}, false},
	} {
		g, c := madeGroup("open", made(around(time.Millisecond, 2000), seconds(test.slow...)))
		if got := len(findEpisode(c, g)) > 0; got != test.want {
			t.Errorf("%s: episode %v, want %v", name, got, test.want)
		}
	}
}
