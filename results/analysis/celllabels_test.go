package analysis

import (
	"testing"
	"time"

	"plimsoll/results"
)

func TestLabels(t *testing.T) {
	ms := time.Millisecond
	few := around(10*ms, 2000)
	broken := func(c ...results.Criterion) func(*observed) {
		return func(o *observed) { o.Validity = results.Validity{Verdict: results.Suspect, Broken: c} }
	}
	p := results.Provenance{
		Kernel: "6.12.0", CPUs: 4, Engines: map[string]string{"production": "docker 29.0.1", "product": "process"},
		CPULimits: map[string]float64{"production/web": 0.5, "production/static": 2, "product/web": 3},
	}
	at := func(o *observed) { o.Environment = "production" }
	const where = "docker 29.0.1; kernel 6.12.0; 4 CPUs; CPU limits static 2, web 0.5"
	for name, test := range map[string]struct {
		load   results.LoadSummary
		trials []*observed
		want   Labels
	}{
		"open, one trial": {
			results.LoadSummary{Mode: "open", Rate: 200}, []*observed{made(few, at)},
			Labels{
				Mode: "open(200/s)", Requests: 2000, Above: 20, Interval: "one trial: no data", Steady: notTold, Generator: "ok",
				Environment: "load from elsewhere than the stack, or not told; " + where,
			},
		},
		"closed, fewest of three, limited in two ways": {
			results.LoadSummary{Mode: "closed", Concurrency: 10},
			[]*observed{
				made(few, at, servedBy(serving{"web-1", "web", 9, ms})),
				made(few[:1500], at, broken(results.WorkerCPU, results.SendLag)), made(few, at, broken(results.SendLag)),
			},
			Labels{
				Mode: "closed(10)", Requests: 1500, Above: 15, Interval: "range of 3 trials", Steady: notTold, Generator: "limited(cpu, lag)",
				Environment: "load and stack on the same host; " + where,
			},
		},
		"imported": {
			results.LoadSummary{Mode: "unknown"},
			[]*observed{made(few, at, func(o *observed) { o.Foreign = &results.Foreign{Told: []string{"latency_ns.response.count"}} })},
			Labels{
				Mode: notTold, Requests: 2000, Above: 20, Interval: "one trial: no data", Steady: notTold, Generator: notTold,
				Environment: "where it ran is not told",
			},
		},
	} {
		if got := labels(test.trials, test.load, p); got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, test.want)
		}
	}
}

// A curve is resolved up to where enough episodes and requests lie above; more
// trials resolve more of it.
func TestResolvedCurve(t *testing.T) {
	trial := func(seed int) *observed {
		r := newReading(results.Trial{Mode: "open", Validity: results.Validity{Verdict: results.Valid}})
		for second := range 60 {
			i := results.Interval{Phase: results.Measure, Start: time.Duration(second) * time.Second, Length: time.Second, Latencies: results.NewLatencies()}
			for k := range 100 {
				i.Latencies.Response.Record(10*time.Millisecond + time.Duration((k*7919+second*104729+seed)%100_000)*time.Microsecond)
			}
			i.Requests.Sent, i.Requests.OK = 100, 100
			r.add(i)
		}
		return r.finish()
	}
	last := func(trials ...*observed) (percentile float64) {
		points := curve(trials)
		resolved := true
		for _, p := range points {
			if p.Resolved && !resolved {
				t.Errorf("resolved again at p%v", p.Percentile)
			}
			if resolved = p.Resolved; resolved {
				percentile = p.Percentile
			}
		}
		if resolved {
			t.Error("resolved to the very end, where ten requests remain")
		}
		return percentile
	}
	one, three := last(trial(1)), last(trial(1), trial(2), trial(3))
	// A hundred above of 6 000 is p98.3, of 18 000 p99.4.
	if one < 97.5 || one > 98.4 || three < 99 || three > 99.5 {
		t.Errorf("resolved up to p%v with one trial, p%v with three", one, three)
	}
}
