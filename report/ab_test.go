package report_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// TestABAgainstAB lets ab measure a server, gives the figures that it printed
// to our renderer and expects ab's own lines back.
func TestABAgainstAB(t *testing.T) {
	ab := testenv.Command(t, "ab", "ab")
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		w.Header().Set("Server", "tiny")
		if r.URL.Path == "/mixed" && served.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
		fmt.Fprint(w, strings.Repeat("x", 331))
	}))
	defer server.Close()
	for _, test := range []struct {
		name, path string
		flags      []string
	}{
		{"plain", "/", nil},
		{"keep-alive", "/", []string{"-k"}},
		{"bad statuses", "/mixed", []string{"-l"}},
		{"one at a time", "/", []string{"-c", "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"-q", "-n", "200", "-c", "10"}, test.flags...)
			out, err := exec.CommandContext(t.Context(), ab, append(args, server.URL+test.path)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			want := tableOf(t, out)
			got := tableOf(t, render(t, report.AB, docOf(parseAB(t, string(out), server.URL))))
			sameTable(t, want, got)
		})
	}
}

// tableOf is ab's output from its first figure on, without the remarks on
// medians: they depend on digits that ab does not print.
func tableOf(t *testing.T, out []byte) []string {
	t.Helper()
	_, table, found := bytes.Cut(out, []byte("Server Software:"))
	if !found {
		t.Fatalf("no table in:\n%s", out)
	}
	var lines []string
	for _, line := range strings.Split("Server Software:"+strings.TrimRight(string(table), "\n"), "\n") {
		if !strings.HasPrefix(line, "WARNING") && !strings.HasPrefix(line, "ERROR") && !strings.HasPrefix(line, "       deviation") &&
			!strings.HasPrefix(line, "        These") {
			lines = append(lines, line)
		}
	}
	return lines
}

var number = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// sameTable compares two tables: equal in every character but for the last
// digit of what follows from figures that ab printed rounded.
func sameTable(t *testing.T, want, got []string) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d lines, ab has %d\n%s\n--- ab:\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range want {
		if want[i] == got[i] {
			continue
		}
		a, b := number.FindAllString(want[i], -1), number.FindAllString(got[i], -1)
		same := number.ReplaceAllString(want[i], "#") == number.ReplaceAllString(got[i], "#") && len(a) == len(b)
		for k := 0; same && k < len(a); k++ {
			x, _ := strconv.ParseFloat(a[k], 64)
			y, _ := strconv.ParseFloat(b[k], 64)
			same = math.Abs(x-y) < 0.11 && strings.Contains(a[k], ".")
		}
		if !same {
			t.Errorf("line %d is\n%q, ab has\n%q", i+1, got[i], want[i])
		}
	}
}

// parseAB reads ab's figures into the summary of a trial.
func parseAB(t *testing.T, out, target string) results.Trial {
	t.Helper()
	field := func(name string) []string {
		for _, line := range strings.Split(out, "\n") {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				return strings.Fields(rest)
			}
		}
		return []string{"0", "0", "0", "0", "0"}
	}
	integer := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	float := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	n := integer(field("Complete requests")[0])
	bad := integer(field("Non-2xx responses")[0])
	stats := func(name string) results.Stats {
		f := field(name)
		ms := time.Millisecond
		// ab prints the deviation with n-1; ours is that of the population.
		dev := float(f[2]) * float64(ms) * math.Sqrt(float64(n-1)/float64(n))
		return results.Stats{
			Count: n, Min: time.Duration(integer(f[0])) * ms, Mean: time.Duration(integer(f[1])) * ms,
			StdDev: time.Duration(dev), P50: time.Duration(integer(f[3])) * ms, Max: time.Duration(integer(f[4])) * ms,
		}
	}
	total := stats("Total")
	for rank, to := range map[int]*time.Duration{
		66: &total.P66, 75: &total.P75, 80: &total.P80, 90: &total.P90, 95: &total.P95, 98: &total.P98, 99: &total.P99,
	} {
		found := regexp.MustCompile(fmt.Sprintf(`(?m)^ +%d%% +([0-9]+)$`, rank)).FindStringSubmatch(out)
		*to = time.Duration(integer(found[1])) * time.Millisecond
	}
	trial := results.Trial{
		Mode: "closed", Target: target, Concurrency: int(integer(field("Concurrency Level")[0])),
		KeepAlive: strings.Contains(out, "Keep-Alive requests"),
		// The throughput has more digits than the time taken.
		Duration: time.Duration(float64(n) / float(field("Requests per second")[0]) * float64(time.Second)),
		Requests: results.Counts{
			Sent: n, OK: n - bad, Failed: bad, Status: map[string]int64{"200": n - bad, "502": bad},
			Errors: map[string]int64{"status": bad},
		},
		Bytes: results.Bytes{In: integer(field("Total transferred")[0]), Body: integer(field("HTML transferred")[0])},
		Latency: results.LatencyStats{
			Connect: stats("Connect"), Processing: stats("Processing"), Waiting: stats("Waiting"), Response: total,
		},
		Sample: results.SampleAnswer{Server: "tiny", Document: field("Document Path")[0], Length: 331},
	}
	if field("Document Length")[0] == "Variable" {
		trial.Sample.Length = 1 // anything that is not every answer's
	}
	return trial
}

func docOf(trials ...results.Trial) *analysis.Document {
	c := analysis.Cell{Name: "bench", Mode: "closed", Trials: len(trials), Counted: len(trials)}
	for _, trial := range trials {
		reused := int64(0)
		if trial.KeepAlive {
			reused = trial.Requests.Sent - int64(trial.Concurrency)
		}
		c.Detail = append(c.Detail, analysis.TrialDetail{Trial: trial, Reused: reused})
	}
	return &analysis.Document{Cells: []analysis.Cell{c}}
}

// ab's identities: n/T, c·T/n, T/n and bytes/T, each to its rounding.
func TestABIdentities(t *testing.T) {
	figure := func(table, pattern string) float64 {
		found := regexp.MustCompile(pattern).FindStringSubmatch(table)
		if found == nil {
			t.Fatalf("no %s in\n%s", pattern, table)
		}
		v, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	doc := document(t, "twip-6")
	tables := strings.Split(string(render(t, report.AB, doc)), "This is plimsoll")[1:]
	i := 0
	for _, c := range doc.Cells {
		for _, trial := range c.Detail {
			if trial.Mode != "closed" {
				continue
			}
			table := tables[i]
			i++
			n, took := figure(table, `Complete requests: +([0-9]+)`), trial.Duration.Seconds()
			for _, identity := range []struct {
				pattern   string
				want, ulp float64
			}{
				{`Time taken for tests: +([0-9.]+) seconds`, took, 0.001},
				{`Requests per second: +([0-9.]+)`, n / took, 0.01},
				{`Time per request: +([0-9.]+) \[ms\] \(mean\)`, 1000 * float64(trial.Concurrency) * took / n, 0.001},
				{`Time per request: +([0-9.]+) \[ms\] \(mean, across`, 1000 * took / n, 0.001},
				{`Transfer rate: +([0-9.]+)`, float64(trial.Bytes.In) / 1024 / took, 0.01},
			} {
				if got := figure(table, identity.pattern); math.Abs(got-identity.want) > identity.ulp/2+1e-9 {
					t.Errorf("%s, trial %d: %s is %v, want %v", c.Name, trial.Trial.Trial, identity.pattern, got, identity.want)
				}
			}
		}
	}
	if i != len(tables) {
		t.Errorf("%d tables for %d closed-loop trials", len(tables), i)
	}
}

func TestABFailures(t *testing.T) {
	trial := document(t, "twip-1").Cells[0].Detail[0].Trial
	trial.Requests = results.Counts{
		Sent: 1000, OK: 970, Failed: 30, Timeouts: 3, Status: map[string]int64{"200": 970, "502": 20},
		Errors: map[string]int64{"status": 20, "refused": 4, "reset": 2, "timeout": 3, "malformed": 1},
	}
	table := string(render(t, report.AB, docOf(trial)))
	for _, want := range []string{
		"Complete requests:      996\nFailed requests:        10\n   (Connect: 4, Receive: 5, Length: 0, Exceptions: 1)\nNon-2xx responses:      20\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no\n%sin\n%s", want, table)
		}
	}
}

func TestABNeedsAClosedLoop(t *testing.T) {
	doc := document(t, "twip-1")
	var open []analysis.Cell
	for _, c := range doc.Cells {
		if c.Mode == "open" {
			open = append(open, c)
		}
	}
	doc.Cells = open
	if err := report.AB(new(bytes.Buffer), doc); err == nil || !strings.Contains(err.Error(), "closed loop") {
		t.Errorf("error %v, want one that says what ab's table is for", err)
	}
}
