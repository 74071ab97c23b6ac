package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/runner/sampler"
	"plimsoll/runner/site"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

const (
	// stopWithin bounds the worker's end, which starts its own clock.
	stopWithin = time.Minute
	// startAhead is how far in the future a phase begins, so that its start
	// signal has reached the worker when the instant comes.
	startAhead = 20 * time.Millisecond
)

// trial is one trial while it runs.
type trial struct {
	*run
	plan.Trial
	env  scenarios.Environment
	load scenarios.Load
	site *site.Site

	log     *results.TrialWriter
	tally   *results.Tally
	summary results.Trial
	state   *state
	// begun is the begin of the measured phase; zero before.
	begun time.Time
	// endedEarly is why the load was ended before its time.
	endedEarly string
}

// trial runs one trial and stores it. The stack is gone when it returns,
// unless keep is set and nothing failed.
func (r *run) trial(ctx context.Context, pt plan.Trial, keep bool) (*results.Trial, error) {
	env, _ := r.Scenario.Environment(pt.Environment)
	ld, ok := r.Scenario.Load(pt.Load)
	if !ok {
		return nil, fmt.Errorf("the plan names load %q, which the scenario does not have", pt.Load)
	}
	if pt.Rate > 0 {
		ld = ld.At(scenarios.RateOf(pt.Rate))
	}
	log, err := r.record.Begin(pt)
	if err != nil {
		return nil, err
	}
	t := &trial{
		run: r, Trial: pt, env: env, load: ld, log: log, tally: results.NewTally(),
		site: r.site(env, pt),
	}
	t.state = t.newState()
	err = t.execute(ctx)
	if failed := err != nil; !r.Attach && (!keep || failed) {
		r.Progress.Doing("taking down")
		if _, down := t.site.Down(ctx, site.Nothing, failed); down != nil {
			err = errors.Join(err, fmt.Errorf("take down %s: %w", t.site.Stack.Name, down))
		}
	}
	if err != nil {
		// The log says how far it came; an error of its own is the lesser one.
		_ = t.append(results.Event{Wall: time.Now(), What: "trial failed: " + err.Error()})
		_ = log.Abandon()
		return nil, err
	}
	if err := log.Finish(t.summary); err != nil {
		return nil, err
	}
	return &t.summary, nil
}

func (t *trial) execute(ctx context.Context) error {
	startup, err := t.bringUp(ctx)
	if err != nil {
		return &StartError{Environment: t.env.Name, Err: err}
	}
	t.Progress.Doing("waiting for the target")
	way, err := t.site.Reach(ctx, t.door())
	if err != nil {
		return &StartError{Environment: t.env.Name, Err: err}
	}
	state, err := t.site.Engine.Observe(ctx, t.site.Stack.Name)
	if err != nil {
		return err
	}
	meters, err := t.openMeters(ctx, state)
	if err != nil {
		return err
	}
	defer meters.Close()
	if err := t.applyLoad(ctx, way, meters); err != nil {
		return err
	}
	killed, err := t.losses(ctx, state)
	if err != nil {
		return err
	}
	limits, err := t.memoryLimits(ctx)
	if err != nil {
		return err
	}
	t.summarize(state, startup, meters)
	t.addMemory(limits, killed)
	return nil
}

// bringUp starts the stack and returns how long each replica took from the
// begin of the start-up until it was ready.
func (t *trial) bringUp(ctx context.Context) (map[string]time.Duration, error) {
	startup := map[string]time.Duration{}
	if t.Attach {
		return startup, nil
	}
	t.Progress.Doing("starting")
	up, err := t.site.Up(ctx, true)
	for _, step := range up.Steps() {
		if step.Ready > 0 {
			startup[step.Replica] = step.Ready
		}
	}
	return startup, err
}

// door is what the load is put on.
func (t *trial) door() site.Door { return site.DoorFor(t.Scenario, t.env, t.load) }

func (t *trial) openMeters(ctx context.Context, state engine.State) (*sampler.Sampler, error) {
	meterer, ok := t.site.Engine.(engine.Meterer)
	if !ok {
		return sampler.Open(ctx, nil, nil)
	}
	var subjects []sampler.Subject
	for _, replica := range state.Replicas {
		if replica.Status == engine.Running {
			subjects = append(subjects, sampler.Subject{Replica: replica.Name(), Service: replica.Service, ID: replica.ID})
		}
	}
	return sampler.Open(ctx, meterer, subjects)
}

// applyLoad launches a worker near the stack and lets it do the warm-up and
// the measured phase.
func (t *trial) applyLoad(ctx context.Context, way site.Way, meters *sampler.Sampler) (err error) {
	launcher, ok := t.site.Engine.(engine.Launcher)
	if !ok {
		return errors.New("this engine cannot launch a load worker")
	}
	t.Progress.Doing("launching the worker")
	w, err := launcher.Launch(ctx, t.site.Stack)
	if err != nil {
		return fmt.Errorf("launch worker: %w", err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, w.Stop(stopping))
	}()
	jobs := t.jobs(way)
	client := worker.NewClient(w)
	if err := client.Begin(ctx, worker.Plan{Schema: worker.PlanSchema, Transport: t.manifest.Provenance.Transport, Jobs: jobs}); err != nil {
		return fmt.Errorf("brief worker: %w", err)
	}
	for _, job := range jobs {
		if job.Phase == results.Warmup {
			if err := t.warmUp(ctx, client); err != nil {
				return fmt.Errorf("warm-up: %w", err)
			}
			continue
		}
		if err := t.measure(ctx, client, meters); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	return nil
}

// measure runs the measured phase between two readings of all counters.
func (t *trial) measure(ctx context.Context, client *worker.Client, meters *sampler.Sampler) error {
	t.Progress.Doing("measuring")
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	begin := func() (time.Time, error) {
		readings, lost := meters.Read(ctx)
		t.begun = time.Now().Add(startAhead)
		if err := sampler.EmitAll(readings, lost, t.begun, t.append); err != nil {
			return time.Time{}, err
		}
		go func() { watched <- meters.Watch(watching, t.begun, t.append) }()
		return t.begun, nil
	}
	loading, end := context.WithCancel(ctx)
	defer end()
	seconds := results.NewTally() // the tally of everything is the sampler's, too
	observe := func(l results.Line) error {
		if err := t.observe(l); err != nil {
			return err
		}
		second, ok := l.(results.Interval)
		if !ok || !t.hopeless(seconds, second) {
			return nil
		}
		end()
		return t.append(results.Event{At: second.Start + second.Length, Wall: time.Now(), What: "load ended early: " + t.endedEarly})
	}
	final, err := client.Run(loading, results.Measure, begin, observe)
	if early := t.endedEarly != "" && ctx.Err() == nil && final.Phase == results.Measure; err != nil && !early {
		return err
	}
	stop()
	if err := <-watched; err != nil {
		return err
	}
	return meters.Emit(ctx, t.begun, t.append)
}

// hopeless adds a second to those before and asks whether the load is to go on.
func (t *trial) hopeless(before *results.Tally, second results.Interval) bool {
	if t.Hopeless == nil || t.endedEarly != "" {
		return false
	}
	before.Add(second)
	t.endedEarly = t.Hopeless(t.Trial, before.Trial(t.base()), second.Start+second.Length)
	return t.endedEarly != ""
}

// observe takes one line from the worker.
func (t *trial) observe(l results.Line) error {
	switch line := l.(type) {
	case results.Interval:
		t.Progress.Second(line)
		if line.Phase == results.Measure {
			t.state.addMeasured(line)
		}
	case results.Final:
		if line.Phase == results.Measure {
			line.Began = t.begun // the worker's clock may be another one
			l = line
		}
	}
	return t.append(l)
}

// append writes a line down and adds it up. It is the only way into both.
func (t *trial) append(l results.Line) error {
	t.tally.Add(l)
	return t.log.Append(l)
}

// jobs are what the worker is to do: the same load twice, for the warm-up's
// time and for its own.
func (t *trial) jobs(way site.Way) []load.Job {
	measured := jobFor(t.load)
	measured.Targets, measured.Host, measured.Seed = way.Targets, way.Host, t.manifest.Plan.Seed+uint64(t.Index)
	measured.Mix, measured.Link = mix(t.Scenario, t.load), load.Link(t.env.Link)
	measured.Trust = t.door().Trust
	if t.Scenario.Warmup.For == 0 {
		return []load.Job{measured}
	}
	warmup := measured
	warmup.Phase, warmup.Requests, warmup.Duration = results.Warmup, 0, t.Scenario.Warmup.For
	// A rate that changes is warmed up at one that does not.
	rate := t.load.WarmupRate()
	warmup.RateCount, warmup.RatePer, warmup.Stages, warmup.Sine = rate.Count, rate.Per, nil, nil
	return []load.Job{warmup, measured}
}

// mix is what a load sends.
func mix(s *scenarios.Scenario, l scenarios.Load) []load.Request {
	var mix []load.Request
	if l.TCP != nil {
		for _, p := range l.Payloads {
			mix = append(mix, load.Request{Name: p.Name, Payload: p.Bytes, Weight: p.Weight})
		}
		return mix
	}
	for _, req := range s.Requests {
		mix = append(mix, load.Request{
			Name: req.Name, Method: req.Method, Path: req.Path, Headers: req.Headers, Body: []byte(req.Body), Weight: req.Weight,
		})
	}
	return mix
}

// RequestNames are the names under which the requests of a load are told apart.
func RequestNames(s *scenarios.Scenario, l scenarios.Load) []string {
	var names []string
	for _, r := range mix(s, l) {
		if !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

// jobFor is what of a job follows from the load alone.
func jobFor(l scenarios.Load) load.Job {
	rate := func(r scenarios.Rate) load.Rate { return load.Rate{Count: r.Count, Per: r.Per} }
	job := load.Job{
		Phase:       results.Measure,
		Concurrency: l.Concurrency, Requests: int64(l.Requests), Think: l.Think,
		RateCount: l.Rate.Count, RatePer: l.Rate.Per, Poisson: l.Arrivals == scenarios.Poisson,
		Duration: l.Duration, KeepAlive: l.KeepAlive, Timeout: l.Timeout, Connections: l.Connections,
		Redirects: l.Redirects, Cookies: l.Cookies, HTTP2: l.HTTP2,
	}
	if l.TCP != nil {
		job.TCP = &load.Reply{Until: []byte(l.TCP.Until), Length: int64(l.TCP.Length), Close: l.TCP.Close, Expect: []byte(l.TCP.Expect)}
	}
	for _, s := range l.Stages {
		job.Stages = append(job.Stages, load.Stage{To: rate(s.To), Over: s.Over})
	}
	if l.Sine != nil {
		job.Sine = &load.Sine{Amplitude: rate(l.Sine.Amplitude), Period: l.Sine.Period, Quarter: l.Sine.Start.Quarter()}
	}
	return job
}

// requestedRate is the mean rate that was asked for. Random arrivals are as
// many as they are: what the stack is held against is how many were due.
func (t *trial) requestedRate(due int64) float64 {
	if t.load.Arrivals == scenarios.Poisson {
		return float64(due) / t.load.Duration.Seconds()
	}
	if t.Rate > 0 {
		return t.Rate
	}
	return t.manifest.Loads[t.Load].Rate
}

// base is what of the summary is known before the trial.
func (t *trial) base() results.Trial {
	var limit time.Duration
	if t.Rate > 0 {
		limit = smallestLatency(t.Scenario.Objectives)
	}
	return results.Trial{
		Limit:       limit,
		Environment: t.Environment, Scale: t.site.Stack.Topology.Scale(), Load: t.Load, Trial: t.Repetition, Index: t.Index,
		Mode: string(t.load.Mode), Concurrency: t.load.Concurrency, Think: t.load.Think, KeepAlive: t.load.KeepAlive, HTTP2: t.load.HTTP2,
		Target: t.door().Target, Link: t.env.Link,
		Images: map[string]string{},
		Steady: t.state.steadiness(t.Scenario.Warmup, t.load),
	}
}

func (t *trial) summarize(state engine.State, startup map[string]time.Duration, meters *sampler.Sampler) {
	base := t.base()
	base.Startup, base.Metering, base.EndedEarly = startup, meters.Source(), t.endedEarly
	for _, replica := range state.Replicas {
		base.Images[replica.Service] = replica.Image
	}
	t.summary = t.tally.Trial(base)
	if t.Attach || t.env.Topology == nil {
		t.summary.ColdStart = nil // it has been running before
	}
	t.summary.RequestedRate = t.requestedRate(t.summary.Due)
	t.summary.Validity = results.Judge(t.summary, t.calibration(t.Environment, t.Load))
}
