package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/internal/latency"
	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// benchOf is a trial of n requests with response times around a median.
func benchOf(mode string, n int, median time.Duration) report.Bench {
	all := results.NewLatencies()
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		took := time.Duration(float64(median) * (0.5 + random.ExpFloat64()))
		all.Response.Record(took)
		all.Service.Record(took - took/10)
		all.Lag.Record(took / 10)
		all.Connect.Record(took / 5)
		all.Waiting.Record(took / 2)
		all.Processing.Record(took - took/5)
	}
	count := int64(n)
	t := results.Trial{
		Schema: results.TrialSchema, Started: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Duration: 2 * time.Second,
		Mode: mode, Target: "http://news.example:8080/all?n=1", Due: count,
		Requests: results.Counts{
			Sent: count, OK: count - 7, Failed: 7, Timeouts: 2,
			Status: map[string]int64{"200": count - 7, "503": 4}, Errors: map[string]int64{"status": 4, "timeout": 2, "refused": 1},
		},
		Throughput: float64(count-7) / 2,
		Bytes:      results.Bytes{In: 726 * count, Out: 82 * count, Body: 526 * (count - 3)},
		Latency:    all.Stats(), Validity: results.Validity{Verdict: results.Valid, Reasons: []string{}},
		Worker: results.WorkerTotal{CPU: 300 * time.Millisecond, RSSBytes: 11 << 20},
		Sample: results.SampleAnswer{Server: "tiny", Document: "/all?n=1", Length: 526},
	}
	if mode == "open" {
		t.RequestedRate = float64(n) / 2
		t.Validity = results.Validity{
			Verdict: results.Suspect, Reasons: []string{"requests were sent late: lag p99.9 is 2.1ms, above 1ms (the larger of 1ms and 10 % of p99)"},
		}
	} else {
		t.Concurrency = 10
	}
	return report.Bench{TrialDetail: analysis.TrialDetail{Trial: t}, Response: all.Response}
}

func renderBench(t *testing.T, format string, b report.Bench) string {
	t.Helper()
	render, err := report.BenchByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBenchGolden(t *testing.T) {
	closed, open := benchOf("closed", 1000, 4*time.Millisecond), benchOf("open", 20_000, 300*time.Microsecond)
	testenv.Golden(t, "testdata/bench-closed.txt", renderBench(t, "text", closed))
	testenv.Golden(t, "testdata/bench-open.txt", renderBench(t, "text", open))
	testenv.Golden(t, "testdata/bench-closed.csv", renderBench(t, "csv", closed))
	testenv.Golden(t, "testdata/bench-mixed.txt", renderBench(t, "text", mixed(closed)))
	testenv.Golden(t, "testdata/bench-mixed.csv", renderBench(t, "csv", mixed(closed)))
}

// mixed is the same of requests of two names, the second of which are few.
func mixed(b report.Bench) report.Bench {
	few := results.NewNamedLatencies()
	for i := range 30 {
		few.Response.Record(time.Duration(i) * time.Millisecond)
	}
	whole := b.Latency
	b.ByName = map[string]results.NamedTotal{
		"GET /": {Counts: b.Requests, Latency: &results.NamedStats{Response: whole.Response, Service: whole.Service, Lag: whole.Lag}},
		"POST /a/path/that/is/longer/than/the/table/is/wide": {
			Counts: results.Counts{Sent: 30, OK: 29, Failed: 1}, Latency: &results.NamedStats{Response: few.Stats().Response},
		},
	}
	return b
}

// Whatever was measured, the text fits 80 columns, and the bars add up.
func TestBenchTextFits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, most := range []time.Duration{0, time.Microsecond, 700 * time.Microsecond, time.Second, 2 * time.Hour} {
		for _, n := range []int{1, 15, 999, 30_000} {
			b := benchOf("closed", n, time.Millisecond)
			all := latency.New()
			for range n {
				all.Record(time.Duration(random.Float64() * random.Float64() * float64(most)))
			}
			b.Response = all
			b.Requests = results.Counts{Sent: int64(n), OK: int64(n), Status: map[string]int64{"200": int64(n)}}
			b.Warnings = []string{strings.Repeat("a doubt ", 30)}
			text := renderBench(t, "text", b)
			bars := 0
			for line := range strings.Lines(text) {
				if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 80 {
					t.Errorf("%d requests up to %v: %d columns: %s", n, most, width, line)
				}
				if strings.Contains(line, "≤") {
					bars++
				}
			}
			if bars < 1 || bars > 14 {
				t.Errorf("%d requests up to %v: %d bars", n, most, bars)
			}
			if strings.Contains(text, "\x1b") {
				t.Errorf("colours although this is no terminal")
			}
		}
	}
}

// Times of requests that nobody answered are no response times.
func TestBenchTextWithoutAnswers(t *testing.T) {
	b := benchOf("closed", 100, time.Millisecond)
	b.Requests = results.Counts{Sent: 100, Failed: 100, Errors: map[string]int64{"refused": 100}}
	text := renderBench(t, "text", b)
	if !strings.Contains(text, "refused × 100") || strings.Contains(text, "p50") || strings.Contains(text, "≤") {
		t.Errorf("the text of a refused load:\n%s", text)
	}
}

// A trial on its own gets the same table as in a run.
func TestBenchAB(t *testing.T) {
	b := benchOf("closed", 1000, 4*time.Millisecond)
	want := tableOf(t, render(t, report.AB, docOf(b.Trial)))
	got := tableOf(t, []byte(renderBench(t, "ab", b)))
	if strings.Join(want, "\n") != strings.Join(got, "\n") {
		t.Errorf("the table is\n%s\nin a run it is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	render, err := report.BenchByName("ab")
	if err != nil {
		t.Fatal(err)
	}
	if err := render(new(bytes.Buffer), benchOf("open", 1000, time.Millisecond)); err == nil || !strings.Contains(err.Error(), "closed loop") {
		t.Errorf("an open loop: error %v, want one that says what ab's table is for", err)
	}
}

func TestBenchJSON(t *testing.T) {
	b := benchOf("open", 1000, time.Millisecond)
	var got results.Trial
	decoder := json.NewDecoder(strings.NewReader(renderBench(t, "json", b)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != results.TrialSchema || got.Requests.Sent != 1000 || got.Latency.Response != b.Latency.Response {
		t.Errorf("the trial comes back as %+v", got)
	}
}

// What vegeta's own type reads keeps the identities that its figures have.
func TestBenchVegeta(t *testing.T) {
	near := func(what string, got, want float64) {
		if d := got - want; d > 1e-6*want || -d > 1e-6*want {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for _, mode := range []string{"open", "closed"} {
		b := benchOf(mode, 1000, time.Millisecond)
		var m vegeta.Metrics
		decoder := json.NewDecoder(strings.NewReader(renderBench(t, "vegeta", b)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		l := b.Latency.Response
		if m.Requests != 1000 || m.Latencies.P99 != l.P99 || m.Latencies.Mean != l.Mean || m.Latencies.Max != l.Max || m.Latencies.Min != l.Min {
			t.Errorf("%s: %+v", mode, m)
		}
		var statuses int
		for _, n := range m.StatusCodes {
			statuses += n
		}
		if statuses != 1000 || m.StatusCodes["0"] != 3 || m.StatusCodes["503"] != 4 {
			t.Errorf("%s: status codes %v, want 3 without an answer and 1000 in all", mode, m.StatusCodes)
		}
		if got := strings.Join(m.Errors, ", "); got != "503 Service Unavailable, refused, timeout" {
			t.Errorf("%s: errors %q", mode, got)
		}
		if !m.Earliest.Equal(b.Started) || !m.End.Equal(b.Started.Add(b.Duration)) || m.Duration != m.Latest.Sub(m.Earliest) || m.Wait != m.End.Sub(m.Latest) {
			t.Errorf("%s: earliest %v, latest %v, end %v, duration %v, wait %v", mode, m.Earliest, m.Latest, m.End, m.Duration, m.Wait)
		}
		near("rate", m.Rate, 1000/m.Duration.Seconds())
		near("throughput", m.Throughput, 993/(m.Duration+m.Wait).Seconds())
		near("success", m.Success, 0.993)
		near("bytes in", m.BytesIn.Mean, float64(m.BytesIn.Total)/1000)
		near("latencies", float64(m.Latencies.Total), 1000*float64(m.Latencies.Mean))
		if mode == "open" {
			// 1000 requests in 2 s: the last one is due after 999 intervals of 2 ms.
			near("duration", m.Duration.Seconds(), 1.998)
		}
	}
}

func TestBenchCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(renderBench(t, "csv", benchOf("closed", 1000, time.Millisecond)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range rows[1:] {
		found[r[3]] = r[5]
	}
	for metric, want := range map[string]string{"sent": "1000", "ok": "993", "status_503": "4", "error_timeout": "2"} {
		if found[metric] != want {
			t.Errorf("%s is %q, want %s", metric, found[metric], want)
		}
	}
}

func TestBenchByName(t *testing.T) {
	if _, err := report.BenchByName("vegta"); err == nil || !strings.Contains(err.Error(), `"vegeta"`) {
		t.Errorf("error %v, want a hint", err)
	}
}
