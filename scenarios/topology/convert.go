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
	t.NetworkOptions, t.VolumeOptions = l.networkOptions(t.Networks, project), l.volumeOptions(t.Volumes, project)
	l.warnNames("networks", t.Networks, func(n string) string { return project.Networks[n].Name }, project)
	l.warnNames("volumes", t.Volumes, func(n string) string { return project.Volumes[n].Name }, project)
	l.warnUnsupported(project)
	t.Warnings = l.warnings
	return t
}

// used lists the networks and the named volumes of the services, sorted.
func used(services []Service) (networks, volumes []string) {
	for _, s := range services {
		for _, a := range s.Networks {
			if a.External == "" {
				networks = append(networks, a.Network)
			}
		}
		for _, m := range s.Mounts {
			if m.Type == VolumeMount && m.Source != "" && !m.External {
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
	l.refused(s, path)
	out := Service{
		Name: s.Name, Image: s.Image, Build: l.build(s.Build, path+".build"),
		PullPolicy: l.pullPolicy(s, path), Platform: s.Platform,
		Entrypoint: s.Entrypoint, Command: s.Command,
		Environment: environment(s.Environment), Labels: s.Labels, Annotations: s.Annotations,
		WorkingDir: s.WorkingDir, User: s.User, Groups: s.GroupAdd,
		Hostname: s.Hostname, DomainName: s.DomainName, ContainerName: s.ContainerName, Restart: l.restart(s, path),
		Replicas:    s.GetScale(),
		Ports:       l.ports(s, path),
		DependsOn:   dependencies(s, project),
		NetworkMode: l.networkMode(s, path, project),
		Networks:    attachments(s, project),
		Names:       names(s),
		Mounts:      l.mounts(s, path, project),
		Healthcheck: l.healthcheck(s.HealthCheck, path+".healthcheck"),
		Limits:      l.limits(s, path), Rights: l.rights(s, path, project),
		Init:       s.Init != nil && *s.Init,
		StopSignal: s.StopSignal, StopGrace: orZero(s.StopGracePeriod),
		Terminal: s.Tty, OpenStdin: s.StdinOpen,
		LogOptions: l.logOptions(s.Logging, path+".logging"),
	}
	out.NoHealthcheck = off(s.HealthCheck)
	l.objects(s, path, project, &out)
	if out.Build != nil && out.Image == "" {
		out.Image = project.Name + "-" + s.Name
	}
	return out
}

// refused notes what cannot be left out without running another service than
// the one that is described.
func (l *loading) refused(s types.ServiceConfig, path string) {
	switch {
	case s.Provider != nil:
		l.fault(path+".provider", "services of a provider are not supported; run it yourself and give its address to the others")
	case s.Image == "" && s.Build == nil:
		l.fault(path, "has no image")
	}
	if len(s.VolumesFrom) > 0 {
		l.fault(path+".volumes_from", "is not supported; name the volume under volumes: and mount it in both services")
	}
	if len(s.PreStart) > 0 {
		l.fault(path+".pre_start", "is not supported; make it a service and wait for it with depends_on: {NAME: {condition: service_completed_successfully}}")
	}
}

// pullPolicy knows no times: a policy with one is as "missing".
func (l *loading) pullPolicy(s types.ServiceConfig, path string) PullPolicy {
	switch s.PullPolicy {
	case "", types.PullPolicyMissing, types.PullPolicyIfNotPresent:
		return PullMissing
	case types.PullPolicyAlways:
		return PullAlways
	case types.PullPolicyNever:
		return PullNever
	case types.PullPolicyBuild:
		if s.Build == nil {
			l.fault(path+".pull_policy", "is build, but the service has no build:")
		}
		return PullBuild
	}
	l.warn(fmt.Sprintf("%s.pull_policy: %s is taken as missing", path, s.PullPolicy))
	return PullMissing
}

func (l *loading) restart(s types.ServiceConfig, path string) string {
	if s.Restart != "" && s.Restart != types.RestartPolicyNo {
		l.warn(path + ".restart is not applied: a replica that ends stays so, and counts as failed")
	}
	return s.Restart
}

// logOptions are those of the one driver whose logs can be read everywhere.
func (l *loading) logOptions(logging *types.LoggingConfig, path string) map[string]string {
	if logging == nil {
		return nil
	}
	if driver := logging.Driver; driver != "" && driver != "json-file" {
		l.warn(fmt.Sprintf("%s: the driver %s is not honoured; json-file is used", path, driver))
		return nil
	}
	return logging.Options
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

// off reports whether a check says that there is none, not even the image's.
func off(h *types.HealthCheckConfig) bool {
	return h != nil && (h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE")
}

func (l *loading) healthcheck(h *types.HealthCheckConfig, path string) *Healthcheck {
	if h == nil || off(h) {
		return nil
	}
	out := &Healthcheck{
		Interval: orZero(h.Interval), Timeout: orZero(h.Timeout),
		StartPeriod: orZero(h.StartPeriod), StartInterval: orZero(h.StartInterval),
	}
	if h.Retries != nil {
		out.Retries = int(min(*h.Retries, math.MaxInt32))
	}
	if len(h.Test) == 0 {
		return out
	}
	if h.Test[0] == "CMD-SHELL" {
		out.Test = append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	} else { // compose-go has seen to it that this is CMD
		out.Test = h.Test[1:]
	}
	if len(h.Test) < 2 || h.Test[1] == "" {
		l.fault(path+".test", "has no command")
		return nil
	}
	return out
}

func orZero(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}
