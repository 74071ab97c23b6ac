package site

import (
	"context"
	"strings"

	"plimsoll/runner/engine"
	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// ByHand is the stack of an environment that is brought up by hand. Its name
// follows from the scenario's and the environment's, so that each command
// finds it again.
func ByHand(s *scenarios.Scenario, env scenarios.Environment) engine.Stack {
	stack := engine.Stack{Name: Slug(s.Name) + "-" + Slug(env.Name), Run: engine.HandRun, Topology: env.Topology}
	if stack.Topology == nil {
		stack.Topology = &topology.Topology{}
	}
	return stack
}

// AsIs returns the site with the replica counts that its stack has now, and
// whether there is any.
func (s *Site) AsIs(ctx context.Context) (*Site, bool, error) {
	state, err := s.Engine.Observe(ctx, s.Stack.Name)
	if err != nil {
		return nil, false, err
	}
	now := *s
	now.Stack.Topology = s.Stack.Topology.WithScale(ScaleOf(s.Stack.Topology, state))
	return &now, len(state.Replicas) > 0, nil
}

// ScaleOf counts the replicas of each service of a topology, ended ones too.
func ScaleOf(t *topology.Topology, state engine.State) map[string]int {
	scale := map[string]int{}
	for _, name := range t.ServiceNames() {
		scale[name] = 0
	}
	for _, r := range state.Replicas {
		if _, known := scale[r.Service]; known {
			scale[r.Service]++
		}
	}
	return scale
}

// Slug turns a name into what may be part of container and folder names.
func Slug(name string) string {
	s := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, name)
	if s = strings.Trim(s, "-"); s == "" {
		return "run"
	}
	return s[:min(len(s), 24)]
}
