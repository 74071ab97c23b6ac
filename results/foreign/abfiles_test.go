package foreign

import (
	"strings"
	"testing"
	"time"

	"plimsoll/results"
)

func FuzzABGnuplot(f *testing.F)     { fuzz(f, ABGnuplot, "ab.tsv") }
func FuzzABPercentiles(f *testing.F) { fuzz(f, ABPercentiles, "ab-percentiles.csv") }

// TestABGnuplot: the file and the table are of one run, so they agree.
func TestABGnuplot(t *testing.T) {
	table, r := parse(t, "ab", "ab.txt").Trial, parse(t, Auto, "ab.tsv")
	got := r.Trial.Latency.Response
	if got.Count != 200 || got.P50.Round(ms) != table.Latency.Response.P50 || got.Max.Round(ms) != table.Latency.Response.Max {
		t.Errorf("%+v, the table has %+v", got, table.Latency.Response)
	}
	if want := time.Unix(1795262167, 0); !r.Trial.Started.Equal(want) {
		t.Errorf("started %v, want %v", r.Trial.Started, want)
	}
	tells(t, r, "latency_ns.waiting.p99", "latency_ns.response.p99.9", "!duration_ns", "!throughput_rps", "!requests.ok", "!bytes.in")
	if len(r.Log) != 1 || r.Log[0].(results.Interval).Length != 0 || r.Log[0].(results.Interval).Latencies.Response.Count() != 200 {
		t.Errorf("log %+v", r.Log)
	}
	text := string(open(t, "ab.tsv"))
	fails(t, ABGnuplot, strings.Replace(text, "\t1795262167\t", "\tnow\t", 1), "line 2: seconds")
	fails(t, ABGnuplot, text+"x\t1\t2\n", "line 202: 3 columns")
	fails(t, ABGnuplot, abGnuplotHead+"\n", "line 2: no request")
	fails(t, ABGnuplot, "seconds\n", "line 1")
}

func TestABPercentiles(t *testing.T) {
	r := parse(t, Auto, "ab-percentiles.csv")
	l := r.Trial.Latency.Response
	if l.Min != 543*time.Microsecond || l.P99 != 3023*time.Microsecond || l.Max != 3173*time.Microsecond {
		t.Errorf("%+v", l)
	}
	tells(t, r, "latency_ns.response.p66", "!latency_ns.response.count", "!latency_ns.response.mean", "!requests.sent", "!duration_ns")
	text := string(open(t, "ab-percentiles.csv"))
	fails(t, ABPercentiles, strings.Replace(text, "\n7,", "\n8,", 1), "line 9:")
	fails(t, ABPercentiles, strings.Replace(text, "\n100,3.173", "\n100,0.1", 1), "line 102: the time of 100 % is below")
	fails(t, ABPercentiles, text[:200], "")
}
