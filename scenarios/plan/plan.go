// Package plan expands a scenario into the exact, ordered list of trials that
// a run will execute. It decides nothing later and touches nothing: the same
// scenario, options and seed give the same plan.
package plan

import (
	"fmt"
	"time"

	"plimsoll/scenarios"
)

// Plan is every trial of a run, in the order of execution.
type Plan struct {
	Scenario string  `json:"scenario"`
	Seed     uint64  `json:"seed"`
	Trials   []Trial `json:"trials"`
}

// Trial is one repetition of a cell.
type Trial struct {
	// Index is the position in the plan, from 1.
	Index       int             `json:"index"`
	Environment string          `json:"environment"`
	Scale       scenarios.Scale `json:"scale"`
	Load        string          `json:"load"`
	// Link is the environment's emulated distance.
	Link scenarios.Link `json:"link,omitzero"`
	// Engine is the one that the environment names; empty: none.
	Engine string `json:"engine,omitempty"`
	// Repetition counts the trials of one cell, from 1.
	Repetition int `json:"trial"`
	// Rate is what the load's own is replaced with, in requests per second; 0:
	// it is not.
	Rate float64 `json:"rate_rps,omitempty"`
	// Estimate is about how long the trial takes, from start to teardown.
	Estimate time.Duration `json:"estimate_ns"`
}

// LoadText names the trial's load, with the rate if that is not the load's own.
func (t Trial) LoadText() string {
	if t.Rate == 0 {
		return t.Load
	}
	return fmt.Sprintf("%s at %g/s", t.Load, t.Rate)
}

// Options narrow a scenario down. Empty lists mean everything.
type Options struct {
	Environments []string
	Scales       []scenarios.Scale
	Loads        []string
	Trials       int // 0: the scenario's
	Seed         uint64
}
