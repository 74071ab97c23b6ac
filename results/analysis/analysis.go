package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"plimsoll/results"
	"plimsoll/scenarios"
)

// Summarize computes everything a report shows. It reads the trials' logs from
// the run's folder; a log that cannot be read costs its trial the curves and
// series, which the document's warnings then say. It returns an error only for
// a run that has no plan.
func Summarize(run *results.Run) (*Document, error) {
	run = labelled(run)
	m := run.Manifest
	if len(m.Plan.Trials) == 0 {
		return nil, fmt.Errorf("run %q: its plan holds no trial, there is nothing to report", m.ID)
	}
	doc := &Document{
		Schema: Schema, Title: m.Scenario, RunID: m.ID, Started: m.Started,
		Outcome: m.Outcome, Finished: len(run.Trials), Planned: len(m.Plan.Trials),
		Failures:   append([]results.Failure{}, m.Failures...),
		Provenance: provenance(m, run.Trials),
		Warnings:   append(append([]string{}, run.Warnings...), m.Warnings...),
		Cells:      []Cell{},
	}
	if !m.Ended.IsZero() {
		doc.Took = m.Ended.Sub(m.Started)
	}
	run, err := doc.judgeCapacity(run)
	if err != nil {
		return nil, err
	}
	m = run.Manifest
	groups := group(m)
	doc.Environments, doc.Scales, doc.Loads = axes(m, groups)
	for _, stored := range run.Trials {
		g := groups.of(stored.Trial)
		if g == nil {
			doc.Warnings = append(doc.Warnings, fmt.Sprintf("trial %d (%s, %s) is not in the plan and was left out",
				stored.Trial.Index, stored.Trial.Environment, stored.Trial.Load))
			continue
		}
		o, warnings := observe(stored)
		g.trials = append(g.trials, o)
		for _, w := range warnings {
			doc.Warnings = append(doc.Warnings, fmt.Sprintf("%s, trial %d: %s", g.name(), stored.Trial.Trial, w))
		}
	}
	doc.sortGroups(groups)
	for _, g := range groups {
		cell := summarize(g, m.Loads[g.load], m.Provenance)
		doc.Findings = append(doc.Findings, findings(&cell, g)...)
		doc.Cells = append(doc.Cells, cell)
	}
	doc.Findings = orderFindings(append(runFindings(doc, groups, m), doc.Findings...))
	doc.Comparisons, doc.Scalings = []Comparison{}, []Scaling{}
	if m.Gate == nil && m.Capacity == nil {
		doc.Comparisons = comparisons(doc)
		doc.Scalings = scalings(doc)
	}
	doc.Objectives = []ObjectiveResult{}
	if m.Capacity == nil { // which judges trial by trial
		doc.Objectives = judge(m, groups, doc.Cells)
	}
	if err := doc.judgeGate(run); err != nil {
		return nil, err
	}
	doc.Headlines = headlines(doc)
	doc.Warnings = distinct(doc.Warnings)
	return doc, nil
}

// cellGroup is a cell before it is summarized: its place in the plan and what
// its trials observed.
type cellGroup struct {
	environment, scale, load string
	size                     int // replicas that the scale names
	planned                  int
	indexes                  []int // of the plan's trials
	trials                   []*observed
	cpus                     int // of the machine; 0: not known
}

func (g *cellGroup) name() string {
	return g.environment + " · " + g.scale + " · " + g.load
}

// counted are the trials that may decide anything: an invalid one never does,
// nor one whose system was not in a steady state.
func (g *cellGroup) counted() []*observed {
	return slices.DeleteFunc(slices.Clone(g.trials), func(o *observed) bool {
		ok, _ := o.MayBeCompared()
		return !ok
	})
}

// valid are the trials that may be believed.
func (g *cellGroup) valid() []*observed {
	return slices.DeleteFunc(slices.Clone(g.trials), func(o *observed) bool { return o.Validity.Verdict == results.Invalid })
}

// shown are the trials whose figures a cell shows: those that count or, where
// there is none, those that are valid, or all of them.
func (g *cellGroup) shown() []*observed {
	for _, some := range [][]*observed{g.counted(), g.valid()} {
		if len(some) > 0 {
			return some
		}
	}
	return g.trials
}

type cellGroups []*cellGroup

// group makes a group for every cell of the plan.
func group(m results.Manifest) cellGroups {
	var groups cellGroups
	byName := map[string]*cellGroup{}
	for _, t := range m.Plan.Trials {
		g := &cellGroup{environment: t.Environment, scale: t.Scale.String(), load: t.Load, size: replicasIn(t.Scale), cpus: m.Provenance.CPUs}
		if known := byName[g.name()]; known != nil {
			g = known
		} else {
			byName[g.name()] = g
			groups = append(groups, g)
		}
		g.planned++
		if m.Gate != nil { // a void round may lack one side, so that numbers are left out
			g.planned = max(g.planned, t.Repetition)
		}
		g.indexes = append(g.indexes, t.Index)
	}
	return groups
}

func replicasIn(s scenarios.Scale) int {
	n := 0
	for _, replicas := range s {
		n += replicas
	}
	return n
}

// of finds a trial's group by its place in the plan: its own scale names all
// services, the plan's only those that the scenario named.
func (groups cellGroups) of(t results.Trial) *cellGroup {
	for _, g := range groups {
		if g.environment == t.Environment && g.load == t.Load && slices.Contains(g.indexes, t.Index) {
			return g
		}
	}
	return nil
}

// axes lists the environments, scales and loads that the plan has: environments
// and loads in the order of the scenario, so that a colour does not depend on
// the order of execution; the scale as written first, larger ones later.
func axes(m results.Manifest, groups cellGroups) (environments, scales []string, loads []LoadInfo) {
	var loadNames []string
	for _, g := range groups {
		environments = append(environments, g.environment)
		loadNames = append(loadNames, g.load)
	}
	for _, name := range inOrder(loadNames, m.LoadNames) {
		l := m.Loads[name]
		loads = append(loads, LoadInfo{Name: name, Mode: l.Mode, Text: l.Text, Caution: caution(l)})
	}
	bySize := slices.Clone(groups)
	slices.SortStableFunc(bySize, func(a, b *cellGroup) int {
		return cmp.Or(cmp.Compare(a.size, b.size), strings.Compare(a.scale, b.scale))
	})
	for _, g := range bySize {
		scales = append(scales, g.scale)
	}
	return inOrder(environments, m.Environments), distinct(scales), loads
}

// inOrder returns the distinct names in a given order; those that it lacks come
// last, by name.
func inOrder(names, order []string) []string {
	once := distinct(names)
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(once, func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
	})
	return once
}

// caution is what every latency under a load has to be read with.
func caution(l results.LoadSummary) string {
	if l.Caution != "" {
		return l.Caution
	}
	if !closed(l.Mode) {
		return "Open loop: response time counts from the instant a request was due, so waiting for a slow stack is in it."
	}
	return fmt.Sprintf("Closed loop, %d at a time: response time at a load that limits itself. It says nothing about "+
		"how long arriving users would wait, because a stall pauses the load, too.", l.Concurrency)
}

func closed(mode string) bool { return mode == string(scenarios.Closed) }

// sortGroups orders the groups by load, scale and environment.
func (d *Document) sortGroups(groups cellGroups) {
	load := func(g *cellGroup) int {
		return slices.IndexFunc(d.Loads, func(l LoadInfo) bool { return l.Name == g.load })
	}
	slices.SortStableFunc(groups, func(a, b *cellGroup) int {
		return cmp.Or(
			cmp.Compare(load(a), load(b)),
			cmp.Compare(slices.Index(d.Scales, a.scale), slices.Index(d.Scales, b.scale)),
			cmp.Compare(slices.Index(d.Environments, a.environment), slices.Index(d.Environments, b.environment)),
		)
	})
}

// Cell returns the cell at that place of the matrix, nil if the plan has none.
func (d *Document) Cell(environment, scale, load string) *Cell {
	for i := range d.Cells {
		if c := &d.Cells[i]; c.Environment == environment && c.Scale == scale && c.Load == load {
			return c
		}
	}
	return nil
}

// Verdict is what the run says, the worst of what was judged: Fail when an
// objective or the gate failed; InvalidResult when an objective, or a cell, has only
// invalid trials to go by; Inconclusive when an objective could not be decided,
// or was stated and then judged nowhere, or when nothing was measured; else
// Pass.
func (d *Document) Verdict() Verdict {
	if d.Capacity != nil {
		return d.Capacity.Verdict
	}
	seen := map[Verdict]bool{}
	judged := map[string]bool{}
	if d.Gate != nil {
		seen[d.Gate.Verdict] = true
	}
	for _, o := range d.Objectives {
		seen[o.Verdict] = true
		judged[o.Objective] = judged[o.Objective] || o.Verdict != NotApplicable
	}
	for _, c := range d.Cells {
		if d.Gate == nil && c.Trials > 0 && c.Counted+c.Unsteady == 0 {
			seen[InvalidResult] = true
		}
	}
	switch {
	case seen[Fail]:
		return Fail
	case seen[InvalidResult]:
		return InvalidResult
	case seen[Inconclusive] || d.unmeasured() || slices.Contains(slices.Collect(maps.Values(judged)), false):
		return Inconclusive
	}
	return Pass
}

func distinct(list []string) []string {
	once := []string{}
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}
