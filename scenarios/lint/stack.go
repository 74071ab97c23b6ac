package lint

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// storage is what is mounted by containers that share it.
type storage struct {
	kind   topology.MountType
	source string
}

// shared are folders of every host that are no data.
var shared = []string{"/dev", "/proc", "/sys", "/etc"}

// writers finds files, folders and volumes that several containers write.
func (c *checker) writers() {
	var all []storage
	by := map[storage][]topology.Service{}
	for _, s := range c.top.Services {
		for _, m := range s.Mounts {
			of := storage{m.Type, m.Source}
			isHost := slices.ContainsFunc(shared, func(dir string) bool {
				return m.Source == dir || strings.HasPrefix(m.Source, dir+"/")
			})
			if m.ReadOnly || m.Type == topology.TmpfsMount || m.Source == "" || isHost || isEngineSocket(m) {
				continue
			}
			if !slices.Contains(all, of) {
				all = append(all, of)
			}
			if !slices.ContainsFunc(by[of], func(other topology.Service) bool { return other.Name == s.Name }) {
				by[of] = append(by[of], s)
			}
		}
	}
	for _, of := range all {
		c.writersOf(of, by[of])
	}
}

func (c *checker) writersOf(of storage, services []topology.Service) {
	most := 0
	var scale scenarios.Scale
	for _, candidate := range c.scales {
		sum := 0
		for _, s := range services {
			sum += replicas(s, candidate)
		}
		if sum > most {
			most, scale = sum, candidate
		}
	}
	if most < 2 {
		return
	}
	var who []string
	for _, s := range services {
		switch n := replicas(s, scale); n {
		case 0:
		case 1:
			who = append(who, s.Name)
		default:
			who = append(who, has(s.Name, n, scale))
		}
	}
	what := "the volume " + of.source
	if of.kind == topology.BindMount {
		what = "the host's " + of.source
	}
	first := services[0].Name
	c.add(Warning, first, c.top.Origin.ItemProblem("services."+first+".volumes",
		func(text string) bool { return strings.Contains(text, lastOf(of.source)) },
		fmt.Sprintf("%d containers write %s (%s): files that are made for one writer, such as the journal of Prevayler or of a database, do not survive that. Mount it read-only (:ro), give each replica a volume without a name, or keep one writer",
			most, what, strings.Join(who, ", "))))
}

// lastOf is what a source as it is written ends with, whatever it is relative
// to.
func lastOf(source string) string {
	return source[strings.LastIndexAny(source, `/\`)+1:]
}

// unreachable finds services that no request can reach.
func (c *checker) unreachable() {
	reached := map[string]bool{}
	for _, t := range c.allTargets() {
		s, _, ok := c.service(t.url)
		if !ok {
			return // who knows where it leads
		}
		reached[s.Name] = true
	}
	for grown := true; grown; {
		grown = false
		for _, s := range c.top.Services {
			if !reached[s.Name] && c.leadsTo(reached, s) {
				reached[s.Name], grown = true, true
			}
		}
	}
	for _, s := range c.top.Services {
		if n, _ := c.most(s); reached[s.Name] || n < 1 || c.isNeeded(s.Name) {
			continue
		}
		c.add(Warning, s.Name, c.top.Origin.Problem("services."+s.Name,
			"no request reaches it: it is not the target, no service depends on it or links to it, and it is on no network with those that are reached. It only takes CPU and memory from them: put it on their network, or leave it out"))
	}
}

// leadsTo reports whether one of the services that are reached depends on a
// service or can talk to it.
func (c *checker) leadsTo(reached map[string]bool, s topology.Service) bool {
	for _, from := range c.top.Services {
		if !reached[from.Name] {
			continue
		}
		for _, d := range from.DependsOn {
			if d.Service == s.Name {
				return true
			}
		}
		for _, a := range from.Networks {
			if slices.ContainsFunc(s.Networks, func(b topology.Attachment) bool { return a.Network == b.Network }) {
				return true
			}
		}
	}
	return false
}

// isNeeded reports whether any service waits for one, be it to end. Where that
// one is not reached itself, it is the one to speak of.
func (c *checker) isNeeded(name string) bool {
	return slices.ContainsFunc(c.top.Services, func(from topology.Service) bool {
		return slices.ContainsFunc(from.DependsOn, func(d topology.Dependency) bool { return d.Service == name })
	})
}
