package analysis

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
)

func count(n int64) *int64 { return &n }

// paged makes a trial imported from a load tool, with a balancer's page.
func paged(sent, bytes int64, rows ...results.BalancerRow) *observed {
	return made(around(time.Millisecond, 2000), func(o *observed) {
		o.Target, o.Scale = "http://localhost/", map[string]int{"web": 3, "static": 2}
		o.Requests, o.Bytes = results.Counts{Sent: sent, OK: sent}, results.Bytes{In: bytes}
		o.Foreign = &results.Foreign{Balancer: rows, Told: []string{"requests.sent", "requests.ok", "requests.failed", "keepalive", "bytes.in"}}
	})
}

func front(sessions, bytes int64) results.BalancerRow {
	return results.BalancerRow{Proxy: "port_80", Server: frontend, Sessions: &sessions, BytesOut: &bytes}
}

func server(proxy, name string, sessions int64) results.BalancerRow {
	return results.BalancerRow{Proxy: proxy, Server: name, Sessions: &sessions}
}

func TestTrafficOfAPage(t *testing.T) {
	for _, test := range []struct {
		name string
		rows []results.BalancerRow
		want []string
		text string
	}{
		{"even", []results.BalancerRow{server("SERVICE_prod_web", "web_1", 500), server("SERVICE_prod_web", "web_2", 500)}, nil, ""},
		{"fewer is not none", []results.BalancerRow{server("SERVICE_prod_web", "web_1", 600), server("SERVICE_prod_web", "web_2", 400)}, nil, ""},
		{
			"one of two", []results.BalancerRow{server("SERVICE_prod_web", "web_1", 1000), server("SERVICE_prod_web", "web_2", 0)},
			[]string{"pinned"}, "1 of 2 web replicas (web_1) served all 1\u202f000 requests",
		},
		{
			"one of three idle", []results.BalancerRow{server("app", "a", 500), server("app", "b", 500), server("app", "c", 0)},
			[]string{"idle"}, "no request came to c; 2 of 3 app replicas",
		},
		{
			"a service without traffic, its ports apart",
			[]results.BalancerRow{
				server("SERVICE_prod_web", "web_1", 1000), server("SERVICE_prod_static", "static_1(a)", 0),
				server("SERVICE_prod_static", "static_1(b)", 0), server("SERVICE_prod_static", "static_2(a)", 0),
			},
			[]string{"unreached"}, "all 1\u202f000 sessions went to web and none to static (static_1 and static_2)",
		},
		{"one port of a replica without traffic", []results.BalancerRow{server("app", "a(a)", 0), server("app", "a(b)", 500), server("app", "b(b)", 500)}, nil, ""},
		{"nothing at all", []results.BalancerRow{server("app", "a", 0), server("app", "b", 0)}, nil, ""},
		{"sessions not told", []results.BalancerRow{{Proxy: "app", Server: "a"}, server("app", "b", 10)}, nil, ""},
		{"only the sums", []results.BalancerRow{front(1000, 5), {Proxy: "app", Server: backend, Sessions: count(1000)}}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, c := madeGroup("closed", paged(1000, 5, test.rows...))
			got := append(findBalance(c, g), findUnreached(c, g)...)
			if diff := cmp.Diff(test.want, kindsOf(got)); diff != "" {
				t.Fatalf("(-want +got):\n%s%+v", diff, got)
			}
			if test.text != "" && !strings.Contains(got[0].Evidence, test.text) {
				t.Errorf("%q does not say %q", got[0].Evidence, test.text)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	kept := paged(1000, 561_938, front(1000, 542_938))
	kept.KeepAlive = true
	untold := paged(1000, 561_938, front(1000, 542_938))
	untold.Foreign.Told = nil
	stranger := made(around(time.Millisecond, 2000), servedBy(serving{"web-1", "web", 1990, time.Second}))
	stranger.strangers = map[string]int64{"web-9": 10}
	for _, test := range []struct {
		name string
		o    *observed
		want []string
		text string
	}{
		{"the same", paged(1000, 542_938, front(1000, 542_938)), []string{"match"}, "the same to the byte"},
		{"the same but for a header", paged(1000, 561_938, front(1000, 542_938)), []string{"match"}, "“Connection: close”"},
		{"a byte is missing", paged(1000, 561_937, front(1000, 542_938)), []string{"mismatch"}, "561\u202f937"},
		{"another client", paged(1000, 561_938, front(1020, 542_938)), []string{"mismatch"}, "sent 1\u202f000 requests, the balancer's port_80 counted 1\u202f020 sessions"},
		{"the busiest listener counts", paged(1000, 5, front(3, 1), front(1000, 5)), []string{"match"}, ""},
		{"no bytes told", paged(1000, 0, results.BalancerRow{Proxy: "p", Server: frontend, Sessions: count(1000)}), []string{"match"}, "both counted 1\u202f000 requests"},
		{"connections kept: sessions are no requests", kept, nil, ""},
		{"nothing told", untold, nil, ""},
		{"no page", made(around(time.Millisecond, 2000)), nil, ""},
		{"an origin from elsewhere", stranger, []string{"mismatch"}, "10 answers named web-9"},
	} {
		g, c := madeGroup("closed", test.o)
		got := findCounts(c, g)
		if diff := cmp.Diff(test.want, kindsOf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		} else if test.text != "" && !strings.Contains(got[0].Evidence, test.text) {
			t.Errorf("%s: %q does not say %q", test.name, got[0].Evidence, test.text)
		}
	}
}

// Origins are strangers only where other answers name replicas: names may be of
// another kind altogether.
func TestStrangers(t *testing.T) {
	for name, test := range map[string]struct {
		served map[string]int64
		want   map[string]int64
	}{
		"replicas":        {map[string]int64{"web-1": 5, "web-2": 4}, map[string]int64{}},
		"one from abroad": {map[string]int64{"web-1": 5, "web-9": 4}, map[string]int64{"web-9": 4}},
		"host names":      {map[string]int64{"f3a9": 5, "0b1c": 4}, nil},
		"no names":        {nil, nil},
	} {
		o := made(nil, servedBy(serving{"web-1", "web", 5, 0}, serving{"web-2", "web", 4, 0}))
		got := o.unknown(test.served)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMemoryAndTrust(t *testing.T) {
	usage := func(peak int64, limit *int64, killed bool) func(*observed) {
		return func(o *observed) {
			o.Usage = []results.UsageTotal{{Replica: "web-1", Service: "web", MemoryPeakBytes: peak << 20, MemoryLimitBytes: limit, OOMKilled: killed}}
		}
	}
	judged := func(v results.ValidityVerdict, broken ...results.Criterion) func(*observed) {
		return func(o *observed) {
			o.Validity = results.Validity{Verdict: v, Reasons: []string{"so it is"}, Broken: broken}
		}
	}
	imported := func(o *observed) {
		judged(results.Suspect)(o)
		o.Foreign = &results.Foreign{}
	}
	for _, test := range []struct {
		name string
		edit func(*observed)
		want []string
	}{
		{"no limit", usage(900, nil, false), nil},
		{"far from it", usage(50, count(100<<20), false), nil},
		{"near it", usage(95, count(100<<20), false), []string{"memory"}},
		{"killed for it", usage(95, count(100<<20), true), []string{"killed"}},
		{"killed, by a limit that is not known", usage(95, nil, true), []string{"killed"}},
		{"sent too late", judged(results.Invalid, results.SendLag), []string{"generator"}},
		{"without calibration", judged(results.Invalid, results.Calibrated), []string{"generator"}},
		{"nothing sent", judged(results.Invalid, results.NothingSent), []string{"invalid"}},
		{"in doubt", judged(results.Suspect, results.SendLag), []string{"suspect"}},
		{"imported", imported, nil},
	} {
		g, c := madeGroup("open", made(around(time.Millisecond, 4000), test.edit))
		got := kindsOf(findings(c, g))
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Few requests in the tail are pointed out of what this program measured, and
// not beside a stall that says so already.
func TestFew(t *testing.T) {
	for name, test := range map[string]struct {
		n    int
		edit func(*observed)
		want bool
	}{
		"many": {4000, func(*observed) {}, false},
		"few":  {1000, func(*observed) {}, true},
		"imported": {1000, func(o *observed) {
			o.Foreign = &results.Foreign{Told: []string{"requests.ok", "requests.failed", "latency_ns.response.p99", "latency_ns.response.count"}}
		}, false},
	} {
		g, c := madeGroup("open", made(around(time.Millisecond, test.n), test.edit))
		if got := len(findFew(c, g)) > 0; got != test.want {
			t.Errorf("%s: few %v", name, got)
		}
	}
}
