package analysis

import (
	"strings"
	"testing"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
	"plimsoll/scenarios"
)

// connecting gives a trial times to connect and until the first byte.
func connecting(connect, waiting time.Duration) func(*observed) {
	return func(o *observed) {
		o.connects = latency.New()
		for range o.response.Count() {
			o.connects.Record(connect)
		}
		o.Latency.Connect = results.Stats{Count: o.response.Count(), Min: connect, Max: connect}
		o.Latency.Waiting = results.Stats{Count: o.response.Count(), Min: waiting}
		o.Concurrency = 10
	}
}

func using(cpu time.Duration) func(*observed) {
	return func(o *observed) {
		o.Usage = []results.UsageTotal{{Replica: "web-1", Service: "web", CPU: cpu}}
	}
}

func TestRoundTrips(t *testing.T) {
	ms := time.Millisecond
	for _, test := range []struct {
		name  string
		times time.Duration
		edits []func(*observed)
		trips int // 0: distance does not bind
	}{
		{"far away", 100 * ms, []func(*observed){connecting(48*ms, 45*ms)}, 2},
		{"far away, idle stack", 100 * ms, []func(*observed){connecting(48*ms, 45*ms), using(2 * time.Second)}, 2},
		{"as far, busy stack", 100 * ms, []func(*observed){connecting(48*ms, 45*ms), using(12 * time.Second)}, 0},
		{"as far, and much work", 400 * ms, []func(*observed){connecting(48*ms, 50*ms)}, 0},
		{"as far, no answer without work", 400 * ms, []func(*observed){connecting(48*ms, 300*ms)}, 0},
		{"slow to accept, quick to answer", 100 * ms, []func(*observed){connecting(80*ms, 5*ms)}, 0},
		{"near", ms, []func(*observed){connecting(400*time.Microsecond, 500*time.Microsecond)}, 0},
		{"far away, connections kept", 50 * ms, []func(*observed){connecting(48*ms, 45*ms), func(o *observed) {
			o.KeepAlive, o.Latency.Connect.Min = true, 0
			for range 2000 {
				o.connects.Record(0)
			}
		}}, 1},
		{"connections kept, none made in the load", 50 * ms, []func(*observed){connecting(0, 45*ms), func(o *observed) { o.KeepAlive = true }}, 0},
	} {
		o := made(around(test.times, 2000), test.edits...)
		g, _ := madeGroup("closed", o)
		g.cpus = 2
		r := roundTripsOf(g.trials, g.cpus)
		if (r != nil) != (test.trips > 0) || r != nil && r.Count != test.trips {
			t.Errorf("%s: %+v, want %d round trips", test.name, r, test.trips)
		}
		if got := len(findDistance(nil, g)) > 0; got != (test.trips > 0) {
			t.Errorf("%s: finding %v", test.name, got)
		}
	}
}

// An emulated distance is told, whatever the figures.
func TestEmulatedDistance(t *testing.T) {
	o := made(around(time.Millisecond, 2000), func(o *observed) { o.Link = scenarios.Link{RTT: 190 * time.Millisecond} })
	g, c := madeGroup("closed", o)
	if got := findDistance(c, g); len(got) != 1 || !strings.Contains(got[0].Evidence, "190ms") {
		t.Errorf("%+v", got)
	}
}

// What is bound by distance is not compared as if it were speed.
func TestDistanceIsADoubt(t *testing.T) {
	ms := time.Millisecond
	near := func() []*observed { return []*observed{made(around(10*ms, 2000))} }
	far := func() []*observed { return []*observed{made(around(100*ms, 2000), connecting(48*ms, 45*ms))} }
	for _, test := range []struct {
		cloud []*observed
		want  bool
	}{{near(), false}, {far(), true}} {
		doc, _ := madeDocument(madeCell{"production", "as written", "closed", near()}, madeCell{"cloud", "as written", "closed", test.cloud})
		for _, c := range comparisons(doc) {
			got := strings.Contains(strings.Join(c.Doubts, "; "), "cloud is bound by 2 round trips of about 47.0 ms a request, not by its capacity")
			if got != test.want {
				t.Errorf("%s: doubts %q, want one about distance: %v", c.Metric.Name, c.Doubts, test.want)
			}
		}
	}
}

func TestLostConnections(t *testing.T) {
	ms := time.Millisecond
	with := func(slow ...time.Duration) func(*observed) {
		return func(o *observed) {
			o.connects = latency.New()
			for range 1000 {
				o.connects.Record(2 * ms)
			}
			for _, d := range slow {
				o.connects.Record(d)
			}
		}
	}
	summary := func(least, most time.Duration) func(*observed) {
		return func(o *observed) { o.Latency.Connect = results.Stats{Count: 1000, Min: least, Max: most} }
	}
	for _, test := range []struct {
		name string
		edit func(*observed)
		want string
	}{
		{"quick", with(), ""},
		{"a second, and three", with(1003*ms, 1005*ms, 3004*ms), "2 took 1s longer than the fastest and 1 took 3s longer"},
		{"seven seconds", with(7010 * ms), "1 took 7s longer"},
		{"connections kept", func(o *observed) { with(1003 * ms)(o); o.connects.Record(0) }, "of 1\u202f001 connections 1 took 1s"},
		{"slow, but not so", with(1500*ms, 2*time.Second, 2500*ms), ""},
		{"slow throughout, one of them so", with(1003*ms, 1400*ms, 1800*ms, 2200*ms, 2600*ms), ""},
		{"a summary with 3 s", summary(197*ms, 3266*ms), "3s apart"},
		{"a summary with 2 s", summary(2*ms, 2*time.Second), ""},
	} {
		g, c := madeGroup("open", made(around(10*ms, 2000), test.edit))
		got := findLost(c, g)
		if (len(got) > 0) != (test.want != "") || len(got) > 0 && !strings.Contains(got[0].Evidence, test.want) {
			t.Errorf("%s: %+v, want %q", test.name, got, test.want)
		}
	}
}
