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

// What is said of every comparison, and of those whose trials took no turns.
// The shares are those of simulated sessions in which a baseline of equal
// speed had been measured on another day, held against a rank test that is
// meant to be wrong once in a hundred times.
const (
	environmentsDiffer = "Two environments differ in everything: this is a comparison, not a test of one change. What made the difference was not measured."
	scalesDiffer       = "This compares levels of scale on these machines. What made the difference was not measured."
	runsDiffer         = "This compares two runs: the ratios are of all that differed between them, recorded or not. What made the difference was not measured."

	advisory = "A and B were measured in different runs. The ratios contain whatever changed on the machine in between, and the intervals do not know of it: " +
		"they are advisory only. Where a machine's level differs by 5 % (sd) from day to day, a test that is meant to err once in a hundred times takes " +
		"equal deployments for different ones in 6 of 100 cases with 5 trials of each, and in 13 to 14 with 10; where it differs by 10 %, in 17 and 28. " +
		"More trials do not help. Measure both in one run, where trials take turns."
	notInTurns = "Nothing shows that the trials of A and B took turns, so the ratios contain whatever changed on the machine in between, and the intervals do not know of it: advisory only."
	oneStart   = "All trials of a side met the same start of its stack. What differs from start to start is not in the intervals, which are too narrow for that reason."
)

func scopeOf(a, b Subject) string {
	switch {
	case !sameRun(a, b):
		return runsDiffer
	case a.Selector.Environment != b.Selector.Environment:
		return environmentsDiffer
	}
	return scalesDiffer
}

func sideOf(s Subject) PairingSide {
	return PairingSide{Asked: s.Asked, Run: s.Manifest.ID, Scenario: s.Manifest.Scenario, Started: s.Manifest.Started, Selector: s.Selector}
}

// sideLabels tell the sides apart in as few words as will do.
func sideLabels(a, b Subject) (string, string) {
	var left, right []string
	add := func(l, r string) {
		if l != r {
			left, right = append(left, l), append(right, r)
		}
	}
	if !sameRun(a, b) {
		left, right = append(left, a.Manifest.ID), append(right, b.Manifest.ID)
	}
	if a.Selector.Environment != "" && b.Selector.Environment != "" {
		add(a.Selector.Environment, b.Selector.Environment)
	}
	if a.Selector.Scale != "" && b.Selector.Scale != "" {
		add(a.Selector.Scale, b.Selector.Scale)
	}
	if a.Selector.Load != "" && b.Selector.Load != "" {
		add(a.Selector.Load, b.Selector.Load)
	}
	return strings.Join(left, " · "), strings.Join(right, " · ")
}

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

// circumstances lists what is recorded to differ and does not keep the cells
// from being compared: facts, not causes.
func circumstances(a, b pairSide) []Difference {
	var l ledger
	x, y := a.Manifest.Provenance, b.Manifest.Provenance
	if !sameRun(a.Subject, b.Subject) {
		at := func(s pairSide) string { return s.Manifest.Started.UTC().Format("2 January 2006 15:04 UTC") }
		l.add("measured", at(a), at(b))
	}
	l.add("plimsoll", x.Version, y.Version)
	l.add("machine", x.Host, y.Host)
	l.add("operating system", x.OS, y.OS)
	l.add("kernel", x.Kernel, y.Kernel)
	l.add("CPU", x.CPU, y.CPU)
	l.add("CPUs", fmt.Sprint(x.CPUs), fmt.Sprint(y.CPUs))
	l.add("memory", units.Bytes(x.MemoryBytes), units.Bytes(y.MemoryBytes))
	l.add("engine", x.Engines[bare(a.cell)], y.Engines[bare(b.cell)])
	l.add("environment", bare(a.cell), bare(b.cell))
	replicas := "replicas"
	if a.cell.Scale == b.cell.Scale {
		replicas += " " + at(a.cell.Scale)
	}
	l.add(replicas, scaleText(a.cell.ScaleCounts), scaleText(b.cell.ScaleCounts))
	l.add("target", agreed(a, func(t *results.Trial) string { return t.Target }), agreed(b, func(t *results.Trial) string { return t.Target }))
	l.add("metering", agreed(a, func(t *results.Trial) string { return t.Metering }), agreed(b, func(t *results.Trial) string { return t.Metering }))
	l.images(a, b)
	l.add("stack", stack(x), stack(y))
	l.add("scenario", a.Manifest.Scenario, b.Manifest.Scenario)
	l.add("scenario SHA-256", x.ScenarioHash, y.ScenarioHash)
	return l
}

func stack(p results.Provenance) string {
	if p.Attached {
		return "brought up by hand, the same for all trials"
	}
	return "started afresh for each trial"
}

// images compares what ran as each service. A service that one side does not
// have is one of the replicas' differences already.
func (l *ledger) images(a, b pairSide) {
	x, y := imagesOf(a), imagesOf(b)
	for _, service := range slices.Sorted(maps.Keys(x)) {
		if other, ok := y[service]; ok {
			l.add("image of "+service, x[service], other)
		}
	}
}

// imagesOf are a side's images, with their digests, by service.
func imagesOf(s pairSide) map[string]string {
	list := map[string]string{}
	for user, image := range s.Manifest.Provenance.Images {
		environment, service, _ := strings.Cut(user, "/")
		if environment != bare(s.cell) {
			continue
		}
		list[service] = image
		if digests := s.Manifest.Provenance.ImageDetails[image].Digests; len(digests) > 0 {
			list[service] = strings.Join(digests, ", ")
		}
	}
	return list
}

// cautions are what a reader of the pair's numbers has to know beside the
// findings of its cells.
func cautions(a, b pairSide) []string {
	list := []string{}
	if a.Manifest.Provenance.Attached || b.Manifest.Provenance.Attached {
		list = append(list, oneStart)
	}
	oneLoad := sameRun(a.Subject, b.Subject) && a.cell.Load == b.cell.Load
	if _, _, ok := scenarioLoads(a, b); !ok && !oneLoad && (named(a) == "" || named(b) == "") {
		list = append(list, "What was sent is not recorded of both sides, so that it may differ.")
	}
	for _, side := range pairOf(a.cell, b.cell) {
		if n := side.invalid(); n > 0 {
			list = append(list, fmt.Sprintf("%d of %s of %s%s invalid and left out.", n, plural(side.Trials, "trial"), side.name, are(n)))
		}
		if !side.P99.Untold && side.countless() {
			list = append(list, fmt.Sprintf("On how many requests the percentiles of %s rest is not told.", side.name))
		}
		if side.Untold {
			list = append(list, fmt.Sprintf("How many requests of %s failed is not told.", side.name))
		}
	}
	return list
}
