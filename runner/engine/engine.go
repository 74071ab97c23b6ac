// Package engine is the seam to whatever runs a stack. What has to be done is
// decided here, purely, by comparing the wanted stack with the observed one
// (Diff); an Engine only observes, and does one operation at a time (Do).
// Abilities that not every engine has are small interfaces of their own.
package engine

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"plimsoll/scenarios/topology"
)

// SelfImage is the image name by which a topology asks for this program's own
// executable. It is made from the running binary and never pulled.
const SelfImage = "plimsoll"

// HandRun is what stacks have in place of a run's ID that are brought up by
// hand, for no run in particular.
const HandRun = "by-hand"

// Stack is a topology that should run under a name of its own.
type Stack struct {
	// Name is the project name, unique on the engine while the stack lives.
	Name string
	// Run is the ID of the run it belongs to.
	Run string
	// Topology has its replica counts set.
	Topology *topology.Topology
}

// Engine runs stacks. All methods are safe for concurrent use.
type Engine interface {
	// Info describes the engine for messages and for the record.
	Info(ctx context.Context) (Info, error)
	// Observe returns what exists of the stack of that name, without side
	// effects. A stack that does not exist is an empty State and no error.
	Observe(ctx context.Context, stack string) (State, error)
	// Do performs one operation that Diff made: one call to the engine, or
	// one process. Doing what is done already is no error.
	Do(ctx context.Context, op Op) error
	// Endpoint returns the addresses, in the order of replica numbers, at
	// which workers that this engine launches reach the running replicas
	// of a service.
	Endpoint(ctx context.Context, stack, service string, port uint16) ([]netip.AddrPort, error)
	// Close releases what the engine holds open. It stops no stack.
	Close() error
}

// Info describes an engine.
type Info struct {
	Kind     string            `json:"kind"` // docker, process
	Endpoint string            `json:"endpoint,omitempty"`
	Version  string            `json:"version,omitempty"`
	Details  map[string]string `json:"details,omitempty"` // kernel, cgroup version, CPUs, …
	// LoadPath says from where, and by which way, the workers that the engine
	// launches reach its replicas.
	LoadPath string `json:"load_path,omitempty"`
	// Limits says that replicas are held to the limits of their topology.
	Limits bool `json:"limits,omitempty"`
}

// State is what exists of a stack.
type State struct {
	Networks []string  // short names, as in the topology
	Volumes  []string  // short names, as in the topology
	Replicas []Replica // sorted by service and number
}

// Status is where a replica is in its life.
type Status string

// The states of a replica.
const (
	Created Status = "created"
	Running Status = "running"
	Exited  Status = "exited"
)

// Replica is one observed replica of a service.
type Replica struct {
	Service string
	Number  int
	ID      string // the engine's own handle: container ID, process ID
	Status  Status
	// ExitCode is meaningful when Status is Exited.
	ExitCode  int
	OOMKilled bool
	// Address is where the replica is reached by Dial; the zero Addr:
	// nowhere.
	Address netip.Addr
	Image   string // the resolved image with its digest or ID
	// Definition is that of the service it was made from; empty: not known.
	Definition string
	// Ports are where the host forwards to it.
	Ports []PublishedPort
	// Created is when it was made, to the second; zero: not known.
	Created time.Time
}

// PublishedPort forwards a port of the engine's host to a replica's.
type PublishedPort struct {
	Host     netip.AddrPort
	Target   uint16
	Protocol string
}

// Name is the service's name and the replica's number: "web-1".
func (r Replica) Name() string { return ReplicaName(r.Service, r.Number) }

// Execer runs a command inside a replica. It returns the exit code and the
// last of what the command printed.
type Execer interface {
	Exec(ctx context.Context, replica Replica, command []string) (code int, output string, err error)
}

// Logger returns the last lines that a replica printed on stdout and stderr.
type Logger interface {
	Logs(ctx context.Context, replica Replica, lines int) (string, error)
}

// Follower copies what a replica has printed, the last lines of it, and then
// what it prints until ctx is done or the replica ends.
type Follower interface {
	Follow(ctx context.Context, replica Replica, lines int, w io.Writer) error
}

// Image is one that an engine holds.
type Image struct {
	Name    string    `json:"name"`              // as the topology has it
	ID      string    `json:"id"`                // of its configuration, with the algorithm
	Digests []string  `json:"digests,omitempty"` // those of registries: name@algorithm:sum
	Bytes   int64     `json:"bytes"`             // on the engine's disk, layers shared with others included
	Created time.Time `json:"created,omitzero"`
}

// Imager describes an image that the engine holds.
type Imager interface {
	// Image returns the image of that name; ok is false when there is none.
	Image(ctx context.Context, name string) (image Image, ok bool, err error)
}

// Usage is a reading of a replica's cumulative counters.
type Usage struct {
	// At is when the counters had these values, by this host's clock.
	At time.Time
	// CPU is the CPU time used since the replica started.
	CPU time.Duration
	// MemoryBytes is the memory in use without page cache.
	MemoryBytes int64
	// The rest is nil where the kernel does not say.
	Throttled             *time.Duration
	NetIn, NetOut         *int64 // bytes
	BlockRead, BlockWrite *int64 // bytes
}

// Meter reads the counters of one replica or worker.
type Meter interface {
	Read(ctx context.Context) (Usage, error)
	Close() error
}

// Metering is how often and by which means a meter can be read.
type Metering struct {
	Source   string        // "cgroup v1", "cgroup v2", "stats API", "process clock"
	Interval time.Duration // the shortest useful time between two readings
}

// Meterer opens meters. id is a Replica's or a Worker's ID.
type Meterer interface {
	Meter(ctx context.Context, id string) (Meter, Metering, error)
}

// Worker is a load worker that an engine launched near a stack. Writing to it
// reaches the worker's stdin, reading from it its stdout; CloseWrite ends its
// stdin, upon which a worker finishes.
type Worker interface {
	io.ReadWriter
	CloseWrite() error
	// ID is the engine's handle, good for a Meterer.
	ID() string
	// Wait waits until the worker has ended and everything that it printed
	// has been read; it returns its exit code and the end of its stderr.
	Wait(ctx context.Context) (code int, stderr string, err error)
	// Stop removes the worker at once, whatever it does.
	Stop(ctx context.Context) error
}

// Dialer connects to replicas where this host's own network may not lead to
// them.
type Dialer interface {
	// Dial connects by TCP to a replica's address, or to any other, from
	// where the engine's workers are. within bounds the attempt that is made
	// there, not the way to that place. What the attempt meets there is what
	// the error says: syscall.ECONNREFUSED, or a net.Error that is a timeout.
	Dial(ctx context.Context, address string, within time.Duration) (net.Conn, error)
}

// Dial connects to an address by the engine's Dialer, else from this host.
func Dial(ctx context.Context, eng Engine, address string, within time.Duration) (net.Conn, error) {
	if dialer, ok := eng.(Dialer); ok {
		return dialer.Dial(ctx, address, within)
	}
	dialer := net.Dialer{Timeout: within}
	return dialer.DialContext(ctx, "tcp", address)
}

// Reporter says, while it does an operation that may take long, how far it has
// come. It is called from one goroutine at a time.
type Reporter interface {
	DoReporting(ctx context.Context, op Op, report func(line string)) error
}

// Checker tells the healthcheck that an image has of its own; nil: none.
type Checker interface {
	ImageCheck(ctx context.Context, image string) (*topology.Healthcheck, error)
}

// Warner says in words what of a topology an engine does not honour.
type Warner interface {
	Warnings(t *topology.Topology) []string
}

// Launcher starts "plimsoll worker" where the stack's services can be reached.
type Launcher interface {
	Launch(ctx context.Context, stack Stack) (Worker, error)
}
