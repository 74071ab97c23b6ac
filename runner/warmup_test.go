package runner_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
	"plimsoll/results/steady"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// story is what each second of each phase takes, and after how many seconds
// the phases were ended.
type story struct {
	warming, measuring func(second int) time.Duration
	warmed, measured   int
}

// work is a worker for whom a second lasts no time: it reports what the story
// tells until the job's time is over or it is told to end.
func (s *story) work(_ context.Context, stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	lines.Buffer(nil, 1<<20)
	var p worker.Plan
	lines.Scan()
	if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
		return err
	}
	out := results.NewEncoder(stdout)
	// What is said here waits for nobody; what is heard is an answer each.
	heard := make(chan string)
	go func() {
		defer close(heard)
		for lines.Scan() {
			heard <- lines.Text()
		}
	}()
	for _, job := range p.Jobs {
		if err := out.Encode(results.Ready{Phase: job.Phase}); err != nil {
			return err
		}
		<-heard
		of, count := s.warming, &s.warmed
		if job.Phase == results.Measure {
			of, count = s.measuring, &s.measured
		}
		*count = 0
		var sent int64
	seconds:
		for i := range int(job.Duration / time.Second) {
			h := latency.New()
			for range 300 {
				h.Record(of(i))
			}
			*count, sent = i+1, sent+300
			err := out.Encode(results.Interval{
				Phase: job.Phase, Start: time.Duration(i) * time.Second, Length: time.Second,
				Requests: results.Counts{Sent: 300, OK: 300}, Latencies: results.Latencies{Response: h},
			})
			if err != nil {
				return err
			}
			select {
			case <-heard:
				break seconds
			case <-time.After(time.Millisecond): // the runner thinks
			}
		}
		length := time.Duration(*count) * time.Second
		if err := out.Encode(results.Final{Phase: job.Phase, Length: length, Due: sent, First: of(0) + time.Millisecond}); err != nil {
			return err
		}
	}
	return nil
}

// scattered is a level in milliseconds with a fixed scatter of ± 3 %.
func scattered(ms func(second int) float64) func(int) time.Duration {
	return func(second int) time.Duration {
		r := rand.New(rand.NewPCG(uint64(second), 3))
		return time.Duration(ms(second) * (0.97 + 0.06*r.Float64()) * float64(time.Millisecond))
	}
}

const steadyText = `
name: story
environments:
  training: {topology: compose.yaml, target: "http://proxy"}
loads:
  even: {rate: 300/s, duration: 60s}
  short: {rate: 300/s, duration: 39s}
  ramp: {stages: [{to: 300/s, over: 60s}]}
warmup: WARMUP
trials: 1
`

func (s *stage) tell(t *testing.T, warmup, load string, of *story) *results.Trial {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"compose.yaml": composeText, "story.yaml": strings.Replace(steadyText, "WARMUP", warmup, 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.opt.Scenario, err = scenarios.Read(filepath.Join(dir, "story.yaml")); err != nil {
		t.Fatal(err)
	}
	if s.opt.Plan, err = plan.Compile(s.opt.Scenario, plan.Options{Seed: 1, Loads: []string{load}}); err != nil {
		t.Fatal(err)
	}
	s.fake.Work = enginetest.Work(of.work)
	outcome, run, err := s.run(t.Context(), t)
	if err != nil || len(outcome.Failures) > 0 || len(run.Trials) != 1 {
		t.Fatalf("%+v, %v", outcome, err)
	}
	return &run.Trials[0].Trial
}

func TestSteadyState(t *testing.T) {
	even := scattered(func(int) float64 { return 10 })
	compiling := scattered(func(s int) float64 { return 10 * (1 + 40*math.Exp(-float64(s)/4)) })
	slower := scattered(func(s int) float64 { return 10 * (1 + float64(s)/100) })
	wild := func(s int) time.Duration {
		r := rand.New(rand.NewPCG(uint64(s), 1))
		return time.Duration(math.Exp(r.NormFloat64()) * float64(10*time.Millisecond))
	}
	for _, c := range []struct {
		name, warmup, load string
		story              story
		want               steady.Verdict
		why                string
		warmed             int // seconds; more are allowed that were under way
	}{
		{"even", "steady", "even", story{warming: even, measuring: even}, steady.Steady, "no drift in the measured time", 40},
		{"compiling", "steady", "even", story{warming: compiling, measuring: even}, steady.Steady, "", 70},
		{"short window", "steady", "short", story{warming: even, measuring: slower}, steady.Steady, "measured for 39 s, less than the 40 s", 40},
		{"rate that changes", "steady", "ramp", story{warming: even, measuring: slower}, steady.Steady, "the load changes by itself", 40},
		{"slower and slower", "steady", "even", story{warming: slower, measuring: even}, steady.Degrading, "it got slower after", 80},
		{"wild", "{until: steady, limit: 1m}", "even", story{warming: wild, measuring: even}, steady.Undetermined, "not steady after 60 s: its p99 scatters", 60},
		{"drifting", "steady", "even", story{warming: even, measuring: slower}, steady.Drifting, "p99 changed by +", 40},
		{"degrading and drifting", "steady", "even", story{warming: slower, measuring: slower}, steady.Degrading, "it got slower", 80},
		{"a time", "3s", "even", story{warming: even, measuring: even}, steady.Unchecked, "warm-up: 3s; no drift in the measured time", 3},
		{"a time, drifting", "3s", "even", story{warming: even, measuring: slower}, steady.Drifting, "p99 changed by +", 3},
		{"none", "none", "even", story{measuring: even}, steady.Unchecked, "warm-up: none; no drift in the measured time", 0},
		{"none, drifting", "none", "even", story{measuring: slower}, steady.Drifting, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			var steps []string
			s.opt.Progress = hook{doing: func(step string) { steps = append(steps, step) }}
			trial := s.tell(t, c.warmup, c.load, &c.story)
			got := trial.Steady
			if got == nil || got.Verdict != c.want || !strings.Contains(got.Why, c.why) {
				t.Fatalf("%+v, want %s (%q)", got, c.want, c.why)
			}
			wantAfter := time.Duration(0)
			if c.want == steady.Steady {
				wantAfter = time.Duration(c.warmed) * time.Second
			}
			if c.warmup == "steady" && c.want == steady.Drifting {
				wantAfter = 40 * time.Second
			}
			if got.After != wantAfter || c.story.warmed < c.warmed || c.story.warmed > c.warmed+20 {
				t.Errorf("steady after %v, warmed up for %d s; want %v and about %d s", got.After, c.story.warmed, wantAfter, c.warmed)
			}
			if full := int(c.story.measured); full < 39 {
				t.Errorf("measured for %d s, want the whole load in every case", full)
			}
			if ok, why := trial.MayBeCompared(); ok == got.Unsteady() || trial.Validity.Verdict == results.Invalid {
				t.Errorf("may be compared: %v (%s), %+v", ok, why, trial.Validity)
			}
			waits := slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, " s, not steady yet: ") })
			if waits != strings.Contains(c.warmup, "steady") {
				t.Errorf("steps %q", steps)
			}
			cold := trial.ColdStart
			if c.warmup == "none" {
				if cold != nil {
					t.Errorf("a cold start without a warm-up: %+v", cold)
				}
				return
			}
			if cold == nil || cold.First != c.story.warming(0)+time.Millisecond || cold.SteadyAfter != got.After {
				t.Fatalf("cold start %+v, %+v", cold, got)
			}
			if c.name == "compiling" && (cold.Early < 300*time.Millisecond || cold.Worst != cold.Early) {
				t.Errorf("cold start %+v, want the worst in the first second", cold)
			}
		})
	}
}
