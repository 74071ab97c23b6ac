// Package analysis turns a stored run into what a reader wants to know: which
// environment is faster at what, which objectives hold, and what has to be
// known before any number is believed. Its outcome, a Document, is plain data;
// package report renders it.
package analysis

import (
	"time"

	"plimsoll/results"
)

// Document is everything a report shows.
type Document struct {
	Title    string        `json:"title"` // the scenario's name
	RunID    string        `json:"run"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took_ns"`
	Outcome  string        `json:"outcome"` // complete, interrupted, failed
	Finished int           `json:"finished"`
	Planned  int           `json:"planned"`
	// Environments are in the order of first appearance in the plan; their
	// place in this list is their colour throughout.
	Environments []string `json:"environments"`
	// Headlines answer the reader's first question, most important first.
	Headlines []string `json:"headlines"`
	// Comparisons are one line per scale and load that more than one
	// environment was measured at.
	Comparisons []Comparison      `json:"comparisons"`
	Objectives  []ObjectiveResult `json:"objectives"`
	Cells       []Cell            `json:"cells"`
	// Findings are what a reader has to know before believing a number:
	// idle replicas, pinned load, percentiles that rest on few requests.
	Findings   []Finding         `json:"findings"`
	Failures   []results.Failure `json:"failures"`
	Provenance []Fact            `json:"provenance"`
	Warnings   []string          `json:"warnings"`
}

// Fact is one line of the provenance.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one thing to know, with its evidence.
type Finding struct {
	Cell     string `json:"cell,omitempty"` // the cell's name; empty: the run
	What     string `json:"what"`
	Evidence string `json:"evidence"`
}

// Comparison holds two environments side by side at one scale and load.
type Comparison struct {
	Scale  string `json:"scale"`
	Load   string `json:"load"`
	Metric string `json:"metric"` // "p99", "requests/s"
	// Better and Worse are environments; Ratio is ≥ 1 and says how far
	// apart they are.
	Better string  `json:"better"`
	Worse  string  `json:"worse"`
	Ratio  float64 `json:"ratio"`
	// Decided is false while the trials are too few, or overlap, to say more
	// than what was seen.
	Decided bool   `json:"decided"`
	Text    string `json:"text"`
}

// Verdict is the outcome of a judgement.
type Verdict string

// The verdicts.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	Inconclusive  Verdict = "inconclusive"
	InvalidResult Verdict = "invalid"
	// NotApplicable: the objective says nothing about this kind of load.
	NotApplicable Verdict = "n/a"
)

// ObjectiveResult is one objective judged on one cell.
type ObjectiveResult struct {
	Objective string  `json:"objective"`
	Cell      string  `json:"cell"`
	Observed  string  `json:"observed"`
	Verdict   Verdict `json:"verdict"`
	Why       string  `json:"why,omitempty"`
}

// Range is a value over the trials of a cell.
type Range struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Cell is one environment × scale × load with all its finished trials.
type Cell struct {
	Name        string `json:"name"` // "training · web=3 · ab"
	Environment string `json:"environment"`
	Scale       string `json:"scale"`
	// ScaleCounts are all services' replica counts at this scale.
	ScaleCounts map[string]int `json:"scale_counts"`
	Load        string         `json:"load"`
	LoadText    string         `json:"load_text"`
	Mode        string         `json:"mode"`
	Trials      int            `json:"trials"`
	// Validity is the worst of the trials'.
	Validity results.Validity `json:"validity"`

	// Latencies are in nanoseconds: response time from the instant the
	// request was due, medians over the trials.
	Throughput Range `json:"throughput_rps"`
	Mean       Range `json:"mean_ns"`
	P50        Range `json:"p50_ns"`
	P90        Range `json:"p90_ns"`
	P99        Range `json:"p99_ns"`
	Max        Range `json:"max_ns"`
	// ServiceP99 counts from the actual send; LagP99 is what lies between.
	ServiceP99 Range `json:"service_p99_ns"`
	LagP99     Range `json:"lag_p99_ns"`
	// Tail is how many requests lie above the reported p99, over all trials.
	Tail      int64   `json:"tail"`
	Requests  int64   `json:"requests"` // all trials
	Failed    int64   `json:"failed"`   // all trials
	ErrorRate float64 `json:"error_rate"`
	// CPUPerRequest is what one request costs the whole stack, in ns.
	CPUPerRequest Range `json:"cpu_ns_per_request"`
	// MemoryBytes is the sum of the replicas' peaks.
	MemoryBytes Range `json:"memory_bytes"`
	// HasUsage is false where nothing could be metered.
	HasUsage bool           `json:"has_usage"`
	Services []ServiceUsage `json:"services"`
	Replicas []ReplicaUsage `json:"replicas"`
	Worker   WorkerUsage    `json:"worker"`
	// Startup is the slowest replica's time until ready, the median over the
	// trials, in ns.
	Startup Range `json:"startup_ns"`

	// Curve is latency by percentile, of all trials merged.
	Curve []Point `json:"curve"`
	// Over holds latency per second of one trial, the first finished.
	Over []SecondPoint `json:"over"`
	// Used holds CPU and memory over time per service of that trial.
	Used []ServiceSeries `json:"used"`
	// Detail are the trials themselves.
	Detail []results.Trial `json:"detail"`
}

// Point is a percentile (0–100) and its latency.
type Point struct {
	Percentile float64       `json:"percentile"`
	Latency    time.Duration `json:"latency_ns"`
}

// SecondPoint is what one second of a trial saw.
type SecondPoint struct {
	At         time.Duration `json:"at_ns"` // end of the second, from the begin of the phase
	Throughput float64       `json:"throughput_rps"`
	P50        time.Duration `json:"p50_ns"`
	P99        time.Duration `json:"p99_ns"`
	Max        time.Duration `json:"max_ns"`
	Failed     int64         `json:"failed"`
}

// ServiceSeries is the use of one service over time, all replicas together.
type ServiceSeries struct {
	Service string       `json:"service"`
	Points  []UsagePoint `json:"points"`
}

// UsagePoint is the use between the previous reading and this one.
type UsagePoint struct {
	At          time.Duration `json:"at_ns"`
	Cores       float64       `json:"cores"` // CPU seconds per second
	MemoryBytes int64         `json:"memory_bytes"`
}

// ServiceUsage is what one service used, the median over the trials.
type ServiceUsage struct {
	Service       string  `json:"service"`
	Replicas      int     `json:"replicas"`
	CPUPerRequest float64 `json:"cpu_ns_per_request"`
	Cores         float64 `json:"cores"`
	MemoryBytes   float64 `json:"memory_bytes"` // per replica, peak
}

// ReplicaUsage is what one replica used and served, summed over the trials.
type ReplicaUsage struct {
	Replica       string  `json:"replica"`
	Service       string  `json:"service"`
	CPUPerRequest float64 `json:"cpu_ns_per_request"`
	MemoryBytes   float64 `json:"memory_bytes"` // highest peak
	// Requests is how many answers named it as their origin; nil: unknown.
	Requests *int64  `json:"requests"`
	Share    float64 `json:"share"` // of all requests, 0–1
}

// WorkerUsage is what the load worker itself used.
type WorkerUsage struct {
	Cores       float64 `json:"cores"`
	MemoryBytes int64   `json:"memory_bytes"`
}
