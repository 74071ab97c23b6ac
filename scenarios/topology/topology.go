// Package topology says what should run: services, networks and volumes, as
// they are read from a Compose file. Values are finished when they leave this
// package and nobody changes them afterwards; WithScale returns a copy.
package topology

import (
	"slices"
	"strings"
	"time"
)

// Topology is one deployment's services, networks and volumes.
type Topology struct {
	// Name is the project name: the Compose file's own, else its folder's.
	Name string
	// Dir is the folder that relative host paths were resolved against.
	Dir string
	// Services are sorted by name.
	Services []Service
	// Networks are the names of the networks, sorted. There is at least one.
	Networks []string
	// Volumes are the names of the named volumes, sorted.
	Volumes []string
	// Warnings name what the file asks for and is not honoured.
	Warnings []string
	// Compose is the file with everything filled in that it takes from
	// elsewhere (variables, included and extended files, env files, folders):
	// a Compose file that gives the same topology wherever it is read.
	Compose []byte
}

// Service is one service of a topology.
type Service struct {
	Name       string
	Image      string
	Entrypoint []string // nil: the image's own
	Command    []string // nil: the image's own
	// Environment is sorted, each entry KEY=VALUE.
	Environment []string
	Labels      map[string]string
	WorkingDir  string
	User        string
	// Hostname is the container's host name; empty: the replica's name.
	Hostname string
	// Replicas is how many replicas the file asks for.
	Replicas int
	// Ports lists every port that the file publishes or exposes, sorted by
	// Target.
	Ports     []Port
	DependsOn []Dependency
	// Networks lists the networks the service is attached to, sorted by
	// name. The service's name is an alias on each of them.
	Networks    []Attachment
	Mounts      []Mount
	Healthcheck *Healthcheck // nil: none

	// CPUs is the limit in CPU cores; 0: none.
	CPUs float64
	// CPUSet is the list of CPUs the replicas may use ("0-1"); empty: all.
	CPUSet string
	// MemoryBytes is the memory limit; 0: none.
	MemoryBytes int64
	// PidsLimit bounds processes and threads; 0: none.
	PidsLimit int64

	CapAdd, CapDrop []string
	ReadOnly        bool
	Init            bool
	Privileged      bool
	StopSignal      string
}

// Port is a port that a service listens on.
type Port struct {
	Target   uint16 // the port inside the container
	Protocol string // "tcp" or "udp"
	// Published is the port asked for on the host: a number, a range, or
	// empty for one that the engine chooses. It means something only when
	// Publish is true.
	Published string
	HostIP    string
	Publish   bool // from ports:, not from expose:
}

// Condition is what a service waits for in another one before it starts.
type Condition string

// The conditions of Compose's depends_on.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Dependency says that a service starts only after another one.
type Dependency struct {
	Service   string
	Condition Condition
}

// Attachment is a service's place on a network.
type Attachment struct {
	Network string
	Aliases []string // without the service's own name
}

// MountType is the kind of a mount.
type MountType string

// The kinds of mounts.
const (
	VolumeMount MountType = "volume"
	BindMount   MountType = "bind"
	TmpfsMount  MountType = "tmpfs"
)

// Mount is a volume, a host path or a tmpfs inside a container.
type Mount struct {
	Type MountType
	// Source is the volume's name (empty: anonymous) or the absolute host
	// path.
	Source   string
	Target   string
	ReadOnly bool
}

// Healthcheck is a Compose file's check. Plimsoll runs it itself while the
// stack starts and lets it rest while measuring, because the engine's own
// checks take a measurable share of a core.
type Healthcheck struct {
	// Test is the command to run inside the container; an empty first word
	// never occurs. CMD-SHELL is already turned into a shell's command line.
	Test        []string
	Interval    time.Duration // 0: the engine's choice
	Timeout     time.Duration // 0: the engine's choice
	StartPeriod time.Duration
	Retries     int
}

// Service returns the service of that name.
func (t *Topology) Service(name string) (Service, bool) {
	i, found := slices.BinarySearchFunc(t.Services, name, func(s Service, name string) int {
		return strings.Compare(s.Name, name)
	})
	if !found {
		return Service{}, false
	}
	return t.Services[i], true
}

// ServiceNames lists the names of all services, sorted.
func (t *Topology) ServiceNames() []string {
	names := make([]string, len(t.Services))
	for i, s := range t.Services {
		names[i] = s.Name
	}
	return names
}

// WithScale returns a copy in which the named services have that many
// replicas. Names that are no service are ignored; scenarios checks them.
func (t *Topology) WithScale(scale map[string]int) *Topology {
	scaled := *t
	scaled.Services = slices.Clone(t.Services)
	for i, s := range scaled.Services {
		if n, ok := scale[s.Name]; ok {
			scaled.Services[i].Replicas = n
		}
	}
	return &scaled
}

// Scale returns the replica count of every service.
func (t *Topology) Scale() map[string]int {
	counts := make(map[string]int, len(t.Services))
	for _, s := range t.Services {
		counts[s.Name] = s.Replicas
	}
	return counts
}
