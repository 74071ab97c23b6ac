package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/results"
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
	l.limits(a, b)
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

// limits compares how many CPUs a replica may use, of the services that both
// sides have.
func (l *ledger) limits(a, b pairSide) {
	text := func(s pairSide, service string) string {
		if cpus, ok := s.Manifest.Provenance.CPULimits[bare(s.cell)+"/"+service]; ok {
			return fmt.Sprintf("%.3g CPUs", cpus)
		}
		return ""
	}
	for _, service := range slices.Sorted(maps.Keys(a.cell.ScaleCounts)) {
		if _, ok := b.cell.ScaleCounts[service]; ok {
			l.add("CPU limit of "+service, text(a, service), text(b, service))
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
