package results

import (
	"time"

	"plimsoll/scenarios/plan"
)

// RunSchema is the schema that run.json states.
const RunSchema = "plimsoll.run/1"

// Manifest is run.json: what was run, where and with what.
type Manifest struct {
	Schema   string    `json:"schema"`
	ID       string    `json:"id"`
	Scenario string    `json:"scenario"`
	Started  time.Time `json:"started"`
	// Ended is zero while the run goes on or when it was cut off.
	Ended time.Time `json:"ended,omitzero"`
	// Outcome is empty while the run goes on; else "complete",
	// "interrupted" or "failed".
	Outcome string `json:"outcome,omitempty"`
	// Failures say which trials are missing and why.
	Failures []Failure `json:"failures,omitempty"`
	Plan     plan.Plan `json:"plan"`
	// Environments and LoadNames are in the order of the scenario; the plan
	// has one of its own.
	Environments []string `json:"environments,omitempty"`
	LoadNames    []string `json:"load_names,omitempty"`
	// Objectives are the scenario's, as written.
	Objectives []string `json:"objectives,omitempty"`
	// ObjectivePlaces say where each of the Objectives stands; empty in runs of
	// earlier versions.
	ObjectivePlaces []Place                `json:"objective_places,omitempty"`
	Loads           map[string]LoadSummary `json:"loads"`
	Provenance      Provenance             `json:"provenance"`
	// Calibrations are there if they were asked for.
	Calibrations []Calibration `json:"calibrations,omitempty"`
	// Gate is there if two environments were measured in rounds, to be judged
	// against each other. A trial's repetition is its round then.
	Gate *Gate `json:"gate,omitempty"`
	// Capacity is there if the highest rate was looked for that meets the
	// objectives. Each trial of the plan has its rate then.
	Capacity *Capacity `json:"capacity,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

// LoadSummary says in words and numbers what a load was.
type LoadSummary struct {
	Mode        string `json:"mode"` // closed or open; unknown of some imported loads
	Text        string `json:"text"` // "1000 requests, 10 at a time, no keep-alive"
	Requests    int    `json:"requests,omitempty"`
	Concurrency int    `json:"concurrency,omitempty"`
	// Think is how long each sender of a closed loop pauses between requests.
	Think time.Duration `json:"think_ns,omitempty"`
	// Rate is that of an open loop in requests per second; of one that
	// changes it, the mean over the whole load.
	Rate      float64       `json:"rate,omitempty"`
	Duration  time.Duration `json:"duration_ns,omitempty"`
	KeepAlive bool          `json:"keepalive"`
	// Pattern says all that an open loop of a constant rate is, but for its
	// rate and duration; empty of other loads.
	Pattern string `json:"pattern,omitempty"`
	// Caution is what latencies of an imported load have to be read with, where
	// its mode does not say it.
	Caution string `json:"caution,omitempty"`
}

// Failure is a trial that could not be finished.
type Failure struct {
	Index       int    `json:"index"`
	Environment string `json:"environment"`
	Reason      string `json:"reason"`
	// NotStarted says that its environment did not start.
	NotStarted bool `json:"not_started,omitempty"`
}

// Image is what a trial ran.
type Image struct {
	// Digests are those of registries, name@algorithm:sum; none for an image
	// that has never been in one.
	Digests []string `json:"digests,omitempty"`
	Bytes   int64    `json:"bytes"` // on the engine's disk, layers shared with others included
}

// Provenance says under which circumstances the numbers arose.
type Provenance struct {
	Version     string            `json:"version"`
	Command     []string          `json:"command"`
	Host        string            `json:"host"`
	OS          string            `json:"os"`
	Kernel      string            `json:"kernel,omitempty"`
	CPU         string            `json:"cpu,omitempty"`
	CPUs        int               `json:"cpus"`
	MemoryBytes int64             `json:"memory_bytes,omitempty"`
	Engines     map[string]string `json:"engines"` // by environment
	// Images are those that trials ran, with their digest or ID, by
	// "environment/service".
	Images map[string]string `json:"images,omitempty"`
	// ImageDetails say more of the images, by what Images calls them.
	ImageDetails map[string]Image `json:"image_details,omitempty"`
	// CPULimits are how many CPUs each replica may use, by
	// "environment/service"; those that are not held to a limit are left out.
	CPULimits map[string]float64 `json:"cpu_limits,omitempty"`
	// Attached says that the stacks had been brought up by hand, and that all
	// trials took place on the same ones.
	Attached     bool   `json:"attached,omitempty"`
	ScenarioHash string `json:"scenario_sha256"`
	Seed         uint64 `json:"seed"`
	LoadPath     string `json:"load_path"` // from where the load came
	// Transport is the one that was asked for: "auto" leaves the choice to
	// the worker, and each trial says what it was.
	Transport string `json:"transport"`
	Warmup    string `json:"warmup"`
}
