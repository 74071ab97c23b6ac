package site

import (
	"cmp"
	"slices"
	"time"

	"plimsoll/runner/engine"
)

// Startup is how a stack came up.
type Startup struct {
	Begin time.Time
	// Done is what was done, in the order of engine.Diff.
	Done []engine.Done

	complete bool // nothing failed: Done holds every operation
}

// Step is a replica's way from nothing to ready. Its instants are counted from
// the begin of the start-up; 0: it was so already, or never became so.
type Step struct {
	Replica                 string
	Created, Started, Ready time.Duration
}

// Steps are those of all replicas that something was done for, by name.
func (s Startup) Steps() []Step {
	steps := map[string]*Step{}
	for _, d := range s.Done {
		var instant func(*Step) *time.Duration
		switch d.Op.Kind {
		case engine.CreateReplica:
			instant = func(step *Step) *time.Duration { return &step.Created }
		case engine.StartReplica:
			instant = func(step *Step) *time.Duration { return &step.Started }
		case engine.AwaitReady, engine.AwaitExit:
			instant = func(step *Step) *time.Duration { return &step.Ready }
		default:
			continue
		}
		name := d.Op.Target()
		if steps[name] == nil {
			steps[name] = &Step{Replica: name}
		}
		*instant(steps[name]) = d.End.Sub(s.Begin)
	}
	var list []Step
	for _, step := range steps {
		list = append(list, *step)
	}
	slices.SortFunc(list, func(a, b Step) int { return cmp.Compare(a.Replica, b.Replica) })
	return list
}

// CriticalPath is what the start-up's length hung on: the operation that ended
// last, before it the one of those it needed that ended last, and so on, in
// the order of time. It is empty for a start-up that failed.
func (s Startup) CriticalPath() []engine.Done {
	if !s.complete || len(s.Done) == 0 {
		return nil
	}
	last := func(a, b int) int {
		if s.Done[b].End.After(s.Done[a].End) {
			return b
		}
		return a
	}
	at := 0
	for i := range s.Done {
		at = last(at, i)
	}
	path := []engine.Done{s.Done[at]}
	for needs := s.Done[at].Op.Needs; len(needs) > 0; needs = s.Done[at].Op.Needs {
		at = needs[0]
		for _, i := range needs {
			at = last(at, i)
		}
		path = append(path, s.Done[at])
	}
	slices.Reverse(path)
	return path
}

// Length is the time until the last of it was done.
func (s Startup) Length() time.Duration {
	var end time.Duration
	for _, d := range s.Done {
		end = max(end, d.End.Sub(s.Begin))
	}
	return end
}
