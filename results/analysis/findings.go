package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/scenarios"
)

// The kinds of findings, the gravest first.
var kinds = []string{
	"invalid", "unsteady", "suspect", "errors", "behind", "stall", "cold", "pinned", "idle", "skewed", "unreached",
	"few", "episode", "throttled", "distance", "lost", "inflight", "unequal", "busy", "short", "balancer",
}

// orderFindings puts the gravest kinds first and keeps the cells' order within
// a kind.
func orderFindings(list []Finding) []Finding {
	ordered := append([]Finding{}, list...)
	slices.SortStableFunc(ordered, func(a, b Finding) int {
		return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
	})
	return ordered
}

// findings are what a reader of one cell's numbers has to know.
func findings(c *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, find := range []func(*Cell, *cellGroup) []Finding{
		findInvalid, findUnsteady, findErrors, findBehind, findStall, findCold, findBalance, findUnreached,
		findFew, findEpisode, findThrottled, findDistance, findLost, findInFlight, findBalancer,
	} {
		for _, f := range find(c, g) {
			f.Cell = c.Name
			list = append(list, f)
		}
	}
	return list
}

// inTrials makes a finding of the first trial's evidence, and says in how many
// trials there was some.
func inTrials(kind, what string, trials []*observed, evidence func(*observed) string) []Finding {
	first, found := "", 0
	for _, o := range trials {
		if e := evidence(o); e != "" {
			if found++; found == 1 {
				first = e
			}
		}
	}
	switch {
	case found == 0:
		return nil
	case len(trials) > 1:
		first = fmt.Sprintf("%s (%d of %d trials)", first, found, len(trials))
	}
	return []Finding{{Kind: kind, What: what, Evidence: first}}
}

func findInvalid(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, o := range g.trials {
		kind, what := "invalid", "An invalid trial is shown but decides nothing."
		switch o.Validity.Verdict {
		case results.Valid:
			continue
		case results.Suspect:
			kind, what = "suspect", "A suspect trial counts, but its numbers are in doubt."
		}
		list = append(list, Finding{
			Kind: kind, What: what,
			Evidence: fmt.Sprintf("trial %d of %d: %s", o.Trial.Trial, g.planned, strings.Join(o.Validity.Reasons, "; ")),
		})
	}
	return list
}

func findErrors(c *Cell, g *cellGroup) []Finding {
	if c.Failed == 0 {
		return nil
	}
	var all results.Counts
	for _, o := range g.shown() {
		all.Add(o.Requests)
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(all.Status)) {
		if status >= "400" {
			parts = append(parts, fmt.Sprintf("status %s: %s", status, units.Count(all.Status[status])))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(all.Errors)) {
		if kind != "status" {
			parts = append(parts, fmt.Sprintf("%s: %s", kind, units.Count(all.Errors[kind])))
		}
	}
	if len(all.Status) == 0 && all.Errors["status"] > 0 { // imported: which ones is not told
		parts = append(parts, "bad status: "+units.Count(all.Errors["status"]))
	}
	return []Finding{{
		Kind: "errors",
		What: "Requests failed. How long a failure took is in the latencies, and a fast failure is no fast answer.",
		Evidence: fmt.Sprintf("%s of %s requests (%s): %s",
			units.Count(c.Failed), units.Count(c.Requests), percent(c.ErrorRate), strings.Join(parts, ", ")),
	}}
}

func findBehind(c *Cell, g *cellGroup) []Finding {
	return inTrials("behind", "The stack did not keep up with the requested rate.", g.shown(), func(o *observed) string {
		if o.RequestedRate == 0 || o.Throughput >= keptUp*o.RequestedRate {
			return ""
		}
		return fmt.Sprintf("%s good answers/s of %s/s requested", units.Rate(o.Throughput), units.Rate(o.RequestedRate))
	})
}

func findStall(c *Cell, _ *cellGroup) []Finding {
	s := c.Stall
	if s == nil {
		return nil
	}
	evidence := fmt.Sprintf("%s requests hold %.0f %% of all request time; without them the throughput would be about %s, not %s/s",
		units.Count(s.Requests), 100*s.Share, about(s.Without), units.Rate(s.Throughput))
	if c.Trials > 1 {
		evidence = fmt.Sprintf("trial %d: %s (%d of %d trials)", s.Trial, evidence, s.Trials, c.Counted)
	}
	return []Finding{{
		Kind: "stall", Evidence: evidence,
		What: "One batch of requests waited together: a stall or a cold start, not a slower stack.",
	}}
}

// findBalance looks at how each service's replicas shared the answers, trial by
// trial: a client that is pinned anew in each trial looks balanced in the sum.
func findBalance(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	shown := g.shown()
	for _, service := range serviceNames(shown) {
		look := func(kind, what string, evidence func(serviceUse) string) {
			list = append(list, inTrials(kind, what, shown, func(o *observed) string {
				for _, s := range o.services() {
					if s.name == service && s.named && s.served > 0 && len(s.replicas) > 1 {
						return evidence(s)
					}
				}
				return ""
			})...)
		}
		look("pinned", "One replica served everything: scaling this service cannot help this client.", func(s serviceUse) string {
			if s.busy() != 1 {
				return ""
			}
			return fmt.Sprintf("client-pinned: 1 of %d %s replicas served all %s requests; scaling %s cannot help this client",
				len(s.replicas), s.name, units.Count(s.served), s.name)
		})
		look("idle", "A replica served nothing while its siblings did.", func(s serviceUse) string {
			if n := s.busy(); n < 2 || n == len(s.replicas) {
				return ""
			}
			return fmt.Sprintf("no answer named %s; %d of %d %s replicas served %s requests",
				strings.Join(s.idle(), ", "), s.busy(), len(s.replicas), s.name, units.Count(s.served))
		})
		look("skewed", "The load was spread unevenly over the replicas.", func(s serviceUse) string {
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
		for _, u := range o.Usage {
			names[u.Service] = true
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
		list = append(list, inTrials("unreached", "No request reached a service: scaling it cannot matter to this load.", shown, func(o *observed) string {
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
	for _, s := range o.services() {
		stack += s.cpu
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
	return fmt.Sprintf("every answer came from %s; %s (%s) used %s of the stack's %s CPU time",
		strings.Join(origins, ", "), service, plural(len(it.replicas), "replica"), units.Latency(it.cpu), units.Latency(stack))
}

func findFew(c *Cell, _ *cellGroup) []Finding {
	if !c.RestsOnFew() {
		return nil
	}
	return []Finding{{
		Kind: "few", What: "A p99 rests on few requests: another trial may show quite another one.",
		Evidence: fmt.Sprintf("p99 rests on %s of %s", plural(int(c.Tail), "request"), units.Count(c.Requests)),
	}}
}

func findEpisode(c *Cell, g *cellGroup) []Finding {
	if closed(c.Mode) {
		return nil
	}
	return inTrials("episode", "The tail is one episode: p99 says whether it happened, not how often.", g.shown(), func(o *observed) string {
		var all, most int64
		at := 0
		for i, n := range o.slow {
			all += n
			if n > most {
				most, at = n, i
			}
		}
		if len(o.slow) < 5 || all < resolved || float64(most) <= episodeShare*float64(all) {
			return ""
		}
		return fmt.Sprintf("%d of the %d requests above p99 ended in one second, at %s", most, all,
			units.Duration(o.over[at].At.Truncate(time.Second)))
	})
}

func findThrottled(_ *Cell, g *cellGroup) []Finding {
	return inTrials("throttled", "A CPU limit held a replica back: the limit shaped these latencies.", g.shown(), func(o *observed) string {
		var parts []string
		for _, u := range o.Usage {
			if u.Throttled == nil || cores(*u.Throttled, o.Duration) < throttledShare {
				continue
			}
			parts = append(parts, fmt.Sprintf("%s was throttled for %s of %s", u.Replica,
				units.Latency(*u.Throttled), units.Latency(o.Duration)))
		}
		return strings.Join(parts, ", ")
	})
}

func findDistance(_ *Cell, g *cellGroup) []Finding {
	return inTrials("distance", "Distance, not capacity: most of the time is the way there and back.", g.shown(), func(o *observed) string {
		connect, waiting := o.Latency.Connect, o.Latency.Waiting
		if o.Link != (scenarios.Link{}) {
			return fmt.Sprintf("%s: each round trip takes so much longer than it really did, and without kept connections each request takes two", o.Link)
		}
		if !o.Tells("latency_ns.connect.min") || !o.Tells("latency_ns.waiting.min") || !o.Tells("latency_ns.response.p50") || !o.Tells("keepalive") {
			return ""
		}
		if o.KeepAlive || connect.Min < far || 2*connect.Min < waiting.Min {
			return ""
		}
		p50 := o.Latency.Response.P50
		return fmt.Sprintf("to connect takes at least %s, to answer at least %s more: two round trips of about %s in a p50 of %s, which leaves about %s to the stack",
			units.Latency(connect.Min), units.Latency(waiting.Min), units.Latency(connect.Min), units.Latency(p50),
			units.Latency(max(0, p50-2*connect.Min)))
	})
}

// findLost looks for connections that took a whole retransmission longer than
// the fastest: a host sends an unanswered SYN again after 1 s, 3 s, 7 s.
func findLost(_ *Cell, g *cellGroup) []Finding {
	return inTrials("lost", "Lost packets suspected: the network, or a full accept queue, not slow work.", g.shown(), func(o *observed) string {
		connect := o.Latency.Connect
		if !o.Tells("latency_ns.connect.max") || !o.Tells("latency_ns.connect.min") {
			return ""
		}
		extra := connect.Max - connect.Min
		for _, again := range []time.Duration{time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second} {
			if extra > again-50*time.Millisecond && extra < again+250*time.Millisecond {
				return fmt.Sprintf("the slowest connection took %s, the fastest %s: %v apart, as when a SYN is sent again",
					units.Latency(connect.Max), units.Latency(connect.Min), again)
			}
		}
		return ""
	})
}

// findInFlight checks a closed loop against Little's law. A sender that thinks
// is taken to be busy with a request then, and none thinks after its last one.
func findInFlight(c *Cell, g *cellGroup) []Finding {
	if !closed(c.Mode) {
		return nil
	}
	for _, place := range []string{"requests.ok", "requests.failed", "latency_ns.response.mean", "duration_ns", "concurrency"} {
		if !tell(g.shown(), place) {
			return nil
		}
	}
	return inTrials("inflight", "The loop was not kept full: the generator, or its start and end, shaped the throughput.", g.shown(), func(o *observed) string {
		thoughts := float64(max(o.done()-int64(o.Concurrency), 0)) * o.Think.Seconds()
		inFlight := (float64(o.done())*o.Latency.Response.Mean.Seconds() + thoughts) / o.Duration.Seconds()
		if o.Duration <= 0 || inFlight >= (1-balance)*float64(o.Concurrency) {
			return ""
		}
		return fmt.Sprintf("throughput × mean latency gives %.1f requests in flight, not %d", inFlight, o.Concurrency)
	})
}

// findBalancer passes on what an imported page of a balancer says.
func findBalancer(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, o := range g.shown() {
		if o.Foreign == nil {
			continue
		}
		for _, r := range o.Foreign.Balancer {
			list = append(list, Finding{Kind: "balancer", What: "What a balancer counted, since it started or was cleared.", Evidence: balancerText(r)})
		}
	}
	return list
}

// balancerText prints a row with what it tells.
func balancerText(r results.BalancerRow) string {
	text := strings.TrimSpace(fmt.Sprintf("%s/%s %s", r.Proxy, r.Server, r.Status))
	var parts []string
	for _, f := range []struct {
		n      *int64
		format string
	}{
		{r.Sessions, "%s sessions"}, {r.MostSessions, "at most %s at once"}, {r.HighestRate, "at most %s in one second"},
		{r.BytesIn, "%s bytes of requests"}, {r.BytesOut, "%s bytes of answers"}, {r.DowntimeSeconds, "down for %s s"},
		{r.Answers4xx, "%s answers of status 4xx"}, {r.Answers5xx, "%s of 5xx"},
		{r.ConnectErrors, "%s failed connections"}, {r.AnswerErrors, "%s broken answers"},
	} {
		if f.n != nil {
			parts = append(parts, fmt.Sprintf(f.format, units.Count(*f.n)))
		}
	}
	if len(parts) == 0 {
		return text
	}
	return text + ": " + strings.Join(parts, ", ")
}

// runFindings are those that concern more than one cell.
func runFindings(doc *Document, m results.Manifest) []Finding {
	var list []Finding
	list = append(list, findUnequal(doc)...)
	list = append(list, findBusy(doc, m.Provenance.CPUs)...)
	list = append(list, findShort(doc)...)
	return list
}

// findUnequal names scales at which the environments do not have the same
// replicas, because the scale leaves a service as the topology has it.
func findUnequal(doc *Document) []Finding {
	var list []Finding
	for _, scale := range doc.Scales {
		counts := map[string]map[string]int{} // by environment
		for _, c := range doc.Cells {
			if c.Scale == scale && c.Trials > 0 {
				counts[c.Environment] = c.ScaleCounts
			}
		}
		var parts []string
		differ := false
		for _, environment := range doc.Environments {
			if counts[environment] == nil {
				continue
			}
			parts = append(parts, environment+": "+scaleText(counts[environment]))
			differ = differ || !sharedEqual(counts, environment)
		}
		if differ {
			list = append(list, Finding{
				Kind: "unequal", What: "Environments of one scale do not have the same replicas.",
				Evidence: scale + ": " + strings.Join(parts, "; "),
			})
		}
	}
	return list
}

// sharedEqual reports whether an environment has as many replicas as every
// other one of each service that both have.
func sharedEqual(counts map[string]map[string]int, environment string) bool {
	for _, other := range counts {
		for service, n := range counts[environment] {
			if k, ok := other[service]; ok && k != n {
				return false
			}
		}
	}
	return true
}

func findBusy(doc *Document, cpus int) []Finding {
	if cpus == 0 {
		return nil
	}
	var list []Finding
	for _, c := range doc.Cells {
		busy := c.Worker.Cores + sum(c.Services, func(s ServiceUsage) float64 { return s.Cores })
		if busy < hostBusy*float64(cpus) {
			continue
		}
		list = append(list, Finding{
			Kind: "busy", Cell: c.Name,
			What: "Load generator and stack together used nearly all CPUs: they shared them, and more replicas on this machine cannot show what they would do on others.",
			Evidence: fmt.Sprintf("stack %.2f and load generator %.2f CPUs, of %d that this machine has",
				busy-c.Worker.Cores, c.Worker.Cores, cpus),
		})
	}
	return list
}

func findShort(doc *Document) []Finding {
	var shortest, longest float64
	for _, c := range doc.Cells {
		if c.Trials == 0 || c.Duration.Untold || c.Duration.Min >= float64(steadyAfter) || c.knownSteady() {
			continue
		}
		if shortest == 0 || c.Duration.Min < shortest {
			shortest = c.Duration.Min
		}
		longest = max(longest, c.Duration.Max)
	}
	if longest == 0 {
		return nil
	}
	return []Finding{{
		Kind: "short", What: "Measured too briefly to tell a steady state.",
		Evidence: fmt.Sprintf("trials of %s to %s; below %v nothing shows that the numbers had settled",
			units.Latency(time.Duration(shortest)), units.Latency(time.Duration(longest)), steadyAfter),
	}}
}
