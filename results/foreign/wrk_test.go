package foreign

import (
	"strings"
	"testing"
	"time"
)

func FuzzWrk(f *testing.F)  { fuzz(f, Wrk, "wrk.txt", "wrk-latency.txt", "wrk-missing.txt") }
func FuzzWrk2(f *testing.F) { fuzz(f, Wrk2, "wrk2-latency.txt") }

func TestWrk(t *testing.T) {
	r := parse(t, Auto, "wrk-latency.txt")
	l := r.Trial.Latency.Response
	if l.P50 != 417*time.Microsecond || l.P99 != 33460*time.Microsecond || l.Mean != 1760*time.Microsecond || l.Max != 70040*time.Microsecond ||
		r.Trial.Requests.OK != 4522 || r.Trial.Throughput != 4486.09 || r.Trial.Concurrency != 4 || r.Trial.Duration != 1010*ms {
		t.Errorf("%+v", r.Trial)
	}
	tells(t, r, "latency_ns.response.p99", "!latency_ns.response.p95", "!latency_ns.response.min", "!keepalive", "!bytes.body")
	tells(t, parse(t, Auto, "wrk.txt"), "latency_ns.response.max", "!latency_ns.response.p50", "!latency_ns.response.p99")
	if c := parse(t, "wrk", "wrk-missing.txt").Trial; c.Requests.OK != 0 || c.Requests.Failed != 6124 || c.Throughput != 0 {
		t.Errorf("%+v", c.Requests)
	}
	text := string(open(t, "wrk-latency.txt"))
	timeouts := strings.Replace(text, "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 9\nRequests/sec", 1)
	r, err := Wrk(strings.NewReader(timeouts))
	if err != nil || r.Trial.Requests.Timeouts != 9 || r.Trial.Requests.Errors["wrk: read"] != 3 {
		t.Fatalf("%v, %+v", err, r)
	}
	tells(t, r, "requests.timeouts", "requests.ok", "!requests.failed")
	fails(t, Wrk, strings.Replace(text, "1.76ms", "1.76mm", 1), `line 4: "1.76mm" is no time`)
	fails(t, Wrk, strings.Replace(text, "Req/Sec", "Req/Day", 1), "line 5:")
	fails(t, Wrk, text+text, "a second result begins")
	fails(t, Wrk, text[:strings.Index(text, "Requests/sec")], "cut off")
}

func TestWrk2(t *testing.T) {
	r := parse(t, Auto, "wrk2-latency.txt")
	l := r.Trial.Latency.Response
	if r.Trial.Mode != "open" || r.Trial.Foreign.Tool != "wrk2" || l.P999 != 4110*time.Microsecond || l.Mean != 1207*time.Microsecond || l.Count != 9940 {
		t.Errorf("%s %+v", r.Trial.Foreign.Tool, r.Trial)
	}
	tells(t, r, "latency_ns.response.p99.9", "!requested_rate", "!due", "!latency_ns.lag.p99")
	fails(t, Wrk, string(open(t, "wrk2-latency.txt")), "line 3:")
}
