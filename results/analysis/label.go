package analysis

import (
	"slices"

	"plimsoll/results"
)

// labelled returns a run in which an environment with an emulated distance bears
// it in its name, and with that wherever one of its numbers is shown.
func labelled(run *results.Run) *results.Run {
	labels := map[string]string{}
	for _, t := range run.Manifest.Plan.Trials {
		labels[t.Environment] = t.Link.Label(t.Environment)
	}
	label := func(name string) string {
		if l, ok := labels[name]; ok {
			return l
		}
		return name
	}
	out := *run
	m := &out.Manifest
	m.Environments = slices.Clone(m.Environments)
	for i, name := range m.Environments {
		m.Environments[i] = label(name)
	}
	m.Plan.Trials = slices.Clone(m.Plan.Trials)
	for i := range m.Plan.Trials {
		m.Plan.Trials[i].Environment = label(m.Plan.Trials[i].Environment)
	}
	m.Failures = slices.Clone(m.Failures)
	for i := range m.Failures {
		m.Failures[i].Environment = label(m.Failures[i].Environment)
	}
	if m.Gate != nil {
		g := *m.Gate
		g.Baseline, g.Candidate = label(g.Baseline), label(g.Candidate)
		m.Gate = &g
	}
	if m.Capacity != nil {
		c := *m.Capacity
		c.Environment = label(c.Environment)
		m.Capacity = &c
	}
	out.Trials = slices.Clone(run.Trials)
	for i := range out.Trials {
		t := &out.Trials[i].Trial
		t.Environment = t.Link.Label(t.Environment)
	}
	return &out
}
