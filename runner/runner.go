// Package runner executes a plan trial by trial: it brings the stack up, warms
// it up, puts the load on it while its containers are metered, writes down
// what was observed, and takes the stack down again on every path.
package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/results/steady"
	"plimsoll/runner/engine"
	"plimsoll/runner/site"
	"plimsoll/runner/worker"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
	"plimsoll/scenarios/topology"
)

// Options say what to run and how.
type Options struct {
	Scenario *scenarios.Scenario
	// Plan is what to run. With Next it names what may come, and the record's
	// plan grows with the trials that were begun.
	Plan *plan.Plan
	// Next says which trial comes after the finished ones, and false when there
	// is none. The manifest names those that failed. nil: the plan's, one after
	// another.
	Next func(m results.Manifest, finished []results.Trial) (plan.Trial, bool)
	// Gate goes into the record.
	Gate *results.Gate
	// Capacity goes into the record.
	Capacity *results.Capacity
	// Hopeless says of a trial whose load goes on why it has missed its aim
	// already, and by far: its load is ended then. Empty: go on. nil: no load
	// is ended early.
	Hopeless func(t plan.Trial, soFar results.Trial, elapsed time.Duration) string
	// Engine returns the engine for an environment. It is asked for each
	// environment of the plan before anything is started.
	Engine func(context.Context, scenarios.Environment) (engine.Engine, error)
	// Out is the folder in which the run's folder is made.
	Out string
	// Resume is an unfinished run to go on with; nil: a new one.
	Resume *results.Run
	// Transport names what requests are sent with, as load.Choose knows it; a
	// resumed run goes on with its own.
	Transport string
	// Calibrate has each load applied to a target that answers at once,
	// before the first trial. Trials of a load that the generator cannot
	// carry even there are invalid.
	Calibrate bool
	// Attach puts the load on the stacks that were brought up by hand, at the
	// scale that they have, and leaves them as they are. The plan has to be
	// for these scales.
	Attach bool
	// Keep leaves the last trial's stack up.
	Keep bool
	// ReadyWithin is how long a replica, and then the target, may take to
	// become ready; 0: one minute.
	ReadyWithin time.Duration
	// Pace is the time scale at which it is looked whether a system is steady;
	// zero: the method's, the one whose error rates are known.
	Pace steady.Pace
	// Progress is told what happens; nil: nobody.
	Progress Progress
	// Warnings are what was found before; they go into the record with those
	// of the scenario and of the engines.
	Warnings []string
	// Version and Command go into the record.
	Version string
	Command []string
}

// Progress is told what a run is doing. Calls do not overlap.
type Progress interface {
	// TrialBegan is called before anything is done for a trial.
	TrialBegan(t plan.Trial)
	// Doing names the step that begins now: "starting", "warming up", …, and
	// each second what a warm-up still waits for.
	Doing(step string)
	// Fetching tells how far an image has come that is pulled or built.
	Fetching(line string)
	// Second brings what the worker saw in the last second.
	Second(i results.Interval)
	// TrialEnded brings a trial's summary, or the error for which there is
	// none.
	TrialEnded(t plan.Trial, summary *results.Trial, err error)
}

// Outcome is what became of a run.
type Outcome struct {
	Dir string
	// Failures say which trials are missing and why.
	Failures []results.Failure
	// NotStarted is true when one of them is missing because its environment
	// did not start.
	NotStarted bool
	// WorkerLost is true when one is missing because the load worker ended
	// before the load did.
	WorkerLost bool
}

// StartError says that an environment did not start.
type StartError struct {
	Environment string
	Err         error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("environment %s did not start: %v", e.Environment, e.Err)
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// Run executes the plan. A trial whose environment does not start, or whose
// load could not be applied to its end, is noted in the outcome and the run
// goes on with the others; the error is for what ends a run: an engine that
// cannot be reached (*StartError), a done context, a record that cannot be
// written. What was finished is kept in every case, and the Outcome tells
// where, if there is a folder at all.
func Run(ctx context.Context, opt Options) (Outcome, error) {
	if opt.Progress == nil {
		opt.Progress = silent{}
	}
	if opt.ReadyWithin == 0 {
		opt.ReadyWithin = time.Minute
	}
	r := &run{Options: opt, engines: map[string]engine.Engine{}, down: map[string]bool{}}
	defer r.closeEngines()
	if err := r.openEngines(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.openRecord(ctx); err != nil {
		return Outcome{}, err
	}
	err := r.calibrate(ctx)
	if err == nil {
		err = r.trials(ctx)
	}
	out := Outcome{Dir: r.record.Dir(), Failures: r.manifest.Failures, NotStarted: r.notStarted, WorkerLost: r.workerLost}
	r.manifest.Ended = time.Now()
	switch {
	case ctx.Err() != nil:
		r.manifest.Outcome = "interrupted"
		err = errors.Join(ctx.Err(), err)
	case err != nil || len(out.Failures) > 0:
		r.manifest.Outcome = "failed"
	default:
		r.manifest.Outcome = "complete"
	}
	return out, errors.Join(err, r.record.SaveManifest(r.manifest))
}

type run struct {
	Options
	engines  map[string]engine.Engine // by environment
	record   *results.Writer
	manifest results.Manifest
	finished map[int]bool // trials of a resumed run, by index
	// down holds the environments and scales that did not start: their other
	// trials would only wait for the same deadline again.
	down                   map[string]bool
	notStarted, workerLost bool
}

func (r *run) openEngines(ctx context.Context) error {
	for _, t := range r.Plan.Trials {
		if r.engines[t.Environment] != nil {
			continue
		}
		env, ok := r.Scenario.Environment(t.Environment)
		if !ok {
			return fmt.Errorf("the plan names environment %q, which the scenario does not have", t.Environment)
		}
		eng, err := r.Engine(ctx, env)
		if err != nil {
			return &StartError{Environment: env.Name, Err: err}
		}
		r.engines[t.Environment] = eng
	}
	return nil
}

// site is where a trial takes place: a stack of its own, or the one that was
// brought up by hand.
func (r *run) site(env scenarios.Environment, pt plan.Trial) *site.Site {
	s := &site.Site{Engine: r.engines[env.Name], ReadyWithin: r.ReadyWithin, Report: r.Progress.Fetching}
	if r.Attach {
		s.Stack = site.ByHand(r.Scenario, env)
	} else {
		s.Stack = engine.Stack{Name: fmt.Sprintf("%s-%03d", r.manifest.ID, pt.Index), Run: r.manifest.ID, Topology: &topology.Topology{}}
	}
	if env.Topology != nil {
		s.Stack.Topology = env.Topology.WithScale(pt.Scale)
	}
	return s
}

func (r *run) closeEngines() {
	var closed []engine.Engine
	for _, eng := range r.engines {
		if !slices.Contains(closed, eng) {
			closed = append(closed, eng)
			_ = eng.Close() // nothing is lost with a failed close
		}
	}
}

func (r *run) openRecord(ctx context.Context) error {
	if r.Resume != nil {
		r.manifest = r.Resume.Manifest
		r.manifest.Failures, r.manifest.Outcome, r.manifest.Ended = nil, "", time.Time{}
		r.finished = map[int]bool{}
		for _, t := range r.Resume.Trials {
			r.finished[t.Trial.Index] = true
		}
		var err error
		r.record, err = results.ResumeAt(r.Resume.Dir, r.manifest)
		return err
	}
	now := time.Now()
	scenario, files, err := r.Scenario.Resolved()
	if err != nil {
		return fmt.Errorf("resolve scenario: %w", err)
	}
	digest := sha256.Sum256(scenario)
	provenance, err := r.provenance(ctx)
	if err != nil {
		return err
	}
	loads, err := loadSummaries(r.Scenario)
	if err != nil {
		return err
	}
	provenance.ScenarioHash = hex.EncodeToString(digest[:])
	r.manifest = results.Manifest{
		ID:         fmt.Sprintf("%s-%s", site.Slug(r.Scenario.Name), now.UTC().Format("20060102-150405")),
		Scenario:   r.Scenario.Name,
		Started:    now,
		Plan:       *r.Plan,
		Gate:       r.Gate,
		Capacity:   r.Capacity,
		Loads:      loads,
		Provenance: provenance,
		Warnings:   r.warnings(),
	}
	if r.Next != nil {
		r.manifest.Plan.Trials = nil
	}
	for _, e := range r.Scenario.Environments {
		r.manifest.Environments = append(r.manifest.Environments, e.Name)
	}
	for _, l := range r.Scenario.Loads {
		r.manifest.LoadNames = append(r.manifest.LoadNames, l.Name)
	}
	for _, o := range r.Scenario.Objectives {
		r.manifest.Objectives = append(r.manifest.Objectives, o.Text)
		r.manifest.ObjectivePlaces = append(r.manifest.ObjectivePlaces,
			results.Place{File: r.Scenario.File, Line: o.Place.Line, Column: o.Place.Column})
	}
	if err := r.createRecord(); err != nil {
		return err
	}
	if err := r.record.SaveFile(results.ScenarioFile, scenario); err != nil {
		return err
	}
	for name, content := range files {
		if err := r.record.SaveFile(name, content); err != nil {
			return err
		}
	}
	return nil
}

// createRecord makes the run's folder. A run that began in the same second has
// its ID already, so this one gets a number.
func (r *run) createRecord() error {
	id := r.manifest.ID
	for n := 2; ; n++ {
		var err error
		if r.record, err = results.Create(r.Out, r.manifest); !errors.Is(err, fs.ErrExist) {
			return err
		}
		r.manifest.ID = fmt.Sprintf("%s-%d", id, n)
	}
}

// trials runs one trial after another.
func (r *run) trials(ctx context.Context) error {
	next := r.Next
	if next == nil {
		next = r.inOrder()
	}
	var finished []results.Trial
	if r.Resume != nil {
		for _, t := range r.Resume.Trials {
			finished = append(finished, t.Trial)
		}
	}
	for ctx.Err() == nil {
		t, more := next(r.manifest, finished)
		if !more {
			return nil
		}
		if r.Next != nil {
			r.manifest.Plan.Trials = append(r.manifest.Plan.Trials, t)
			if err := r.record.SaveManifest(r.manifest); err != nil {
				return err
			}
		}
		level := t.Environment + " " + t.Scale.String()
		if r.down[level] {
			r.fail(t, errors.New("skipped: the environment did not start at this scale before"))
			continue
		}
		r.Progress.TrialBegan(t)
		last := r.Next == nil && t.Index == len(r.Plan.Trials)
		summary, err := r.trial(ctx, t, r.Keep && last)
		r.Progress.TrialEnded(t, summary, err)
		var start *StartError
		var ended *worker.EndedError
		switch {
		case err == nil:
			finished = append(finished, *summary)
			r.noteImages(ctx, summary)
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &start):
			r.notStarted = true
			r.down[level] = true
			if errors.Is(err, engine.ErrUnreachable) {
				r.fail(t, err)
				return err
			}
			r.fail(t, err)
		case errors.As(err, &ended):
			r.workerLost = true
			r.fail(t, err)
		default:
			r.fail(t, err)
			return err
		}
	}
	return nil
}

// inOrder yields the plan's trials that are not finished yet.
func (r *run) inOrder() func(results.Manifest, []results.Trial) (plan.Trial, bool) {
	rest := r.Plan.Trials
	return func(results.Manifest, []results.Trial) (plan.Trial, bool) {
		for len(rest) > 0 {
			t := rest[0]
			if rest = rest[1:]; !r.finished[t.Index] {
				return t, true
			}
		}
		return plan.Trial{}, false
	}
}

// noteImages keeps what was run in the provenance.
func (r *run) noteImages(ctx context.Context, t *results.Trial) {
	p := &r.manifest.Provenance
	if p.Images == nil {
		p.Images, p.ImageDetails = map[string]string{}, map[string]results.Image{}
	}
	imager, can := r.engines[t.Environment].(engine.Imager)
	for service, image := range t.Images {
		p.Images[t.Environment+"/"+service] = image
		if _, known := p.ImageDetails[image]; known || !can {
			continue
		}
		// Nothing is lost with an image that was removed meanwhile but its size.
		_, id, _ := strings.Cut(image, " ")
		if found, ok, err := imager.Image(ctx, id); ok && err == nil {
			p.ImageDetails[image] = results.Image{Digests: found.Digests, Bytes: found.Bytes}
		}
	}
}

func (r *run) fail(t plan.Trial, err error) {
	var start *StartError
	r.manifest.Failures = append(r.manifest.Failures, results.Failure{
		Index: t.Index, Environment: t.Environment, Reason: err.Error(), NotStarted: errors.As(err, &start),
	})
}

type silent struct{}

func (silent) TrialBegan(plan.Trial)                        {}
func (silent) Fetching(string)                              {}
func (silent) Doing(string)                                 {}
func (silent) Second(results.Interval)                      {}
func (silent) TrialEnded(plan.Trial, *results.Trial, error) {}
