// Package plan expands a scenario into the exact, ordered list of trials that
// a run will execute. It decides nothing later and touches nothing: the same
// scenario, options and seed give the same plan.
package plan

import (
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
	// Estimate is about how long the trial takes, from start to teardown.
	Estimate time.Duration `json:"estimate_ns"`
}

// Options narrow a scenario down. Empty lists mean everything.
type Options struct {
	Environments []string
	Scales       []scenarios.Scale
	Loads        []string
	Trials       int // 0: the scenario's
	Seed         uint64
}
