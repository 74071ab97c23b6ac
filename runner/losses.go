package runner

import (
	"context"
	"fmt"
	"time"

	"plimsoll/results"
	"plimsoll/runner/engine"
)

// losses writes down which replicas ran before the load and have ended in it,
// and returns the names of those that the engine says were killed for their
// memory. An engine that cannot be asked costs a warning, not the trial: what
// was measured is there.
func (t *trial) losses(ctx context.Context, before engine.State) (map[string]bool, error) {
	now, err := t.site.Engine.Observe(ctx, t.site.Stack.Name)
	if err != nil {
		return nil, t.append(results.Warning{What: fmt.Sprintf("whether replicas ended during the load is not known: %v", err)})
	}
	ran := map[string]bool{}
	for _, r := range before.Replicas {
		ran[r.Name()] = r.Status == engine.Running
	}
	killed := map[string]bool{}
	for _, r := range now.Replicas {
		if !ran[r.Name()] || r.Status != engine.Exited {
			continue
		}
		r = engine.WhyKilled(ctx, t.site.Engine, t.site.Stack.Name, r)
		what := fmt.Sprintf("%s had ended by the end of the load, with exit code %d", r.Name(), r.ExitCode)
		if r.OOMKilled {
			killed[r.Name()] = true
			what += ": killed for using more memory than its limit"
		}
		wall := time.Now()
		if err := t.append(results.Event{At: wall.Sub(t.begun), Wall: wall, What: what}); err != nil {
			return nil, err
		}
	}
	return killed, nil
}

// memoryLimits are those of the topology's services, where the engine honours
// them.
func (t *trial) memoryLimits(ctx context.Context) (map[string]int64, error) {
	limits := map[string]int64{}
	switch info, err := t.site.Engine.Info(ctx); {
	case err != nil:
		return nil, t.append(results.Warning{What: fmt.Sprintf("whether memory was limited is not known: %v", err)})
	case !info.Limits:
		return nil, nil
	}
	for _, s := range t.site.Stack.Topology.Services {
		limits[s.Name] = s.MemoryBytes
	}
	return limits, nil
}

// addMemory completes the usage by what only the topology and the engine know.
func (t *trial) addMemory(limits map[string]int64, killed map[string]bool) {
	for i := range t.summary.Usage {
		u := &t.summary.Usage[i]
		u.OOMKilled = killed[u.Replica]
		if limit := limits[u.Service]; limit > 0 {
			u.MemoryLimitBytes = &limit
		}
	}
}
