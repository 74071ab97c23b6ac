// Package bench puts one load on a target that runs already, with as many
// workers as it takes, and sums up what they saw as one trial.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plimsoll/internal/latency"
	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
)

const (
	// stopWithin bounds the end of the workers, which starts its own clock.
	stopWithin = 10 * time.Second
	// startAhead is how far in the future the load begins, so that its start
	// signal has reached every worker when the instant comes.
	startAhead = 20 * time.Millisecond
)

// Options say what is to be done.
type Options struct {
	// Launcher starts the workers.
	Launcher engine.Launcher
	// Workers is how many share the load; at least 1.
	Workers int
	// Transport names the workers' transport; empty: the best there is.
	Transport string
	// Job is the whole load. Its phase is results.Measure.
	Job load.Job
	// Calibration is the load's; nil: none.
	Calibration *results.Calibration
	// Target is what the summary calls the target.
	Target string
	// Second, if it is not nil, is given each second of the load, all workers
	// together, in order; begin is the load's. An error ends the load.
	Second func(begin time.Time, i results.Interval) error
}

// Outcome is what was measured.
type Outcome struct {
	Trial results.Trial
	// Reused is how many requests found a connection ready.
	Reused int64
	// Response holds the response times of all requests.
	Response *latency.Histogram
}

// Check says what is wrong with a job for that many workers, if anything.
func Check(job load.Job, workers int) error {
	if workers < 1 {
		return fmt.Errorf("%d workers: it takes at least one", workers)
	}
	return share(job, 0, workers).Validate()
}

// share is worker i's part of a job.
func share(job load.Job, i, workers int) load.Job {
	job.Share = load.Share{Index: i, Of: workers}
	return job
}

// Run applies the load and returns when it is over and every worker gone.
//
// When ctx is done the load ends early. What was measured up to then is
// returned together with an error that has ctx's in its chain; the outcome is
// nil if there is nothing. A worker that ends by itself is a
// *worker.EndedError.
func Run(ctx context.Context, opt Options) (out *Outcome, err error) {
	if err := Check(opt.Job, opt.Workers); err != nil {
		return nil, err
	}
	c := &crew{Options: opt, ready: make(chan struct{}), missing: opt.Workers}
	if c.Second == nil {
		c.Second = func(time.Time, results.Interval) error { return nil }
	}
	c.seconds = newSeconds(opt.Workers, c.Second)
	defer func() { err = errors.Join(err, c.dismiss(ctx)) }()
	for i := range opt.Workers {
		if err := c.hire(ctx, share(opt.Job, i, opt.Workers)); err != nil {
			return nil, err
		}
	}
	group, together := errgroup.WithContext(ctx)
	for i := range c.members {
		group.Go(func() error { return c.work(together, i) })
	}
	err = group.Wait()
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	return c.sumUp(err != nil), err
}

// crew are the workers of one load.
type crew struct {
	Options
	members []*member

	mu      sync.Mutex // of what follows
	seconds *seconds
	// missing workers are not ready yet; when there are none, begin is set
	// and ready is closed.
	missing int
	ready   chan struct{}
	begin   time.Time
}

// member is one worker.
type member struct {
	worker engine.Worker
	client *worker.Client
	tally  *results.Tally
}

// hire launches a worker and gives it its plan.
func (c *crew) hire(ctx context.Context, job load.Job) error {
	w, err := c.Launcher.Launch(ctx, engine.Stack{})
	if err != nil {
		return fmt.Errorf("launch worker: %w", err)
	}
	m := &member{worker: w, client: worker.NewClient(w), tally: results.NewTally()}
	c.members = append(c.members, m)
	plan := worker.Plan{Schema: worker.PlanSchema, Transport: c.Transport, Jobs: []load.Job{job}}
	if err := m.client.Begin(ctx, plan); err != nil {
		return fmt.Errorf("brief worker: %w", err)
	}
	return nil
}

// dismiss ends all workers, whatever became of ctx.
func (c *crew) dismiss(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	var failed []error
	for _, m := range c.members {
		failed = append(failed, m.worker.Stop(ctx))
	}
	return errors.Join(failed...)
}

// work lets worker i do its share.
func (c *crew) work(ctx context.Context, i int) error {
	m := c.members[i]
	begin := func() (time.Time, error) { return c.awaitAll(ctx) }
	_, err := m.client.Run(ctx, results.Measure, begin, func(l results.Line) error { return c.observe(i, l) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(err, c.seconds.end(i))
}

// awaitAll returns the common begin when every worker is ready.
func (c *crew) awaitAll(ctx context.Context) (time.Time, error) {
	c.mu.Lock()
	if c.missing--; c.missing == 0 {
		c.begin = time.Now().Add(startAhead)
		c.seconds.begin = c.begin
		close(c.ready)
	}
	c.mu.Unlock()
	select {
	case <-c.ready:
		return c.begin, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// observe takes one line from worker i.
func (c *crew) observe(i int, l results.Line) error {
	c.members[i].tally.Add(l)
	second, ok := l.(results.Interval)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seconds.add(i, second)
}

// sumUp adds up the workers. It returns nil if none got as far as a Final.
func (c *crew) sumUp(cut bool) *Outcome {
	finished := slices.DeleteFunc(slices.Clone(c.members), func(m *member) bool { return !m.tally.Complete() })
	if len(finished) == 0 {
		return nil
	}
	whole := results.NewTally()
	for _, m := range finished {
		whole.Merge(m.tally)
	}
	mode := "closed"
	if c.Job.Concurrency == 0 {
		mode = "open"
	}
	t := whole.Trial(results.Trial{
		Schema: results.TrialSchema, Load: "bench", Trial: 1, Index: 1,
		Scale: map[string]int{}, Startup: map[string]time.Duration{},
		Mode: mode, Concurrency: c.Job.Concurrency, KeepAlive: c.Job.KeepAlive, HTTP2: c.Job.HTTP2, Connections: c.Job.Connections,
		RequestedRate: rate(c.Job), Target: c.Target, Link: scenarios.Link(c.Job.Link),
	})
	if cut {
		// The rest of the schedule was called off: it is not overdue.
		t.Due = t.Requests.Sent
		t.Warnings = append(t.Warnings, fmt.Sprintf("ended early, after %v", t.Duration.Round(time.Millisecond)))
		if missing := len(c.members) - len(finished); missing > 0 {
			t.Warnings = append(t.Warnings, fmt.Sprintf("%d of %d workers did not report in time and are left out", missing, len(c.members)))
		}
	}
	t.Calibration, t.Validity = c.Calibration, results.Judge(t, c.Calibration)
	all := whole.Latencies()
	// A request that found its connection ready waited 0 for it.
	reused := all.Connect.Count() - all.Connect.CountAbove(0)
	return &Outcome{Trial: t, Reused: reused, Response: all.Response}
}

// rate is in requests per second, 0 for a closed loop.
func rate(job load.Job) float64 {
	if job.RatePer == 0 {
		return 0
	}
	return float64(job.RateCount) / job.RatePer.Seconds()
}
