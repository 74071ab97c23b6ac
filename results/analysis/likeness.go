package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/scenarios"
)

// ledger lists what differs between two sides.
type ledger []Difference

func (l *ledger) add(what, a, b string) {
	if a != b {
		*l = append(*l, Difference{What: what, A: orNone(a), B: orNone(b)})
	}
}

// orNone names the absence of a value.
func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// refusal lists what keeps two cells from being compared: unlike loads, and
// unlike ways to apply them.
func refusal(a, b pairSide) []Difference {
	var l ledger
	if sameRun(a.Subject, b.Subject) && a.cell.Name == b.cell.Name {
		return []Difference{{What: "both sides are the same trials"}}
	}
	if a.cell.Counted == 0 || b.cell.Counted == 0 {
		return []Difference{{What: "trials that count", A: countedText(a.cell), B: countedText(b.cell)}}
	}
	l.loads(a, b)
	l.mixes(a, b)
	l.add("generator", generator(a), generator(b))
	l.add("transport", agreed(a, func(t *results.Trial) string { return t.Transport }), agreed(b, func(t *results.Trial) string { return t.Transport }))
	l.add("protocol", agreed(a, protocol), agreed(b, protocol))
	l.add("load comes from", a.Manifest.Provenance.LoadPath, b.Manifest.Provenance.LoadPath)
	l.add("emulated link", a.cell.Link.String(), b.cell.Link.String())
	l.add("warm-up", a.Manifest.Provenance.Warmup, b.Manifest.Provenance.Warmup)
	l.add("events", agreed(a, events), agreed(b, events))
	return l
}

func countedText(c *Cell) string {
	switch {
	case c.Trials == 0:
		return "none that was finished"
	case c.Counted == 0 && c.Unsteady > 0:
		return "none: " + c.mostlyUnsteady()
	case c.Counted == 0:
		return "none: " + plural(c.Trials, "trial") + ", all invalid"
	}
	return plural(c.Counted, "trial")
}

// loads compares what was asked for, first by its parts and then, for what has
// no part of its own, by its words.
func (l *ledger) loads(a, b pairSide) {
	x, y := a.Manifest.Loads[a.cell.Load], b.Manifest.Loads[b.cell.Load]
	before := len(*l)
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return units.Count(int64(n))
	}
	if l.add("mode", a.cell.Mode, b.cell.Mode); len(*l) > before {
		return // nothing else can be alike then
	}
	l.add("requests", number(x.Requests), number(y.Requests))
	l.add("concurrency", number(a.cell.Concurrency), number(b.cell.Concurrency))
	l.add("think time", units.Duration(x.Think), units.Duration(y.Think))
	l.add("rate", agreed(a, rate), agreed(b, rate))
	l.add("duration", units.Duration(x.Duration), units.Duration(y.Duration))
	l.add("connections", connections(x), connections(y))
	if len(*l) == before {
		l.add("load", a.cell.LoadText, b.cell.LoadText)
	}
	s, t, ok := scenarioLoads(a, b)
	if !ok {
		return
	}
	l.add("timeout", units.Duration(s.Timeout), units.Duration(t.Timeout))
	l.add("redirects that are followed", number(s.Redirects), number(t.Redirects))
	l.add("cookies", jar(s), jar(t))
}

// rate is what was asked of an open loop: its own, or another one that a search
// put in its place.
func rate(t *results.Trial) string {
	if t.RequestedRate == 0 {
		return ""
	}
	return throughput.Text(t.RequestedRate)
}

func jar(l scenarios.Load) string {
	if l.Cookies {
		return "a jar for each sender"
	}
	return ""
}

func connections(l results.LoadSummary) string {
	if l.KeepAlive {
		return "kept"
	}
	return "a new one each"
}

func scenarioLoads(a, b pairSide) (x, y scenarios.Load, ok bool) {
	if a.Scenario == nil || b.Scenario == nil {
		return x, y, false
	}
	x, here := a.Scenario.Load(a.cell.Load)
	y, there := b.Scenario.Load(b.cell.Load)
	return x, y, here && there
}

// mixes compares what was sent. Where a run has no scenario, as an import has
// none, the names of the requests are all there is.
func (l *ledger) mixes(a, b pairSide) {
	s, t, ok := scenarioLoads(a, b)
	if !ok {
		x, y := named(a), named(b)
		if x != "" && y != "" {
			l.add("request mix", x, y)
		}
		return
	}
	x, y := mixText(a.Scenario, s, false), mixText(b.Scenario, t, false)
	if x == y { // then they can still differ in what is sent
		x, y = mixText(a.Scenario, s, true), mixText(b.Scenario, t, true)
	}
	l.add("request mix", x, y)
}

// named lists the names of the requests that were sent, or the one document.
func named(s pairSide) string {
	return agreed(s, func(t *results.Trial) string {
		if len(t.ByName) == 0 {
			return t.Sample.Document
		}
		return strings.Join(slices.Sorted(maps.Keys(t.ByName)), ", ")
	})
}

// mixText prints a mix: "9 × GET /, 1 × POST /Post.action"; whole, with headers
// and bodies.
func mixText(s *scenarios.Scenario, l scenarios.Load, whole bool) string {
	var parts []string
	for _, p := range l.Payloads {
		text := fmt.Sprintf("%d × %s", p.Weight, p.Name)
		if whole {
			text += fmt.Sprintf(" %q", p.Bytes)
		}
		parts = append(parts, text)
	}
	if l.TCP == nil {
		for _, r := range s.Requests {
			text := fmt.Sprintf("%d × %s %s", r.Weight, r.Method, r.Path)
			if whole {
				for _, h := range slices.Sorted(maps.Keys(r.Headers)) {
					text += fmt.Sprintf(" [%s: %s]", h, r.Headers[h])
				}
				text += fmt.Sprintf(" %q", r.Body)
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// generator names the tool that applied the load.
func generator(s pairSide) string {
	return agreed(s, func(t *results.Trial) string {
		if t.Foreign != nil {
			return t.Foreign.Tool
		}
		return "plimsoll"
	})
}

func protocol(t *results.Trial) string {
	if t.HTTP2 {
		return "HTTP/2"
	}
	return "not HTTP/2"
}

// events are those of a trial, in their order.
func events(t *results.Trial) string {
	var list []string
	for _, e := range t.Events {
		list = append(list, e.What)
	}
	return strings.Join(list, ", ")
}

// agreed joins the distinct texts of the trials that count: one, if all agree.
func agreed(s pairSide, text func(*results.Trial) string) string {
	var list []string
	for _, t := range s.cell.counted() {
		list = append(list, text(t))
	}
	return strings.Join(distinct(list), " or ")
}
