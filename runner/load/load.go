// Package load sends requests and records how long they took. It knows nothing
// of containers. A Schedule says when a request is due, a Transport sends the
// requests of a Job, a Recorder keeps what became of them.
package load

import (
	"context"
	"time"

	"plimsoll/results"
)

// Job is one phase of load.
type Job struct {
	Phase results.Phase `json:"phase"`
	// Targets are base URLs ("http://172.18.0.4:80"), or with TCP where to
	// connect to ("tcp://172.18.0.4:6000"); connections are spread over them
	// in turn.
	Targets []string `json:"targets"`
	// Host is the Host header; empty: the target's own.
	Host string `json:"host,omitempty"`
	// TCP makes requests payloads that are sent as they are, and says how
	// their answers end; nil: requests are HTTP.
	TCP *Reply `json:"tcp,omitempty"`
	// Mix holds at least one request.
	Mix []Request `json:"mix"`
	// Concurrency is the number of requests kept in flight by a closed loop;
	// 0 makes the loop an open one.
	Concurrency int `json:"concurrency,omitempty"`
	// Requests ends a closed loop after that many, Duration after that time;
	// of both, whichever comes first.
	Requests int64 `json:"requests,omitempty"`
	// Think is how long each sender of a closed loop waits between the end
	// of a request and its next one.
	Think time.Duration `json:"think_ns,omitempty"`
	// Rate is that of an open loop: RateCount requests per RatePer. With
	// Stages it is the rate that they begin at, with Sine the mean.
	RateCount int           `json:"rate_count,omitempty"`
	RatePer   time.Duration `json:"rate_per_ns,omitempty"`
	// Duration is how long an open loop lasts; with Stages, their sum.
	Duration time.Duration `json:"duration_ns,omitempty"`
	// Stages or Sine change the rate of an open loop over time.
	Stages []Stage `json:"stages,omitempty"`
	Sine   *Sine   `json:"sine,omitempty"`
	// Poisson makes the arrivals of an open loop independent of each other,
	// at the same rate; Seed fixes them.
	Poisson   bool `json:"poisson,omitempty"`
	KeepAlive bool `json:"keepalive"`
	// HTTP2 asks for HTTP/2, over TLS by its handshake, else because the
	// target is known to speak it. Each connection carries one request at a
	// time, so that all numbers mean what they do with HTTP/1.1.
	HTTP2   bool          `json:"http2,omitempty"`
	Timeout time.Duration `json:"timeout_ns"`
	// Connections bounds how many an open loop has at once; 0: as many as
	// the transport can. Requests beyond it wait and keep their due time.
	Connections int `json:"connections,omitempty"`
	// Trust is for https targets.
	Trust Trust `json:"tls,omitzero"`
	// Redirects is how many of them a request may follow, within the targets;
	// 0: a redirect is an answer like any other.
	Redirects int `json:"redirects,omitempty"`
	// Cookies gives each sender (of an open loop: each connection at a time)
	// a jar of its own.
	Cookies bool `json:"cookies,omitempty"`
	// Link adds distance to every round trip.
	Link Link `json:"link,omitzero"`
	// Seed fixes the order in which the mix is drawn from, the arrivals, and
	// the link's jitter.
	Seed uint64 `json:"seed"`
	// Share is the part of all this that is to be done here.
	Share Share `json:"share,omitzero"`
	// Enough, when it is closed, ends the load early and gently: nothing new
	// is sent, what is in flight comes to its end. Requests that were due and
	// wait for a connection are let go, and count nowhere. nil: never.
	Enough <-chan struct{} `json:"-"`
}

// stopped reports whether there has been enough.
func (j Job) stopped() bool {
	select {
	case <-j.Enough:
		return true
	default:
		return false
	}
}

// Request is one kind of request of the mix. Over TCP it has a Payload, else
// the parts of HTTP.
type Request struct {
	Name    string            `json:"name"`
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"body,omitempty"`
	Payload []byte            `json:"payload,omitempty"`
	Weight  int               `json:"weight"`
}

// Schedule says when each request is due. It is pure and fixed in advance:
// request k is due at a known instant whatever the server does.
type Schedule interface {
	// Due returns when request k (from 0) is due, counted from the begin of
	// the phase; ok is false when the schedule has no such request. Due
	// never decreases with k. It may be asked by several goroutines at once,
	// and is cheap when k goes up one by one.
	Due(k int64) (due time.Duration, ok bool)
	// Total is how many requests the schedule has.
	Total() int64
}

// Transport sends a job's requests from the instant begin on, which should carry
// a monotonic clock reading, and records each one. It returns when the last one has been answered, has failed or has timed
// out. A done context ends it early: nothing new is sent, what is in flight is
// cut off and recorded as failed. Job.Enough ends it early, too. The error says that the job could not be run
// at all; failing requests are no error.
type Transport interface {
	// Name is one of the names that Choose knows.
	Name() string
	Run(ctx context.Context, job Job, begin time.Time, rec *Recorder) error
}

// Failure is the kind of a request's failure.
type Failure string

// The kinds of failures. Only None, BadStatus and Unexpected stand for a
// complete answer.
const (
	None Failure = ""
	// Refused: nobody listens at the target.
	Refused Failure = "refused"
	// Reset: the target broke the connection.
	Reset Failure = "reset"
	// Timeout: no complete answer within Job.Timeout of the send.
	Timeout Failure = "timeout"
	// ShortRead: the connection was closed in good order before the answer
	// was complete, or before it began.
	ShortRead Failure = "short read"
	// Malformed: what came is not HTTP.
	Malformed Failure = "malformed"
	// Resolve: the target's name has no address.
	Resolve Failure = "name not resolved"
	// Unreachable: there is no way to the target's address.
	Unreachable Failure = "unreachable"
	// TLS: the handshake failed or the certificate is not trusted.
	TLS Failure = "tls"
	// Redirect: one that leads away from the targets, or one more than may be
	// followed.
	Redirect Failure = "redirect"
	// BadStatus: a complete answer with a status of 400 or above.
	BadStatus Failure = "status"
	// Unexpected: a complete answer over TCP without what Reply.Expect says.
	Unexpected Failure = "unexpected answer"
	// LocalLimit: this machine had no port or file descriptor left; says
	// nothing about the target.
	LocalLimit Failure = "local limit"
	// CutOff: sent, but the load was ended before the answer was complete.
	CutOff Failure = "cut off"
	// NeverSent: due, but the load was ended before it could be sent. Sent
	// and Done are the instant of that end.
	NeverSent  Failure = "never sent"
	OtherError Failure = "other"
)

// complete reports whether a request that ended so has a whole answer.
func (f Failure) complete() bool { return f == None || f == BadStatus || f == Unexpected }

// Shot is one request as it went. All instants are counted from the begin of
// the phase.
type Shot struct {
	Request int // index in the mix
	// Due is when it should have been sent; in a closed loop it is Sent.
	Due  time.Duration
	Sent time.Duration
	// Connected is when the connection was there; Sent if it was reused.
	Connected time.Duration
	// FirstByte is when the answer began; 0 if it never did. Where none is
	// awaited, it is Done.
	FirstByte time.Duration
	// Done is when the answer was complete or the request had failed.
	Done time.Duration
	// Status is that of a complete answer over HTTP, else 0.
	Status  int
	Failure Failure
	// Redirects is how many were followed; everything else is of all
	// exchanges together, Status and FirstByte of the last.
	Redirects int
	BytesIn   int64 // headers and body as received
	BytesOut  int64
	BodyIn    int64
	ServedBy  string // X-Served-By header
	Server    string // Server header
}
