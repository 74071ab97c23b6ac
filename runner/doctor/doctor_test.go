package doctor

import (
	"strings"
	"testing"
	"time"

	"plimsoll/internal/proc"
	"plimsoll/results"
)

// good is a machine that nothing can be said against.
func good() facts {
	return facts{
		host: proc.Facts{CPUs: 4, CPU: "some model", Kernel: "6.1"}, procs: 4, cgroup: 2, throttled: true, schedule: true,
		steal: new(0.0), busy: new(0.02), late: []time.Duration{30_000, 40_000, 90_000}, files: 1 << 20,
		portRange: &portRange{low: 32768, high: 60999, waiting: 12, reuse: 2}, somaxconn: 4096, preciseEnd: new(true),
	}
}

func TestMachineChecks(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*facts)
		name    string
		verdict Verdict
		seen    string
	}{
		"good":            {func(*facts) {}, "", OK, ""},
		"one CPU":         {func(f *facts) { f.host.CPUs = 1 }, "CPUs", Warn, "1 usable"},
		"quota":           {func(f *facts) { f.limit = 0.5 }, "CPU quota", Warn, "0.5 CPUs"},
		"quota above all": {func(f *facts) { f.limit = 8 }, "CPU quota", OK, "8 CPUs"},
		"no cgroup":       {func(f *facts) { f.cgroup = 0 }, "CPU quota", Unknown, "does not tell"},
		"busy":            {func(f *facts) { f.busy = new(0.5) }, "other processes", Warn, "50 %"},
		"stolen":          {func(f *facts) { f.steal = new(0.034) }, "steal", Warn, "3.4 %"},
		"late timer":      {func(f *facts) { f.late = []time.Duration{1, 2, 1_200_000} }, "timer", Warn, "1.20 ms (p99)"},
		"few files":       {func(f *facts) { f.files = 1024 }, "open files", Warn, "1 024"},
		"ports in use":    {func(f *facts) { f.portRange.waiting = 25_000 }, "ports", Warn, "at least 53/s"},
		"ports not told":  {func(f *facts) { f.portRange = nil }, "ports", Unknown, "does not tell"},
		"short backlog":   {func(f *facts) { f.somaxconn = 128 }, "somaxconn", Warn, "128"},
		"old kernel":      {func(f *facts) { f.preciseEnd = new(false) }, "kernel", Warn, "without epoll_pwait2"},
		"not Linux":       {func(f *facts) { f.preciseEnd = nil }, "kernel", Unknown, "not Linux"},
		"blind":           {func(f *facts) { f.throttled = false }, "accounts", Warn, "throttling is not told"},
	} {
		t.Run(name, func(t *testing.T) {
			f := good()
			c.change(&f)
			for _, got := range f.checks() {
				if got.Name != c.name {
					if got.Verdict != OK && name != "no cgroup" {
						t.Errorf("%+v", got)
					}
					continue
				}
				if got.Verdict != c.verdict || !strings.Contains(strings.ReplaceAll(got.Seen, "\u202f", " "), c.seen) {
					t.Errorf("got %+v, want %s and %q", got, c.verdict, c.seen)
				}
				if (got.Advice == "") != (got.Verdict == OK || got.Verdict == Unknown && got.Name != "kernel") {
					t.Errorf("a doubt without advice, or advice without a doubt: %+v", got)
				}
			}
		})
	}
}

func TestGeneratorChecks(t *testing.T) {
	passed := results.Calibration{Mode: "open", Passed: true, Throughput: 1000, CPUPerRequest: 20 * time.Microsecond}
	failed := results.Calibration{Mode: "open", Reasons: []string{"late"}, CPUPerRequest: 200 * time.Microsecond}
	for _, c := range []struct {
		got  Check
		want Verdict
	}{
		{constantRate(ordinary, passed), OK}, {constantRate(ordinary, failed), Bad}, {constantRate(high, failed), Warn},
		{closedLoop(passed), OK}, {closedLoop(failed), Bad},
		{reach(passed), OK}, {reach(failed), Warn}, {reach(results.Calibration{}), Unknown},
	} {
		if c.got.Verdict != c.want {
			t.Errorf("%+v, want %s", c.got, c.want)
		}
	}
	if seen := reach(passed).Seen; !strings.Contains(seen, "at least 40") { // 0.8 s ÷ 20 µs
		t.Errorf("reach: %s", seen)
	}
	if got := Worst([]Check{{Verdict: OK}, {Verdict: Warn}, {Verdict: Bad}, {Verdict: Unknown}}); got != Bad {
		t.Errorf("worst is %s", got)
	}
	if got := Worst([]Check{{Verdict: OK}, {Verdict: Unknown}}); got != OK {
		t.Errorf("worst is %s", got)
	}
}
