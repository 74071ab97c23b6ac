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
	// Transport names what the requests will be sent with.
	Transport string `json:"transport"`
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
	// ByName tells the requests of each name of the mix apart.
	ByName map[string]Named `json:"by_name,omitempty"`
	// ServedBy counts answers by what their X-Served-By header said.
	ServedBy  map[string]int64 `json:"served_by,omitempty"`
	Latencies Latencies        `json:"latencies"`
	// Blocked is for how long a request that was due waited for a connection
	// because there were as many as may be.
	Blocked time.Duration `json:"blocked_ns,omitempty"`
	Worker  WorkerUsage   `json:"worker"`
}

// MostNamed is how many names of a mix have histograms of their own; a mix of
// more has counts by name only.
const MostNamed = 32

// Named is what became of the requests of one name.
type Named struct {
	Counts
	// Latencies are the response, service and lag of these requests; nil
	// where the mix has one name only, or more than MostNamed.
	Latencies *Latencies `json:"latencies,omitempty"`
}

// Final ends a phase. After it nothing more comes of that phase.
type Final struct {
	Phase Phase `json:"phase"`
	// Began is the instant of the phase's begin. A worker on another host says
	// it by its own clock; what is recorded is by the runner's.
	Began time.Time `json:"began"`
	// Length is the time from the begin to the end of the last request; of an
	// open loop that was not ended early at least its schedule's duration.
	Length time.Duration `json:"length_ns"`
	// Due is how many requests the schedule asked for; in a closed loop as
	// many as were sent.
	Due int64 `json:"due"`
	// Seconds is over how many seconds an open loop's requests were due, and
	// Behind in how many of those noticeably fewer were sent than were due.
	Seconds int64 `json:"seconds,omitempty"`
	Behind  int64 `json:"behind,omitempty"`
	// First is the response time of the request that was due first.
	First time.Duration `json:"first_ns,omitempty"`
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
	Sent     int64 `json:"sent"`
	OK       int64 `json:"ok"`
	Failed   int64 `json:"failed"`
	Timeouts int64 `json:"timeouts"` // those of Failed that timed out
	// Redirects is how many were followed; each is one more exchange of a
	// request that counts once.
	Redirects int64            `json:"redirects,omitempty"`
	Status    map[string]int64 `json:"status,omitempty"`
	Errors    map[string]int64 `json:"errors,omitempty"` // by kind of failure
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
// the begin of its process unless said otherwise. What the system does not
// tell is absent.
type WorkerUsage struct {
	CPU      time.Duration `json:"cpu_ns"`
	RSSBytes int64         `json:"rss_bytes"`
	// CPUs is how many CPUs the worker may use: those of the machine, or
	// less by affinity, GOMAXPROCS or a control group's quota; so it may be a
	// fraction.
	CPUs float64 `json:"cpus,omitempty"`
	// GCPause is the sum of the pauses of the garbage collector, GCPauses how
	// many there were, and LongestGCPause the longest since the reading
	// before.
	GCPause        time.Duration `json:"gc_pause_ns"`
	GCPauses       int64         `json:"gc_pauses,omitempty"`
	LongestGCPause time.Duration `json:"gc_pause_longest_ns,omitempty"`
	// BusiestThread adds up what the busiest thread used between one reading
	// and the next.
	BusiestThread *time.Duration `json:"busiest_thread_ns,omitempty"`
	// QueueWait is how long the worker's threads together waited for a CPU.
	QueueWait *time.Duration `json:"queue_wait_ns,omitempty"`
	// Throttled is for how long a control group's CPU quota held it back.
	Throttled *time.Duration `json:"throttled_ns,omitempty"`
	// Machine is what all CPUs of the worker's machine together did.
	Machine *MachineCPU `json:"machine_cpu,omitempty"`
}

// MachineCPU is a machine's account of its CPUs since it was started, in ticks.
type MachineCPU struct {
	Total float64 `json:"total"`
	Steal float64 `json:"steal"` // what the host gave to other virtual machines
}
