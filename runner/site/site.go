// Package site has one environment's stack in its hands: it brings the stack up,
// finds the way to its target, tells how it is, and takes it down.
package site

import (
	"context"
	"fmt"
	"time"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// takeDownWithin bounds a teardown, which starts its own clock.
const takeDownWithin = time.Minute

// Site is a stack on an engine.
type Site struct {
	Engine engine.Engine
	// Stack has its replica counts set.
	Stack engine.Stack
	// ReadyWithin is how long a replica, and then the target, may take to
	// become ready.
	ReadyWithin time.Duration
	// Report is told how far the images have come that are pulled or built;
	// calls do not overlap. nil: nobody is told.
	Report func(line string)
}

// Up does what is missing of the stack, and waits until all of it is ready.
// Without wait it waits only where one replica needs another. What it did is
// told even after a failure.
func (s *Site) Up(ctx context.Context, wait bool) (Startup, error) {
	begin := time.Now()
	state, err := s.Engine.Observe(ctx, s.Stack.Name)
	if err != nil {
		return Startup{Begin: begin}, err
	}
	ops := engine.Diff(s.Stack, state)
	if !wait {
		ops = engine.WithoutLastWaits(ops)
	}
	opt := engine.ApplyOptions{ReadyWithin: s.ReadyWithin}
	if s.Report != nil {
		opt.Report = func(_ engine.Op, line string) { s.Report(line) }
	}
	done, err := engine.Apply(ctx, s.Engine, ops, opt)
	return Startup{Begin: begin, Done: done, complete: err == nil}, err
}

// Remains says what Down leaves.
type Remains int

// What Down may leave.
const (
	Nothing Remains = iota
	Volumes         // those with a name
)

// Down removes everything of the stack but what may remain, on a deadline of
// its own, whatever became of ctx. A thorough one looks again: calls that were
// cut off may still be carried out by the engine. It returns what was done.
func (s *Site) Down(ctx context.Context, remains Remains, thorough bool) (done []engine.Done, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeDownWithin)
	defer cancel()
	const settle = 500 * time.Millisecond
	emptyPasses := 1
	if thorough {
		emptyPasses = 3
	}
	nothing := engine.Stack{Name: s.Stack.Name, Run: s.Stack.Run}
	for empty := 0; ; {
		state, err := s.Engine.Observe(ctx, s.Stack.Name)
		if err != nil {
			return done, err
		}
		if remains == Volumes {
			nothing.Topology = &topology.Topology{Volumes: state.Volumes}
		}
		ops := engine.Diff(nothing, state)
		if len(ops) == 0 {
			if empty++; empty >= emptyPasses {
				return done, nil
			}
			select {
			case <-time.After(settle):
			case <-ctx.Done():
				return done, ctx.Err()
			}
			continue
		}
		empty = 0
		now, err := engine.Apply(ctx, s.Engine, ops, engine.ApplyOptions{})
		if done = append(done, now...); err != nil {
			return done, fmt.Errorf("%w (plimsoll clean removes what is left)", err)
		}
	}
}
