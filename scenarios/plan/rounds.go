package plan

import (
	"slices"

	"plimsoll/scenarios"
	"plimsoll/scenarios/yamlfile"
)

// RoundOptions say which two environments are measured in turns.
type RoundOptions struct {
	Baseline, Candidate string
	Scale               scenarios.Scale
	Load                string
	Seed                uint64
}

// Rounds plans n rounds, each with one trial of both environments under one
// load at one scale. CandidateFirst says of a round, counted from 0, which goes
// first. Options that do not fit the scenario are a *scenarios.Error.
func Rounds(s *scenarios.Scenario, opt RoundOptions, n int, candidateFirst func(round int) bool) (*Plan, error) {
	c := &compiler{scenario: s}
	if opt.Baseline == opt.Candidate {
		c.fault("baseline and candidate are both %q: name two environments; two of the same images show what this machine can tell apart", opt.Baseline)
	}
	environments := chosen(c, "environment", s.Environments, []string{opt.Baseline, opt.Candidate},
		func(e scenarios.Environment) string { return e.Name })
	loads := chosen(c, "load", s.Loads, []string{opt.Load}, func(l scenarios.Load) string { return l.Name })
	if len(opt.Scale) > 0 && len(c.problems) == 0 {
		c.checkScale(environments, opt.Scale)
	}
	for _, e := range environments {
		switch {
		case len(c.problems) > 0:
		case e.Topology == nil:
			c.fault("the environment %s has no topology: a gate starts both sides afresh in every round, so that it does not judge what one of them was through before", e.Name)
		case !e.Fits(opt.Scale):
			c.fault("scale %s: the environment %s does not have all of these services", opt.Scale, e.Name)
		}
	}
	if len(c.problems) > 0 {
		return nil, yamlfile.NewError(c.problems...)
	}
	pair := cells(environments, []scenarios.Scale{opt.Scale}, loads)
	if pair[0].Environment != opt.Baseline {
		slices.Reverse(pair)
	}
	p := &Plan{Scenario: s.Name, Seed: opt.Seed}
	for round := range n {
		order := slices.Clone(pair)
		if candidateFirst(round) {
			slices.Reverse(order)
		}
		for _, t := range order {
			t.Index, t.Repetition = len(p.Trials)+1, round+1
			t.Estimate += s.Warmup.For
			p.Trials = append(p.Trials, t)
		}
	}
	return p, nil
}
