package scenarios

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/internal/testenv"
	"plimsoll/scenarios/topology"
)

// TestBroken compares everything that is said about each broken file with the
// file beside it.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Read(filepath.ToSlash(file))
			var problems *Error
			if !errors.As(err, &problems) {
				t.Fatalf("Read: %v, want an *Error", err)
			}
			testenv.Golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestNoScenario(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, want string }{
		{"twpi", `did you mean "twip"?`},
		{"quite-different", "(shipped: cloud, gateways, twip)"},
		{"no/such.yaml", `there is no file "no/such.yaml"`},
		{"nowhere.yaml", `there is no file "nowhere.yaml"`},
		{dir, "is a folder"},
		{"", "there is no file"},
	}
	for _, tt := range tests {
		_, err := Read(tt.name)
		var problems *Error
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Read(%q): %v, want an *Error with %q", tt.name, err, tt.want)
		}
	}
}

// A folder with a shipped scenario's name does not hide it.
func TestShippedBesideFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("twip", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Read("twip"); err != nil {
		t.Error(err)
	}
}

func TestShipped(t *testing.T) {
	want := []ShippedScenario{{"cloud", "The production stack, once here and once at an emulated distance"}, {"gateways", "Sensor gateways that send their readings over TCP, and the pages of those who look at them"}, {"twip", "One news application, deployed twice"}}
	if diff := cmp.Diff(want, Shipped()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, shipped := range Shipped() {
		s, err := Read(shipped.Name)
		if err != nil {
			t.Errorf("%s: %v", shipped.Name, err)
			continue
		}
		if len(s.Warnings) > 0 {
			t.Errorf("%s asks for what is not honoured: %q", shipped.Name, s.Warnings)
		}
	}
}

// TestTwipReal: a scenario on real images is not embedded, but it is good.
func TestTwipReal(t *testing.T) {
	got, err := Read("../fixtures/twip/twip.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fits := map[string][]bool{}
	for _, e := range got.Environments {
		for _, scale := range got.Scales {
			fits[e.Name] = append(fits[e.Name], e.Fits(scale))
		}
	}
	if diff := cmp.Diff(map[string][]bool{"training": {true, false}, "production": {true, true}, "cloud": {true, true}}, fits); diff != "" {
		t.Errorf("which scales fit (-want +got)\n%s", diff)
	}
	const warning = "the environment training is not measured at static=2,web=3, it has not all of these services"
	if !slices.Contains(got.Warnings, warning) {
		t.Errorf("warnings %q do not have %q", got.Warnings, warning)
	}
}

func TestTwip(t *testing.T) {
	got, err := Read("twip")
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Name: "twip",
		Environments: []Environment{
			{Name: "training", Target: "http://static:8080"},
			{Name: "production", Target: "http://proxy:8080"},
		},
		Scales: []Scale{{}, {"web": 3, "static": 2}},
		Requests: []Request{
			{Name: "GET /", Method: "GET", Path: "/", Weight: 9},
			{Name: "GET /Read.action", Method: "GET", Path: "/Read.action", Weight: 1},
		},
		Loads: []Load{
			{Name: "ab", Mode: Closed, Requests: 1000, Concurrency: 10, Timeout: 30 * time.Second},
			{Name: "steady", Mode: Open, Rate: Rate{200, time.Second}, Arrivals: Constant, Duration: 10 * time.Second, Timeout: 30 * time.Second},
		},
		Warmup: Warmup{For: 3 * time.Second}, Trials: 1,
		Objectives: []Objective{
			{Text: "p(99) < 1s", Metric: Percentile, Rank: 99, Compare: "<", Limit: 1e9},
			{Text: "errors < 0.1%", Metric: Errors, Compare: "<", Limit: 0.001},
		},
	}
	if diff := cmp.Diff(want, got, ignoreOrigin(), cmpopts.IgnoreFields(Environment{}, "Topology")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for environment, services := range map[string]map[string]int{
		"training":   {"static": 1, "web": 2},
		"production": {"proxy": 1, "static": 1, "web": 1},
	} {
		e, ok := got.Environment(environment)
		if !ok {
			t.Errorf("no environment %s", environment)
			continue
		}
		if diff := cmp.Diff(services, e.Topology.Scale()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", environment, diff)
		}
	}
}

// ignoreOrigin leaves out where a scenario was read from.
func ignoreOrigin() cmp.Option {
	return cmp.Options{
		cmpopts.IgnoreFields(Scenario{}, "File", "Source"),
		cmpopts.IgnoreFields(Objective{}, "Place"),
		cmpopts.IgnoreFields(Environment{}, "TopologyFile"),
		cmpopts.IgnoreFields(topology.Topology{}, "Dir", "Origin"),
	}
}

const rich = `
x-defaults: &defaults {duration: 1m30s, timeout: 2s}
environments:
  zeta: {topology: stack/compose.yaml, target: "https://proxy:8443"}
  alpha: {target: "http://192.0.2.7:8080/"}
  other: {topology: stack/compose.yaml, target: http://localhost:9, engine: process}
  near: {topology: stack/compose.yaml, target: http://proxy, engine: auto}
  named: {topology: stack/compose.yaml, target: http://proxy, engine: {context: aws-tokyo}}
  far: {topology: stack/compose.yaml, target: http://proxy, engine: {host: "ssh://me@far:2222/run/docker.sock"}}
  secure: {topology: stack/compose.yaml, target: http://proxy, engine: {host: "tcp://192.0.2.7:2376", tls: certificates}}
scales: [~, {web: 0}, {web: 2, proxy: 4}]
requests:
  - {post: "/a?b=c&d=<e>", headers: {X-Text: "quote \" back \\ colon: # { é", X-Number: 007, X-Flag: true}, body: "line 1\n  line 2\ttab\n", weight: 3}
  - {name: "odd 'name' - yes", delete: /x}
  - {put: /, body: "no"}
  - {patch: /, body: 1e3}
  - {head: /}
  - get: /block
    body: |
      {"json": [1, 2]}
      # no comment
loads:
  zz: {<<: *defaults, rate: 3000/m}
  odd: {<<: *defaults, rate: 50/10s, keepalive: true}
  hourly: {rate: 7/h, duration: 1h}
  plain: {rate: 50, duration: 1s}
  aa: {concurrency: 3, duration: 500ms}
  ramp: {stages: [{to: 500/s, over: 30s}, {to: 500/s, over: 1m}], arrivals: poisson}
  spike: {rate: 90/m, stages: [{to: 50, over: 0}, {to: 50, over: 10s}, {to: 0, over: 0s}, {to: 0/h, over: 5s}], arrivals: constant}
  tide: {<<: *defaults, rate: 200/s, sine: {amplitude: 100/s, period: 1m}}
  ebb: {<<: *defaults, rate: 200/s, sine: {amplitude: 12000/m, period: 90s, start: trough}, arrivals: poisson}
  pensive: {concurrency: 3, requests: 30, think: 250ms}
  capped: {rate: 5/s, duration: 1s, connections: 7, target: http://proxy:81}
  gateways: {protocol: tcp, target: tcp://proxy:6000, payload: reading.xml, expect: OK, rate: 50/s, connections: 20, duration: 30s}
  binary:
    protocol: tcp
    target: tcp://192.0.2.7:1
    concurrency: 2
    duration: 1s
    keepalive: true
    until: "\r\n"
    payloads: [{text: "a\nb: # \" é", name: text, weight: 3}, {base64: "AP8="}, {file: reading.xml}]
  farewell: {protocol: tcp, target: tcp://proxy:1, payloads: [{text: x}], until: close, expect: bye, requests: 2, concurrency: 1}
  exact: {protocol: tcp, target: tcp://proxy:1, payloads: [{text: x}], length: 4, requests: 2, concurrency: 1}
warmup: none
objectives: [p99.9 <= 250ms, mean>5us, "max < 2m", errors <= 0, throughput >= 30/m]
`

func readRich(t *testing.T, dir string) *Scenario {
	t.Helper()
	write(t, dir, "rich.yaml", rich)
	write(t, dir, "stack/compose.yaml", "services: {proxy: {image: 'x:${TAG:-1}', restart: always, command: ['a$$b'], volumes: ['./html:/html']}, web: {image: y, env_file: web.env}}\n")
	write(t, dir, "reading.xml", "<reading>\n</reading>\n")
	write(t, dir, "certificates/ca.pem", "")
	write(t, dir, "stack/web.env", "KEY=value with spaces\n")
	s, err := Read(filepath.Join(dir, "rich.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRich(t *testing.T) {
	dir := t.TempDir()
	got := readRich(t, dir)
	second, minute := time.Second, time.Minute
	reading := []byte("<reading>\n</reading>\n")
	want := &Scenario{
		Name: "rich",
		Environments: []Environment{
			{Name: "zeta", Target: "https://proxy:8443"},
			{Name: "alpha", Target: "http://192.0.2.7:8080/"},
			{Name: "other", Target: "http://localhost:9", Engine: Engine{Kind: ProcessEngine}},
			{Name: "near", Target: "http://proxy", Engine: Engine{Kind: AutoEngine}},
			{Name: "named", Target: "http://proxy", Engine: Engine{Context: "aws-tokyo"}},
			{Name: "far", Target: "http://proxy", Engine: Engine{Host: "ssh://me@far:2222/run/docker.sock"}},
			{Name: "secure", Target: "http://proxy", Engine: Engine{Host: "tcp://192.0.2.7:2376", TLS: filepath.Join(dir, "certificates")}},
		},
		Scales: []Scale{{}, {"web": 0}, {"web": 2, "proxy": 4}},
		Requests: []Request{
			{
				Name: "POST /a?b=c&d=<e>", Method: "POST", Path: "/a?b=c&d=<e>", Weight: 3, Body: "line 1\n  line 2\ttab\n",
				Headers: map[string]string{"X-Text": `quote " back \ colon: # { é`, "X-Number": "007", "X-Flag": "true"},
			},
			{Name: "odd 'name' - yes", Method: "DELETE", Path: "/x", Weight: 1},
			{Name: "PUT /", Method: "PUT", Path: "/", Body: "no", Weight: 1},
			{Name: "PATCH /", Method: "PATCH", Path: "/", Body: "1e3", Weight: 1},
			{Name: "HEAD /", Method: "HEAD", Path: "/", Weight: 1},
			{Name: "GET /block", Method: "GET", Path: "/block", Body: "{\"json\": [1, 2]}\n# no comment\n", Weight: 1},
		},
		Loads: []Load{
			{Name: "zz", Mode: Open, Rate: Rate{3000, minute}, Arrivals: Constant, Duration: 90 * second, Timeout: 2 * second},
			{Name: "odd", Mode: Open, Rate: Rate{50, 10 * second}, Arrivals: Constant, Duration: 90 * second, Timeout: 2 * second, KeepAlive: true},
			{Name: "hourly", Mode: Open, Rate: Rate{7, time.Hour}, Arrivals: Constant, Duration: time.Hour, Timeout: 30 * second},
			{Name: "plain", Mode: Open, Rate: Rate{50, second}, Arrivals: Constant, Duration: second, Timeout: 30 * second},
			{Name: "aa", Mode: Closed, Concurrency: 3, Duration: 500 * time.Millisecond, Timeout: 30 * second},
			{
				Name: "ramp", Mode: Open, Arrivals: Poisson, Duration: 90 * second, Timeout: 30 * second,
				Stages: []Stage{{Rate{500, second}, 30 * second}, {Rate{500, second}, minute}},
			},
			{
				Name: "spike", Mode: Open, Rate: Rate{90, minute}, Arrivals: Constant, Duration: 15 * second, Timeout: 30 * second,
				Stages: []Stage{{Rate{50, second}, 0}, {Rate{50, second}, 10 * second}, {Rate{0, second}, 0}, {Rate{0, second}, 5 * second}},
			},
			{
				Name: "tide", Mode: Open, Rate: Rate{200, second}, Arrivals: Constant, Duration: 90 * second, Timeout: 2 * second,
				Sine: &Sine{Amplitude: Rate{100, second}, Period: minute, Start: Rising},
			},
			{
				Name: "ebb", Mode: Open, Rate: Rate{200, second}, Arrivals: Poisson, Duration: 90 * second, Timeout: 2 * second,
				Sine: &Sine{Amplitude: Rate{12000, minute}, Period: 90 * second, Start: Trough},
			},
			{Name: "pensive", Mode: Closed, Concurrency: 3, Requests: 30, Think: 250 * time.Millisecond, Timeout: 30 * second},
			{Name: "capped", Mode: Open, Rate: Rate{5, second}, Arrivals: Constant, Duration: second, Timeout: 30 * second, Connections: 7, Target: "http://proxy:81"},
			{
				Name: "gateways", Mode: Open, Rate: Rate{50, second}, Arrivals: Constant, Duration: 30 * second, Timeout: 30 * second, Connections: 20,
				Target: "tcp://proxy:6000", TCP: &Reply{Expect: "OK"}, Payloads: []Payload{{"reading.xml", reading, 1}},
			},
			{
				Name: "binary", Mode: Closed, Concurrency: 2, Duration: second, KeepAlive: true, Timeout: 30 * second,
				Target: "tcp://192.0.2.7:1", TCP: &Reply{Until: "\r\n"},
				Payloads: []Payload{{"text", []byte("a\nb: # \" é"), 3}, {"payload 2", []byte{0, 255}, 1}, {"reading.xml", reading, 1}},
			},
			{
				Name: "farewell", Mode: Closed, Requests: 2, Concurrency: 1, Timeout: 30 * second,
				Target: "tcp://proxy:1", TCP: &Reply{Close: true, Expect: "bye"}, Payloads: []Payload{{"payload 1", []byte("x"), 1}},
			},
			{
				Name: "exact", Mode: Closed, Requests: 2, Concurrency: 1, Timeout: 30 * second,
				Target: "tcp://proxy:1", TCP: &Reply{Length: 4}, Payloads: []Payload{{"payload 1", []byte("x"), 1}},
			},
		},
		Trials: 3,
		Objectives: []Objective{
			{Text: "p99.9 <= 250ms", Metric: Percentile, Rank: 99.9, Compare: "<=", Limit: 250e6},
			{Text: "mean>5us", Metric: Mean, Compare: ">", Limit: 5000},
			{Text: "max < 2m", Metric: Max, Compare: "<", Limit: 120e9},
			{Text: "errors <= 0", Metric: Errors, Compare: "<="},
			{Text: "throughput >= 30/m", Metric: Throughput, Compare: ">=", Limit: 0.5},
		},
	}
	opts := cmp.Options{ignoreOrigin(), cmpopts.IgnoreFields(Environment{}, "Topology"), cmpopts.IgnoreFields(Scenario{}, "Warnings")}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "stack/compose.yaml: services.proxy.restart is not applied") {
		t.Errorf("warnings %q, want one, of restart", got.Warnings)
	}
}

func TestLoadText(t *testing.T) {
	s := readRich(t, t.TempDir())
	for name, want := range map[string]struct{ text, warmup string }{
		"zz":       {"open loop, 3000/m for 1m30s", "3000/m"},
		"gateways": {"open loop, 50/s for 30s, at most 20 at once, over TCP, to tcp://proxy:6000", "50/s"},
		"aa":       {"closed loop, 500ms, 3 at a time", "0/s"},
		"pensive":  {"closed loop, 30 requests, 3 at a time, each thinking 250ms", "0/s"},
		"ramp":     {"open loop, 0/s to 500/s over 30s, 500/s for 1m, Poisson arrivals", "500/s"},
		"spike":    {"open loop, at once 50/s, 50/s for 10s, at once 0/s, 0/s for 5s", "50/s"},
		"tide":     {"open loop, 200/s ± 100/s in waves of 1m for 1m30s, rising first", "200/s"},
		"ebb":      {"open loop, 200/s ± 12000/m in waves of 1m30s for 1m30s, trough first, Poisson arrivals", "200/s"},
	} {
		l, ok := s.Load(name)
		if !ok {
			t.Errorf("no load %s", name)
			continue
		}
		if got := l.Text(); got != want.text {
			t.Errorf("%s: %q, want %q", name, got, want.text)
		}
		if got := l.WarmupRate().String(); got != want.warmup {
			t.Errorf("%s: warmed up at %s, want %s", name, got, want.warmup)
		}
	}
	down := Load{Mode: Open, Rate: Rate{10, time.Second}, Stages: []Stage{{Rate{0, time.Second}, time.Second}}}
	if got := down.WarmupRate(); got != down.Rate {
		t.Errorf("stages that lead to nothing are warmed up at %s, want %s", got, down.Rate)
	}
}

// TestResolved stores scenarios as a run does and reads them again.
func TestResolved(t *testing.T) {
	twip, err := Read("twip")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TAG", "7")
	dir := t.TempDir()
	write(t, dir, "only-tcp.yaml", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, payloads: [{text: \"\\x02a\\0\\r\\n\"}], until: \"\\x03\", rate: 1/s, duration: 1s}}")
	onlyTCP, err := Read(filepath.Join(dir, "only-tcp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c := onlyTCP.Loads[0]; string(c.Payloads[0].Bytes) != "\x02a\x00\r\n" || c.TCP.Until != "\x03" {
		t.Errorf("%q until %q", c.Payloads[0].Bytes, c.TCP.Until)
	}
	authority := httptest.NewTLSServer(nil)
	defer authority.Close()
	write(t, dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw})))
	write(t, dir, "secure.yaml", `environments: {a: {target: "https://b", tls: {ca: ca.pem, server_name: c}}, d: {target: "https://e", tls: {insecure: true}}}
loads: {f: {requests: 1, concurrency: 1, redirects: 3, cookies: true}}`)
	secure, err := Read(filepath.Join(dir, "secure.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*Scenario{twip, onlyTCP, secure, readRich(t, t.TempDir())} {
		t.Run(want.Name, func(t *testing.T) {
			t.Setenv("TAG", "8") // what was resolved stays
			text, files, err := want.Resolved()
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write(t, dir, "scenario.yaml", string(text))
			for name, content := range files {
				write(t, dir, name, string(content))
			}
			got, err := Read(filepath.Join(dir, "scenario.yaml"))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(want, got, ignoreOrigin(), cmpopts.IgnoreFields(Scenario{}, "Warnings")); diff != "" {
				t.Errorf("(-stored +read)\n%s", diff)
			}
			again, _, err := got.Resolved()
			if err != nil || !bytes.Equal(text, again) {
				t.Errorf("resolved once more: %v\n%s", err, cmp.Diff(string(text), string(again)))
			}
		})
	}
}

// FuzzParse sees to it that no text makes the reader panic, that what is wrong
// has a place in its file, and that what is right can be stored.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(seeds, "twip.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(rich)
	f.Add(inCompose)
	stack := topology.Source{File: "compose.yaml", Text: []byte("services: {proxy: {image: x}, web: {image: y}}")}
	open := func(name string) (topology.Source, error) {
		if strings.Contains(name, "nowhere") {
			return topology.Source{}, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
		}
		return stack, nil
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse("fuzz.yaml", []byte(text), open)
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		stored, _, err := s.Resolved()
		if err != nil {
			t.Fatalf("Resolved: %v", err)
		}
		again, err := parse("again.yaml", stored, open)
		if err != nil {
			t.Fatalf("%v\n%s", err, stored)
		}
		if diff := cmp.Diff(s, again, ignoreOrigin(), cmpopts.IgnoreFields(Scenario{}, "Warnings", "Embedded"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-stored +read)\n%s", diff)
		}
	})
}

func checkProblems(t *testing.T, text string, err error) {
	t.Helper()
	var all *Error
	if !errors.As(err, &all) || len(all.Problems) == 0 {
		t.Fatalf("%v (%T) is no *Error with problems", err, err)
	}
	lines := strings.Count(text, "\n") + 1
	for _, p := range all.Problems {
		if p.Line < 1 || p.Line > lines || p.Column < 1 {
			t.Errorf("a problem has the place %d:%d in a file of %d lines: %v", p.Line, p.Column, lines, p)
		}
	}
}
