package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/results"
	"plimsoll/runner"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
	"plimsoll/scenarios/lint"
	"plimsoll/scenarios/plan"
	"plimsoll/scenarios/yamlfile"
)

func newRunCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "measure every cell of a scenario, then write the report",
		ArgsUsage: "SCENARIO",
		Description: `SCENARIO is a file, or the name of a shipped scenario (plimsoll list shows them).
The report's path is the last line on stdout.`,
		Flags: append(engineFlags(),
			&cli.StringSliceFlag{Name: "env", Usage: "measure only this `ENVIRONMENT` (repeatable)"},
			&cli.StringSliceFlag{Name: "scale", Usage: "measure at this `SCALE` instead of the scenario's: web=3,static=2 (repeatable)"},
			&cli.StringSliceFlag{Name: "load", Usage: "apply only this `LOAD` (repeatable)"},
			&cli.IntFlag{Name: "trials", HideDefault: true, Usage: "repeat each cell `N` times (default: the scenario's)"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "make the run's folder in `DIR`"},
			transportFlag(),
			&cli.BoolFlag{Name: "calibrate", Usage: "first check that the load generator can carry each load, against a target that answers at once"},
			&cli.BoolFlag{Name: "attach", Usage: "put the load on the environment that was brought up with plimsoll up, as it is, and leave it up"},
			&cli.BoolFlag{Name: "keep", Usage: "leave the last trial's stack up"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print every trial in order and the estimated time, start nothing"},
			&cli.StringFlag{Name: "resume", Usage: "go on with the unfinished `RUN`; SCENARIO is not needed then"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`NUMBER` that fixes the order of trials and of the request mix (default: drawn)"},
			&cli.DurationFlag{Name: "ready-within", Value: time.Minute, Usage: "how `LONG` a replica may take to become ready"},
			extraReportFlag(),
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
		),
		DisableSliceFlagSeparator: true, // a scale has commas of its own
		OnUsageError:              onUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			choice, err := engineChoiceOf(cmd)
			if err != nil {
				return err
			}
			extra, err := extraReports(cmd)
			if err != nil {
				return err
			}
			job, err := prepare(ctx, std, cmd, choice)
			if err != nil {
				return err
			}
			if job.Resume == nil { // else it was said, and recorded
				if job.Warnings, err = warn(std, choice, job.Scenario, job.Plan, lint.Finding.Line); err != nil {
					return err
				}
			}
			if cmd.Bool("dry-run") {
				_, err := fmt.Fprint(std.out, job.Plan)
				return err
			}
			return execute(ctx, std, cmd, choice, job, extra)
		},
	}
}

// prepare turns the command line into what the runner is to do.
func prepare(ctx context.Context, std streams, cmd *cli.Command, choice engineChoice) (runner.Options, error) {
	opt := runner.Options{
		Attach: cmd.Bool("attach"),
		Out:    cmd.String("out"), Keep: cmd.Bool("keep"), Calibrate: cmd.Bool("calibrate"), ReadyWithin: cmd.Duration("ready-within"),
		Transport: cmd.String("transport"), Version: version, Command: os.Args,
	}
	if _, err := load.Choose(opt.Transport, nil); err != nil {
		return opt, usageErrorf("--%v", err)
	}
	if cmd.IsSet("resume") {
		return resume(cmd, opt)
	}
	if cmd.Args().Len() != 1 {
		return opt, usageErrorf("run takes one SCENARIO, got %d arguments; plimsoll list shows the shipped ones", cmd.Args().Len())
	}
	scenario, err := scenarios.Read(cmd.Args().First())
	if err != nil {
		return opt, err
	}
	if cmd.IsSet("trials") && cmd.Int("trials") < 1 {
		return opt, usageErrorf("--trials %d: at least 1", cmd.Int("trials"))
	}
	scales, err := parseScales(cmd.StringSlice("scale"))
	if err != nil {
		return opt, err
	}
	if opt.Attach {
		scale, err := attached(ctx, std, cmd, choice, scenario)
		if err != nil {
			return opt, err
		}
		scales = []scenarios.Scale{scale}
	}
	seed := cmd.Uint64("seed")
	if !cmd.IsSet("seed") {
		seed = rand.Uint64() >> 12 // exact in JSON readers that use floats
	}
	opt.Scenario = scenario
	opt.Plan, err = plan.Compile(scenario, plan.Options{
		Environments: cmd.StringSlice("env"), Scales: scales, Loads: cmd.StringSlice("load"),
		Trials: cmd.Int("trials"), Seed: seed,
	})
	if err != nil {
		return opt, err
	}
	return opt, nil
}

// resume prepares to go on with an unfinished run, by its own scenario and
// plan.
func resume(cmd *cli.Command, opt runner.Options) (runner.Options, error) {
	if cmd.Args().Len() != 0 {
		return opt, usageErrorf("--resume goes on with the run's own scenario; leave out %q", cmd.Args().First())
	}
	for _, flag := range []string{"env", "scale", "load", "trials", "seed", "transport", "attach"} {
		if cmd.IsSet(flag) {
			return opt, usageErrorf("--resume goes on with the run's own plan; leave out --%s", flag)
		}
	}
	dir, err := findRun(cmd.String("resume"), cmd.String("out"))
	if err != nil {
		return opt, err
	}
	if opt.Resume, err = results.Open(dir); err != nil {
		return opt, err
	}
	if opt.Resume.Manifest.Gate != nil {
		return opt, usageErrorf("%s is a gate's: its rounds have to follow one another, so it is started anew, not resumed", dir)
	}
	if opt.Resume.Manifest.Capacity != nil {
		return opt, usageErrorf("%s is a capacity search: go on with plimsoll capacity --resume %s", dir, cmd.String("resume"))
	}
	if opt.Scenario, err = scenarios.Read(filepath.Join(dir, results.ScenarioFile)); err != nil {
		return opt, err
	}
	opt.Plan = &opt.Resume.Manifest.Plan
	return opt, nil
}

// parseScales reads "web=3,static=2", one scale each.
func parseScales(texts []string) ([]scenarios.Scale, error) {
	var scales []scenarios.Scale
	for _, text := range texts {
		scale, err := scenarios.ParseScale(text)
		if err != nil {
			return nil, usageErrorf("--scale %s: %v", text, err)
		}
		scales = append(scales, scale)
	}
	return scales, nil
}

// execute runs the plan, writes the reports of whatever was finished, and
// returns what decides the exit code.
func execute(ctx context.Context, std streams, cmd *cli.Command, choice engineChoice, opt runner.Options, extra []extraReport) error {
	engines := newEngines(choice, opt.Keep, std.err)
	opt.Engine = engines.forEnvironment
	progress := newProgress(std.err, *opt.Plan, cmd.Bool("quiet"))
	opt.Progress = progress
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintln(std.err, "\nstopping: the stack is being taken down (once more: leave at once)")
	})()
	outcome, runErr := runner.Run(ctx, opt)
	progress.close()
	if outcome.Dir == "" {
		return runErr
	}
	doc, err := writeReport(std.out, outcome.Dir, extra...)
	switch {
	case runErr != nil || doc == nil:
		return errors.Join(runErr, err)
	case outcome.NotStarted:
		return errors.Join(&codedError{exitNotStarted, failureText(outcome, opt.Plan, cmd.Bool("quiet"))}, err)
	case outcome.WorkerLost && doc.Gate == nil: // a gate voids the round and measures another
		return errors.Join(&codedError{exitInvalid, failureText(outcome, opt.Plan, cmd.Bool("quiet"))}, err)
	}
	return errors.Join(verdictError(doc), err)
}

// failureText says what is missing; the reason only when the progress has not
// told it already.
func failureText(o runner.Outcome, p *plan.Plan, quiet bool) string {
	missing := fmt.Sprintf("%d of %d trials are missing", len(o.Failures), len(p.Trials))
	if quiet {
		return missing + ": " + o.Failures[0].Reason
	}
	return missing + ", as said above"
}

// findRun finds a run by its folder, by its ID below out, or as "latest".
func findRun(name, out string) (string, error) {
	if name == "latest" {
		return latestRun(out)
	}
	for _, dir := range []string{name, filepath.Join(out, name)} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	names := []string{"latest"}
	if runs, err := storedRuns(out); err == nil { // it only helps to find the right name
		for _, r := range runs {
			names = append(names, r.Manifest.ID)
		}
	}
	return "", usageErrorf("no run %q: neither a folder nor a run in %s%s; plimsoll list shows the runs", name, cmp.Or(out, "."), yamlfile.DidYouMean(name, names))
}
