// Package scenarios reads scenario files: which environments are compared, at
// which scales, under which loads, and what is demanded of them. It reports
// every mistake with file, line and column, and holds the scenarios that are
// shipped with the program.
package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios/topology"
	"plimsoll/scenarios/yamlfile"
)

// Scenario is one scenario file, checked and with all defaults filled in.
// Nobody changes it after Read has returned it.
type Scenario struct {
	Name         string
	File         string        // where it came from, for messages
	Environments []Environment // in the order of the file; at least one
	Scales       []Scale       // at least one
	Requests     []Request     // at least one
	Loads        []Load        // in the order of the file; at least one
	Warmup       Warmup
	Trials       int // at least 1
	Objectives   []Objective
	// Warnings name what is accepted but not honoured.
	Warnings []string
	// Source is the text of the file.
	Source []byte
	// Embedded says that the scenario stands in a Compose file, below
	// "x-plimsoll".
	Embedded bool
}

// Environment is one deployment to be measured.
type Environment struct {
	Name string
	// Topology is what to start; nil: the target is already running.
	Topology *topology.Topology
	// TopologyFile is the resolved name of the file it came from.
	TopologyFile string
	// Target is the base URL that load is put on; tcp://host:port over TCP.
	// Its host may be a service of the topology. A load may have its own.
	Target string
	// TLS says whose certificates an https target may have.
	TLS TLS
	// Engine is what runs the topology; the zero Engine: the command line's
	// choice.
	Engine Engine
	// Link is the emulated distance to the target, if there is one.
	Link Link
}

// Fits reports whether the environment has every service that the scale names.
// Environments are measured only at scales that fit them.
func (e Environment) Fits(scale Scale) bool {
	for service := range scale {
		if e.Topology == nil {
			return false
		}
		if _, ok := e.Topology.Service(service); !ok {
			return false
		}
	}
	return true
}

// Engine says what runs a topology: a kind, or which Docker engine.
type Engine struct {
	// Kind is DockerEngine, ProcessEngine or AutoEngine; empty: not told.
	Kind string
	// Context is a context of the docker command, and Host an address as in
	// DOCKER_HOST; one of them at most.
	Context, Host string
	// TLS is the folder with ca.pem, cert.pem and key.pem for Host.
	TLS string
}

// The kinds of engine.
const (
	DockerEngine  = "docker"
	ProcessEngine = "process"
	// AutoEngine is docker if one answers, else process.
	AutoEngine = "auto"
)

// String renders an engine for people; "" if nothing is told.
func (e Engine) String() string {
	switch {
	case e.Context != "":
		return "docker context " + e.Context
	case e.Host != "":
		return "docker at " + e.Host
	}
	return e.Kind
}

// TLS says whose certificates a target may have, as load.TLS does.
type TLS struct {
	Insecure   bool
	CA         string // PEM; empty: what the system trusts
	ServerName string // empty: the target's host
}

// Scale holds the replica counts of one scale level; services that are not
// named have as many as their topology says.
type Scale map[string]int

// ParseScale reads what String renders, "web=3,static=2".
func ParseScale(text string) (Scale, error) {
	scale := Scale{}
	for part := range strings.SplitSeq(text, ",") {
		service, count, ok := strings.Cut(part, "=")
		n, err := strconv.Atoi(count)
		if !ok || service == "" || err != nil || n < 0 {
			return nil, fmt.Errorf("%q is not SERVICE=COUNT, such as web=3", part)
		}
		scale[service] = n
	}
	return scale, nil
}

// String renders a scale as "static=2,web=3", and "as written" if it names no
// service.
func (s Scale) String() string {
	if len(s) == 0 {
		return "as written"
	}
	parts := make([]string, 0, len(s))
	for _, name := range s.Services() {
		parts = append(parts, fmt.Sprintf("%s=%d", name, s[name]))
	}
	return strings.Join(parts, ",")
}

// Services lists the services that the scale names, sorted.
func (s Scale) Services() []string { return slices.Sorted(maps.Keys(s)) }

// Request is one kind of request of the mix.
type Request struct {
	Name    string // "GET /", unless the file gives another
	Method  string
	Path    string // with query; begins with a slash
	Headers map[string]string
	Body    string
	Weight  int // at least 1
}

// Mode tells the two kinds of load apart.
type Mode string

// The modes of load.
const (
	// Closed keeps a number of requests in flight, as ab does.
	Closed Mode = "closed"
	// Open sends requests when they are due, whatever the server does.
	Open Mode = "open"
)

// Load says how requests are sent.
type Load struct {
	Name string
	Mode Mode
	// Requests is the number to send in a closed loop; 0: until Duration.
	Requests int
	// Concurrency is the number kept in flight in a closed loop.
	Concurrency int
	// Think is how long each sender of a closed loop pauses between an
	// answer and its next request.
	Think time.Duration
	// Rate is the arrival rate of an open loop: the one that Stages begin
	// at (0 per 0 if the file says none), the mean of a Sine.
	Rate Rate
	// Stages change the rate one after the other; empty: it does not change
	// so.
	Stages []Stage
	// Sine makes the rate swing; nil: it does not.
	Sine *Sine
	// Arrivals is how requests of an open loop follow one another; empty in
	// a closed one.
	Arrivals Arrivals
	// Duration is how long requests are sent, that of all stages together; 0
	// in a closed loop that has Requests.
	Duration time.Duration
	// KeepAlive uses a connection for more than one request. Off unless
	// said, as in ab.
	KeepAlive bool
	// Timeout is how long an answer may take, counted from the send.
	Timeout time.Duration
	// Redirects is how many of them a request may follow; 0: a redirect is
	// an answer like any other.
	Redirects int
	// Cookies gives each sender a jar of its own.
	Cookies bool
	// HTTP2 speaks HTTP/2 instead of HTTP/1.1.
	HTTP2 bool
	// Connections bounds how many an open loop has at once; 0: as many as
	// the transport can.
	Connections int
	// Target is what the load is put on instead of the environment's; empty:
	// there.
	Target string
	// TCP says how answers over TCP end; nil: the load is HTTP's.
	TCP *Reply
	// Payloads are sent over TCP instead of the scenario's requests.
	Payloads []Payload
}

// TargetIn is the target that the load is put on in an environment.
func (l Load) TargetIn(e Environment) string { return cmp.Or(l.Target, e.Target) }

// Stage changes the rate linearly until it is To, within Over; an Over of 0
// makes it jump.
type Stage struct {
	To   Rate // the count may be 0
	Over time.Duration
}

// Sine is a rate that swings around its mean.
type Sine struct {
	Amplitude Rate // at most the mean
	Period    time.Duration
	Start     Start
}

// Start says where in its wave a sine begins.
type Start string

// Where a sine may begin: at the mean and rising, at the peak, at the mean and
// falling, at the trough.
const (
	Rising  Start = "rising"
	Peak    Start = "peak"
	Falling Start = "falling"
	Trough  Start = "trough"
)

// starts lists the starts by quarters of a period.
var starts = []Start{Rising, Peak, Falling, Trough}

// Quarter is the start in quarters of a period: 0 for Rising, 3 for Trough.
func (s Start) Quarter() int { return slices.Index(starts, s) }

// Arrivals is how the requests of an open loop follow one another.
type Arrivals string

const (
	// Constant: as evenly as the rate does.
	Constant Arrivals = "constant"
	// Poisson: independently of each other, as those of many users.
	Poisson Arrivals = "poisson"
)

// WarmupRate is the rate that an open loop is warmed up with: a constant one.
// It is the rate that the first stage leads to (of those that lead to more
// than nothing), and without stages the load's own, of a sine the mean.
func (l Load) WarmupRate() Rate {
	for _, s := range l.Stages {
		if s.To.Count > 0 {
			return s.To
		}
	}
	return l.Rate
}

// At is the load at another rate, one that does not change.
func (l Load) At(r Rate) Load {
	l.Rate, l.Stages, l.Sine = r, nil, nil
	return l
}

// Text says in words how the load sends its requests.
func (l Load) Text() string {
	text := l.loop()
	if l.Connections > 0 {
		text += fmt.Sprintf(", at most %d at once", l.Connections)
	}
	if l.TCP != nil {
		text += ", over TCP"
	}
	if l.Target != "" {
		text += ", to " + l.Target
	}
	return text
}

func (l Load) loop() string {
	duration, think, arrivals := units.Duration(l.Duration), "", ""
	if l.Think > 0 {
		think = ", each thinking " + units.Duration(l.Think)
	}
	if l.Arrivals == Poisson {
		arrivals = ", Poisson arrivals"
	}
	switch {
	case l.Mode == Closed && l.Requests > 0:
		return fmt.Sprintf("closed loop, %d requests, %d at a time%s", l.Requests, l.Concurrency, think)
	case l.Mode == Closed:
		return fmt.Sprintf("closed loop, %s, %d at a time%s", duration, l.Concurrency, think)
	case l.Sine != nil:
		return fmt.Sprintf("open loop, %s ± %s in waves of %s for %s, %s first%s",
			l.Rate, l.Sine.Amplitude, units.Duration(l.Sine.Period), duration, l.Sine.Start, arrivals)
	case len(l.Stages) > 0:
		return fmt.Sprintf("open loop, %s%s", l.course(), arrivals)
	}
	return fmt.Sprintf("open loop, %s for %s%s", l.Rate, duration, arrivals)
}

// course tells the stages: "0/s to 500/s over 30s, 500/s for 1m, at once
// 10/s, 10/s for 5s".
func (l Load) course() string {
	var parts []string
	rate := l.Rate
	for _, s := range l.Stages {
		over := units.Duration(s.Over)
		switch {
		case s.Over == 0:
			parts = append(parts, "at once "+s.To.String())
		case s.To.PerSecond() == rate.PerSecond():
			parts = append(parts, s.To.String()+" for "+over)
		default:
			parts = append(parts, fmt.Sprintf("%s to %s over %s", rate, s.To, over))
		}
		rate = s.To
	}
	return strings.Join(parts, ", ")
}

// Rate is a number of requests per period.
type Rate struct {
	Count int
	Per   time.Duration
}

// RateOf is a rate in requests per second, to the hundredth.
func RateOf(perSecond float64) Rate {
	for _, seconds := range []time.Duration{1, 10, 100} {
		if count := perSecond * float64(seconds); math.Abs(count-math.Round(count)) < 1e-6 || seconds == 100 {
			return Rate{Count: int(math.Round(count)), Per: seconds * time.Second}
		}
	}
	return Rate{}
}

// PerSecond is the rate in requests per second.
func (r Rate) PerSecond() float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// above compares exactly.
func (r Rate) above(other Rate) bool {
	return big.NewRat(int64(r.Count), int64(r.Per)).Cmp(big.NewRat(int64(other.Count), int64(other.Per))) > 0
}

// String renders the rate as "200/s".
func (r Rate) String() string {
	switch r.Per {
	case 0:
		return "0/s"
	case time.Second:
		return fmt.Sprintf("%d/s", r.Count)
	case time.Minute:
		return fmt.Sprintf("%d/m", r.Count)
	}
	return fmt.Sprintf("%d/%v", r.Count, r.Per)
}

// Problem makes a problem of what the path leads to in the scenario's file
// ("loads.steady.rate"), or of the nearest thing around it.
func (s *Scenario) Problem(path, message string) Problem {
	file, err := yamlfile.Parse(s.File, s.Source)
	if err != nil { // cannot be: it was read
		return Problem{File: s.File, Path: path, Message: message}
	}
	if s.Embedded {
		path = embeddedPath(path, s.Environments[0].Name)
	}
	place, _ := file.Find(path)
	return file.Problem(place, path, message)
}

// Environment returns the environment of that name.
func (s *Scenario) Environment(name string) (Environment, bool) {
	for _, e := range s.Environments {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

// Load returns the load of that name.
func (s *Scenario) Load(name string) (Load, bool) {
	for _, l := range s.Loads {
		if l.Name == name {
			return l, true
		}
	}
	return Load{}, false
}
