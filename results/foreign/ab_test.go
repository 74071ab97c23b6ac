package foreign

import (
	"strings"
	"testing"
)

func FuzzAB(f *testing.F) { fuzz(f, AB, "ab.txt", "ab-missing.txt", "ab-one.txt", "ab-head.txt") }

func TestAB(t *testing.T) {
	r := parse(t, Auto, "ab.txt")
	l := r.Trial.Latency
	if r.Trial.Requests.OK != 200 || r.Trial.Bytes.In != 141_400 || r.Trial.Bytes.Body != 105_200 || r.Trial.Throughput != 2636.33 ||
		r.Trial.Duration != 76*ms || l.Response.P98 != 3*ms || l.Response.StdDev != ms*4/10 || l.Connect.Max != 2*ms || l.Response.Count != 200 {
		t.Errorf("%+v", r.Trial)
	}
	if r.Trial.Target != "http://127.0.0.1:18377/" || r.Trial.Foreign.Tool != "ApacheBench 2.3" || r.Load.Text != "200 requests, 5 at a time, no keep-alive" {
		t.Errorf("target %q, tool %q, load %q", r.Trial.Target, r.Trial.Foreign.Tool, r.Load.Text)
	}
	tells(t, r, "latency_ns.response.p99", "bytes.in", "keepalive", "!bytes.out", "!latency_ns.response.p99.9", "!started", "!latency_ns.lag.p99")
	if len(r.Log) != 0 {
		t.Errorf("a log of %d lines from a summary", len(r.Log))
	}
}

func TestABFailures(t *testing.T) {
	r := parse(t, "ab", "ab-missing.txt")
	if c := r.Trial.Requests; c.OK != 0 || c.Failed != 60 || c.Errors["status"] != 60 || !r.Trial.KeepAlive || r.Trial.Throughput != 0 {
		t.Errorf("%+v", c)
	}
	// One request has no percentiles, and none are made up.
	r = parse(t, "ab", "ab-one.txt")
	tells(t, r, "latency_ns.response.p50", "latency_ns.response.max", "!latency_ns.response.p99")

	text := string(open(t, "ab.txt"))
	both := strings.Replace(text, "Failed requests:        0\n", "Failed requests:        7\n   (Connect: 2, Receive: 0, Length: 5, Exceptions: 0)\n", 1)
	r, err := AB(strings.NewReader(both))
	if err != nil || r.Trial.Requests.OK != 195 || r.Trial.Requests.Failed != 7 || r.Trial.Requests.Sent != 202 {
		t.Errorf("%v, %+v", err, r)
	}
	// Wrong status and wrong length may be the same answers.
	r, err = AB(strings.NewReader(strings.Replace(both, "Total transferred", "Non-2xx responses:      6\nTotal transferred", 1)))
	if err != nil {
		t.Fatal(err)
	}
	tells(t, r, "!requests.ok", "!requests.failed", "!throughput_rps", "latency_ns.response.p99")
}

func TestABMistakes(t *testing.T) {
	text := string(open(t, "ab.txt"))
	for old, change := range map[string][2]string{
		"  99%      3":                {"  97%      3", "line 41: 97 % is none of"},
		"Complete requests:      200": {"Complete requests:      2e2", "line 17: Complete requests"},
		"Concurrency Level:      5\n": {"Colour:  5\n", `line 15: "Colour:  5"`},
		"0.076 seconds":               {"0.076 minutes", "line 16: Time taken"},
		"(longest request)":           {"(longest request)\n$ ab -n 1", "after the end of the table"},
		"  1   0.3      1       2":    {"  1   0.3      1", "Connect has"},
		"Failed requests:        0":   {"Failed requests:        900", "that cannot be"},
	} {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q to change", old)
		}
		fails(t, AB, strings.Replace(text, old, change[0], 1), change[1])
	}
	fails(t, AB, text+text, "after the end of the table")
	fails(t, AB, "hello\n", "no table of ab")
}
