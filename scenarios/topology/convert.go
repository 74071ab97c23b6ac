package topology

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-connections/nat"
)

// defaultNetwork joins the services that name no network.
const defaultNetwork = "default"

// convert makes the topology of a project. Problems and warnings are noted.
func (l *loading) convert(project *types.Project) *Topology {
	t := &Topology{Name: project.Name}
	if l.src.Dir != "" {
		t.Dir = project.WorkingDir
	}
	if len(project.Services) == 0 {
		l.fault("services", "has no service to run")
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		t.Services = append(t.Services, l.service(project.Services[name], project))
	}
	aliasLinks(t.Services, project)
	t.Networks, t.Volumes = used(t.Services)
	l.warnUnsupported(project)
	t.Warnings = l.warnings
	return t
}

// used lists the networks and the named volumes of the services, sorted.
func used(services []Service) (networks, volumes []string) {
	for _, s := range services {
		for _, a := range s.Networks {
			networks = append(networks, a.Network)
		}
		for _, m := range s.Mounts {
			if m.Type == VolumeMount && m.Source != "" {
				volumes = append(volumes, m.Source)
			}
		}
	}
	slices.Sort(networks)
	slices.Sort(volumes)
	return slices.Compact(networks), slices.Compact(volumes)
}

func (l *loading) service(s types.ServiceConfig, project *types.Project) Service {
	path := "services." + s.Name
	switch {
	case s.Image != "":
	case s.Build != nil:
		l.fault(path+".build", "images are not built by this version; build it with \"docker compose build\" and name the result with image:")
	default:
		l.fault(path, "has no image")
	}
	out := Service{
		Name: s.Name, Image: s.Image,
		Entrypoint: s.Entrypoint, Command: s.Command,
		Environment: environment(s.Environment), Labels: s.Labels,
		WorkingDir: s.WorkingDir, User: s.User, Hostname: s.Hostname,
		Replicas:    s.GetScale(),
		Ports:       l.ports(s, path),
		DependsOn:   dependencies(s, project),
		Networks:    attachments(s),
		Mounts:      l.mounts(s, path),
		Healthcheck: l.healthcheck(s.HealthCheck, path+".healthcheck"),
		CPUs:        widen(s.CPUS), CPUSet: s.CPUSet,
		MemoryBytes: int64(s.MemLimit), PidsLimit: s.PidsLimit,
		CapAdd: s.CapAdd, CapDrop: s.CapDrop,
		ReadOnly: s.ReadOnly, Init: s.Init != nil && *s.Init, Privileged: s.Privileged,
		StopSignal: s.StopSignal,
	}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		limits := s.Deploy.Resources.Limits
		out.CPUs = cmp.Or(out.CPUs, widen(limits.NanoCPUs.Value()))
		out.MemoryBytes = cmp.Or(out.MemoryBytes, int64(limits.MemoryBytes))
		out.PidsLimit = cmp.Or(out.PidsLimit, limits.Pids)
	}
	out.PidsLimit = max(out.PidsLimit, 0) // -1 means no limit, as 0 does
	return out
}

// widen keeps 0.1 what the file has, instead of 0.10000000149.
func widen(f float32) float64 {
	wide, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f) // cannot be: it is a number's own text
	}
	return wide
}

// environment lists what is set; a variable without a value is left to the
// image.
func environment(variables types.MappingWithEquals) []string {
	var list []string
	for key, value := range variables {
		if value != nil {
			list = append(list, key+"="+*value)
		}
	}
	slices.Sort(list)
	return list
}

func dependencies(s types.ServiceConfig, project *types.Project) []Dependency {
	var list []Dependency
	for _, other := range slices.Sorted(maps.Keys(s.DependsOn)) {
		if _, wanted := project.Services[other]; wanted { // else compose-go knows that it is not required
			list = append(list, Dependency{other, Condition(cmp.Or(s.DependsOn[other].Condition, string(Started)))})
		}
	}
	return list
}

func attachments(s types.ServiceConfig) []Attachment {
	if len(s.Networks) == 0 {
		return []Attachment{{Network: defaultNetwork}}
	}
	var list []Attachment
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		a := Attachment{Network: name}
		if config := s.Networks[name]; config != nil {
			a.Aliases = slices.DeleteFunc(slices.Clone(config.Aliases), func(alias string) bool { return alias == s.Name })
		}
		list = append(list, a)
	}
	return list
}

// aliasLinks gives services the names by which others link to them
// ("links: [db:database]"), on the networks that both are attached to.
func aliasLinks(services []Service, project *types.Project) {
	for _, from := range services {
		for _, link := range project.Services[from.Name].Links {
			name, alias, found := strings.Cut(link, ":")
			i := slices.IndexFunc(services, func(s Service) bool { return s.Name == name })
			if !found || alias == name || i < 0 {
				continue
			}
			for n := range services[i].Networks {
				a := &services[i].Networks[n]
				shared := slices.ContainsFunc(from.Networks, func(b Attachment) bool { return b.Network == a.Network })
				if shared && !slices.Contains(a.Aliases, alias) {
					a.Aliases = append(a.Aliases, alias)
				}
			}
		}
	}
}

func (l *loading) mounts(s types.ServiceConfig, path string) []Mount {
	var list []Mount
	for i, v := range s.Volumes {
		at := fmt.Sprintf("%s.volumes[%d]", path, i)
		switch kind := MountType(v.Type); kind {
		case BindMount:
			if l.src.Dir == "" {
				l.fault(at, "a file that is not on disk cannot mount the host's %s", v.Source)
			}
			list = append(list, Mount{kind, v.Source, v.Target, v.ReadOnly})
		case VolumeMount, TmpfsMount:
			list = append(list, Mount{kind, v.Source, v.Target, v.ReadOnly})
		default:
			l.fault(at, "mounts of the type %q are not supported; use volume, bind or tmpfs", v.Type)
		}
	}
	for i, tmpfs := range s.Tmpfs {
		target, options, _ := strings.Cut(tmpfs, ":")
		if options != "" {
			l.warn(fmt.Sprintf("%s.tmpfs[%d]: the options %q are not honoured", path, i, options))
		}
		list = append(list, Mount{Type: TmpfsMount, Target: target})
	}
	return list
}

func (l *loading) ports(s types.ServiceConfig, path string) []Port {
	var list []Port
	for i, p := range s.Ports {
		at := fmt.Sprintf("%s.ports[%d]", path, i)
		port, ok := l.port(int(p.Target), cmp.Or(p.Protocol, "tcp"), at)
		if !ok {
			continue
		}
		port.Published, port.HostIP, port.Publish = p.Published, p.HostIP, true
		list = append(list, port)
	}
	for i, text := range s.Expose {
		at := fmt.Sprintf("%s.expose[%d]", path, i)
		protocol, numbers := nat.SplitProtoPort(text)
		first, last, err := nat.ParsePortRangeToInt(numbers)
		if err != nil {
			l.fault(at, "%q is not a port or a range of ports", text)
			continue
		}
		for n := first; n <= last; n++ {
			port, ok := l.port(n, protocol, at)
			if !ok {
				break
			}
			published := slices.ContainsFunc(list, func(p Port) bool {
				return p.Target == port.Target && p.Protocol == port.Protocol
			})
			if !published {
				list = append(list, port)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Published, b.Published))
	})
	return list
}

func (l *loading) port(number int, protocol, path string) (Port, bool) {
	protocol = strings.ToLower(protocol)
	if protocol != "tcp" && protocol != "udp" {
		l.fault(path, "the protocol %q is not supported; use tcp or udp", protocol)
		return Port{}, false
	}
	if number < 1 || number > math.MaxUint16 {
		l.fault(path, "%d is no port; ports are 1 to 65535", number)
		return Port{}, false
	}
	return Port{Target: uint16(number), Protocol: protocol}, true
}

func (l *loading) healthcheck(h *types.HealthCheckConfig, path string) *Healthcheck {
	if h == nil || h.Disable {
		return nil
	}
	out := &Healthcheck{}
	switch {
	case len(h.Test) == 0:
		l.warn(path + " has no test; the image's own check is not run")
		return nil
	case h.Test[0] == "NONE":
		return nil
	case h.Test[0] == "CMD-SHELL":
		out.Test = append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	default: // compose-go has seen to it that this is CMD
		out.Test = h.Test[1:]
	}
	if len(h.Test) < 2 || h.Test[1] == "" {
		l.fault(path+".test", "has no command")
		return nil
	}
	out.Interval, out.Timeout, out.StartPeriod = orZero(h.Interval), orZero(h.Timeout), orZero(h.StartPeriod)
	if h.Retries != nil {
		out.Retries = int(min(*h.Retries, math.MaxInt32))
	}
	return out
}

func orZero(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}
