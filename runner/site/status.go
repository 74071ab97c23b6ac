package site

import (
	"context"
	"sync"
	"time"

	"plimsoll/runner/engine"
)

// LabelZone is the label of a service that says which zone it stands for.
const LabelZone = "io.plimsoll.zone"

// Health is what a replica's check says.
type Health string

// The states of health.
const (
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
	// NoHealth is that of a replica that does not run.
	NoHealth Health = ""
)

// Status is how a replica is now.
type Status struct {
	engine.Replica
	Zone   string
	Health Health
	// Why says what an unhealthy replica's check answered.
	Why string
	// Live is what it uses; nil: not known.
	Live *Live
}

// Live is what a replica used a moment ago.
type Live struct {
	CPU         float64 // cores
	MemoryBytes int64   // without page cache
}

// Status looks at every replica of the stack: what its check says, and what it
// uses, which takes as long as the shortest time between two readings of the
// engine's counters.
func (s *Site) Status(ctx context.Context) ([]Status, error) {
	state, err := s.Engine.Observe(ctx, s.Stack.Name)
	if err != nil {
		return nil, err
	}
	list := make([]Status, len(state.Replicas))
	var group sync.WaitGroup
	for i, r := range state.Replicas {
		service, _ := s.Stack.Topology.Service(r.Service)
		list[i] = Status{Replica: r, Zone: service.Labels[LabelZone]}
		if r.Status != engine.Running {
			continue
		}
		group.Go(func() {
			ok, why, err := engine.Ready(ctx, s.Engine, service, r)
			switch {
			case err != nil:
				list[i].Health, list[i].Why = Unhealthy, err.Error()
			case !ok:
				list[i].Health, list[i].Why = Unhealthy, why
			default:
				list[i].Health = Healthy
			}
			list[i].Live = s.live(ctx, r.ID)
		})
	}
	group.Wait()
	return list, ctx.Err()
}

// live reads a replica's counters twice.
func (s *Site) live(ctx context.Context, id string) *Live {
	// Slower than the sampler: a share of CPU over less means little.
	const atLeast = 500 * time.Millisecond
	meterer, ok := s.Engine.(engine.Meterer)
	if !ok {
		return nil
	}
	meter, metering, err := meterer.Meter(ctx, id)
	if err != nil {
		return nil // it has ended by now, or nothing can be read here
	}
	defer meter.Close()
	before, err := meter.Read(ctx)
	if err != nil {
		return nil
	}
	select {
	case <-time.After(max(atLeast, metering.Interval)):
	case <-ctx.Done():
		return nil
	}
	after, err := meter.Read(ctx)
	if err != nil || !after.At.After(before.At) {
		return nil
	}
	return &Live{CPU: (after.CPU - before.CPU).Seconds() / after.At.Sub(before.At).Seconds(), MemoryBytes: after.MemoryBytes}
}
