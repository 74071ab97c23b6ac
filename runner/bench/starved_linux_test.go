package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/runner/bench"
	"plimsoll/runner/engine"
)

// TestStarvedWorkerIsInvalid: a worker that is held to a tenth of a CPU and
// needs clearly more never makes a trial that counts; one that needs at most
// half of what it has never makes an invalid one. PLIMSOLL_TRIALS is how many
// of each are run.
func TestStarvedWorkerIsInvalid(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	trials := 5
	if n, err := strconv.Atoi(os.Getenv("PLIMSOLL_TRIALS")); err == nil {
		trials = n
	}
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "news") })
	for _, c := range []struct {
		name    string
		quota   time.Duration // of each 100 ms
		rate    int           // 0: what takes nearly half of the quota here
		invalid bool
	}{
		{"a tenth of a CPU, needs several times that", 10 * time.Millisecond, 6000, true},
		{"half a CPU, needs a tenth of that", 50 * time.Millisecond, 500, false},
		{"half a CPU, needs nearly half of that", 50 * time.Millisecond, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			group := limitedGroup(t, c.quota)
			load := func(rate int) *bench.Outcome {
				t.Helper()
				opt := options(nil, 1, url)
				opt.Launcher = &limited{group: group}
				opt.Job.RateCount, opt.Job.RatePer, opt.Job.Duration, opt.Job.KeepAlive = rate, time.Second, 1500*time.Millisecond, true
				out, err := bench.Run(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			rate := c.rate
			if rate == 0 {
				// A request costs a little less at higher rates.
				const probe, share = 1000, 0.4
				w := load(probe).Trial
				each := w.Worker.CPU.Seconds() / float64(w.Requests.Sent)
				rate = int(share * 10 * c.quota.Seconds() / each)
				t.Logf("%.0f µs of CPU a request at %d/s: the load is %d/s", each*1e6, probe, rate)
			}
			for i := range trials {
				out := load(rate)
				// What other programs take makes requests late as well, and
				// rightly invalid: a worker that has enough is tried again.
				for again := 0; again < 5 && !c.invalid && out.Trial.Validity.Verdict == results.Invalid; again++ {
					t.Logf("trial %d: again, since it was invalid: %q", i+1, out.Trial.Validity.Reasons)
					out = load(rate)
				}
				v := out.Trial.Validity
				w := out.Trial.Worker
				t.Logf("trial %d: %s, used %.0f %% of %.2f CPUs, throttled %v, lag p99 %v: %q", i+1, v.Verdict,
					100*w.CPU.Seconds()/out.Trial.Duration.Seconds()/w.CPUs, w.CPUs, w.Throttled, out.Trial.Latency.Lag.P99, v.Reasons)
				if want := 10 * c.quota.Seconds(); w.CPUs < 0.99*want || w.CPUs > 1.01*want {
					t.Errorf("the worker knows of %v CPUs, not of %v", w.CPUs, want)
				}
				if (v.Verdict == results.Invalid) != c.invalid {
					t.Errorf("trial %d is %s: %q", i+1, v.Verdict, v.Reasons)
				}
			}
		})
	}
}

// limited launches workers in a control group.
type limited struct{ group string }

func (l *limited) Launch(context.Context, engine.Stack) (engine.Worker, error) {
	cmd := exec.Command("/bin/sh", "-c", `echo $$ > "$1" && exec "$0"`, os.Args[0], filepath.Join(l.group, "cgroup.procs"))
	cmd.Env = append(os.Environ(), playing+"=worker")
	return engine.Spawn(cmd)
}

// limitedGroup makes a control group with a quota of CPU time in each 100 ms.
func limitedGroup(t *testing.T, quota time.Duration) (folder string) {
	t.Helper()
	name := fmt.Sprintf("plimsoll-test-%d", os.Getpid())
	write := func(file, text string) error {
		return os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644)
	}
	limit := strconv.FormatInt(quota.Microseconds(), 10)
	var failed []error
	for _, try := range []func() error{
		func() error { return write("cpu.cfs_quota_us", limit) }, // version 1, whose period is 100 ms
		func() error { return write("cpu.max", limit+" 100000") },
	} {
		top := "/sys/fs/cgroup"
		if len(failed) == 0 {
			top = "/sys/fs/cgroup/cpu"
		}
		folder = filepath.Join(top, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			failed = append(failed, err)
			continue
		}
		here := folder
		t.Cleanup(func() { removeGroup(t, here) })
		if err := try(); err != nil {
			failed = append(failed, err)
			continue
		}
		return folder
	}
	testenv.Unmet(t, "cgroup", fmt.Sprintf("this machine lets us make no control group with a CPU quota: %v", failed))
	return ""
}

// removeGroup waits until the group's last process has been reaped.
func removeGroup(t *testing.T, folder string) {
	var err error
	for range 100 {
		if err = os.Remove(folder); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(err)
}
