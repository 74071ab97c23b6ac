package draft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plimsoll/scenarios/topology"
)

// candidate is a service that load may be put on.
type candidate struct {
	topology.Service
	ports     []topology.Port // over TCP
	published bool            // one of them is
	dependant bool            // it depends on others
	wanted    bool            // others depend on it
}

// target chooses what load is put on: the service that is published, that
// nobody depends on, and that depends on others; as far as there is one.
func target(t *topology.Topology) (url, reason string, err error) {
	var all []candidate
	for _, s := range t.Services {
		c := candidate{Service: s, dependant: len(s.DependsOn) > 0}
		for _, p := range s.Ports {
			if p.Protocol == "tcp" {
				c.ports = append(c.ports, p)
				c.published = c.published || p.Publish
			}
		}
		c.wanted = slices.ContainsFunc(t.Services, func(other topology.Service) bool { return dependsOn(other, s.Name) })
		if len(c.ports) > 0 && s.Replicas > 0 {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return "", "", errors.New("no service publishes or exposes a port, so there is no telling what to put load on: add expose: [\"8080\"], or ports:, to the one that requests go to")
	}
	slices.SortStableFunc(all, candidate.compare)
	best := all[0]
	port := best.port()
	scheme, text := "http", fmt.Sprintf(":%d", port.Target)
	switch port.Target {
	case 80:
		text = ""
	case 443:
		scheme, text = "https", ""
	case 8443:
		scheme = "https"
	}
	reason = best.reason(port)
	for _, other := range all[1:] {
		if best.compare(other) == 0 {
			reason += fmt.Sprintf(" (the same holds for %s, which comes later in the alphabet)", other.Name)
			break
		}
	}
	return scheme + "://" + best.Name + text, reason, nil
}

// compare sorts the better one first.
func (c candidate) compare(other candidate) int {
	return cmp.Or(
		before(c.published, other.published),
		before(!c.wanted, !other.wanted),
		before(c.dependant, other.dependant),
	)
}

func before(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// usual are ports that HTTP is usually spoken on, the likeliest first.
var usual = []uint16{80, 8080, 8000, 3000, 5000, 8888, 8081, 9000, 4000, 443, 8443}

// port chooses the likeliest port: a published one, if there is any.
func (c candidate) port() topology.Port {
	rank := func(p topology.Port) int {
		if i := slices.Index(usual, p.Target); i >= 0 {
			return i
		}
		return len(usual)
	}
	return slices.MinFunc(c.ports, func(a, b topology.Port) int {
		return cmp.Or(before(a.Publish, b.Publish), cmp.Compare(rank(a), rank(b)))
	})
}

func (c candidate) reason(port topology.Port) string {
	verb := "exposes"
	if port.Publish {
		verb = "publishes"
	}
	parts := []string{fmt.Sprintf("%s %s port %d", c.Name, verb, port.Target)}
	var others []string
	for _, p := range c.ports {
		if text := fmt.Sprint(p.Target); p.Target != port.Target && p.Publish == port.Publish && !slices.Contains(others, text) {
			others = append(others, text)
		}
	}
	if len(others) > 0 {
		parts[0] += " (and " + strings.Join(others, ", ") + ", less likely to be pages)"
	}
	if c.dependant {
		var names []string
		for _, d := range c.DependsOn {
			names = append(names, d.Service)
		}
		parts = append(parts, "depends on "+strings.Join(names, " and "))
	}
	if !c.wanted {
		parts = append(parts, "nobody depends on it")
	}
	last := len(parts) - 1
	if last == 0 {
		return parts[0] + ", as no other service does that nobody depends on"
	}
	return strings.Join(parts[:last], ", ") + ", and " + parts[last]
}
