package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
)

// traffic is what each service's replicas served: by a balancer's page, if the
// trial has one, else by the origins that answers named.
func (o *observed) traffic() []serviceUse {
	if o.Foreign == nil || len(o.Foreign.Balancer) == 0 {
		return o.services()
	}
	var list []serviceUse
	for _, row := range o.servers() {
		service, replica := o.serviceOf(row.Proxy), replicaOf(row.Server)
		i := slices.IndexFunc(list, func(s serviceUse) bool { return s.name == service })
		if i < 0 {
			list = append(list, serviceUse{name: service, named: true})
			i = len(list) - 1
		}
		s := &list[i]
		k := slices.IndexFunc(s.replicas, func(u results.UsageTotal) bool { return u.Replica == replica })
		if k < 0 {
			s.replicas = append(s.replicas, results.UsageTotal{Replica: replica, Service: service, Requests: new(int64)})
			k = len(s.replicas) - 1
		}
		*s.replicas[k].Requests += *row.Sessions
		s.served += *row.Sessions
	}
	slices.SortFunc(list, func(a, b serviceUse) int { return cmp.Compare(a.name, b.name) })
	return list
}

// servers are the rows of a balancer's page that stand for servers, as far as
// they tell their sessions.
func (o *observed) servers() []results.BalancerRow {
	var rows []results.BalancerRow
	for _, row := range o.Foreign.Balancer {
		if row.Server != frontend && row.Server != backend && row.Sessions != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// What HAProxy calls the rows of a listener and of all servers together.
const (
	frontend = "FRONTEND"
	backend  = "BACKEND"
)

// serviceOf is the service of the scale that a balancer's proxy is named after,
// as SERVICE_prod_web is after web; else the proxy's own name.
func (o *observed) serviceOf(proxy string) string {
	words := strings.FieldsFunc(proxy, func(r rune) bool { return r == '_' || r == '.' || r == '/' })
	if len(words) > 0 {
		if _, ok := o.Scale[words[len(words)-1]]; ok {
			return words[len(words)-1]
		}
	}
	return proxy
}

// portMark tells the ports of one replica apart: prod_static_1(a).
var portMark = regexp.MustCompile(`\([a-z0-9]+\)$`)

func replicaOf(server string) string { return portMark.ReplaceAllString(server, "") }

// findBalance looks at how each service's replicas shared the answers, trial by
// trial: a client that is pinned anew in each trial looks balanced in the sum.
func findBalance(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	shown := g.shown()
	for _, service := range serviceNames(shown) {
		look := func(kind string, evidence func(serviceUse) string) {
			list = append(list, inTrials(kind, shown, func(o *observed) string {
				for _, s := range o.traffic() {
					if s.name == service && s.named && s.served > 0 && len(s.replicas) > 1 {
						return evidence(s)
					}
				}
				return ""
			})...)
		}
		look("pinned", func(s serviceUse) string {
			if s.busy() != 1 {
				return ""
			}
			return fmt.Sprintf("client-pinned: 1 of %d %s replicas (%s) served all %s requests; scaling %s cannot help this client",
				len(s.replicas), s.name, s.busiest().Replica, units.Count(s.served), s.name)
		})
		look("idle", func(s serviceUse) string {
			if n := s.busy(); n < 2 || n == len(s.replicas) {
				return ""
			}
			return fmt.Sprintf("no request came to %s; %d of %d %s replicas served %s requests",
				enumerate(s.idle()), s.busy(), len(s.replicas), s.name, units.Count(s.served))
		})
		look("skewed", func(s serviceUse) string {
			top := s.busiest()
			fair := float64(s.served) / float64(len(s.replicas))
			if s.busy() != len(s.replicas) || fair < fewInTail || float64(*top.Requests) < skewed*fair {
				return ""
			}
			return fmt.Sprintf("%s served %s of %s requests (%.0f %%) of %d %s replicas", top.Replica, units.Count(*top.Requests),
				units.Count(s.served), 100*float64(*top.Requests)/float64(s.served), len(s.replicas), s.name)
		})
	}
	return list
}

// busy is how many replicas served anything.
func (s serviceUse) busy() int { return len(s.replicas) - len(s.idle()) }

func (s serviceUse) idle() []string {
	var names []string
	for _, u := range s.replicas {
		if u.Requests == nil || *u.Requests == 0 {
			names = append(names, u.Replica)
		}
	}
	return names
}

func (s serviceUse) busiest() results.UsageTotal {
	return slices.MaxFunc(s.replicas, func(a, b results.UsageTotal) int { return cmp.Compare(*a.Requests, *b.Requests) })
}

func serviceNames(trials []*observed) []string {
	names := map[string]bool{}
	for _, o := range trials {
		for _, s := range o.traffic() {
			names[s.name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// findUnreached names services that no request came to. Answers name only
// their origin, so a proxy or a database is never named either: the target is
// left out, and so is what had work to do.
func findUnreached(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	shown := g.shown()
	for _, service := range serviceNames(shown) {
		list = append(list, inTrials("unreached", shown, func(o *observed) string {
			return unreached(o, service)
		})...)
	}
	return list
}

func unreached(o *observed, service string) string {
	target, err := url.Parse(o.Target)
	if err != nil || target.Hostname() == service {
		return ""
	}
	var stack time.Duration
	var it serviceUse
	var origins []string
	var served int64
	for _, s := range o.traffic() {
		stack += s.cpu
		served += s.served
		if s.name == service {
			it = s
		}
		if s.served > 0 {
			origins = append(origins, s.name)
		}
	}
	if !it.named || it.served > 0 || len(origins) == 0 || float64(it.cpu) > idleCPU*float64(stack) {
		return ""
	}
	if o.Foreign != nil {
		return fmt.Sprintf("by the balancer's page all %s sessions went to %s and none to %s (%s)",
			units.Count(served), enumerate(origins), service, enumerate(it.idle()))
	}
	return fmt.Sprintf("every answer came from %s; %s (%s) used %s of the stack's %s CPU time",
		strings.Join(origins, ", "), service, plural(len(it.replicas), "replica"), units.Latency(it.cpu), units.Latency(stack))
}

// lateServers names the servers that a balancer had seen down, beside others of
// the same proxy that it had not: they came later.
func lateServers(g *cellGroup) string {
	for _, o := range g.shown() {
		if o.Foreign == nil {
			continue
		}
		var late, early []string
		var longest int64
		for _, row := range o.servers() {
			switch {
			case row.DowntimeSeconds == nil || *row.Sessions == 0:
			case *row.DowntimeSeconds == 0:
				early = append(early, row.Server)
			default:
				late = append(late, row.Server)
				longest = max(longest, *row.DowntimeSeconds)
			}
		}
		if len(late) > 0 && len(early) > 0 {
			return fmt.Sprintf("The balancer had seen %s down, for up to %d s, and %s not: they joined later",
				enumerate(late), longest, enumerate(early))
		}
	}
	return ""
}

// findCounts holds what the client counted against what the stack did: a
// balancer's page, or the origins that answers named.
func findCounts(_ *Cell, g *cellGroup) []Finding {
	list := inTrials("mismatch", g.shown(), func(o *observed) string {
		if text, agree := againstBalancer(o); text != "" && !agree {
			return text
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(o.strangers)) {
			parts = append(parts, fmt.Sprintf("%s named %s", plural(int(o.strangers[name]), "answer"), name))
		}
		if len(parts) == 0 {
			return ""
		}
		return enumerate(parts) + ", which is no replica of this stack"
	})
	return append(list, inTrials("match", g.shown(), func(o *observed) string {
		if text, agree := againstBalancer(o); agree {
			return text
		}
		return ""
	})...)
}

// closes is what a HAProxy may add to each answer whose connection it closes,
// and not count, as that of the published runs did.
const closes = "Connection: close\r\n"

// againstBalancer compares an imported load with the page beside it: the busiest
// of the page's listeners, whose every session is one request only where no
// connection is kept.
func againstBalancer(o *observed) (text string, agree bool) {
	if o.Foreign == nil || !o.Tells("requests.sent") || !o.Tells("keepalive") || o.KeepAlive {
		return "", false
	}
	var front *results.BalancerRow
	for i := range o.Foreign.Balancer {
		row := &o.Foreign.Balancer[i]
		if row.Server == frontend && row.Sessions != nil && (front == nil || *row.Sessions > *front.Sessions) {
			front = row
		}
	}
	if front == nil {
		return "", false
	}
	sent := o.Requests.Sent
	if *front.Sessions != sent {
		return fmt.Sprintf("the client sent %s requests, the balancer's %s counted %s sessions",
			units.Count(sent), front.Proxy, units.Count(*front.Sessions)), false
	}
	text = fmt.Sprintf("both counted %s requests", units.Count(sent))
	if !o.Tells("bytes.in") || front.BytesOut == nil {
		return text, true
	}
	text += fmt.Sprintf("; the client received %s bytes, the balancer counted %s", units.Count(o.Bytes.In), units.Count(*front.BytesOut))
	switch o.Bytes.In - *front.BytesOut {
	case 0:
		return text + ", the same to the byte", true
	case sent * int64(len(closes)):
		return text + fmt.Sprintf(" and the %d of the “%s” that it adds to each: the same to the byte", len(closes), strings.TrimSpace(closes)), true
	}
	return text, false
}
