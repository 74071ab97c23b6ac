package docker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// clockLooks is how often the clock is asked in a row; the quickest answer
	// counts.
	clockLooks = 3
	// clockFor is how long an answer holds. Clocks drift apart by far less in
	// that time than an answer takes.
	clockFor = time.Minute
)

// clock knows what the clock of an engine's host shows. A nil clock is this
// host's own.
type clock struct {
	// ask returns what the engine's clock shows at some instant between the
	// call and the return.
	ask func(context.Context) (time.Time, error)

	mu    sync.Mutex
	known difference
	asked time.Time
}

// difference is how far the engine's clock is ahead of this host's, and how
// far from that it may be in truth.
type difference struct{ ahead, doubt time.Duration }

// compare returns the difference of the two clocks.
func (c *clock) compare(ctx context.Context) (difference, error) {
	if c == nil {
		return difference{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && time.Since(c.asked) < clockFor {
		return c.known, nil
	}
	best := difference{doubt: 1 << 62}
	for range clockLooks {
		before := time.Now()
		shown, err := c.ask(ctx)
		if err != nil {
			return difference{}, err
		}
		if d := between(before, shown, time.Now()); d.doubt < best.doubt {
			best = d
		}
	}
	c.known, c.asked = best, time.Now()
	return best, nil
}

// between is what follows from a clock that showed a time at some instant
// between two of ours.
func between(before, shown, after time.Time) difference {
	doubt := after.Sub(before) / 2
	return difference{ahead: shown.Sub(before.Add(doubt)), doubt: doubt}
}

func (e *Engine) askClock(ctx context.Context) (time.Time, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return time.Time{}, e.explain(err)
	}
	shown, err := time.Parse(time.RFC3339Nano, info.SystemTime)
	if err != nil {
		return time.Time{}, fmt.Errorf("the clock of the Docker engine at %s: %w", e.host, err)
	}
	return shown, nil
}
