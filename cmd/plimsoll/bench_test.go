package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v3"

	"plimsoll/fixtures"
	"plimsoll/results"
	"plimsoll/runner/bench"
	"plimsoll/runner/load"
)

// parseBench reads a command line without applying any load.
func parseBench(t *testing.T, args ...string) (opt bench.Options, err error) {
	t.Helper()
	cmd := newBenchCommand(streams{in: strings.NewReader(""), out: new(bytes.Buffer), err: new(bytes.Buffer)})
	cmd.Action = func(_ context.Context, parsed *cli.Command) (err error) {
		opt, err = prepareBench(parsed)
		return err
	}
	cmd.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	return opt, cmd.Run(t.Context(), append([]string{"bench"}, args...))
}

func TestBenchFlags(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	body := write("body.json", `{"title":"a"}`)
	absolute := write("absolute", "GET http://h:81/a\nPOST http://h:81/b\n")
	relative := write("relative", `{"method":"GET","url":"/a"}`)

	get := func(path string) load.Request {
		return load.Request{Name: "GET " + path, Method: "GET", Path: path, Headers: map[string]string{}, Weight: 1}
	}
	closed := func(n int64, c int, d time.Duration) load.Job {
		return load.Job{
			Phase: results.Measure, Targets: []string{"http://h"}, Mix: []load.Request{get("/")}, Timeout: 30 * time.Second, Seed: 1,
			Requests: n, Concurrency: c, Duration: d,
		}
	}
	open := func(count int, per, d time.Duration) load.Job {
		j := closed(0, 0, d)
		j.RateCount, j.RatePer = count, per
		return j
	}
	with := func(j load.Job, change func(*load.Job)) load.Job {
		change(&j)
		return j
	}
	mix := func(requests ...load.Request) load.Job {
		return with(closed(1000, 10, 0), func(j *load.Job) { j.Mix = requests })
	}
	const u = "http://h"
	for _, test := range []struct {
		args   []string
		want   load.Job
		target string
	}{
		{[]string{u}, closed(1000, 10, 0), u + "/"},
		{[]string{"-n", "5", u}, closed(5, 5, 0), u + "/"},
		{[]string{"-n", "50", "-c", "3", u}, closed(50, 3, 0), u + "/"},
		{[]string{"-c", "3", u}, closed(1000, 3, 0), u + "/"},
		{[]string{"-d", "2s", u}, closed(0, 10, 2*time.Second), u + "/"},
		{[]string{"-d", "2s", "-n", "100000", "-c", "4", u}, closed(100_000, 4, 2*time.Second), u + "/"},
		{[]string{u, "-n", "20"}, closed(20, 10, 0), u + "/"},
		{[]string{"--rate", "100/s", "-d", "10s", u}, open(100, time.Second, 10*time.Second), u + "/"},
		{[]string{"--rate", "3000/m", "-n", "100", u}, open(3000, time.Minute, 2*time.Second), u + "/"},
		{[]string{"-k", "--timeout", "5s", u}, with(closed(1000, 10, 0), func(j *load.Job) { j.KeepAlive, j.Timeout = true, 5*time.Second }), u + "/"},
		{[]string{u + "/a?b=c,d#e"}, mix(get("/a?b=c,d")), u + "/a?b=c,d"},
		{
			[]string{"-H", "Accept: a, b", "-H", "X-Time:12:30", "-m", "PUT", "--body", "x=y", u},
			mix(load.Request{Name: "PUT /", Method: "PUT", Path: "/", Headers: map[string]string{"Accept": "a, b", "X-Time": "12:30"}, Body: []byte("x=y"), Weight: 1}),
			u + "/",
		},
		{
			[]string{"--body", "@" + body, u},
			mix(load.Request{Name: "POST /", Method: "POST", Path: "/", Headers: map[string]string{}, Body: []byte(`{"title":"a"}`), Weight: 1}),
			u + "/",
		},
		{
			[]string{"-X", "DELETE", u},
			mix(load.Request{Name: "DELETE /", Method: "DELETE", Path: "/", Headers: map[string]string{}, Weight: 1}), u + "/",
		},
		{
			[]string{"--targets", absolute},
			with(mix(get("/a"), load.Request{Name: "POST /b", Method: "POST", Path: "/b", Headers: map[string]string{}, Weight: 1}),
				func(j *load.Job) { j.Targets = []string{"http://h:81"} }),
			"http://h:81",
		},
		{[]string{"--targets", relative, u}, mix(get("/a")), u},
	} {
		opt, err := parseBench(t, append([]string{"--seed", "1"}, test.args...)...)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		if diff := cmp.Diff(test.want, opt.Job, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
		if opt.Target != test.target || opt.Workers != 1 {
			t.Errorf("%q: target %q, %d workers", test.args, opt.Target, opt.Workers)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	targets := filepath.Join(t.TempDir(), "targets")
	if err := os.WriteFile(targets, []byte("GET http://h:81/a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	paths := filepath.Join(t.TempDir(), "paths")
	if err := os.WriteFile(paths, []byte("GET /a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const u = "http://h"
	for _, test := range []struct {
		args []string
		want string // part of the error
	}{
		{nil, "takes one URL"},
		{[]string{u, u}, "takes one URL"},
		{[]string{"localhost:8080"}, "did you mean http://localhost:8080?"},
		{[]string{"ftp://h"}, "only http, https and tcp"},
		{[]string{"http:///x"}, "no host"},
		{[]string{"http://me:secret@h/"}, "Authorization"},
		{[]string{"-n", "0", u}, "above zero"},
		{[]string{"-n", "many", u}, "many"},
		{[]string{"-c", "-1", u}, "above zero"},
		{[]string{"-d", "10", u}, "10"},
		{[]string{"-c", "20", "-n", "10", u}, "-c 20 is more than -n 10"},
		{[]string{"--rate", "5/s", u}, "either -d or -n"},
		{[]string{"--rate", "5/s", "-d", "1s", "-n", "5", u}, "either -d or -n"},
		{[]string{"--rate", "5/s", "-d", "1s", "-c", "5", u}, "leave out -c"},
		{[]string{"--rate", "fast", "-d", "1s", u}, "200/s"},
		{[]string{"--rate", "5/s", "-d", "1s", "--format", "ab", u}, "leave out --rate"},
		{[]string{"--timeout", "0s", u}, "timeout"},
		{[]string{"--workers", "0", u}, "at least one"},
		{[]string{"--workers", "11", u}, "11 workers for 10 requests at a time"},
		{[]string{"--format", "vegta", u}, `did you mean "vegeta"?`},
		{[]string{"--transport", "pigeon", u}, "pigeon"},
		{[]string{"-H", "nothing", u}, "Name: value"},
		{[]string{"-H", "A: 1", "-H", "A: 2", u}, "given twice"},
		{[]string{"-H", "Content-Length: 1", u}, "Content-Length"},
		{[]string{"-m", "GE T", u}, "GE T"},
		{[]string{"--body", "@/nosuch/file", u}, "/nosuch/file"},
		{[]string{"--targets", "/nosuch/file"}, "/nosuch/file"},
		{[]string{"--targets", targets, "-m", "GET"}, "leave out -m"},
		{[]string{"--targets", targets, "http://other"}, "leave out the URL"},
		{[]string{"--targets", targets, "http://h:81/path"}, "http://h:81"},
		{[]string{"--targets", paths}, "add the URL"},
		{[]string{"-t", "5", u}, "-t"},
	} {
		_, err := parseBench(t, test.args...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %v, want one with %q", test.args, err, test.want)
			continue
		}
		if code := exitCode(err); code != exitUsage {
			t.Errorf("%q: exit code %d, want %d", test.args, code, exitUsage)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %v tells the password", test.args, err)
		}
	}
}

func TestBenchVerdict(t *testing.T) {
	answered := results.Counts{Sent: 10, OK: 0, Failed: 10, Status: map[string]int64{"500": 10}}
	unexpected := results.Counts{Sent: 10, Failed: 10, Errors: map[string]int64{"unexpected answer": 10}}
	whole := results.LatencyStats{Processing: results.Stats{Count: 10}}
	refused := results.Counts{Sent: 10, Failed: 10, Errors: map[string]int64{"refused": 9, "timeout": 1}}
	for _, test := range []struct {
		trial results.Trial
		code  int
		want  string
	}{
		{results.Trial{Requests: answered, Latency: whole, Validity: results.Validity{Verdict: results.Valid}}, exitOK, ""},
		{results.Trial{Requests: answered, Latency: whole, Validity: results.Validity{Verdict: results.Suspect}}, exitOK, ""},
		{results.Trial{Requests: answered, Latency: whole, Validity: results.Validity{Verdict: results.Invalid, Reasons: []string{"late"}}}, exitInvalid, "late"},
		{results.Trial{Requests: unexpected, Latency: whole, Validity: results.Validity{Verdict: results.Valid}}, exitOK, ""},
		{results.Trial{Requests: refused, Validity: results.Validity{Verdict: results.Valid}}, exitError, "no request got an answer (refused, timeout)"},
	} {
		err := benchVerdict(test.trial)
		if code := exitCode(err); code != test.code || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: exit code %d, %v, want %d", test.trial.Requests, code, err, test.code)
		}
	}
}

// Where lines stay, there is one for each ten seconds.
func TestBenchProgress(t *testing.T) {
	var b bytes.Buffer
	p := newBenchProgress(&b, load.Job{Duration: time.Minute}, false)
	for n := range 25 {
		i := results.Interval{
			Start: time.Duration(n) * time.Second, Length: time.Second,
			Requests: results.Counts{Sent: 100, OK: 99, Failed: 1}, Latencies: results.NewLatencies(),
		}
		for range 100 {
			i.Latencies.Response.Record(2 * time.Millisecond)
		}
		p.second(i)
	}
	p.close()
	want := "10s of 1m  100.0/s  p50 2.00 ms  p99 2.00 ms  10 errors\n20s of 1m  100.0/s  p50 2.00 ms  p99 2.00 ms  10 errors\n"
	if b.String() != want {
		t.Errorf("progress is\n%swant\n%s", &b, want)
	}
}

// serves is a command of scripts.
func serves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serves NAME")
	}
	site, err := fixtures.NewStatic("static-1")
	ts.Check(err)
	server := httptest.NewUnstartedServer(site)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// takes is a command of scripts.
func takes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: takes NAME")
	}
	gateway, err := fixtures.NewGateway(fixtures.GatewayOptions{Until: "\n", Answer: "OK\n"})
	ts.Check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	go func() { _ = gateway.Serve(listener) }() // until it is closed
	ts.Defer(func() { _ = gateway.Close() })
	stats := httptest.NewServer(gateway.StatsHandler())
	ts.Defer(stats.Close)
	ts.Setenv(args[0], listener.Addr().String())
	ts.Setenv(args[0]+"_STATS", stats.URL)
}

// took is a command of scripts.
func took(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: took NAME COUNT")
	}
	answer, err := http.Get(ts.Getenv(args[0] + "_STATS"))
	ts.Check(err)
	defer answer.Body.Close()
	var stats fixtures.GatewayStats
	ts.Check(json.NewDecoder(answer.Body).Decode(&stats))
	if strconv.FormatInt(stats.Messages, 10) != args[1] {
		ts.Fatalf("the gateway has read %d lines, want %s", stats.Messages, args[1])
	}
}

// histograms is a command of scripts.
func histograms(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: histograms FILE COUNT")
	}
	reader := hdrhistogram.NewHistogramLogReader(strings.NewReader(ts.ReadFile(args[0])))
	var count int64
	for {
		h, err := reader.NextIntervalHistogram()
		ts.Check(err)
		if h == nil {
			break
		}
		if h.Tag() == "" {
			count += h.TotalCount()
		}
	}
	if strconv.FormatInt(count, 10) != args[1] {
		ts.Fatalf("%s holds %d counts, want %s", args[0], count, args[1])
	}
}
