// Package lint looks at a scenario before anything is started, and says what
// will go wrong, mislead or do harm: with its place, the service that it is
// about, and the remedy. It decides from plain values and touches nothing.
package lint

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"plimsoll/internal/proc"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
	"plimsoll/scenarios/topology"
)

// Severity says whether a run makes sense in spite of a finding.
type Severity string

// The severities.
const (
	// Error: the run cannot succeed.
	Error Severity = "error"
	// Warning: it can, but something is not as it seems.
	Warning Severity = "warning"
)

// Finding is one thing that was found, with its place.
type Finding struct {
	Severity Severity
	Service  string // what it is about; empty: no service
	scenarios.Problem
}

// Line is the finding on one line, without the text at its place.
func (f Finding) Line() string {
	f.Excerpt = ""
	return f.Problem.String()
}

// Host is what is known of where an environment's stack runs.
type Host struct {
	Engine     string // one of scenarios' kinds of engine
	proc.Facts        // what is not known is zero
	// There reports whether this host has a file or folder; nil: what a file
	// names is not looked for.
	There func(path string) bool
}

// Check looks at the environments, scales and loads that a plan has. host tells
// where an environment's stack runs. Findings are in the order of the
// environments, each but once.
func Check(s *scenarios.Scenario, p *plan.Plan, host func(scenarios.Environment) Host) []Finding {
	c := &checker{scenario: s}
	for _, env := range s.Environments {
		if env.Topology == nil {
			continue
		}
		c.env, c.top, c.host = env, env.Topology, host(env)
		c.scales, c.loads = nil, nil
		for _, t := range p.Trials {
			if t.Environment != env.Name {
				continue
			}
			if !slices.ContainsFunc(c.scales, func(other scenarios.Scale) bool { return other.String() == t.Scale.String() }) {
				c.scales = append(c.scales, t.Scale)
			}
			if l, ok := s.Load(t.Load); ok && !slices.ContainsFunc(c.loads, func(other scenarios.Load) bool { return other.Name == l.Name }) {
				c.loads = append(c.loads, l)
			}
		}
		if len(c.scales) > 0 {
			c.environment()
		}
	}
	return c.findings
}

// checker looks at one environment after the other.
type checker struct {
	scenario *scenarios.Scenario
	findings []Finding

	env    scenarios.Environment
	top    *topology.Topology
	host   Host
	scales []scenarios.Scale // that are measured, in the order of the plan
	loads  []scenarios.Load
}

func (c *checker) environment() {
	// Plans are shuffled; what is said is not.
	slices.SortFunc(c.scales, func(a, b scenarios.Scale) int { return cmp.Compare(a.String(), b.String()) })
	slices.SortFunc(c.loads, func(a, b scenarios.Load) int { return cmp.Compare(a.Name, b.Name) })
	c.targets()
	for _, s := range c.top.Services {
		n, scale := c.most(s)
		c.hostPorts(s, n, scale)
		c.containerName(s, n, scale)
		c.limits(s)
		c.engineSocket(s)
		c.missing(s)
	}
	c.totalMemory()
	c.writers()
	c.unreachable()
	c.spread()
}

func (c *checker) add(severity Severity, service string, p scenarios.Problem) {
	f := Finding{severity, service, p}
	if !slices.Contains(c.findings, f) {
		c.findings = append(c.findings, f)
	}
}

// most is the most replicas of a service, and the scale that has them.
func (c *checker) most(s topology.Service) (n int, scale scenarios.Scale) {
	n = -1
	for _, candidate := range c.scales {
		if m := replicas(s, candidate); m > n {
			n, scale = m, candidate
		}
	}
	return n, scale
}

func replicas(s topology.Service, scale scenarios.Scale) int {
	if n, ok := scale[s.Name]; ok {
		return n
	}
	return s.Replicas
}

// has says how many replicas a service has, and where from.
func has(service string, n int, scale scenarios.Scale) string {
	text := fmt.Sprintf("%s has %d replicas", service, n)
	if _, ok := scale[service]; ok {
		text += " at " + scale.String()
	}
	return text
}

// hostPorts finds ports of the host that more replicas want than can have them.
func (c *checker) hostPorts(s topology.Service, n int, scale scenarios.Scale) {
	for _, p := range s.Ports {
		first, last, ok := portRange(p.Published)
		if !p.Publish || !ok || n <= last-first+1 {
			continue
		}
		protocol := ""
		if p.Protocol != "tcp" {
			protocol = "/" + p.Protocol
		}
		ports := fmt.Sprintf("port %d of the host, which one replica can have", first)
		if last > first {
			ports = fmt.Sprintf("ports %d to %d of the host, which %d replicas can have", first, last, last-first+1)
		}
		message := fmt.Sprintf("publishes %s, and %s. Here each replica gets a random port instead, but \"docker compose up --scale %s=%d\" fails: \"port is already allocated\". Drop the host's port (\"%d%s\"), give a range (\"%d-%d:%d%s\"), or publish a proxy before it",
			ports, has(s.Name, n, scale), s.Name, n, p.Target, protocol, first, first+n-1, p.Target, protocol)
		written := p.Published + ":" + strconv.Itoa(int(p.Target))
		c.add(Warning, s.Name, c.top.Origin.ItemProblem("services."+s.Name+".ports", func(text string) bool {
			return text == p.Published || strings.Contains(":"+text+"/", ":"+written+"/") ||
				strings.HasSuffix(text, fmt.Sprintf("}:%d%s", p.Target, protocol)) // a variable
		}, message))
	}
}

// portRange reads "80" and "8000-8010".
func portRange(published string) (first, last int, ok bool) {
	from, to, isRange := strings.Cut(published, "-")
	if !isRange {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return first, last, err1 == nil && err2 == nil && first <= last
}

// containerName finds names that more containers want than can have them.
func (c *checker) containerName(s topology.Service, n int, scale scenarios.Scale) {
	path := "services." + s.Name + ".container_name"
	if c.top.Origin.Holds(path) && n > 1 {
		c.add(Warning, s.Name, c.top.Origin.Problem(path, fmt.Sprintf(
			"is a name that one container can have, and %s. Here containers are named %s-1, %s-2, …, but docker compose refuses to scale the service: leave container_name out",
			has(s.Name, n, scale), s.Name, s.Name)))
	}
}

// engineSocket notes who controls the engine, and what for.
func (c *checker) engineSocket(s topology.Service) {
	for _, m := range s.Mounts {
		if isEngineSocket(m) {
			c.add(Warning, s.Name, c.top.Origin.ItemProblem("services."+s.Name+".volumes",
				func(text string) bool { return strings.Contains(text, "docker.sock") },
				fmt.Sprintf("gives %s control of the engine and of every container on it, those included that have nothing to do with this stack; mount it only if you trust the image", s.Name)))
		}
	}
	if name := strings.TrimPrefix(s.Image, "docker.io/"); strings.HasPrefix(name, "dockercloud/haproxy") || strings.HasPrefix(name, "tutum/haproxy") {
		c.add(Warning, s.Name, c.top.Origin.Problem("services."+s.Name+".image",
			"looks for its backends among the engine's links, which Docker Cloud and docker-compose 1 made between containers: here it finds none. Use a proxy that asks the network's DNS, such as HAProxy with server-template and resolvers"))
	}
}

func isEngineSocket(m topology.Mount) bool {
	return m.Type == topology.BindMount && strings.HasSuffix(m.Source, "/docker.sock")
}

// service is the service that a target URL leads to, with the port.
func (c *checker) service(target string) (s topology.Service, port int, ok bool) {
	u, err := url.Parse(target)
	if err != nil {
		return s, 0, false
	}
	switch u.Scheme {
	case "http":
		port = 80
	case "https":
		port = 443
	}
	if n, err := strconv.Atoi(u.Port()); err == nil {
		port = n
	}
	s, ok = c.top.Service(u.Hostname())
	return s, port, ok
}

// target is one URL that load is put on, and where that is written.
type target struct{ url, path string }

// allTargets lists what the loads are put on.
func (c *checker) allTargets() (list []target) {
	for _, l := range c.loads {
		t := target{c.env.Target, "environments." + c.env.Name + ".target"}
		if l.Target != "" {
			t = target{l.Target, "loads." + l.Name + ".target"}
		}
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// targets finds targets that no service serves.
func (c *checker) targets() {
	for _, t := range c.allTargets() {
		s, port, ok := c.service(t.url)
		if !ok {
			c.foreignTarget(t)
			continue
		}
		for _, scale := range c.scales {
			if replicas(s, scale) == 0 {
				c.add(Error, s.Name, c.scenario.Problem(t.path, fmt.Sprintf(
					"%s is the target and has no replica in %s (scale %s): give it one in %s, or name it in each of the scales",
					s.Name, c.env.Name, scale, c.top.Origin.Base())))
				break
			}
		}
		c.targetPort(t, s, port)
	}
}

// foreignTarget notes a target that looks like a service and is none.
func (c *checker) foreignTarget(t target) {
	u, err := url.Parse(t.url)
	if err != nil {
		return
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.Contains(host, ".") {
		return
	}
	c.add(Warning, "", c.scenario.Problem(t.path, fmt.Sprintf(
		"no service of %s is called %s, so the load goes to whatever this machine knows by that name; the services are %s",
		c.top.Origin.Base(), host, strings.Join(c.top.ServiceNames(), ", "))))
}

// targetPort finds targets with a port that the service does not have. A
// service without any may have them from its image.
func (c *checker) targetPort(t target, s topology.Service, port int) {
	var ports []string
	var published string // says that the port is another one inside
	for _, p := range s.Ports {
		if p.Protocol != "tcp" {
			continue
		}
		if int(p.Target) == port {
			return
		}
		if first, last, ok := portRange(p.Published); p.Publish && ok && first <= port && port <= last && published == "" {
			published = fmt.Sprintf("%d is %s's port on the host, and the load goes to the container itself: write %d, its own port", port, s.Name, p.Target)
		}
		if text := strconv.Itoa(int(p.Target)); !slices.Contains(ports, text) {
			ports = append(ports, text)
		}
	}
	if len(ports) == 0 {
		return
	}
	message := fmt.Sprintf("%s neither publishes nor exposes port %d, but %s: take that, or add expose: [\"%d\"] in %s if it listens there",
		s.Name, port, strings.Join(ports, ", "), port, c.top.Origin.Base())
	if published != "" {
		message = published
	}
	c.add(Warning, s.Name, c.scenario.Problem(t.path, message))
}

// spread finds loads whose connections are too few to reach all replicas.
// Connections that are not kept go to one replica after the other.
func (c *checker) spread() {
	for _, l := range c.loads {
		s, _, ok := c.service(l.TargetIn(c.env))
		if !ok {
			continue
		}
		n, scale := c.most(s)
		key, count := "concurrency", l.Concurrency
		if l.Mode == scenarios.Open {
			key, count = "connections", l.Connections
		}
		if l.KeepAlive && count > 0 && count < n {
			c.add(Warning, s.Name, c.scenario.Problem("loads."+l.Name+"."+key, fmt.Sprintf(
				"is %d, and %s: each connection is kept to one replica, so %d of them get no request. Make it at least %d, or leave keepalive out",
				count, has(s.Name, n, scale), n-count, n)))
		}
		if !l.KeepAlive && l.Requests > 0 && l.Requests < n {
			c.add(Warning, s.Name, c.scenario.Problem("loads."+l.Name+".requests", fmt.Sprintf(
				"is %d, and %s: %d of them get no request. Make it at least %d", l.Requests, has(s.Name, n, scale), n-l.Requests, n)))
		}
	}
}
