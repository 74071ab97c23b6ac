package docker

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// spec is what a container is created from.
type spec struct {
	name     string
	config   *container.Config
	host     *container.HostConfig
	platform *ocispec.Platform // nil: the image's own
	// networks are the ones it is attached to, the first of which gives it
	// its address and its name server. If there are none, host says whose
	// network it has.
	networks []attachment
	files    []topology.File
}

type attachment struct {
	network  string // the engine's name
	settings network.EndpointSettings
}

// replicaSpec says how to create a replica from an image.
func replicaSpec(op engine.Op, image string) (spec, error) {
	s := op.Service
	labels, err := replicaLabels(op)
	if err != nil {
		return spec{}, err
	}
	platform, err := parsePlatform(s.Platform)
	if err != nil {
		return spec{}, err
	}
	replica := engine.ReplicaName(s.Name, op.Number)
	c := spec{
		name: containerName(op.Stack, s.Name, op.Number), platform: platform, files: s.Files,
		config: &container.Config{
			Hostname: s.Hostname, Domainname: s.DomainName,
			User: s.User, WorkingDir: s.WorkingDir, StopSignal: s.StopSignal, StopTimeout: seconds(s.StopGrace),
			Image: image, Entrypoint: s.Entrypoint, Cmd: s.Command, Labels: labels,
			Env: append(slices.Clone(s.Environment), "PLIMSOLL_REPLICA="+replica),
			Tty: s.Terminal, OpenStdin: s.OpenStdin,
			// The engine's own checks would take a share of the CPU that is
			// to be measured.
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		host: &container.HostConfig{
			GroupAdd:      s.Groups,
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "1"}},
			Annotations:   s.Annotations,
		},
	}
	if s.Init {
		c.host.Init = new(true)
	}
	maps.Copy(c.host.LogConfig.Config, s.LogOptions)
	limit(c.host, s.Limits)
	permit(c.host, op.Stack, op.Number, s.Rights)
	if err := mountAll(c.host, op.Stack, s.Mounts); err != nil {
		return spec{}, err
	}
	if s.ReadOnly {
		if err := makeRoom(c.host, s); err != nil {
			return spec{}, err
		}
	}
	return c, c.connect(op)
}

// seconds rounds a time up to whole seconds; nil: the engine's choice.
func seconds(d time.Duration) *int {
	if d == 0 {
		return nil
	}
	return new(int(math.Ceil(d.Seconds())))
}

func parsePlatform(text string) (*ocispec.Platform, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("platform %q: want one such as linux/amd64 or linux/arm/v7", text)
	}
	p := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// limit bounds what a container may use.
func limit(host *container.HostConfig, l topology.Limits) {
	host.Resources = container.Resources{
		NanoCPUs: int64(math.Round(l.CPUs * 1e9)), CPUQuota: l.CPUQuota, CPUPeriod: l.CPUPeriod, CPUShares: l.CPUShares,
		CPURealtimeRuntime: l.RealtimeRuntime, CPURealtimePeriod: l.RealtimePeriod, CpusetCpus: l.CPUSet,
		Memory: l.MemoryBytes, MemorySwap: l.MemoryAndSwapBytes, MemoryReservation: l.ReservedMemoryBytes,
		Ulimits: ulimits(l.Ulimits),
	}
	if l.MemoryAndSwapBytes == 0 {
		// No swap beyond the memory: too much is an OOM kill, and not a slow
		// server.
		host.MemorySwap = l.MemoryBytes
	}
	if l.Swappiness != 0 {
		host.MemorySwappiness = new(l.Swappiness)
	}
	if l.OOMKillDisable {
		host.OomKillDisable = new(true)
	}
	if l.PidsLimit != 0 {
		host.PidsLimit = new(l.PidsLimit)
	}
	host.OomScoreAdj, host.ShmSize, host.StorageOpt = l.OOMScore, l.ShmBytes, l.StorageOptions
}

func ulimits(list []topology.Ulimit) []*container.Ulimit {
	var all []*container.Ulimit
	for _, u := range list {
		all = append(all, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return all
}

// permit says what a container's processes may do.
func permit(host *container.HostConfig, stack string, number int, r topology.Rights) {
	host.CapAdd, host.CapDrop, host.SecurityOpt, host.Privileged = r.CapAdd, r.CapDrop, r.Security, r.Privileged
	host.ReadonlyRootfs, host.Sysctls, host.DeviceCgroupRules = r.ReadOnly, r.Sysctls, r.DeviceRules
	for _, d := range r.Devices {
		host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: d.Source, PathInContainer: d.Target, CgroupPermissions: d.Permissions})
	}
	host.IpcMode = container.IpcMode(namespace(stack, number, r.IPC))
	host.PidMode = container.PidMode(namespace(stack, number, r.PID))
	host.UTSMode, host.UsernsMode = container.UTSMode(r.UTS), container.UsernsMode(r.UserNamespace)
	host.CgroupnsMode, host.CgroupParent, host.Runtime = container.CgroupnsMode(r.Cgroup), r.CgroupParent, r.Runtime
}

// namespace is the engine's word for a mode.
func namespace(stack string, number int, mode topology.Mode) string {
	if service, ok := mode.Service(); ok {
		return "container:" + containerName(stack, service, number)
	}
	return string(mode)
}

// connect gives a container its networks, ports and names. Where it has
// another one's network, it has that one's ports and names, too.
func (c *spec) connect(op engine.Op) error {
	s := op.Service
	c.host.NetworkMode = container.NetworkMode(namespace(op.Stack, op.Number, s.NetworkMode))
	_, shares := s.NetworkMode.Service()
	if c.config.Hostname == "" && !shares && s.NetworkMode != topology.HostMode && s.UTS != topology.HostMode {
		c.config.Hostname = engine.ReplicaName(s.Name, op.Number)
	}
	if shares {
		return nil
	}
	var err error
	if c.config.ExposedPorts, c.host.PortBindings, err = ports(s.Ports); err != nil {
		return err
	}
	c.host.ExtraHosts, c.host.DNS, c.host.DNSSearch, c.host.DNSOptions = s.Names.ExtraHosts, s.Names.Servers, s.Names.Search, s.Names.Options
	for _, a := range s.Networks {
		c.networks = append(c.networks, attachment{networkName(op.Stack, a), network.EndpointSettings{
			Aliases:    append([]string{s.Name, engine.ReplicaName(s.Name, op.Number)}, a.Aliases...),
			IPAMConfig: addresses(a),
		}})
	}
	return nil
}

// networkName is the engine's name of the network that a service is attached
// to.
func networkName(stack string, a topology.Attachment) string {
	if a.External != "" {
		return a.External
	}
	return resourceName(stack, a.Network)
}

func addresses(a topology.Attachment) *network.EndpointIPAMConfig {
	if a.IPv4 == "" && a.IPv6 == "" && len(a.LinkLocal) == 0 {
		return nil
	}
	return &network.EndpointIPAMConfig{IPv4Address: a.IPv4, IPv6Address: a.IPv6, LinkLocalIPs: a.LinkLocal}
}

// networking returns the part of the spec that is given at creation. An engine
// before API 1.44 takes one network there; the others are connected later.
func (c spec) networking() *network.NetworkingConfig {
	if len(c.networks) == 0 {
		if c.host.NetworkMode == "" {
			c.host.NetworkMode = network.NetworkNone
		}
		return nil
	}
	first := c.networks[0]
	c.host.NetworkMode = container.NetworkMode(first.network)
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{first.network: &first.settings}}
}

// ports exposes all ports, and publishes what the file publishes on a port of
// the loopback interface that the engine chooses. The file's own port numbers
// would collide with other stacks, and the load does not come that way.
func ports(list []topology.Port) (nat.PortSet, nat.PortMap, error) {
	exposed, published := nat.PortSet{}, nat.PortMap{}
	for _, p := range list {
		port, err := nat.NewPort(p.Protocol, fmt.Sprint(p.Target))
		if err != nil {
			return nil, nil, fmt.Errorf("port %d/%s: %w", p.Target, p.Protocol, err)
		}
		exposed[port] = struct{}{}
		if p.Publish && published[port] == nil {
			published[port] = []nat.PortBinding{{HostIP: "127.0.0.1"}}
		}
	}
	return exposed, published, nil
}

// mountAll mounts what a service asks for. The engine takes mounts in three
// forms, each of which can do what the others cannot.
func mountAll(host *container.HostConfig, stack string, list []topology.Mount) error {
	for _, m := range list {
		source := m.Source
		if m.Type == topology.VolumeMount && source != "" && !m.External {
			source = resourceName(stack, source)
		}
		switch {
		case m.Options == "" && !m.Create:
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.Type(m.Type), Source: source, Target: m.Target, ReadOnly: m.ReadOnly})
		case m.Type == topology.TmpfsMount:
			if host.Tmpfs == nil {
				host.Tmpfs = map[string]string{}
			}
			host.Tmpfs[m.Target] = joined(m)
		case strings.Contains(source, ":"):
			return fmt.Errorf("mount at %s: %q has a colon in its name, which the engine takes for the end of it: rename it", m.Target, source)
		default:
			host.Binds = append(host.Binds, strings.Trim(strings.Join([]string{source, m.Target, joined(m)}, ":"), ":"))
		}
	}
	return nil
}

// makeRoom mounts anonymous volumes where a read-only container gets files:
// nothing can be copied into what is read-only. They begin with what the image
// has there.
func makeRoom(host *container.HostConfig, s topology.Service) error {
	var made []string
	for _, f := range s.Files {
		folder := path.Dir(f.Target)
		mounted := func(m topology.Mount) bool { return m.Target == folder }
		switch {
		case folder == "/":
			return fmt.Errorf("file %s: a read-only container takes none in its root folder: give it a target in another one", f.Target)
		case slices.Contains(made, folder) || slices.ContainsFunc(s.Mounts, mounted):
		default:
			made = append(made, folder)
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: folder})
		}
	}
	return nil
}

// joined lists a mount's options as the engine takes them.
func joined(m topology.Mount) string {
	switch {
	case !m.ReadOnly:
		return m.Options
	case m.Options == "":
		return "ro"
	}
	return "ro," + m.Options
}

// Warnings implements engine.Warner.
func (e *Engine) Warnings(t *topology.Topology) []string {
	const annotationsSince = "1.43"
	var warnings []string
	for _, s := range t.Services {
		if len(s.Annotations) > 0 && versions.LessThan(e.cli.ClientVersion(), annotationsSince) {
			warnings = append(warnings, fmt.Sprintf("service %s: the engine does not honour annotations; it speaks API %s, and they came with %s", s.Name, e.cli.ClientVersion(), annotationsSince))
		}
	}
	return warnings
}
