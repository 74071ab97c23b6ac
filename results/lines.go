package results

import (
	"time"

	"plimsoll/internal/latency"
)

// Line is one line of a trial's log: what a worker reports, what was sampled,
// what happened. The same JSON goes from a worker's stdout to disk and into
// every later report. The set of line types is closed.
type Line interface{ lineType() string }

// Phase is a part of a trial.
type Phase string

// The phases under load. Only Measure counts.
const (
	Warmup  Phase = "warmup"
	Measure Phase = "measure"
)

// Ready says that a worker is prepared and waits to be told to begin a phase.
type Ready struct {
	Phase Phase `json:"phase"`
	// Worker is what the worker has used so far: the opening edge of the
	// phase.
	Worker WorkerUsage `json:"worker"`
}

// Interval holds what completed in one second of a phase. The intervals of a
// phase do not overlap and miss nothing; their sum is the phase.
type Interval struct {
	Phase Phase `json:"phase"`
	// Start is the interval's begin, counted from the phase's.
	Start    time.Duration `json:"start_ns"`
	Length   time.Duration `json:"length_ns"`
	Requests Counts        `json:"requests"`
	Bytes    Bytes         `json:"bytes"`
	// ByName holds the counts for each name of the request mix.
	ByName map[string]Counts `json:"by_name,omitempty"`
	// ServedBy counts answers by what their X-Served-By header said.
	ServedBy  map[string]int64 `json:"served_by,omitempty"`
	Latencies Latencies        `json:"latencies"`
	Worker    WorkerUsage      `json:"worker"`
}

// Final ends a phase. After it nothing more comes of that phase.
type Final struct {
	Phase Phase `json:"phase"`
	// Began is the instant of the phase's begin by the worker's clock.
	Began time.Time `json:"began"`
	// Length is the time from the begin to the end of the last request; of an
	// open loop that was not ended early at least its schedule's duration.
	Length time.Duration `json:"length_ns"`
	// Due is how many requests the schedule asked for; in a closed loop as
	// many as were sent.
	Due int64 `json:"due"`
	// Sample is the first complete answer, as ab's head prints it.
	Sample SampleAnswer `json:"sample"`
	Worker WorkerUsage  `json:"worker"`
}

// SampleAnswer describes one answer in the words of ab's report.
type SampleAnswer struct {
	Server   string `json:"server,omitempty"` // Server header
	Document string `json:"document,omitempty"`
	// Length is the size of the body in bytes.
	Length int64 `json:"length"`
}

// Sample is a reading of a replica's counters.
type Sample struct {
	Replica string `json:"replica"`
	Service string `json:"service"`
	// At is counted from the begin of the measured phase, and negative
	// before it.
	At time.Duration `json:"at_ns"`
	// CPU is cumulative since the replica started.
	CPU         time.Duration  `json:"cpu_ns"`
	MemoryBytes int64          `json:"memory_bytes"`
	Throttled   *time.Duration `json:"throttled_ns,omitempty"`
	NetIn       *int64         `json:"net_in_bytes,omitempty"`
	NetOut      *int64         `json:"net_out_bytes,omitempty"`
	BlockRead   *int64         `json:"block_read_bytes,omitempty"`
	BlockWrite  *int64         `json:"block_write_bytes,omitempty"`
}

// Event is something that happened to the stack or to the trial.
type Event struct {
	At   time.Duration `json:"at_ns"` // from the begin of the measured phase; 0 before
	Wall time.Time     `json:"wall"`
	What string        `json:"what"`
}

// Warning is a doubt that a reader of the numbers has to know of.
type Warning struct {
	What string `json:"what"`
}

func (Ready) lineType() string    { return "ready" }
func (Interval) lineType() string { return "interval" }
func (Final) lineType() string    { return "final" }
func (Sample) lineType() string   { return "sample" }
func (Event) lineType() string    { return "event" }
func (Warning) lineType() string  { return "warning" }

// Counts are numbers of requests. Sent = OK + Failed once a phase is over.
type Counts struct {
	Sent     int64            `json:"sent"`
	OK       int64            `json:"ok"`
	Failed   int64            `json:"failed"`
	Timeouts int64            `json:"timeouts"` // those of Failed that timed out
	Status   map[string]int64 `json:"status,omitempty"`
	Errors   map[string]int64 `json:"errors,omitempty"` // by kind of failure
}

// Bytes are numbers of bytes, headers included unless said otherwise.
type Bytes struct {
	In   int64 `json:"in"`
	Out  int64 `json:"out"`
	Body int64 `json:"body"` // of In, without headers: ab's "HTML transferred"
}

// Latencies are one histogram for each meaning of latency.
type Latencies struct {
	// Response is completion minus the instant the request was due.
	Response *latency.Histogram `json:"response,omitempty"`
	// Service is completion minus actual send.
	Service *latency.Histogram `json:"service,omitempty"`
	// Lag is actual send minus the instant the request was due.
	Lag *latency.Histogram `json:"lag,omitempty"`
	// Connect, Processing and Waiting are ab's: until connected; from there
	// to the end; from there to the first byte of the answer.
	Connect    *latency.Histogram `json:"connect,omitempty"`
	Processing *latency.Histogram `json:"processing,omitempty"`
	Waiting    *latency.Histogram `json:"waiting,omitempty"`
}

// WorkerUsage is what a worker knows of its own consumption, cumulative from
// the begin of its process.
type WorkerUsage struct {
	CPU      time.Duration `json:"cpu_ns"`
	RSSBytes int64         `json:"rss_bytes"`
	// GCPause is the sum of the pauses of the garbage collector.
	GCPause time.Duration `json:"gc_pause_ns"`
}
