package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/fixtures"
	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/docker"
	"plimsoll/runner/engine/process"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// The tests below hold the whole path, from the scenario to the record, against
// truths that are known in advance. They run on every engine.

// buildProgram builds the program as users get it.
func buildProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plimsoll")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// opener opens an engine for one run; the runner closes it.
type opener func(context.Context, scenarios.Environment) (engine.Engine, error)

// onEveryEngine runs test on processes and, if one answers, on Docker.
func onEveryEngine(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	self := buildProgram(t)
	t.Run("process", func(t *testing.T) {
		test(t, func(context.Context, scenarios.Environment) (engine.Engine, error) {
			return process.New(process.Options{Self: self})
		})
	})
	t.Run("docker", func(t *testing.T) {
		testenv.Docker(t)
		test(t, func(ctx context.Context, _ scenarios.Environment) (engine.Engine, error) {
			return docker.New(ctx, docker.Options{Self: self})
		})
	})
}

// measure runs a scenario of one cell on an engine and returns its trial.
func measure(t *testing.T, open opener, compose, scenario string, onStep func(step, stack string)) results.Trial {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"compose.yaml": compose, "scenario.yaml": scenario} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := scenarios.Read(filepath.Join(dir, "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Compile(s, plan.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "results")
	outcome, err := runner.Run(t.Context(), runner.Options{
		Scenario: s, Plan: p, Out: out, Progress: steps{out: out, tell: onStep},
		Engine: open,
	})
	if err != nil || len(outcome.Failures) > 0 {
		t.Fatalf("run: %v %+v", err, outcome.Failures)
	}
	run, err := results.Open(outcome.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return run.Trials[0].Trial
}

// steps tells a test which step of the only trial begins, and the name of its
// stack.
type steps struct {
	quietProgress
	out  string
	tell func(step, stack string)
}

func (s steps) Doing(step string) {
	runs, err := filepath.Glob(filepath.Join(s.out, "*"))
	if err == nil && len(runs) == 1 && s.tell != nil {
		s.tell(step, filepath.Base(runs[0])+"-001")
	}
}

// What the worker counted, what the balancer counted and what the application
// wrote down agree to the last request.
func TestCountsAgreeExactly(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, open opener) {
		journal := filepath.Join(t.TempDir(), "journal")
		if err := os.Mkdir(journal, 0o755); err != nil {
			t.Fatal(err)
		}
		compose := fmt.Sprintf(`
services:
  proxy:
    image: plimsoll
    command: [fixture, balancer, --listen, ":80", --stats, ":1936", --backend, "web:8080"]
    expose: ["80", "1936"]
    depends_on: [web]
  web:
    image: plimsoll
    command: [fixture, news, --listen, ":8080", --journal, /journal/posts.log]
    volumes: [%q]
    expose: ["8080"]
    scale: 3
`, journal+":/journal")
		const scenario = `
name: counts
environments: {here: {topology: compose.yaml, target: "http://proxy"}}
requests:
  - {get: /, weight: 7}
  - {get: /Read.action, weight: 2}
  - {post: /Post.action, headers: {Content-Type: application/x-www-form-urlencoded}, body: title=plimsoll}
loads: {ab: {requests: 10000, concurrency: 10}}
warmup: none
trials: 1
`
		// The runner's own probe comes before "measuring", the teardown after.
		var eng engine.Engine
		var before, after fixtures.BalancerStats
		watched := func(ctx context.Context, env scenarios.Environment) (engine.Engine, error) {
			var err error
			eng, err = open(ctx, env)
			return eng, err
		}
		trial := measure(t, watched, compose, scenario, func(step, stack string) {
			switch step {
			case "measuring":
				before = balancerStats(t, eng, stack)
			case "taking down":
				after = balancerStats(t, eng, stack)
			}
		})

		if trial.Requests.Sent != 10000 || trial.Requests.OK != 10000 || trial.Requests.Failed != 0 {
			t.Errorf("worker: %+v, want 10 000 sent and good", trial.Requests)
		}
		if got := after.Clients.Requests - before.Clients.Requests; got != 10000 {
			t.Errorf("balancer: %d requests from clients, want 10 000", got)
		}
		var backends int64
		for _, b := range after.Backends {
			backends += b.Requests
		}
		for _, b := range before.Backends {
			backends -= b.Requests
		}
		if backends != 10000 {
			t.Errorf("balancer: %d requests to backends, want 10 000", backends)
		}
		if in := after.Clients.BytesOut - before.Clients.BytesOut; in != trial.Bytes.Body {
			t.Errorf("balancer sent bodies of %d bytes, worker received %d", in, trial.Bytes.Body)
		}
		var served int64
		for _, u := range trial.Usage {
			served += *u.Requests
		}
		if served != 10000 {
			t.Errorf("replicas named in the answers: %d, want 10 000", served)
		}
		posts := countLines(t, filepath.Join(journal, "posts.log"))
		if posts != 1000 {
			t.Errorf("journal: %d posts, want a tenth of 10 000", posts)
		}
	})
}

func balancerStats(t *testing.T, eng engine.Engine, stack string) fixtures.BalancerStats {
	t.Helper()
	addrs, err := eng.Endpoint(t.Context(), stack, "proxy", 1936)
	if err != nil || len(addrs) != 1 {
		t.Fatalf("balancer's counters: %v, %v", addrs, err)
	}
	resp, err := http.Get("http://" + addrs[0].String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var stats fixtures.BalancerStats
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	return stats
}

func countLines(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// attempts is how often a measurement may be repeated. What else happens on the
// machine can only add to a latency or a cost; a mistake of ours would show
// every time.
const attempts = 6

// On a service that burns a known amount of CPU time for each request, CPU per
// request is that amount.
func TestCPUPerRequestIsTrue(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, open opener) {
		const (
			compose = `
services:
  web:
    image: plimsoll
    command: [fixture, news, --listen, ":8080", --burn, 20ms, --threads, "1"]
    expose: ["8080"]
`
			scenario = `
name: burn
environments: {here: {topology: compose.yaml, target: "http://web:8080"}}
loads: {steady: {rate: 20/s, duration: 5s, keepalive: true}}
warmup: 500ms
trials: 1
`
			want = 20 * time.Millisecond
		)
		eventually(t, func() error {
			trial := measure(t, open, compose, scenario, nil)
			got := trial.Usage[0].CPUPerRequest
			t.Logf("CPU per request: %v, want %v", got, want)
			if off := math.Abs(float64(got-want)) / float64(want); off > 0.05 {
				return fmt.Errorf("CPU per request is %v, %.1f %% off %v", got, 100*off, want)
			}
			return nil
		})
	})
}

// An open-loop run at 500/s reports the percentiles of a service whose
// distribution of service times is known.
func TestPercentilesAreTrue(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, open opener) {
		const (
			distribution = "lognormal(40ms,0.4)"
			compose      = `
services:
  web:
    image: plimsoll
    command: [fixture, news, --listen, ":8080", --service-time, "` + distribution + `"]
    expose: ["8080"]
`
			scenario = `
name: truth
environments: {here: {topology: compose.yaml, target: "http://web:8080"}}
loads: {steady: {rate: 500/s, duration: 10s, keepalive: true}}
warmup: 1s
trials: 1
`
		)
		truth, err := fixtures.ParseDistribution(distribution)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			trial := measure(t, open, compose, scenario, nil)
			response := trial.Latency.Response
			var off []string
			for _, q := range []struct {
				rank float64
				got  time.Duration
			}{{0.50, response.P50}, {0.90, response.P90}, {0.99, response.P99}} {
				want := truth.Quantile(q.rank)
				t.Logf("p%g: %v, truth %v (%+v)", 100*q.rank, q.got, want, q.got-want)
				if limit := max(want/50, 200*time.Microsecond); (q.got - want).Abs() > limit {
					off = append(off, fmt.Sprintf("p%g is %v, truth is %v", 100*q.rank, q.got, want))
				}
			}
			if len(off) > 0 {
				return fmt.Errorf("%s (validity %+v)", strings.Join(off, ", "), trial.Validity)
			}
			return nil
		})
	})
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range attempts {
		if err = try(); err == nil || t.Failed() {
			return
		}
		t.Log(err)
	}
	t.Errorf("%d times in a row: %v", attempts, err)
}

// Real ab against the same service reports the same requests per second, and
// our table of a closed loop satisfies the identities of ab's.
func TestAgreesWithAB(t *testing.T) {
	ab := testenv.Command(t, "ab", "ab")
	self := buildProgram(t)
	url := startNews(t, self, "--service-time", "const(4ms)")
	dir := t.TempDir()
	scenario := fmt.Sprintf("name: ab\nenvironments: {here: {target: %q}}\nloads: {ab: {requests: 2000, concurrency: 10}}\nwarmup: none\ntrials: 1\n", url)
	if err := os.WriteFile(filepath.Join(dir, "ab.yaml"), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	var ratios []float64
	for range 5 {
		theirs := tableOf(t, exec.Command(ab, "-q", "-n", "2000", "-c", "10", url+"/"))
		run := exec.Command(self, "run", "ab.yaml", "--quiet")
		run.Dir = dir
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("run: %v\n%s", err, out)
		}
		report := exec.Command(self, "report", "latest", "--format", "ab")
		report.Dir = dir
		ours := tableOf(t, report)
		checkIdentities(t, ours)
		ratios = append(ratios, ours["Requests per second"]/theirs["Requests per second"])
	}
	slices.Sort(ratios)
	t.Logf("requests/s, ours ÷ ab's, interleaved: %.3f", ratios)
	if median := ratios[len(ratios)/2]; math.Abs(median-1) > 0.10 {
		t.Errorf("median of requests/s ÷ ab's = %.3f, want within 10 %%", median)
	}
}

// startNews runs the news application as a process of its own and returns its
// URL.
func startNews(t *testing.T, self string, flags ...string) string {
	t.Helper()
	_, url := startFixture(t, self, "news", flags...)
	return url
}

// startFixture runs one of the shipped services as a process of its own.
func startFixture(t *testing.T, self, name string, flags ...string) (cmd *exec.Cmd, url string) {
	t.Helper()
	cmd = exec.Command(self, append([]string{"fixture", name, "--listen", "127.0.0.1:0"}, flags...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "listening on "); ok {
			return cmd, "http://" + strings.Fields(addr)[0]
		}
	}
	t.Fatalf("%s did not say where it listens: %v", name, lines.Err())
	return nil, ""
}

var tableLine = regexp.MustCompile(`(?m)^([A-Z][A-Za-z ]+):\s+([0-9]+\.?[0-9]*)\b(?:[^.]|$)`)

// tableOf reads the numbers of ab's table. Of the two lines "Time per request"
// the first one counts.
func tableOf(t *testing.T, cmd *exec.Cmd) map[string]float64 {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	table := map[string]float64{}
	for _, m := range tableLine.FindAllSubmatch(out, -1) {
		name := string(m[1])
		if _, ok := table[name]; ok {
			continue
		}
		if table[name], err = strconv.ParseFloat(string(m[2]), 64); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

// checkIdentities holds the table against n/T, c·T/n and bytes/T, as exactly
// as its three decimals of T allow.
func checkIdentities(t *testing.T, table map[string]float64) {
	t.Helper()
	n, T := table["Complete requests"], table["Time taken for tests"]
	const half = 0.0005
	for name, of := range map[string]func(T float64) float64{
		"Requests per second": func(T float64) float64 { return n / T },
		"Time per request":    func(T float64) float64 { return table["Concurrency Level"] * T * 1000 / n },
		"Transfer rate":       func(T float64) float64 { return table["Total transferred"] / 1024 / T },
	} {
		a, b := of(T-half), of(T+half)
		if got := table[name]; got < min(a, b)-0.01 || got > max(a, b)+0.01 {
			t.Errorf("%s is %v, want between %v and %v", name, got, min(a, b), max(a, b))
		}
	}
}
