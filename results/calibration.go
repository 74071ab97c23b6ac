package results

import (
	"fmt"
	"strings"
	"time"

	"plimsoll/internal/units"
)

// Calibration is what the load generator did with a load's shape against a
// target that answers at once, before the load itself.
type Calibration struct {
	// Load is the load whose shape it has, Environments those for which it
	// was done; both are empty outside of a run.
	Load         string   `json:"load,omitempty"`
	Environments []string `json:"environments,omitempty"`
	// Path says from where the load came and where the null target was.
	Path string `json:"path"`
	Mode string `json:"mode"` // closed or open
	// Rate is the one asked for of an open loop, in requests per second.
	Rate        float64       `json:"rate,omitempty"`
	Concurrency int           `json:"concurrency,omitempty"`
	Duration    time.Duration `json:"duration_ns"`
	// Throughput is good answers per second.
	Throughput float64 `json:"throughput_rps"`
	Response   Stats   `json:"response_ns"`
	Service    Stats   `json:"service_ns"`
	Lag        Stats   `json:"lag_ns"`
	// CPUPerRequest is the worker's.
	CPUPerRequest time.Duration `json:"cpu_ns_per_request"`
	// Limit is what the p99 has to stay below, a tenth of the smallest latency
	// objective; 0: there is none.
	Limit time.Duration `json:"limit_ns,omitempty"`
	// Passed is false when the loads that it stands for cannot be believed;
	// Reasons then say why.
	Passed  bool     `json:"passed"`
	Reasons []string `json:"reasons,omitempty"`
}

// objectiveShare is how much of an objective's limit the p99 against the null
// target may be.
const objectiveShare = 0.10

// Calibrate turns the trial against the null target into a calibration.
// objective is the smallest limit that a latency is judged by, 0 if there is
// none. A closed loop against a target that answers at once always takes all
// the CPU that it can get, which is no fault.
func Calibrate(t Trial, path string, objective time.Duration) Calibration {
	c := Calibration{
		Path: path, Mode: t.Mode, Rate: t.RequestedRate, Concurrency: t.Concurrency, Duration: t.Duration,
		Throughput: t.Throughput, Response: t.Latency.Response, Service: t.Latency.Service, Lag: t.Latency.Lag,
		CPUPerRequest: t.Worker.CPU / time.Duration(max(1, t.Requests.Sent)), Passed: true,
	}
	fail := func(text string) { c.Passed, c.Reasons = false, append(c.Reasons, text) }
	v := t.Validity
	for i, reason := range v.Reasons {
		if v.Verdict == Invalid && (t.Mode == "open" || v.Broken[i] != WorkerCPU) {
			fail(reason)
		}
	}
	if t.Requests.Failed > 0 {
		fail(fmt.Sprintf("%d of %d requests failed", t.Requests.Failed, t.Requests.Sent))
	}
	if t.Mode == "open" && objective > 0 {
		c.Limit = time.Duration(objectiveShare * float64(objective))
		if p99 := t.Latency.Response.P99; p99 > c.Limit {
			fail(fmt.Sprintf("its p99 was %s, above a tenth of the smallest latency objective (%s)", units.Latency(p99), units.Latency(objective)))
		}
	}
	return c
}

// Text says in a line what came of it.
func (c Calibration) Text() string {
	asked := fmt.Sprintf("%d at a time", c.Concurrency)
	seen := fmt.Sprintf("%s/s answered", units.Rate(c.Throughput))
	if c.Mode == "open" {
		asked = units.Rate(c.Rate) + "/s"
		seen += fmt.Sprintf(", lag p50 %s, p99 %s, p99.9 %s; p99 of the responses %s",
			units.Latency(c.Lag.P50), units.Latency(c.Lag.P99), units.Latency(c.Lag.P999), units.Latency(c.Response.P99))
	}
	verdict := "passed"
	if !c.Passed {
		verdict = "failed: " + strings.Join(c.Reasons, "; ")
	}
	return fmt.Sprintf("%s for %s against the null target: %s; %s of worker CPU a request; %s (%s)",
		asked, units.Latency(c.Duration), seen, units.Latency(c.CPUPerRequest), verdict, c.Path)
}

func (c Calibration) failure() string {
	return "the calibration against the null target failed: " + strings.Join(c.Reasons, "; ")
}
