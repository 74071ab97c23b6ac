// Package scenarios reads scenario files: which environments are compared, at
// which scales, under which loads, and what is demanded of them. It reports
// every mistake with file, line and column, and holds the scenarios that are
// shipped with the program.
package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plimsoll/scenarios/topology"
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
	Warmup       time.Duration // 0: none
	Trials       int           // at least 1
	Objectives   []Objective
	// Warnings name what is accepted but not honoured.
	Warnings []string
	// Source is the text of the file.
	Source []byte
}

// Environment is one deployment to be measured.
type Environment struct {
	Name string
	// Topology is what to start; nil: the target is already running.
	Topology *topology.Topology
	// TopologyFile is the resolved name of the file it came from.
	TopologyFile string
	// Target is the base URL that load is put on. Its host may be a service
	// of the topology.
	Target string
	// Engine names what runs the topology; empty: the command line's choice.
	Engine string
}

// Scale holds the replica counts of one scale level; services that are not
// named have as many as their topology says.
type Scale map[string]int

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
	// Rate is the arrival rate of an open loop.
	Rate Rate
	// Duration is how long requests are sent; 0 in a closed loop that has
	// Requests.
	Duration time.Duration
	// KeepAlive uses a connection for more than one request. Off unless
	// said, as in ab.
	KeepAlive bool
	// Timeout is how long an answer may take, counted from the send.
	Timeout time.Duration
}

// Rate is a number of requests per period.
type Rate struct {
	Count int
	Per   time.Duration
}

// PerSecond is the rate in requests per second.
func (r Rate) PerSecond() float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// String renders the rate as "200/s".
func (r Rate) String() string {
	switch r.Per {
	case time.Second:
		return fmt.Sprintf("%d/s", r.Count)
	case time.Minute:
		return fmt.Sprintf("%d/m", r.Count)
	}
	return fmt.Sprintf("%d/%v", r.Count, r.Per)
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
