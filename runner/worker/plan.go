// Package worker is one process of load. Main is what "plimsoll worker" runs:
// it reads a Plan from stdin, says it is ready for each phase, begins it at
// the instant it is told, and writes results lines to stdout. Client is the
// other end, wherever the process runs.
//
//	runner → worker   {"schema":"plimsoll.worker/1","jobs":[…]}      the plan
//	worker → runner   {"type":"ready","phase":"warmup"}
//	runner → worker   {"begin":"2026-11-21T10:00:00.25Z","ahead_ns":20000000}
//	worker → runner   {"type":"interval",…}                          each second
//	runner → worker   {"end":true}                                   if it wants the phase to end early
//	worker → runner   {"type":"final","phase":"warmup",…}
//	worker → runner   {"type":"ready","phase":"measure"}             and so on
//
// End of file on stdin ends a worker: a killed runner leaves no load behind.
package worker

import (
	"time"

	"plimsoll/runner/load"
)

// PlanSchema is the schema that a plan states.
const PlanSchema = "plimsoll.worker/1"

// Plan is what a worker is to do.
type Plan struct {
	Schema string `json:"schema"`
	// Transport names the transport; empty or "auto": the best there is.
	Transport string `json:"transport,omitempty"`
	// Jobs are run one after the other, each on its own start signal.
	Jobs []load.Job `json:"jobs"`
}

// Start is the line that begins a phase.
type Start struct {
	// Begin is the instant of the phase's begin by the runner's clock.
	Begin time.Time `json:"begin"`
	// Ahead is how far away Begin was when the line was written; 0 or less
	// means at once.
	Ahead time.Duration `json:"ahead_ns"`
}

// End is the line that ends a phase early: nothing new is sent, what is in
// flight comes to its end, and the Final follows. Between phases it is ignored:
// it may have crossed the Final of the phase that it was meant for.
type End struct {
	End bool `json:"end"` // true
}

// from returns the begin by the worker's clock, which shows now. On one host
// both ends read the same clock, so that several workers begin at the very
// same instant. Elsewhere the clocks may differ by any amount: the begin is
// then somewhere between at once and as far ahead as it was when it was sent.
func (s Start) from(now time.Time) time.Time {
	return now.Add(max(0, min(s.Begin.Sub(now), s.Ahead)))
}
