package results

import (
	"time"

	"plimsoll/scenarios"
)

// Capacity is what a capacity search was asked: the settings that its outcome,
// which follows from the trials, is computed with. The objectives are the
// manifest's.
type Capacity struct {
	Environment string `json:"environment"`
	Load        string `json:"load"`
	// Scales are searched one after the other.
	Scales []scenarios.Scale `json:"scales"`
	// From and To bound the rates, in requests per second.
	From float64 `json:"from_rps"`
	To   float64 `json:"to_rps"`
	// Block is how long each trial's load lasts.
	Block time.Duration `json:"block_ns"`
	// Quick asks for a rough figure only.
	Quick bool `json:"quick,omitempty"`
}
