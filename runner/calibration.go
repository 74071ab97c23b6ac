package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"plimsoll/results"
	"plimsoll/runner/calibrate"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
)

// calibrate applies each load of the plan to the null target, on every engine
// that is going to carry it, and notes in the manifest what came of it. A run
// that goes on keeps the calibrations that it has.
func (r *run) calibrate(ctx context.Context) error {
	if !r.Calibrate || len(r.manifest.Calibrations) > 0 {
		return nil
	}
	for _, environments := range r.sharingEngine() {
		if err := r.calibrateEngine(ctx, environments); err != nil {
			return err
		}
	}
	return nil
}

// sharingEngine groups the plan's environments by their engine.
func (r *run) sharingEngine() [][]string {
	var engines []engine.Engine
	var groups [][]string
	for _, t := range r.Plan.Trials {
		eng := r.engines[t.Environment]
		i := slices.Index(engines, eng)
		if i < 0 {
			i = len(engines)
			engines, groups = append(engines, eng), append(groups, nil)
		}
		if !slices.Contains(groups[i], t.Environment) {
			groups[i] = append(groups[i], t.Environment)
		}
	}
	return groups
}

func (r *run) calibrateEngine(ctx context.Context, environments []string) (err error) {
	null, err := calibrate.Start(ctx, r.engines[environments[0]], r.manifest.ID)
	if err != nil {
		return &StartError{Environment: environments[0], Err: err}
	}
	defer func() { err = errors.Join(err, null.Stop(ctx)) }()
	for _, ld := range r.Scenario.Loads {
		if !r.planned(ld.Name, environments) {
			continue
		}
		r.Progress.Doing("calibrating " + ld.Name)
		job := jobFor(ld)
		job.Mix, job.Seed = mix(r.Scenario, ld), r.Plan.Seed
		if job.TCP != nil {
			// The null target speaks HTTP: it is the schedule that matters.
			job.TCP, job.Mix = nil, []load.Request{{Name: "null", Method: "GET", Path: "/", Weight: 1}}
		}
		c, err := null.Calibrate(ctx, job, 1, r.manifest.Provenance.Transport, smallestLatency(r.Scenario.Objectives))
		if err != nil {
			return fmt.Errorf("load %s: %w", ld.Name, err)
		}
		c.Load, c.Environments = ld.Name, environments
		r.manifest.Calibrations = append(r.manifest.Calibrations, c)
	}
	return r.record.SaveManifest(r.manifest)
}

func (r *run) planned(load string, environments []string) bool {
	for _, t := range r.Plan.Trials {
		if t.Load == load && slices.Contains(environments, t.Environment) {
			return true
		}
	}
	return false
}

// smallestLatency is the smallest limit that a response time has to stay
// below; 0: there is none.
func smallestLatency(objectives []scenarios.Objective) time.Duration {
	var smallest time.Duration
	for _, o := range objectives {
		switch o.Metric {
		case scenarios.Percentile, scenarios.Mean, scenarios.Max:
		default:
			continue
		}
		if limit := time.Duration(o.Limit); o.Compare[0] == '<' && (smallest == 0 || limit < smallest) {
			smallest = limit
		}
	}
	return smallest
}

// calibration is that of a trial's load where it is going to run; nil: none.
func (r *run) calibration(environment, load string) *results.Calibration {
	for i := range r.manifest.Calibrations {
		if c := &r.manifest.Calibrations[i]; c.Load == load && slices.Contains(c.Environments, environment) {
			return c
		}
	}
	return nil
}
