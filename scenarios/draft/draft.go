// Package draft writes a first scenario for the Compose files that somebody
// has: one that runs as it is, and says why it is as it is.
package draft

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// Deployment is one topology to be measured.
type Deployment struct {
	// File is its file's name, relative to the scenario's folder, with
	// slashes.
	File     string
	Topology *topology.Topology
}

// Draft is a scenario file.
type Draft struct {
	Text []byte
	// Reasons tell what was guessed, and why, a line each.
	Reasons []string
}

// environment is a deployment with what was guessed about it.
type environment struct {
	Deployment
	name, target, reason string
}

// Write drafts the scenario file of that absolute name, for at least one
// deployment. The error says which topology has no target.
func Write(file string, deployments []Deployment) (Draft, error) {
	var (
		draft        Draft
		environments []environment
	)
	names := map[string]bool{}
	for _, d := range deployments {
		e := environment{Deployment: d, name: unique(names, scenarios.EnvironmentName(path.Join(d.Topology.Dir, path.Base(d.File))))}
		var err error
		if e.target, e.reason, err = target(d.Topology); err != nil {
			return draft, fmt.Errorf("%s: %w", d.File, err)
		}
		environments = append(environments, e)
		draft.Reasons = append(draft.Reasons, fmt.Sprintf("%s: the target is %s: %s", e.name, e.target, e.reason))
	}
	scale, reason := scalable(environments)
	draft.Reasons = append(draft.Reasons, reason)
	draft.Text = render(file, environments, scale, reason)
	return draft, nil
}

// unique makes a name differ from those before in more than upper and lower
// case.
func unique(names map[string]bool, name string) string {
	candidate := name
	for n := 2; names[strings.ToLower(candidate)]; n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	names[strings.ToLower(candidate)] = true
	return candidate
}

// scale is a replica count for one service; the zero scale is none.
type scale struct {
	service  string
	replicas int
}

// scalable chooses the service that can best have one more replica: one that
// stands behind the targets, and that all environments have, or else most.
func scalable(environments []environment) (scale, string) {
	costs := map[string]int{}
	worst := map[string]int{}
	most := map[string]int{}
	count := map[string]int{}
	for _, e := range environments {
		for _, s := range e.Topology.Services {
			if !waitedFor(e.Topology, s.Name) && s.Replicas > 0 {
				costs[s.Name] += cost(e, s)
				worst[s.Name] = max(worst[s.Name], cost(e, s))
				most[s.Name] = max(most[s.Name], s.Replicas)
				count[s.Name]++
			}
		}
	}
	if len(costs) == 0 {
		return scale{}, "no scale beside the present one: there is no service that could have more replicas"
	}
	best := slices.MinFunc(slices.Sorted(maps.Keys(costs)), func(a, b string) int {
		return cmp.Or(
			before(worst[a] < isTarget, worst[b] < isTarget),
			cmp.Compare(count[b], count[a]),
			cmp.Compare(costs[a], costs[b]),
		)
	})
	one := scale{best, most[best] + 1}
	reason := fmt.Sprintf("the scale is %s=%d, one replica more than now: %s %s", best, one.replicas, best, praise(environments, best))
	if count[best] < len(environments) {
		reason += "; not all environments have it"
	}
	return one, reason
}

// What speaks against more replicas of a service.
const (
	isAside      = 32 // nothing says that requests come to it
	isTarget     = 16 // it is what load is put on
	keepsData    = 8  // it writes a volume or a folder
	isStore      = 8  // its image is a database's
	hasHostPort  = 4  // Compose could not scale it
	isNotBehind  = 2  // the target does not depend on it
	isDependedOn = 1  // beside the target others depend on it
)

func cost(e environment, s topology.Service) int {
	sum := 0
	front := e.host()
	if s.Name == front {
		sum += isTarget
	}
	if slices.ContainsFunc(s.Mounts, writable) {
		sum += keepsData
	}
	if stores.MatchString(s.Image) {
		sum += isStore
	}
	if slices.ContainsFunc(s.Ports, func(p topology.Port) bool { return p.Publish && p.Published != "" }) {
		sum += hasHostPort
	}
	behind := false
	for _, other := range e.Topology.Services {
		if !dependsOn(other, s.Name) {
			continue
		}
		if other.Name == front {
			behind = true
		} else {
			sum += isDependedOn
		}
	}
	serves := slices.ContainsFunc(s.Ports, func(p topology.Port) bool { return p.Protocol == "tcp" })
	switch {
	case !behind && !serves:
		sum += isAside
	case !behind:
		sum += isNotBehind
	}
	return sum
}

// stores are images that keep data whether the file says so or not.
var stores = regexp.MustCompile(`(^|/)(postgres|mysql|mariadb|mongo|redis|memcached|valkey|cassandra|elasticsearch|rabbitmq|kafka|zookeeper|etcd|minio|influxdb|activemq)[^/]*$`)

// writable reports whether a mount keeps what is written to it.
func writable(m topology.Mount) bool {
	return !m.ReadOnly && m.Source != "" && m.Type != topology.TmpfsMount
}

// waitedFor reports whether somebody waits for a service to end.
func waitedFor(t *topology.Topology, name string) bool {
	return slices.ContainsFunc(t.Services, func(from topology.Service) bool {
		return slices.Contains(from.DependsOn, topology.Dependency{Service: name, Condition: topology.Completed})
	})
}

func dependsOn(s topology.Service, name string) bool {
	return slices.ContainsFunc(s.DependsOn, func(d topology.Dependency) bool { return d.Service == name })
}

// praise says what makes a service the best one to scale.
func praise(environments []environment, name string) string {
	front, data := false, false
	for _, e := range environments {
		s, _ := e.Topology.Service(name)
		front = front || e.host() == name
		data = data || slices.ContainsFunc(s.Mounts, writable)
	}
	switch {
	case front && len(environments[0].Topology.Services) == 1:
		return "is the only service"
	case front:
		return "is what is left, though it is a target itself"
	case data:
		return "is no target, though its replicas share what it mounts"
	}
	return "is no target and keeps no data"
}

func (e environment) host() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(e.target, "https://"), "http://"), ":")
	return host
}

// render writes the file.
func render(file string, environments []environment, one scale, reason string) []byte {
	var b bytes.Buffer
	printf := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	name, word := scenarios.EnvironmentName(file), path.Base(file)
	if name == "scenario" {
		name = scenarios.EnvironmentName(path.Join(path.Dir(file), "compose.yaml"))
	}
	if strings.ContainsAny(word, " '\"") {
		word = strconv.Quote(word)
	}
	printf(`# yaml-language-server: $schema=./scenario.schema.json
# (plimsoll schema > scenario.schema.json: editors then check and complete this file)
#
# A first scenario. It runs as it is; make it yours.
#
#   plimsoll validate %[1]s         what is wrong or doubtful
#   plimsoll run %[1]s --dry-run    every trial in order, and how long it takes
#   plimsoll run %[1]s              measure, then write the report
name: %[2]s

# What is compared: stacks, each from its Compose file. Load is put on the
# target, which is a service of the file with the port inside its container, or
# any URL.
environments:
`, word, quoted(name))
	for _, e := range environments {
		printf("  %s:\n    topology: %s\n    # %s\n    target: %s\n", quoted(e.name), quoted(e.File), e.reason, quoted(e.target))
	}
	printf(`
# Replica counts, a level each. An environment is measured at those of which it
# has all services.
scales:
  - {}                # as the files are written
`)
	if one.service != "" {
		printf("  # %s\n  - {%s: %d}\n", reason, quoted(one.service), one.replicas)
	} else {
		printf("  # %s\n", reason)
	}
	printf(`
# What is sent: a mix, in which a request may have a weight, headers, a body.
requests:
  - get: /

loads:
  # Closed loop, as ab -n 1000 -c 10: the next request waits for an answer. Says
  # what a stack can do at most.
  ab: {requests: 1000, concurrency: 10}
  # Open loop: requests are due on time, whatever the server does. Says what
  # users wait; put in the rate that you expect.
  steady: {rate: 50/s, duration: 30s}

warmup: 5s            # the same load, not measured; steady waits until latencies stay
trials: 3             # of each environment, level and load; on a fresh stack each

# What must hold everywhere, else the exit code is 99. Latency is judged on open
# loops only.
objectives:
  - errors < 1%%
  - p(99) < 1s
`)
	return b.Bytes()
}

// quoted quotes a text for YAML where that is needed.
func quoted(text string) string {
	if plain.MatchString(text) && !number.MatchString(text) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

var (
	plain  = regexp.MustCompile(`^(https?://)?[A-Za-z0-9./_][A-Za-z0-9./_-]*(:[0-9]+)?$`)
	number = regexp.MustCompile(`^[0-9.][0-9._exo:-]*$`)
)
