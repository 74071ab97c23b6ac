// Package analysis turns a stored run into what a reader wants to know: which
// environment is faster at what, which objectives hold, and what has to be
// known before any number is believed. Its outcome, a Document, is plain data;
// package report renders it. The same run gives the same Document, byte for
// byte.
package analysis

import (
	"encoding/json"
	"fmt"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis/within"
	"plimsoll/scenarios"
)

// Schema is the schema that a Document states.
const Schema = "plimsoll.report/1"

// Document is everything a report shows.
type Document struct {
	Schema  string        `json:"schema"`
	Title   string        `json:"title"` // the scenario's name
	RunID   string        `json:"run"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"` // 0: the run has no end
	// Outcome is how the run ended: complete, interrupted or failed; empty
	// when it was cut off. Verdict is what it says.
	Outcome  string `json:"outcome"`
	Finished int    `json:"finished"` // trials
	Planned  int    `json:"planned"`
	// Environments are in the order of the scenario; their place in this list
	// is their colour throughout.
	Environments []string `json:"environments"`
	// Scales are in the order of their size, Loads in that of the scenario.
	Scales []string   `json:"scales"`
	Loads  []LoadInfo `json:"loads"`
	// Gate is there if the run is a gate's. Its environments are not compared
	// in any other way then, and objectives are the candidate's.
	Gate *GateResult `json:"gate,omitempty"`
	// Capacity is there if the run is a capacity search. Everything else is of
	// the trials at the rate that it found then, and the verdict is the
	// search's alone.
	Capacity *CapacityResult `json:"capacity,omitempty"`
	// Headlines answer the reader's first questions, most important first.
	Headlines []Headline `json:"headlines"`
	// Comparisons hold the environments side by side, for each load and scale
	// that more than one of them was measured at.
	Comparisons []Comparison `json:"comparisons"`
	// Scalings hold one environment's scales side by side.
	Scalings   []Scaling         `json:"scalings"`
	Objectives []ObjectiveResult `json:"objectives"`
	// Cells are ordered by load, scale and environment. A cell of the plan of
	// which no trial was finished is there, too, with no trials.
	Cells []Cell `json:"cells"`
	// Findings are what a reader has to know before believing a number:
	// idle replicas, pinned load, percentiles that rest on few requests.
	Findings   []Finding         `json:"findings"`
	Failures   []results.Failure `json:"failures"`
	Provenance []Fact            `json:"provenance"`
	Warnings   []string          `json:"warnings"`
}

// LoadInfo says what a load was and how its numbers are to be read.
type LoadInfo struct {
	Name string `json:"name"`
	Mode string `json:"mode"` // closed or open
	Text string `json:"text"`
	// Caution is what every latency under this load has to be read with.
	Caution string `json:"caution"`
}

// Topic is what a headline is about.
type Topic string

// The topics of headlines.
const (
	AboutGate       Topic = "gate"
	AboutCapacity   Topic = "capacity"
	AboutComparison Topic = "comparison"
	AboutObjectives Topic = "objectives"
	AboutScaling    Topic = "scaling"
	AboutTrust      Topic = "trust"
)

// Headline is one sentence or two that answer one question.
type Headline struct {
	Topic Topic  `json:"topic"`
	Text  string `json:"text"`
	// Verdict is what a gate or an objective came to, the worst of its cells;
	// empty for other topics.
	Verdict Verdict `json:"verdict,omitempty"`
}

// Fact is one line of the provenance.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one thing to know, with its evidence.
type Finding struct {
	// Kind names the finding for programs: "pinned", "idle", "stall", ….
	Kind string `json:"kind"`
	Cell string `json:"cell,omitempty"` // the cell's name; empty: the run
	// What is the same sentence wherever the finding is made.
	What     string `json:"what"`
	Evidence string `json:"evidence"`
}

// Metric is a figure that cells are compared by.
type Metric struct {
	Name string `json:"name"` // "p99", "requests/s", "CPU per request"
	Unit Unit   `json:"unit"`
	// HigherIsBetter is true for throughput.
	HigherIsBetter bool `json:"higher_is_better,omitempty"`
}

// Unit is the unit of a metric's values.
type Unit string

// The units.
const (
	Nanoseconds Unit = "ns"
	PerSecond   Unit = "1/s"
	Bytes       Unit = "bytes"
	Share       Unit = "share" // 0–1
)

// Comparison holds environments side by side at one load, scale and metric.
type Comparison struct {
	Load   string `json:"load"`
	Scale  string `json:"scale"`
	Metric Metric `json:"metric"`
	// Headline says that this is what the load is mainly about.
	Headline bool `json:"headline,omitempty"`
	// Sides are the environments, the best first.
	Sides []Side `json:"sides"`
	// Ratio is ≥ 1 and says how far the first and the last side are apart; 0
	// where the better value is 0.
	Ratio float64 `json:"ratio"`
	// Interval is where the true ratio lies.
	Interval Interval `json:"interval"`
	Standing Standing `json:"standing"`
	// Why says in words what the standing rests on.
	Why string `json:"why"`
	// Doubts keep the sides from being compared at all, however many trials
	// there are.
	Doubts []string `json:"doubts"`
	Text   string   `json:"text"`
}

// Standing says what may be concluded from a comparison.
type Standing string

// The standings.
const (
	// Decided: the first side is better than each other one, and did not only
	// look better: there are at least DecidingTrials trials of each, and none
	// of the first is worse than any of another.
	Decided Standing = "decided"
	// NotToldApart: enough trials, but their ranges overlap.
	NotToldApart Standing = "not told apart"
	// TooFewTrials: it was seen, and decides nothing.
	TooFewTrials Standing = "too few trials"
	// InDoubt: Doubts say why the sides are not to be compared.
	InDoubt Standing = "in doubt"
)

// Side is one environment's share in a comparison.
type Side struct {
	Environment string `json:"environment"`
	Value       Range  `json:"value"`
	Trials      int    `json:"trials"`
}

// Scaling holds two scales of one environment side by side.
type Scaling struct {
	Environment string  `json:"environment"`
	Load        string  `json:"load"`
	Metric      Metric  `json:"metric"`
	From        string  `json:"from"`
	To          string  `json:"to"`
	Before      Range   `json:"before"`
	After       Range   `json:"after"`
	Ratio       float64 `json:"ratio"` // after to before; 0 where before is 0
	// Interval is of the larger to the smaller.
	Interval Interval `json:"interval"`
	// Decided says that the difference may be taken for one. Withheld lists
	// what speaks against it.
	Decided  bool     `json:"decided"`
	Withheld []string `json:"withheld"`
	// Cold says that a stall, most likely a cold start, makes To look slower.
	Cold bool   `json:"cold,omitempty"`
	Text string `json:"text"`
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
	Observed  string  `json:"observed"` // empty: nothing
	Verdict   Verdict `json:"verdict"`
	Why       string  `json:"why,omitempty"`
	// Place is where the objective stands; zero in runs of earlier versions.
	Place results.Place `json:"place,omitzero"`
}

// Range is a value over the trials of a cell.
type Range struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Low and High are the ends of the interval that holds the median of all
	// runs at Level (0.9375: 93.75 %). Where Level is 0 there are too few
	// trials for one, and they are Min and Max.
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Level float64 `json:"level"`
	// Untold says that a trial does not have the value, because it was imported
	// without it or nothing was recorded: the others mean nothing then. In JSON
	// the whole range is null.
	Untold bool `json:"-"`
}

// MarshalJSON writes null for what is not told.
func (r Range) MarshalJSON() ([]byte, error) {
	if r.Untold {
		return []byte("null"), nil
	}
	type plain Range
	return json.Marshal(plain(r))
}

// Cell is one environment × scale × load with all its finished trials. Its
// figures are those of the trials that count: the ones that are neither invalid
// nor were found unsteady. Only where there is none are they those of the
// unsteady ones, or else of the invalid ones, to be looked at.
type Cell struct {
	Name        string `json:"name"` // "training · web=3 · ab"
	Environment string `json:"environment"`
	Scale       string `json:"scale"`
	// Link is the emulated distance to the target; Environment names it too.
	Link scenarios.Link `json:"link,omitzero"`
	// ScaleCounts are all services' replica counts at this scale.
	ScaleCounts map[string]int `json:"scale_counts"`
	Load        string         `json:"load"`
	LoadText    string         `json:"load_text"`
	Mode        string         `json:"mode"`
	Concurrency int            `json:"concurrency,omitempty"`
	Planned     int            `json:"planned"` // trials
	Trials      int            `json:"trials"`  // finished
	Counted     int            `json:"counted"` // finished, not invalid, not unsteady
	// Unsteady is how many are valid, but not of a system in a steady state.
	Unsteady int `json:"unsteady,omitempty"`
	// Validity is the worst of the trials', with the reasons of all.
	Validity results.Validity `json:"validity"`
	// Labels are what all of the numbers have to be read with.
	Labels Labels `json:"labels,omitzero"`

	// Latencies are in nanoseconds: response time from the instant the
	// request was due.
	Duration   Range `json:"duration_ns"`
	Throughput Range `json:"throughput_rps"`
	Mean       Range `json:"mean_ns"`
	P50        Range `json:"p50_ns"`
	P90        Range `json:"p90_ns"`
	P99        Range `json:"p99_ns"`
	Max        Range `json:"max_ns"`
	// ServiceP99 counts from the actual send; LagP99 is what lies between.
	ServiceP99 Range `json:"service_p99_ns"`
	LagP99     Range `json:"lag_p99_ns"`
	// SystemP99 bounds the stack's own p99, of an open loop: the medians of
	// the trials' bounds.
	SystemP99 *results.Bound `json:"system_p99_ns,omitempty"`
	// Tail is how many requests lie above the reported p99, over all trials.
	Tail      int64   `json:"tail"`
	Requests  int64   `json:"requests"` // all trials
	Failed    int64   `json:"failed"`   // all trials
	ErrorRate float64 `json:"error_rate"`
	// Untold says that an imported trial does not tell how many requests there
	// were or how many failed: Requests, Failed and ErrorRate are 0 then and
	// mean nothing.
	Untold bool `json:"counts_untold,omitempty"`
	// Mix tells the requests of a mix apart, by name; empty for one of a
	// single name.
	Mix []RequestSummary `json:"mix,omitempty"`
	// CPUPerRequest is what one request costs the whole stack, in ns.
	CPUPerRequest Range `json:"cpu_ns_per_request"`
	// MemoryBytes is the sum of the replicas' peaks.
	MemoryBytes Range `json:"memory_bytes"`
	// HasUsage is false where nothing could be metered.
	HasUsage bool           `json:"has_usage"`
	Services []ServiceUsage `json:"services"`
	Replicas []ReplicaUsage `json:"replicas"`
	Worker   WorkerUsage    `json:"worker,omitzero"`
	// Startup is the slowest replica's time until ready, in ns.
	Startup Range `json:"startup_ns"`
	// ColdStart is there where fresh replicas were warmed up.
	ColdStart *ColdStart `json:"cold_start,omitempty"`
	// Stall is there when a few requests of one batch hold much of the time.
	Stall *Stall `json:"stall,omitempty"`
	// ColdEpisode is there when a few requests decide the throughput.
	ColdEpisode *ColdEpisode `json:"cold_episode,omitempty"`
	// RoundTrips is there when distance binds all trials.
	RoundTrips *RoundTrips `json:"round_trips,omitempty"`

	// Curve is latency by percentile, of all trials merged, as far up as the
	// number of requests allows.
	Curve []Point `json:"curve"`
	// Over holds latency per second of one trial, the first that counts.
	Over []SecondPoint `json:"over"`
	// Used holds CPU and memory over time per service of that trial.
	Used []ServiceSeries `json:"used"`
	// Detail are the trials themselves.
	Detail []TrialDetail `json:"detail"`
}

// MarshalJSON leaves out counts that are not told.
func (c Cell) MarshalJSON() ([]byte, error) {
	type plain Cell
	if !c.Untold {
		return json.Marshal(plain(c))
	}
	return json.Marshal(struct {
		plain
		Requests  *int64   `json:"requests,omitempty"`
		Failed    *int64   `json:"failed,omitempty"`
		ErrorRate *float64 `json:"error_rate,omitempty"`
	}{plain: plain(c)})
}

// TrialDetail is a trial and what only its log tells.
type TrialDetail struct {
	results.Trial
	// Reused is how many requests found a connection ready.
	Reused int64 `json:"reused"`
	// Within are percentiles of the response time with their limits within
	// this run; empty where its log could not be read.
	Within []within.Estimate `json:"within"`
}

// MarshalJSON adds Reused and Within to the trial, which has a form of its own.
// Of an imported trial they are not known.
func (t TrialDetail) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(t.Trial)
	if err != nil || t.Foreign != nil {
		return text, err
	}
	estimates, err := json.Marshal(t.Within)
	return fmt.Appendf(text[:len(text)-1], `,"reused":%d,"within":%s}`, t.Reused, estimates), err
}

// Stall is a batch of requests of a closed loop that waited together, in the
// trial in which they weighed most.
type Stall struct {
	Trial    int   `json:"trial"`
	Requests int64 `json:"requests"`
	Of       int64 `json:"of"` // all requests of that trial
	// Shortest and Longest are the first and the last of them in their order.
	Shortest time.Duration `json:"shortest_ns"`
	Longest  time.Duration `json:"longest_ns"`
	// Share to ShareTo is how much of all requests' time they hold, 0–1. The
	// two are one where the trial's every request is known.
	Share   float64 `json:"share"`
	ShareTo float64 `json:"share_to"`
	// Throughput is that trial's; Without to WithoutTo is about what it would
	// have been without them.
	Throughput float64 `json:"throughput_rps"`
	Without    float64 `json:"throughput_without_rps"`
	WithoutTo  float64 `json:"throughput_without_to_rps"`
	// Summary says that it was derived from a summary's ranks and mean.
	Summary bool `json:"from_summary,omitempty"`
	// Early says that all of them were sent at the begin of the load.
	Early bool `json:"early,omitempty"`
	// Trials is in how many trials of the cell there was one.
	Trials int `json:"trials"`
}

// ColdEpisode says that a few requests decide the throughput of a closed loop.
type ColdEpisode struct {
	Requests int64 `json:"requests"` // the slowest ones
	// Gain is by how much the throughput would rise without them, 0.1 for 10 %.
	Gain float64 `json:"gain"`
	// Tail is how much of all requests' time the slowest 2 % hold, 0–1.
	Tail float64 `json:"tail"`
}

// RoundTrips says that a request mostly waits for its way there and back.
type RoundTrips struct {
	Count int `json:"count"` // of each request
	// Connect and Answer are the fastest of each; 0: there was none.
	Connect time.Duration `json:"connect_ns"`
	Answer  time.Duration `json:"answer_ns"`
	// Share is how much of the p50 the round trips are, 0–1.
	Share float64 `json:"share"`
}

// Together is how long the round trips of a request take.
func (r *RoundTrips) Together() time.Duration { return r.Connect + r.Answer }

// Each is about how long one takes.
func (r *RoundTrips) Each() time.Duration { return r.Together() / time.Duration(r.Count) }

// Point is a percentile (0–100) and its latency.
type Point struct {
	Percentile float64       `json:"percentile"`
	Latency    time.Duration `json:"latency_ns"`
	// Resolved says that enough episodes and requests lie above, here and
	// below.
	Resolved bool `json:"resolved"`
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

// UsagePoint is the use between the previous point and this one.
type UsagePoint struct {
	At          time.Duration `json:"at_ns"`
	Cores       float64       `json:"cores"` // CPU seconds per second
	MemoryBytes int64         `json:"memory_bytes"`
}

// RequestSummary is what became of the requests of one name.
type RequestSummary struct {
	Name   string `json:"name"`
	Sent   int64  `json:"sent"` // all trials
	Failed int64  `json:"failed"`
	// P50, P90 and P99 are response times in ns, the medians over the trials;
	// nil where a trial had too few requests to carry them.
	P50 *float64 `json:"p50_ns,omitempty"`
	P90 *float64 `json:"p90_ns,omitempty"`
	P99 *float64 `json:"p99_ns,omitempty"`
}

// ServiceUsage is what one service used, the median over the trials.
type ServiceUsage struct {
	Service       string  `json:"service"`
	Replicas      int     `json:"replicas"`
	CPUPerRequest float64 `json:"cpu_ns_per_request"`
	Cores         float64 `json:"cores"`
	MemoryBytes   float64 `json:"memory_bytes"` // of the largest replica, peak
}

// ReplicaUsage is what one replica used and served, over all trials.
type ReplicaUsage struct {
	Replica       string  `json:"replica"`
	Service       string  `json:"service"`
	CPUPerRequest float64 `json:"cpu_ns_per_request"` // median
	MemoryBytes   float64 `json:"memory_bytes"`       // highest peak
	// Requests is how many answers named it as their origin; nil: unknown.
	Requests *int64  `json:"requests"`
	Share    float64 `json:"share"` // of all requests, 0–1
}

// WorkerUsage is what the load worker itself used.
type WorkerUsage struct {
	Cores         float64 `json:"cores"`
	CPUPerRequest float64 `json:"cpu_ns_per_request"`
	MemoryBytes   int64   `json:"memory_bytes"`
}
