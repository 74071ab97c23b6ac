package results_test

import (
	"slices"
	"testing"
	"time"

	"plimsoll/results"
)

const ms = time.Millisecond

// soundTrial is an open loop of 10 s at 1 000/s, p99 50 ms, nothing to object to.
func soundTrial() results.Trial {
	trial := results.Trial{
		Mode: "open", Due: 10000, Seconds: 10, Duration: 10 * time.Second,
		Requests:  results.Counts{Sent: 10000, OK: 10000},
		SystemP99: &results.Bound{Low: 47 * ms, High: 50 * ms, ByLag: 2 * ms},
		Worker: results.WorkerTotal{
			CPU: 2 * time.Second, CPUs: 2, BusiestThread: new(1500 * ms), QueueWait: new(50 * ms), Throttled: new(time.Duration(0)),
			GCPause: 2 * ms, LongestGCPause: ms / 2,
		},
	}
	trial.Latency.Response.Mean, trial.Latency.Response.P99 = 10*ms, 50*ms
	trial.Latency.Lag.P999 = 4 * ms
	return trial
}

func TestJudge(t *testing.T) {
	type trial = results.Trial
	few := func(t *trial, n int64) { t.Due, t.Requests.Sent = n, n }
	for _, c := range []struct {
		name   string
		change func(*trial)
		want   results.ValidityVerdict
		broken results.Criterion
	}{
		{"sound", func(*trial) {}, results.Valid, ""},
		{"errors are the stack's, not the generator's", func(t *trial) { t.Requests.OK, t.Requests.Failed = 0, 10000 }, results.Valid, ""},
		{"nothing sent", func(t *trial) { t.Requests = results.Counts{} }, results.Invalid, results.NothingSent},

		{"some CPU time stolen", func(t *trial) { s := 0.05; t.Worker.Steal = &s }, results.Valid, ""},
		{"much CPU time stolen", func(t *trial) { s := 0.06; t.Worker.Steal = &s }, results.Suspect, results.HostSteal},

		{"much CPU time stolen, of very little", func(t *trial) { s := 0.5; t.Worker, t.Duration = results.WorkerTotal{CPUs: 2, Steal: &s}, 100*ms }, results.Valid, ""},

		{"99.5 % sent", func(t *trial) { t.Requests.Sent = 9950 }, results.Valid, ""},
		{"99.4 % sent", func(t *trial) { t.Requests.Sent = 9940 }, results.Invalid, results.SendRate},
		{"one second behind", func(t *trial) { t.Behind = 1 }, results.Valid, ""},
		{"two of ten seconds behind", func(t *trial) { t.Behind = 2 }, results.Invalid, results.SendRate},
		{"two of 200 seconds behind", func(t *trial) { t.Seconds, t.Behind = 200, 2 }, results.Valid, ""},

		{"lag just below a tenth of p99", func(t *trial) { t.Latency.Lag.P999 = 5 * ms }, results.Valid, ""},
		{"lag above a tenth of p99, which is known all the same", func(t *trial) { t.Latency.Lag.P999 = 6 * ms }, results.Suspect, results.SendLag},
		{"lag may have made the p99", func(t *trial) {
			t.Latency.Lag.P99, t.Latency.Lag.P999, t.SystemP99 = 6*ms, 30*ms, &results.Bound{Low: 20 * ms, High: 50 * ms, ByLag: 29 * ms}
		}, results.Invalid, results.SendLag},
		{"lag of fewer than one in a hundred may have", func(t *trial) {
			t.Latency.Lag.P99, t.Latency.Lag.P999, t.SystemP99 = ms, 30*ms, &results.Bound{Low: 20 * ms, High: 50 * ms, ByLag: 29 * ms}
		}, results.Suspect, results.SendLag},
		{"late, all of them alike, but by little", func(t *trial) {
			t.Latency.Lag.P99, t.Latency.Lag.P999, t.SystemP99 = 6*ms, 6*ms, &results.Bound{Low: 43 * ms, High: 50 * ms, ByLag: 6 * ms}
		}, results.Suspect, results.SendLag},
		{"half of the p99 may be lag", func(t *trial) {
			t.Latency.Lag.P99, t.Latency.Lag.P999, t.SystemP99 = 26*ms, 26*ms, &results.Bound{Low: 24 * ms, High: 50 * ms, ByLag: 26 * ms}
		}, results.Invalid, results.SendLag},
		{"a wide bound that the lag has not made", func(t *trial) {
			t.SystemP99 = &results.Bound{Low: 10 * ms, High: 50 * ms, ByLag: ms / 10}
		}, results.Valid, ""},
		{"a lag below 1 ms is never held against it", func(t *trial) {
			t.Latency.Lag.P999, t.Latency.Response.P99 = ms, 2*ms
			t.SystemP99 = &results.Bound{Low: 1, High: 2 * ms, ByLag: ms}
			t.Latency.Response.Mean = 2 * ms
		}, results.Valid, ""},
		{"of few requests the p99.9 is one or two: p99 decides", func(t *trial) {
			few(t, 1000)
			t.Latency.Lag.P999, t.Latency.Lag.P99 = time.Second, 5*ms
		}, results.Valid, ""},
		{"few requests, p99 too late", func(t *trial) { few(t, 1000); t.Latency.Lag.P99 = 6 * ms }, results.Suspect, results.SendLag},
		{"twenty requests, one late", func(t *trial) {
			few(t, 20)
			t.Latency.Lag.P99, t.SystemP99 = 40*ms, &results.Bound{Low: 10 * ms, High: 50 * ms, ByLag: 40 * ms}
		}, results.Suspect, results.SendLag},
		{"twenty requests, most of them late", func(t *trial) {
			few(t, 20)
			t.Latency.Lag.P50, t.Latency.Lag.P99 = 30*ms, 40*ms
		}, results.Invalid, results.SendLag},
		{"in a closed loop there is no lag", func(t *trial) { t.Mode, t.Latency.Lag.P999, t.SystemP99 = "closed", time.Second, nil }, results.Valid, ""},

		{"worker used 81 % of its CPUs", func(t *trial) { t.Worker.CPU = 16200 * ms }, results.Invalid, results.WorkerCPU},
		{"of a quota, too", func(t *trial) { t.Worker.CPUs, t.Worker.CPU = 0.1, 900*ms }, results.Invalid, results.WorkerCPU},
		{"in a closed loop, too", func(t *trial) { t.Mode, t.Worker.CPU = "closed", 17000*ms }, results.Invalid, results.WorkerCPU},
		{"one thread does it all and is busy", func(t *trial) { t.Worker.CPU, t.Worker.BusiestThread = 8500*ms, new(8300*ms) }, results.Invalid, results.WorkerCPU},
		{"a busy thread among others", func(t *trial) { t.Worker.CPU, t.Worker.BusiestThread = 12000*ms, new(8300*ms) }, results.Valid, ""},
		{"of a short load the worker's CPU says little", func(t *trial) { t.Duration, t.Worker.CPU = 99*ms, 198*ms }, results.Valid, ""},
		{"a system that tells nothing", func(t *trial) { t.Worker = results.WorkerTotal{CPU: time.Second} }, results.Valid, ""},
		{"throttled a little", func(t *trial) { t.Worker.Throttled = new(50 * ms) }, results.Suspect, results.WorkerCPU},
		{"throttled", func(t *trial) { t.Worker.Throttled = new(150 * ms) }, results.Invalid, results.WorkerCPU},
		{"waited for a CPU, but not for long", func(t *trial) { t.Worker.QueueWait = new(5 * time.Second) }, results.Valid, ""},
		{"waited for a CPU as long as answers took", func(t *trial) { t.Worker.QueueWait = new(11 * time.Second) }, results.Suspect, results.WorkerCPU},
		{"one long pause of the collector", func(t *trial) { t.Worker.LongestGCPause, t.Worker.GCPause = 6*ms, 7*ms }, results.Suspect, results.WorkerCPU},
		{"many of them", func(t *trial) { t.Worker.LongestGCPause, t.Worker.GCPause = 20*ms, 110*ms }, results.Invalid, results.WorkerCPU},

		{"no port left for one request", func(t *trial) { t.Requests.Errors = map[string]int64{"local limit": 1} }, results.Invalid, results.LocalLimits},
		{"all connections taken for an instant", func(t *trial) { t.Blocked = 10 * ms }, results.Valid, ""},
		{"all connections taken: not late, but bounded", func(t *trial) {
			t.Connections, t.Blocked, t.Behind, t.Latency.Lag.P999 = 50, time.Second, 2, time.Second
			t.SystemP99 = &results.Bound{High: time.Second, ByLag: time.Second}
		}, results.Suspect, results.LocalLimits},
		{"all connections taken that there can be", func(t *trial) { t.Blocked = time.Second }, results.Invalid, results.LocalLimits},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial := soundTrial()
			c.change(&trial)
			got := results.Judge(trial, nil)
			if got.Verdict != c.want || len(got.Broken) != len(got.Reasons) {
				t.Errorf("got %+v, want %s", got, c.want)
			}
			if want := slices.DeleteFunc([]results.Criterion{c.broken}, func(b results.Criterion) bool { return b == "" }); !slices.Equal(got.Broken, want) {
				t.Errorf("broken: %q, want %q", got.Broken, want)
			}
			for _, reason := range got.Reasons {
				t.Log(reason)
			}
		})
	}
}

func TestInvalidStaysInvalid(t *testing.T) {
	trial := soundTrial()
	trial.Requests.Sent, trial.Worker.Throttled, trial.Latency.Lag.P99 = 5000, new(ms), 6*ms
	if got := results.Judge(trial, nil); got.Verdict != results.Invalid || len(got.Reasons) != 3 {
		t.Errorf("got %+v, want invalid with three reasons", got)
	}
}

func TestCalibration(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*results.Trial)
		objective time.Duration
		passed    bool
	}{
		"good":                       {func(*results.Trial) {}, time.Second, true},
		"no objective":               {func(t *results.Trial) { t.Latency.Response.P99 = time.Minute }, 0, true},
		"p99 above a tenth":          {func(*results.Trial) {}, 499 * ms, false},
		"behind":                     {func(t *results.Trial) { t.Behind = 5 }, 0, false},
		"failures":                   {func(t *results.Trial) { t.Requests.Failed = 1 }, 0, false},
		"closed loop takes it all":   {func(t *results.Trial) { t.Mode, t.Worker.CPU = "closed", 20*time.Second }, ms, true},
		"closed loop without a port": {func(t *results.Trial) { t.Mode, t.Requests.Errors = "closed", map[string]int64{"local limit": 1} }, 0, false},
		"late by chance":             {func(t *results.Trial) { t.Latency.Lag.P999 = 6 * ms }, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			trial := soundTrial()
			c.change(&trial)
			trial.Validity = results.Judge(trial, nil)
			got := results.Calibrate(trial, "here", c.objective)
			if got.Passed != c.passed || got.Passed != (len(got.Reasons) == 0) {
				t.Fatalf("got %+v, want passed %v", got, c.passed)
			}
			verdict := results.Judge(soundTrial(), &got)
			if (verdict.Verdict == results.Invalid) == c.passed || !c.passed && verdict.Broken[0] != results.Calibrated {
				t.Errorf("a trial under it: %+v", verdict)
			}
		})
	}
}
