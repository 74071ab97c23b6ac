package analysis

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/results"
	"plimsoll/results/analysis/capacity"
	"plimsoll/results/analysis/size"
	"plimsoll/scenarios"
)

// sameAsSearched refuses other objectives than those that a capacity search
// went by: what it found says nothing about them.
func (s *sizer) sameAsSearched(m results.Manifest) error {
	if m.Capacity == nil {
		return nil
	}
	var searched []scenarios.Objective
	for _, text := range m.Objectives {
		o, err := scenarios.ParseObjective(text)
		if err != nil {
			return err
		}
		searched = append(searched, o)
	}
	key := func(list []scenarios.Objective) string {
		var keys []string
		for _, o := range list {
			o.Text = ""
			keys = append(keys, fmt.Sprint(o))
		}
		slices.Sort(keys)
		return strings.Join(keys, "\n")
	}
	if key(searched) != key(s.Objectives) {
		return choose("run %s searched for the highest rate at %s, and says nothing about other objectives: leave --objective out, or search again with it", m.ID, strings.Join(m.Objectives, " and "))
	}
	return nil
}

// addSearches takes what the capacity searches of a run found. A search is one
// start: its trials were chosen by each other.
func (s *sizer) addSearches(run int) error {
	m := s.runs[run].Manifest
	if m.Capacity == nil {
		return nil
	}
	byIndex := map[int]sized{}
	var trials []results.Trial
	for t := range s.trials() {
		if t.run == run {
			byIndex[t.Trial.Index] = t
			trials = append(trials, t.Trial)
		}
	}
	if len(trials) == 0 {
		return nil // another environment's
	}
	result, err := JudgeCapacity(m, trials)
	if err != nil {
		return err
	}
	for _, search := range result.Searches {
		if len(search.Points) == 0 {
			continue
		}
		scale := byIndex[search.Points[0].Index].Trial.Scale
		at := start{replicas: scale[s.Service], run: run}
		f := search.found()
		if f.decided == 0 {
			s.doubts = append(s.doubts, fmt.Sprintf("run %s, %s: %s", m.ID, search.Scale, search.Text))
			continue
		}
		for _, p := range search.Points {
			// What is at the limit: the confirmed rate, and the lowest that failed.
			if near := p.Rate == f.Met && p.Verdict == Pass || p.Rate == search.Failing && p.Verdict == Fail; near {
				o, _ := observe(byIndex[p.Index].StoredTrial)
				f.edge = append(f.edge, s.step(p.Rate, p.Verdict, o, m.Provenance))
			}
		}
		s.searches[at] = f
	}
	return nil
}

// found is what a search comes to: the rate that it confirmed. Where it was not
// the stack that ended the search, it supports at least that. None is decided of
// a search that promises nothing.
func (s CapacitySearch) found() found {
	if s.Verdict != capacity.Supported && s.Verdict != capacity.AtLeast {
		return found{}
	}
	f := found{Start: size.Start{Met: max(s.Supported, s.AtLeast)}, decided: s.Trials, limited: s.LimitedBy == capacity.Generator}
	if s.LimitedBy == capacity.Objective || s.LimitedBy == capacity.Errors {
		f.Failed = f.Met
	}
	return f
}
