package runner_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

const composeText = `
services:
  proxy: {image: plimsoll, expose: ["80"], depends_on: [web], healthcheck: {test: [CMD, "true"]}}
  web: {image: plimsoll, expose: ["8080"], healthcheck: {test: [CMD, "true"]}}
`

const scenarioText = `
name: story
environments:
  training: {topology: compose.yaml, target: "http://proxy"}
  production: {topology: compose.yaml, target: "http://proxy"}
scales: [{}, {web: 3}]
loads:
  ab: {requests: 50, concurrency: 5}
warmup: none
trials: 1
objectives: ["errors < 1%"]
`

// stage is a scenario with a fake engine whose targets are a real server.
type stage struct {
	fake *enginetest.Fake
	opt  runner.Options
	hits atomic.Int64
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"compose.yaml": composeText, "story.yaml": scenarioText} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	scenario, err := scenarios.Read(filepath.Join(dir, "story.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Compile(scenario, plan.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.hits.Add(1)
		w.Header().Set("X-Served-By", "web-1")
		fmt.Fprint(w, "news")
	}))
	t.Cleanup(server.Close)
	s.fake = &enginetest.Fake{
		Behaviours: map[string]enginetest.Behaviour{
			"proxy": {Endpoint: netip.MustParseAddrPort(server.Listener.Addr().String()), MemoryBytes: 1 << 20},
			"web":   {CPUs: 0.5, MemoryBytes: 10 << 20},
		},
		Work: worker.Main,
	}
	s.opt = runner.Options{
		Scenario: scenario, Plan: p, Out: filepath.Join(dir, "results"), ReadyWithin: 2 * time.Second,
		Engine:  func(context.Context, scenarios.Environment) (engine.Engine, error) { return s.fake, nil },
		Version: "test",
	}
	return s
}

// run runs the stage and checks what must hold in every case: nothing is left
// of any stack, and the record can be read.
func (s *stage) run(ctx context.Context, t *testing.T) (runner.Outcome, *results.Run, error) {
	t.Helper()
	outcome, err := runner.Run(ctx, s.opt)
	names := map[string]bool{}
	for _, op := range s.fake.Ops() {
		names[op.Stack] = true
	}
	s.fake.Unreachable = nil
	for name := range names {
		state, err := s.fake.Observe(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(state.Replicas)+len(state.Networks)+len(state.Volumes) > 0 {
			t.Errorf("%s was left behind: %+v", name, state)
		}
	}
	if outcome.Dir == "" {
		return outcome, nil, err
	}
	run, openErr := results.Open(outcome.Dir)
	if openErr != nil {
		t.Fatal(openErr)
	}
	return outcome, run, err
}

// hook is a Progress made of functions.
type hook struct {
	began func(plan.Trial)
	doing func(step string)
}

func (h hook) TrialBegan(t plan.Trial) {
	if h.began != nil {
		h.began(t)
	}
}

func (h hook) Fetching(string) {}

func (h hook) Doing(step string) {
	if h.doing != nil {
		h.doing(step)
	}
}

func (hook) Second(results.Interval)                      {}
func (hook) TrialEnded(plan.Trial, *results.Trial, error) {}

func TestRunMeasuresEveryCell(t *testing.T) {
	s := newStage(t)
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) > 0 {
		t.Fatalf("run: %v, failures %v", err, outcome.Failures)
	}
	if run.Manifest.Outcome != "complete" || len(run.Trials) != 4 {
		t.Fatalf("outcome %q with %d trials, want complete with 4", run.Manifest.Outcome, len(run.Trials))
	}
	cells := map[string]bool{}
	for _, stored := range run.Trials {
		trial := stored.Trial
		cells[fmt.Sprint(trial.Environment, trial.Scale)] = true
		if trial.Requests.Sent != 50 || trial.Requests.OK != 50 {
			t.Errorf("trial %d: %+v, want 50 sent and good", trial.Index, trial.Requests)
		}
		if len(trial.Startup) != trial.Scale["web"]+1 {
			t.Errorf("trial %d: start-up of %v, want proxy and %d web replicas", trial.Index, trial.Startup, trial.Scale["web"])
		}
		var web1 results.UsageTotal
		for _, u := range trial.Usage {
			if u.Replica == "web-1" {
				web1 = u
			}
		}
		// The fake keeps half a core busy from edge to edge; the edges lie
		// outside of the load.
		if floor := trial.Duration / 2; web1.CPU < floor || web1.MemoryPeakBytes != 10<<20 || web1.Requests == nil || *web1.Requests != 50 {
			t.Errorf("trial %d: web-1 = %+v, want at least %v of CPU, 10 MiB, 50 requests", trial.Index, web1, floor)
		}
	}
	if len(cells) != 4 {
		t.Errorf("cells %v, want 4 different ones", cells)
	}
	if hits := s.hits.Load(); hits != 4*(50+1) {
		t.Errorf("the server saw %d requests, want 50 and a probe in each of 4 trials", hits)
	}
}

// far is an engine whose replicas are reached through it.
type far struct {
	*enginetest.Fake
	dialled atomic.Int64
	refuse  bool
}

func (f *far) Dial(ctx context.Context, address string, within time.Duration) (net.Conn, error) {
	f.dialled.Add(1)
	if f.refuse {
		return nil, errors.New("no way from there")
	}
	dialer := net.Dialer{Timeout: within}
	return dialer.DialContext(ctx, "tcp", address)
}

func TestTargetElsewhere(t *testing.T) {
	s := newStage(t)
	eng := &far{Fake: s.fake}
	s.opt.Engine = func(context.Context, scenarios.Environment) (engine.Engine, error) { return eng, nil }
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) > 0 || len(run.Trials) != 4 {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if n := eng.dialled.Load(); n != 4 {
		t.Errorf("the target was asked through the engine %d times, want once in each of 4 trials", n)
	}

	s = newStage(t)
	eng = &far{Fake: s.fake, refuse: true}
	s.opt.Engine = func(context.Context, scenarios.Environment) (engine.Engine, error) { return eng, nil }
	s.opt.ReadyWithin = 100 * time.Millisecond
	outcome, _, err = s.run(t.Context(), t)
	if err != nil || !outcome.NotStarted || !strings.Contains(outcome.Failures[0].Reason, "no way from there") || s.hits.Load() != 0 {
		t.Errorf("%+v, %v, %d requests", outcome, err, s.hits.Load())
	}
}

// A worker whose clock differs by hours loads as any other does, at once, and
// the record has the runner's time.
func TestWorkerWithAnotherClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.fake.Work = func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
				// Both ends are moved, as if the clock in between were.
				return worker.Main(ctx, moved(stdin, "begin", -off), movedWriter(stdout, "began", off))
			}
			// What counts is this side's clock, and the instant that it had
			// set; a worker that cannot tell starts at once.
			const ahead = 20 * time.Millisecond
			began := time.Now()
			_, run, err := s.run(t.Context(), t)
			if err != nil || len(run.Trials) != 4 {
				t.Fatal(err)
			}
			for _, trial := range run.Trials {
				if trial.Trial.Requests.OK != 50 {
					t.Errorf("%+v", trial.Trial.Requests)
				}
				if at := trial.Trial.Started; at.Before(began) || at.After(time.Now().Add(ahead)) {
					t.Errorf("started %v, the run began %v", at, began)
				}
			}
		})
	}
}

// moved shifts the time that lines give for a key.
func moved(r io.Reader, key string, by time.Duration) io.Reader {
	near, far := io.Pipe()
	go func() {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if _, err := fmt.Fprintln(far, move(lines.Text(), key, by)); err != nil {
				return
			}
		}
		far.CloseWithError(lines.Err())
	}()
	return near
}

// movedWriter is the same for whole lines that are written.
func movedWriter(w io.Writer, key string, by time.Duration) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		_, err := io.WriteString(w, move(string(p), key, by))
		return len(p), err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func move(line, key string, by time.Duration) string {
	before, rest, found := strings.Cut(line, fmt.Sprintf("%q:\"", key))
	text, after, ended := strings.Cut(rest, `"`)
	at, err := time.Parse(time.RFC3339Nano, text)
	if !found || !ended || err != nil {
		return line
	}
	return fmt.Sprintf("%s%q:\"%s\"%s", before, key, at.Add(by).Format(time.RFC3339Nano), after)
}

func TestEnvironmentThatDoesNotStart(t *testing.T) {
	s := newStage(t)
	s.fake.Behaviours["web-3"] = enginetest.Behaviour{Exits: true, ExitCode: 3, Logs: "cannot open journal"}
	outcome, run, err := s.run(t.Context(), t)
	if err != nil {
		t.Fatalf("run: %v; other trials should go on", err)
	}
	if !outcome.NotStarted || len(outcome.Failures) != 2 || run.Manifest.Outcome != "failed" {
		t.Errorf("outcome %+v, %s: want both trials at web=3 missing", outcome, run.Manifest.Outcome)
	}
	if len(run.Trials) != 2 {
		t.Errorf("%d trials were kept, want the 2 at the other scale", len(run.Trials))
	}
	for _, f := range outcome.Failures {
		for _, want := range []string{"did not start", "web-3", "exit code 3", "cannot open journal"} {
			if !strings.Contains(f.Reason, want) {
				t.Errorf("reason %q does not say %q", f.Reason, want)
			}
		}
	}
}

func TestTargetThatRefuses(t *testing.T) {
	s := newStage(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	s.fake.Behaviours["proxy"] = enginetest.Behaviour{Endpoint: netip.MustParseAddrPort(addr)}
	s.opt.ReadyWithin = 200 * time.Millisecond
	outcome, _, err := s.run(t.Context(), t)
	if err != nil || !outcome.NotStarted {
		t.Fatalf("outcome %+v, error %v", outcome, err)
	}
	if why := outcome.Failures[0].Reason; !strings.Contains(why, "connection refused") || !strings.Contains(why, "http://proxy") {
		t.Errorf("reason %q: want the target and that it refuses", why)
	}
}

func TestInterruptedRunKeepsWhatIsFinishedAndCanGoOn(t *testing.T) {
	s := newStage(t)
	ctx, interrupt := context.WithCancel(t.Context())
	s.opt.Progress = hook{began: func(pt plan.Trial) {
		if pt.Index == 3 {
			interrupt()
		}
	}}
	outcome, run, err := s.run(ctx, t)
	if !errors.Is(err, context.Canceled) || run.Manifest.Outcome != "interrupted" || len(run.Trials) != 2 {
		t.Fatalf("error %v, outcome %q, %d trials; want canceled, interrupted, 2", err, run.Manifest.Outcome, len(run.Trials))
	}
	first := run.Trials[0].Trial

	s.opt.Progress, s.opt.Resume, s.opt.Plan = nil, run, &run.Manifest.Plan
	resumed, run, err := s.run(t.Context(), t)
	if err != nil || resumed.Dir != outcome.Dir {
		t.Fatalf("resumed in %s with %v, want %s", resumed.Dir, err, outcome.Dir)
	}
	if run.Manifest.Outcome != "complete" || len(run.Trials) != 4 || len(run.Manifest.Failures) != 0 {
		t.Errorf("after resuming: %s, %d trials, failures %v", run.Manifest.Outcome, len(run.Trials), run.Manifest.Failures)
	}
	if !run.Trials[0].Trial.Started.Equal(first.Started) {
		t.Error("a finished trial was measured again")
	}
}

func TestInterruptedInTheMiddleOfALoad(t *testing.T) {
	s := newStage(t)
	s.opt.Scenario.Loads[0].Requests, s.opt.Scenario.Loads[0].Duration = 0, time.Hour
	ctx, interrupt := context.WithCancel(t.Context())
	s.opt.Progress = hook{doing: func(step string) {
		if step == "measuring" {
			time.AfterFunc(100*time.Millisecond, interrupt)
		}
	}}
	_, run, err := s.run(ctx, t)
	if !errors.Is(err, context.Canceled) || len(run.Trials) != 0 {
		t.Errorf("error %v with %d trials, want canceled and none", err, len(run.Trials))
	}
}

func TestWorkerThatIsKilled(t *testing.T) {
	s := newStage(t)
	launched := 0
	s.fake.Work = func(ctx context.Context, in io.Reader, out io.Writer) error {
		if launched++; launched == 1 {
			return errors.New("killed")
		}
		return worker.Main(ctx, in, out)
	}
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || !outcome.WorkerLost || len(outcome.Failures) != 1 || len(run.Trials) != 3 {
		t.Errorf("outcome %+v, error %v, %d trials; want one trial lost with its worker and the other 3 kept", outcome, err, len(run.Trials))
	}
}

func TestEngineThatVanishes(t *testing.T) {
	s := newStage(t)
	s.opt.Progress = hook{began: func(pt plan.Trial) {
		if pt.Index == 2 {
			s.fake.Unreachable = errors.New("socket gone")
		}
	}}
	_, run, err := s.run(t.Context(), t)
	var start *runner.StartError
	if !errors.As(err, &start) || !errors.Is(err, engine.ErrUnreachable) || len(run.Trials) != 1 {
		t.Errorf("error %v with %d trials, want an unreachable engine to end the run and the first trial to be kept", err, len(run.Trials))
	}
}

func TestUnreachableEngineStartsNothing(t *testing.T) {
	s := newStage(t)
	s.opt.Engine = func(context.Context, scenarios.Environment) (engine.Engine, error) {
		return nil, fmt.Errorf("%w: no socket", engine.ErrUnreachable)
	}
	outcome, err := runner.Run(t.Context(), s.opt)
	var start *runner.StartError
	if !errors.As(err, &start) || outcome.Dir != "" {
		t.Errorf("outcome %+v, error %v; want no folder and a *StartError", outcome, err)
	}
}

func TestKeepLeavesTheLastStack(t *testing.T) {
	s := newStage(t)
	s.opt.Keep = true
	if _, err := runner.Run(t.Context(), s.opt); err != nil {
		t.Fatal(err)
	}
	var stacks []string
	for _, op := range s.fake.Ops() {
		if !slices.Contains(stacks, op.Stack) {
			stacks = append(stacks, op.Stack)
		}
	}
	for i, name := range stacks {
		state, err := s.fake.Observe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if last := i == len(stacks)-1; (len(state.Replicas) > 0) != last {
			t.Errorf("stack %d of %d has %d replicas", i+1, len(stacks), len(state.Replicas))
		}
	}
}

func TestRunsOfTheSameSecondDoNotMeet(t *testing.T) {
	s := newStage(t)
	dirs := map[string]bool{}
	for range 3 {
		outcome, err := runner.Run(t.Context(), s.opt)
		if err != nil {
			t.Fatal(err)
		}
		dirs[outcome.Dir] = true
	}
	if len(dirs) != 3 {
		t.Errorf("folders %v, want three", dirs)
	}
}
