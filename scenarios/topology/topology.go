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
	// Networks are the names of the networks that the stack brings along,
	// sorted. Those that exist already are not among them.
	Networks []string
	// Volumes are the names of the named volumes that the stack brings along,
	// sorted. Those that exist already are not among them.
	Volumes []string
	// NetworkOptions and VolumeOptions say, by name, how Networks and Volumes
	// differ from the usual ones.
	NetworkOptions map[string]NetworkOptions
	VolumeOptions  map[string]VolumeOptions
	// Warnings name what the file asks for and is not honoured.
	Warnings []string
	// Compose is the file with everything filled in that it takes from
	// elsewhere (variables, included and extended files, env files, folders):
	// a Compose file that gives the same topology wherever it is read.
	Compose []byte
	// Origin tells places in the file; nil: there is none.
	Origin *Origin
}

// Service is one service of a topology.
type Service struct {
	Name string
	// Image is the image's name; that of one which is built is the file's, or
	// PROJECT-SERVICE.
	Image      string
	Build      *Build // nil: the image is not built
	PullPolicy PullPolicy
	// Platform is what the image has to be for, such as linux/arm64; empty:
	// what the engine runs.
	Platform   string
	Entrypoint []string // nil: the image's own
	Command    []string // nil: the image's own
	// Environment is sorted, each entry KEY=VALUE.
	Environment []string
	Labels      map[string]string
	Annotations map[string]string
	WorkingDir  string
	// User is who the processes run as; Groups are further ones of theirs.
	User   string
	Groups []string
	// Hostname is the container's host name; empty: the replica's name.
	Hostname   string
	DomainName string
	// ContainerName is what the file wants the container to be called. It is
	// not: names have to be free for every run and every replica.
	ContainerName string
	// Restart is the file's restart policy. It is not applied.
	Restart string
	// Replicas is how many replicas the file asks for.
	Replicas int
	// Ports lists every port that the file publishes or exposes, sorted by
	// Target.
	Ports     []Port
	DependsOn []Dependency
	// NetworkMode is whose network the service has; empty: Networks. If it is
	// set, there are no Networks.
	NetworkMode Mode
	// Networks lists the networks the service is attached to, by descending
	// priority and name. The service's name is an alias on each of them.
	Networks []Attachment
	Names    Names
	Mounts   []Mount
	Files    []File
	// Healthcheck is the file's check; nil: the image's own, if it has one
	// and NoHealthcheck is not set.
	Healthcheck   *Healthcheck
	NoHealthcheck bool
	Limits
	Rights

	Init       bool
	StopSignal string
	// StopGrace is how long the service may take to end when it is asked to;
	// 0: the engine's choice.
	StopGrace time.Duration
	// Terminal gives it a terminal, OpenStdin a stdin that nothing comes from.
	Terminal, OpenStdin bool
	// LogOptions are those of the engine's json-file log driver.
	LogOptions map[string]string
}

// PullPolicy is when an image is fetched or built.
type PullPolicy string

// The pull policies.
const (
	PullMissing PullPolicy = "" // when the engine does not have it
	PullAlways  PullPolicy = "always"
	PullNever   PullPolicy = "never"
	PullBuild   PullPolicy = "build" // it is built each time
)

// Build says how an image is made.
type Build struct {
	// Context is the absolute folder on this host that is sent to the engine.
	Context string
	// Dockerfile is relative to Context, or absolute; empty: Inline is its
	// text.
	Dockerfile string
	Inline     string
	// Args are the values of the Dockerfile's ARGs.
	Args map[string]string
	// Target is the stage to build; empty: the last one.
	Target string
	// Network is what RUN has: default, host, none.
	Network string
	// Platforms is at most one.
	Platforms []string
	// Tags are further names of the image.
	Tags          []string
	Labels        map[string]string
	ExtraHosts    []string // name:address
	CacheFrom     []string
	NoCache, Pull bool
	ShmBytes      int64
	Ulimits       []Ulimit
}

// Mode is the namespace that a service is in: HostMode, or "service:NAME" for
// that of another service's replica of the same number. What else there is
// depends on the kind of namespace.
type Mode string

// The modes.
const (
	HostMode   Mode = "host"
	NoneMode   Mode = "none"
	BridgeMode Mode = "bridge" // of networks: the engine's own one
)

// servicePrefix begins the mode of sharing with another service.
const servicePrefix = "service:"

// Service returns the service that shares its namespace.
func (m Mode) Service() (name string, ok bool) {
	return strings.CutPrefix(string(m), servicePrefix)
}

// Names are how a service finds others.
type Names struct {
	ExtraHosts []string // name:address, sorted
	Servers    []string // DNS servers
	Search     []string
	Options    []string
}

// Limits bound what each replica may use. 0, or nothing, is no limit.
type Limits struct {
	// CPUs is the limit in CPU cores.
	CPUs float64
	// CPUQuota is the CPU time in microseconds per CPUPeriod, which is in
	// microseconds, too.
	CPUQuota, CPUPeriod int64
	// CPUShares is the weight among containers; 0: the usual 1024.
	CPUShares int64
	// RealtimeRuntime and RealtimePeriod, in microseconds, are what real-time
	// tasks may use.
	RealtimeRuntime, RealtimePeriod int64
	// CPUSet is the list of CPUs the replicas may use ("0-1"); empty: all.
	CPUSet string
	// MemoryBytes is the memory limit.
	MemoryBytes int64
	// MemoryAndSwapBytes is the limit of both together; -1: swap is not
	// limited; 0: no swap beyond the memory.
	MemoryAndSwapBytes int64
	// ReservedMemoryBytes is the soft limit that holds when memory is short.
	ReservedMemoryBytes int64
	// ReservedCPUs is what the file reserves; engines have no such thing.
	ReservedCPUs float64
	// Swappiness is from 1 to 100; 0: the host's own.
	Swappiness int64
	// OOMKillDisable suspends instead of killing what exceeds its memory.
	OOMKillDisable bool
	// OOMScore says how readily the kernel kills, from -1000 to 1000.
	OOMScore int
	// ShmBytes is the size of /dev/shm; 0: the engine's choice.
	ShmBytes int64
	// PidsLimit bounds processes and threads.
	PidsLimit int64
	Ulimits   []Ulimit // sorted by name
	// StorageOptions are those of the engine's storage driver.
	StorageOptions map[string]string
}

// Ulimit is a limit of a process.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// Rights say what the processes may do, and which of the host's namespaces
// they are in.
type Rights struct {
	CapAdd, CapDrop []string
	// Security are the engine's security options. A seccomp profile is its
	// text, not its file.
	Security   []string
	Privileged bool
	ReadOnly   bool
	Devices    []Device
	// DeviceRules are control group rules for devices.
	DeviceRules []string
	Sysctls     map[string]string
	// IPC and PID are HostMode, "service:NAME" or empty; IPC may also be
	// "none", "private" or "shareable".
	IPC, PID Mode
	// UTS, UserNamespace and Cgroup are HostMode or empty; Cgroup may also be
	// "private".
	UTS, UserNamespace, Cgroup Mode
	CgroupParent               string
	// Runtime is the OCI runtime; empty: the engine's choice.
	Runtime string
}

// Device is a device of the host inside a container.
type Device struct {
	Source, Target string
	Permissions    string // of r, w and m
}

// NetworkOptions say how a network differs from the usual one.
type NetworkOptions struct {
	Driver        string // empty: bridge
	DriverOptions map[string]string
	// Internal cuts the network off from everything outside.
	Internal   bool
	Attachable bool
	IPv6       bool
	IPAMDriver string
	// IPAMOptions are for the IPAM driver.
	IPAMOptions map[string]string
	Pools       []Pool
	Labels      map[string]string
}

// Pool is a range of addresses of a network.
type Pool struct {
	Subnet, Gateway, Range string
	Reserved               map[string]string // addresses by name
}

// VolumeOptions say how a volume differs from the usual one.
type VolumeOptions struct {
	Driver        string // empty: local
	DriverOptions map[string]string
	Labels        map[string]string
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
	// External is the engine's own name of a network that is there before the
	// stack and stays; empty: Network is one of the topology's.
	External   string
	Aliases    []string // without the service's own name
	IPv4, IPv6 string   // the address to have; empty: the engine's choice
	LinkLocal  []string
	Priority   int
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
	// External says that the volume is there before the stack and stays;
	// Source is the engine's own name of it.
	External bool
	// Create makes the host path if there is none.
	Create bool
	// Options are those that follow a mount's paths on Docker's command line:
	// nocopy of a volume, z and rslave and the like of a host path, size and
	// mode and the like of a tmpfs.
	Options string
}

// File is a small file that each replica gets when it is created: a config or
// a secret whose text is known. One that is a file of the host is a Mount.
type File struct {
	Target   string
	Content  string
	UID, GID int
	Mode     uint32 // permission bits
}

// Healthcheck is a Compose file's check. Plimsoll runs it itself while the
// stack starts and lets it rest while measuring, because the engine's own
// checks take a measurable share of a core.
type Healthcheck struct {
	// Test is the command to run inside the container; empty: the image's
	// own. CMD-SHELL is already turned into a shell's command line.
	Test        []string
	Interval    time.Duration // 0: the engine's choice
	Timeout     time.Duration // 0: the engine's choice
	StartPeriod time.Duration
	// StartInterval is that between checks in the StartPeriod.
	StartInterval time.Duration
	Retries       int
}

// Shares names the services whose namespaces a service is in, by its replicas
// of the same number.
func (s Service) Shares() []string {
	var names []string
	for _, mode := range []Mode{s.NetworkMode, s.IPC, s.PID} {
		if name, ok := mode.Service(); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
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
