// Package doctor looks at this machine as a load generator: what it has, what
// holds it back, and how punctually it can send. What is read and what is
// thought of it are apart: facts are read, Checks follow from them.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/runner/calibrate"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
)

// Verdict is what a check comes to.
type Verdict string

// The verdicts. Only Bad means that an ordinary load would be invalid here.
const (
	OK      Verdict = "ok"
	Warn    Verdict = "warning"
	Bad     Verdict = "bad"
	Unknown Verdict = "n/a" // this system does not tell
)

// Check is one thing that was looked at.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Seen is what was found, with figures; Advice what to do about it, if
	// anything.
	Seen   string `json:"seen"`
	Advice string `json:"advice,omitempty"`
}

// Machine reads what this machine has and judges it. It takes about a second.
func Machine(ctx context.Context) ([]Check, error) {
	f, err := read(ctx)
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	return f.checks(), nil
}

// Examination is what loads against the null target showed.
type Examination struct {
	Checks []Check `json:"checks"`
	// Loads are the calibrations that the checks follow from.
	Loads []results.Calibration `json:"loads"`
}

const (
	// ordinary and high are the constant rates that are tried, in requests
	// per second; the machine is bad if it cannot do the first.
	ordinary, high = 1_000, 10_000
	// tried is how long each load lasts, concurrency that of the closed one.
	tried       = 2 * time.Second
	concurrency = 10
	// usable is how much of a core a worker may use.
	usable = 0.80
)

// Generator loads the null target on an engine, at two constant rates and in a
// closed loop.
func Generator(ctx context.Context, eng engine.Engine, transport string) (_ *Examination, err error) {
	null, err := calibrate.Start(ctx, eng, "doctor")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, null.Stop(ctx)) }()
	e := &Examination{}
	for _, rate := range []int{ordinary, high} {
		job := nullJob()
		job.RateCount, job.RatePer = rate, time.Second
		c, err := e.try(ctx, null, job, transport)
		if err != nil {
			return nil, err
		}
		e.Checks = append(e.Checks, constantRate(rate, c))
	}
	job := nullJob()
	job.Concurrency = concurrency
	c, err := e.try(ctx, null, job, transport)
	if err != nil {
		return nil, err
	}
	e.Checks = append(e.Checks, closedLoop(c), reach(e.Loads[1]))
	return e, nil
}

func nullJob() load.Job {
	return load.Job{
		Duration: tried, KeepAlive: true, Timeout: 10 * time.Second,
		Mix: []load.Request{{Name: "null", Method: "GET", Path: "/", Weight: 1}},
	}
}

func (e *Examination) try(ctx context.Context, null *calibrate.Null, job load.Job, transport string) (results.Calibration, error) {
	trial, err := null.Measure(ctx, job, 1, transport)
	if err != nil {
		return results.Calibration{}, err
	}
	c := results.Calibrate(trial, null.Path(), 0)
	e.Loads = append(e.Loads, c)
	return c, nil
}

func constantRate(rate int, c results.Calibration) Check {
	check := Check{
		Name: "null target, " + units.Count(int64(rate)) + "/s", Verdict: OK,
		Seen: fmt.Sprintf("%s/s answered; lag p50 %s, p99 %s, p99.9 %s; service p99 %s; %s of worker CPU a request",
			units.Rate(c.Throughput), units.Latency(c.Lag.P50), units.Latency(c.Lag.P99), units.Latency(c.Lag.P999),
			units.Latency(c.Service.P99), units.Latency(c.CPUPerRequest)),
	}
	if c.Passed {
		return check
	}
	check.Verdict = Warn
	if rate <= ordinary {
		check.Verdict = Bad
	}
	check.Advice = "trials of such a load would be invalid: " + c.Reasons[0]
	return check
}

func closedLoop(c results.Calibration) Check {
	check := Check{
		Name: fmt.Sprintf("null target, %d at a time", c.Concurrency), Verdict: OK,
		Seen: fmt.Sprintf("%s/s answered; p50 %s, p99 %s; %s of worker CPU a request",
			units.Rate(c.Throughput), units.Latency(c.Response.P50), units.Latency(c.Response.P99), units.Latency(c.CPUPerRequest)),
	}
	if !c.Passed {
		check.Verdict, check.Advice = Bad, c.Reasons[0]
	}
	return check
}

// reach says what one core can send, from what a request cost at the highest
// rate that was tried.
func reach(c results.Calibration) Check {
	if c.CPUPerRequest <= 0 {
		return Check{Name: "one core", Verdict: Unknown, Seen: "the load lasted too briefly to meter the worker"}
	}
	perSecond := usable / c.CPUPerRequest.Seconds()
	check := Check{
		Name: "one core", Verdict: OK,
		Seen: fmt.Sprintf("at least %s requests/s, at %s each and %.0f %% of the core", units.Count(int64(perSecond/1000)*1000), units.Latency(c.CPUPerRequest), 100*usable),
	}
	if perSecond < high {
		check.Verdict, check.Advice = Warn, "share loads above that among several workers (bench --workers), or use a faster machine"
	}
	return check
}

// Worst is the gravest of the checks' verdicts.
func Worst(checks []Check) Verdict {
	worst := OK
	for _, c := range checks {
		switch {
		case c.Verdict == Bad:
			return Bad
		case c.Verdict == Warn:
			worst = Warn
		}
	}
	return worst
}
