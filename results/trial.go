package results

import (
	"time"

	"plimsoll/scenarios"
)

// TrialSchema is the schema that trial.json states.
const TrialSchema = "plimsoll.trial/1"

// Trial is the summary of one trial, trial.json.
type Trial struct {
	Schema      string         `json:"schema"`
	Environment string         `json:"environment"`
	Scale       map[string]int `json:"scale"`
	Load        string         `json:"load"`
	Trial       int            `json:"trial"`
	Index       int            `json:"index"`
	Started     time.Time      `json:"started"`
	// Duration is the measured phase, from its begin to the end of its last
	// request, and in an open loop at least as long as was asked for.
	Duration time.Duration `json:"duration_ns"`
	// Startup is the time from the begin of the start-up until a replica
	// was ready.
	Startup map[string]time.Duration `json:"startup_ns"`
	Mode    string                   `json:"mode"` // closed or open; unknown of some imported ones
	// Concurrency is that of a closed loop, Think how long each of its
	// senders pauses between requests.
	Concurrency int           `json:"concurrency,omitempty"`
	Think       time.Duration `json:"think_ns,omitempty"`
	KeepAlive   bool          `json:"keepalive"`
	// HTTP2 says that the requests were sent over HTTP/2, not HTTP/1.1.
	HTTP2         bool    `json:"http2,omitempty"`
	RequestedRate float64 `json:"requested_rate"` // mean requests/s of an open loop as they were due, else 0
	// Connections is the load's own bound on an open loop's connections; 0:
	// none but the transport's.
	Connections int   `json:"connections,omitempty"`
	Due         int64 `json:"due"`
	// EndedEarly is why the load was ended before its time; empty: it was not.
	// What was in flight then counts as failed.
	EndedEarly string `json:"ended_early,omitempty"`
	// Seconds and Behind are an open loop's; see Final.
	Seconds int64 `json:"seconds,omitempty"`
	Behind  int64 `json:"behind,omitempty"`
	// Limit is the smallest that the response times are held against, where a
	// trial is there for nothing else: lateness of the generator matters beside
	// it, not beside how fast the stack is. 0: there is none.
	Limit time.Duration `json:"limit_ns,omitempty"`
	// Link is the emulated distance to the target, which is in all latencies.
	Link scenarios.Link `json:"link,omitzero"`
	// Transport is what the requests were sent with.
	Transport string `json:"transport,omitempty"`
	// Blocked is for how long a request that was due waited for a connection
	// because there were as many as may be; the mean of several workers.
	Blocked  time.Duration `json:"blocked_ns,omitempty"`
	Requests Counts        `json:"requests"`
	// ByName tells the requests of a mix of several names apart.
	ByName map[string]NamedTotal `json:"by_name,omitempty"`
	// Throughput is good answers per second: requests that fail fast do not
	// make a stack look fast.
	Throughput float64      `json:"throughput_rps"`
	Bytes      Bytes        `json:"bytes"`
	Latency    LatencyStats `json:"latency_ns"`
	// SystemP99 bounds the p99 of an open loop's stack without what the
	// generator's lateness added.
	SystemP99 *Bound   `json:"system_p99_ns,omitempty"`
	Validity  Validity `json:"validity"`
	// Steady says whether the system was in a steady state; absent where
	// nobody can tell, as of imported trials.
	Steady *Steadiness `json:"steady,omitempty"`
	// ColdStart is there where a fresh stack was warmed up.
	ColdStart *ColdStart   `json:"cold_start,omitempty"`
	Usage     []UsageTotal `json:"usage"`
	Events    []TrialEvent `json:"events"`
	Worker    WorkerTotal  `json:"worker"`
	Target    string       `json:"target"`
	Sample    SampleAnswer `json:"sample"`
	// Metering names the source of the usage figures.
	Metering string            `json:"metering,omitempty"`
	Images   map[string]string `json:"images,omitempty"` // by service
	Warnings []string          `json:"warnings,omitempty"`
	// Calibration is the load's, of a trial that belongs to no run.
	Calibration *Calibration `json:"calibration,omitempty"`
	// Foreign is there if another tool measured this; see Tells.
	Foreign *Foreign `json:"foreign,omitempty"`
}

// NamedTotal is what became of the requests of one name of the mix.
type NamedTotal struct {
	Counts
	// Latency is of these requests; nil where the mix has more than
	// MostNamed names.
	Latency *NamedStats `json:"latency_ns,omitempty"`
}

// NamedStats are the statistics of requests of one name.
type NamedStats struct {
	Response Stats `json:"response"`
	Service  Stats `json:"service"`
	Lag      Stats `json:"lag"`
}

// LatencyStats holds the statistics of each meaning of latency. Their
// meanings are those of Latencies.
type LatencyStats struct {
	Response   Stats `json:"response"`
	Service    Stats `json:"service"`
	Lag        Stats `json:"lag"`
	Connect    Stats `json:"connect"`
	Processing Stats `json:"processing"`
	Waiting    Stats `json:"waiting"`
}

// Stats are the statistics of one histogram, in nanoseconds. All are 0 when
// nothing was recorded.
type Stats struct {
	Count  int64         `json:"count"`
	Min    time.Duration `json:"min"`
	Mean   time.Duration `json:"mean"`
	StdDev time.Duration `json:"stddev"`
	P50    time.Duration `json:"p50"`
	P66    time.Duration `json:"p66"`
	P75    time.Duration `json:"p75"`
	P80    time.Duration `json:"p80"`
	P90    time.Duration `json:"p90"`
	P95    time.Duration `json:"p95"`
	P98    time.Duration `json:"p98"`
	P99    time.Duration `json:"p99"`
	P999   time.Duration `json:"p99.9"`
	Max    time.Duration `json:"max"`
}

// Verdict of a validity check.
type ValidityVerdict string

// The verdicts of validity.
const (
	Valid   ValidityVerdict = "valid"
	Suspect ValidityVerdict = "suspect"
	Invalid ValidityVerdict = "invalid"
)

// Validity says whether a trial may be believed. An invalid trial never
// decides anything.
type Validity struct {
	Verdict ValidityVerdict `json:"verdict"`
	Reasons []string        `json:"reasons"`
	// Broken names the criterion of each reason.
	Broken []Criterion `json:"broken,omitempty"`
}

// UsageTotal is what one replica used in the measured window.
type UsageTotal struct {
	Replica string        `json:"replica"`
	Service string        `json:"service"`
	CPU     time.Duration `json:"cpu_ns"`
	// CPUPerRequest is CPU divided by the trial's completed requests, failed
	// ones and those that other replicas served included: the sum over the
	// replicas is what a request costs the stack.
	CPUPerRequest   time.Duration `json:"cpu_ns_per_request"`
	MemoryPeakBytes int64         `json:"memory_peak_bytes"`
	// MemoryLimitBytes is the limit that the topology sets; nil: none.
	MemoryLimitBytes *int64 `json:"memory_limit_bytes,omitempty"`
	// OOMKilled says that the engine told so after the load.
	OOMKilled bool `json:"oom_killed,omitempty"`
	// The rest is absent where the kernel or the answers do not say.
	Throttled  *time.Duration `json:"throttled_ns,omitempty"`
	NetIn      *int64         `json:"net_in_bytes,omitempty"`
	NetOut     *int64         `json:"net_out_bytes,omitempty"`
	BlockRead  *int64         `json:"block_read_bytes,omitempty"`
	BlockWrite *int64         `json:"block_write_bytes,omitempty"`
	// Requests is how many answers named this replica as their origin.
	Requests *int64 `json:"requests,omitempty"`
}

// TrialEvent is an event as the summary keeps it.
type TrialEvent struct {
	At        time.Duration `json:"at_ns"`
	What      string        `json:"what"`
	Recovered time.Duration `json:"recovered_ns,omitempty"`
}

// WorkerTotal is what the load worker used in the measured window. The meaning
// is that of WorkerUsage; of several workers it is the sum, except of CPUs,
// LongestGCPause, BusiestThread, Throttled and Steal, of which it is the
// largest: they share a machine and a control group.
type WorkerTotal struct {
	CPU            time.Duration  `json:"cpu_ns"`
	RSSBytes       int64          `json:"rss_bytes"` // the highest seen
	CPUs           float64        `json:"cpus,omitempty"`
	GCPause        time.Duration  `json:"gc_pause_ns"`
	GCPauses       int64          `json:"gc_pauses,omitempty"`
	LongestGCPause time.Duration  `json:"gc_pause_longest_ns,omitempty"`
	BusiestThread  *time.Duration `json:"busiest_thread_ns,omitempty"`
	QueueWait      *time.Duration `json:"queue_wait_ns,omitempty"`
	Throttled      *time.Duration `json:"throttled_ns,omitempty"`
	// Steal is the share (0–1) of the machine's CPU time that the host gave to
	// other virtual machines.
	Steal *float64 `json:"steal,omitempty"`
}
