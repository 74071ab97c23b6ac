package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/scenarios"
)

// sizer is a query while it is answered.
type sizer struct {
	SizeQuery
	runs     []*results.Run
	pattern  string   // of the ladder; empty: there is none
	others   []string // services that are scaled besides
	starts   map[start]*ladder
	searches map[start]found // what each capacity search found
	plain    []sized         // trials of closed loops
	shared   bool            // the stack ran on the load generator's machine
	// atLimit are the trials at the highest rate that met the objectives, by
	// number of replicas.
	atLimit    map[int][]*observed
	shortest   time.Duration // trial at a limit
	leftOut    int           // trials that decide nothing
	whyLeftOut string        // why the first of them
	suspect    int           // trials that count
	suspected  string        // why the first of them is
	doubts     []string      // about trials that were left out
}

// settleObjectives finds what a rate has to meet.
func (s *sizer) settleObjectives() error {
	if len(s.Objectives) == 0 {
		for _, text := range s.runs[0].Manifest.Objectives {
			o, err := scenarios.ParseObjective(text)
			if err != nil {
				return err
			}
			s.Objectives = append(s.Objectives, o)
		}
	}
	for _, run := range s.runs {
		if err := s.sameAsSearched(run.Manifest); err != nil {
			return err
		}
	}
	for _, o := range s.Objectives {
		if upperLimit(o) && (isLatency(o.Metric) || o.Metric == scenarios.Errors) {
			return nil
		}
	}
	return choose("a supported rate takes an objective with an upper limit on a response time or on errors, and the run has none: give --objective 'p(99) < 250ms'")
}

func (s *sizer) settleEnvironment() error {
	var have []string
	for _, run := range s.runs {
		for _, t := range run.Manifest.Plan.Trials {
			have = append(have, t.Environment)
		}
	}
	have = inOrder(have, s.runs[0].Manifest.Environments)
	if s.Environment == "" && len(have) == 1 {
		s.Environment = have[0]
	}
	switch {
	case s.Environment == "":
		return choose("there are several environments; choose one with --env: %s", strings.Join(have, ", "))
	case !slices.Contains(have, s.Environment):
		return choose("no environment is called %q; there are %s", s.Environment, strings.Join(have, ", "))
	}
	return nil
}

// settleService finds whose number of replicas differs between the trials.
func (s *sizer) settleService() error {
	counts := map[string]map[int]bool{}
	for t := range s.trials() {
		for service, n := range t.Trial.Scale {
			if counts[service] == nil {
				counts[service] = map[int]bool{}
			}
			counts[service][n] = true
		}
	}
	services := slices.Sorted(maps.Keys(counts))
	scaled := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return len(counts[name]) < 2 })
	switch {
	case len(services) == 0:
		return choose("no trial of %s says how many replicas there were, as imports do not: size takes runs of this program", s.Environment)
	case s.Service != "" && !slices.Contains(services, s.Service):
		return choose("no service of %s is called %q; there are %s", s.Environment, s.Service, strings.Join(services, ", "))
	case s.Service != "":
	case len(scaled) == 1:
		s.Service = scaled[0]
	case len(scaled) > 1:
		return choose("several services were scaled: %s; choose the one to size with --service", strings.Join(scaled, ", "))
	default:
		return choose("all trials of %s have the same numbers of replicas; run the scenario at several scales (--scale web=1 --scale web=2 --scale web=4), or say which service is meant with --service", s.Environment)
	}
	s.others = slices.DeleteFunc(scaled, func(name string) bool { return name == s.Service })
	return nil
}

// settleLadder finds the loads that are steps of one ladder of rates.
func (s *sizer) settleLadder() error {
	patterns := map[string][]string{}
	var have []string
	for _, run := range s.runs {
		for name, l := range run.Manifest.Loads {
			have = append(have, name)
			searched := run.Manifest.Capacity != nil && run.Manifest.Capacity.Load != name
			if l.Pattern != "" && !searched && (len(s.Loads) == 0 || slices.Contains(s.Loads, name)) {
				patterns[l.Pattern] = append(patterns[l.Pattern], name)
			}
		}
	}
	slices.Sort(have)
	have = slices.Compact(have)
	for _, name := range s.Loads {
		if !slices.Contains(have, name) {
			return choose("no load is called %q; there are %s", name, strings.Join(have, ", "))
		}
	}
	names := slices.Sorted(maps.Keys(patterns))
	switch len(names) {
	case 0:
		return nil
	case 1:
		s.pattern = names[0]
		return nil
	}
	var lines []string
	for _, pattern := range names {
		loads := patterns[pattern]
		slices.Sort(loads)
		lines = append(lines, fmt.Sprintf("%s (%s)", strings.Join(slices.Compact(loads), ", "), pattern))
	}
	return choose("the loads differ in more than their rate: choose those of one kind with --load: %s", strings.Join(lines, "; "))
}
