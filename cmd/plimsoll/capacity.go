package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/capacity"
	"plimsoll/runner"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
	"plimsoll/scenarios/lint"
	"plimsoll/scenarios/plan"
)

func newCapacityCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "capacity",
		Usage:     "find the highest rate that meets the objectives",
		ArgsUsage: "SCENARIO",
		Description: `Starts the stack afresh for each trial and puts one of the scenario's open loops
on it at rate after rate, until an objective is missed. It gives two numbers: the
rate that fresh trials have confirmed (supported), and where the limit is likely
to be (estimate, with its interval). docs/capacity.md says what they cost.

Exit codes: 0 a rate is supported · 98 none can be given · 97 measurement invalid ·
96 the environment did not start`,
		Flags: append(engineFlags(),
			&cli.StringFlag{Name: "env", Usage: "search this `ENVIRONMENT` (default: the scenario's, if it has only one)"},
			&cli.StringSliceFlag{Name: "scale", Usage: "search at this `SCALE`: web=3,static=2 (repeatable; default: the scenario's first)"},
			&cli.StringFlag{Name: "load", Usage: "send what this `LOAD` sends, at other rates (default: the scenario's open loop, if it has only one)"},
			&cli.StringSliceFlag{Name: "objective", Usage: "meet this `OBJECTIVE` instead of the scenario's: 'p(99) < 250ms' (repeatable)"},
			&cli.StringFlag{Name: "from", Usage: "begin at this `RATE` (default: 50/s, or what the percentile takes)"},
			&cli.StringFlag{Name: "to", Value: "20000/s", Usage: "go no higher than this `RATE`"},
			&cli.DurationFlag{Name: "block", Value: 30 * time.Second, Usage: "how `LONG` each trial's load lasts"},
			&cli.BoolFlag{Name: "quick", Usage: "give a rough figure, which nothing confirms, after about half the trials"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "make the run's folder in `DIR`"},
			extraReportFlag(),
			transportFlag(),
			&cli.StringFlag{Name: "resume", Usage: "go on with the unfinished search `RUN`; SCENARIO is not needed then"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what is looked for and about how long it takes, start nothing"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`NUMBER` that fixes the order of rates and of the request mix (default: drawn)"},
			&cli.DurationFlag{Name: "ready-within", Value: time.Minute, Usage: "how `LONG` a replica may take to become ready"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
		),
		DisableSliceFlagSeparator: true,
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
			c, err := prepareCapacity(cmd)
			if err != nil {
				return err
			}
			if c.Resume == nil { // else it was said, and recorded
				if c.Warnings, err = warn(std, choice, c.Scenario, c.Plan, lint.Finding.Line); err != nil {
					return err
				}
				if env, _ := c.Scenario.Environment(c.Capacity.Environment); env.Topology == nil {
					text := fmt.Sprintf("%s has no topology, so it is not started afresh: each trial finds what the one before has left behind, an overload too", env.Name)
					fmt.Fprintln(std.err, "warning:", text)
					c.Warnings = append(c.Warnings, text)
				}
			}
			if cmd.Bool("dry-run") {
				_, err := fmt.Fprintln(std.out, c.announcement())
				return err
			}
			messages := std.err
			if cmd.Bool("quiet") {
				messages = io.Discard
			}
			fmt.Fprintln(messages, c.announcement())
			c.Next = c.next(messages)
			return execute(ctx, std, cmd, choice, c.Options, extra)
		},
	}
}

// What a search takes, in trials: the mean of simulated ones (docs/method.md).
const (
	usualTrials = 38
	quickTrials = 24
)

// capacityJob is what the runner is to do for a capacity search.
type capacityJob struct {
	runner.Options
	// kinds are a trial of each scale, without its rate.
	kinds []plan.Trial
}

// prepareCapacity turns the command line into what the runner is to do.
func prepareCapacity(cmd *cli.Command) (*capacityJob, error) {
	if _, err := load.Choose(cmd.String("transport"), nil); err != nil {
		return nil, usageErrorf("--%v", err)
	}
	opt := runner.Options{
		Out: cmd.String("out"), ReadyWithin: cmd.Duration("ready-within"), Transport: cmd.String("transport"),
		Version: version, Command: os.Args,
	}
	if cmd.IsSet("resume") {
		return resumeCapacity(cmd, opt)
	}
	if cmd.Args().Len() != 1 {
		return nil, usageErrorf("capacity takes one SCENARIO, got %d arguments", cmd.Args().Len())
	}
	scenario, err := scenarios.Read(cmd.Args().First())
	if err != nil {
		return nil, err
	}
	settings, err := capacitySettings(cmd, scenario)
	if err != nil {
		return nil, err
	}
	for i := range scenario.Loads {
		if l := &scenario.Loads[i]; l.Name == settings.Load {
			*l = l.At(scenarios.RateOf(settings.From))
			l.Duration = settings.Block
		}
	}
	seed := cmd.Uint64("seed")
	if !cmd.IsSet("seed") {
		seed = rand.Uint64() >> 12 // exact in JSON readers that use floats
	}
	opt.Scenario = scenario
	return newCapacityJob(opt, settings, seed)
}

// resumeCapacity prepares to go on with an unfinished search, by its own
// scenario and settings.
func resumeCapacity(cmd *cli.Command, opt runner.Options) (*capacityJob, error) {
	if cmd.Args().Len() != 0 {
		return nil, usageErrorf("--resume goes on with the search's own scenario; leave out %q", cmd.Args().First())
	}
	for _, flag := range []string{"env", "scale", "load", "objective", "from", "to", "block", "quick", "seed", "transport"} {
		if cmd.IsSet(flag) {
			return nil, usageErrorf("--resume goes on with the search's own settings; leave out --%s", flag)
		}
	}
	dir, err := findRun(cmd.String("resume"), cmd.String("out"))
	if err != nil {
		return nil, err
	}
	if opt.Resume, err = results.Open(dir); err != nil {
		return nil, err
	}
	m := opt.Resume.Manifest
	if m.Capacity == nil {
		return nil, usageErrorf("%s is no capacity search; plimsoll run --resume goes on with other runs", dir)
	}
	if opt.Scenario, err = scenarios.Read(filepath.Join(dir, results.ScenarioFile)); err != nil {
		return nil, err
	}
	return newCapacityJob(opt, *m.Capacity, m.Plan.Seed)
}

// newCapacityJob completes the options for a search in a scenario whose load is
// as it is to be sent, but for the rate.
func newCapacityJob(opt runner.Options, settings results.Capacity, seed uint64) (*capacityJob, error) {
	c := &capacityJob{Options: opt}
	c.Capacity, c.Plan = &settings, &plan.Plan{Scenario: opt.Scenario.Name, Seed: seed}
	env, _ := opt.Scenario.Environment(settings.Environment)
	for _, scale := range settings.Scales {
		wanted := []scenarios.Scale{scale}
		if env.Topology == nil && len(scale) == 0 {
			wanted = nil // nothing that could be scaled is asked to be
		}
		one, err := plan.Compile(opt.Scenario, plan.Options{
			Environments: []string{settings.Environment}, Scales: wanted, Loads: []string{settings.Load}, Trials: 1, Seed: seed,
		})
		if err != nil {
			return nil, err
		}
		kind := one.Trials[0]
		c.kinds = append(c.kinds, kind)
		for range expectedTrials(settings.Quick) {
			kind.Index = len(c.Plan.Trials) + 1
			c.Plan.Trials = append(c.Plan.Trials, kind)
		}
	}
	var objectives []string
	for _, o := range opt.Scenario.Objectives {
		objectives = append(objectives, o.Text)
	}
	c.Hopeless = func(t plan.Trial, soFar results.Trial, elapsed time.Duration) string {
		return analysis.Hopeless(settings, objectives, t.Rate, soFar, elapsed)
	}
	return c, nil
}

// capacitySettings reads what is looked for. Objectives of the command line
// replace those of the scenario.
func capacitySettings(cmd *cli.Command, scenario *scenarios.Scenario) (results.Capacity, error) {
	c := results.Capacity{Block: cmd.Duration("block"), Quick: cmd.Bool("quick")}
	if c.Block < time.Second {
		return c, usageErrorf("--block %v: at least 1s", c.Block)
	}
	var err error
	if c.Environment, err = capacityEnvironment(scenario, cmd.String("env")); err != nil {
		return c, err
	}
	if c.Scales, err = capacityScales(cmd, scenario, c.Environment); err != nil {
		return c, err
	}
	if c.Load, err = capacityLoad(scenario, cmd.String("load")); err != nil {
		return c, err
	}
	if err := capacityObjectives(cmd, scenario); err != nil {
		return c, err
	}
	return c, capacityRange(cmd, scenario, &c)
}

func expectedTrials(quick bool) int {
	if quick {
		return quickTrials
	}
	return usualTrials
}

// capacityScales are those that are wanted, each once, or the scenario's first
// that fits the environment.
func capacityScales(cmd *cli.Command, s *scenarios.Scenario, environment string) ([]scenarios.Scale, error) {
	wanted, err := parseScales(cmd.StringSlice("scale"))
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		env, _ := s.Environment(environment) // whether there is one is checked with the plan
		for _, scale := range s.Scales {
			if env.Topology != nil && env.Fits(scale) {
				return []scenarios.Scale{scale}, nil
			}
		}
		return []scenarios.Scale{{}}, nil
	}
	var once []scenarios.Scale
	for _, scale := range wanted {
		if !slices.ContainsFunc(once, func(o scenarios.Scale) bool { return o.String() == scale.String() }) {
			once = append(once, scale)
		}
	}
	return once, nil
}

// capacityEnvironment is the one that is wanted, or the only one.
func capacityEnvironment(s *scenarios.Scenario, wanted string) (string, error) {
	if wanted != "" {
		return wanted, nil // whether there is one is checked with the plan
	}
	if len(s.Environments) == 1 {
		return s.Environments[0].Name, nil
	}
	var names []string
	for _, e := range s.Environments {
		names = append(names, e.Name)
	}
	return "", usageErrorf("%s has several environments: choose one with --env (%s)", s.Name, strings.Join(names, ", "))
}

// capacityLoad is the open loop that is wanted, or the only one.
func capacityLoad(s *scenarios.Scenario, wanted string) (string, error) {
	var open []string
	for _, l := range s.Loads {
		switch {
		case l.Mode == scenarios.Open:
			open = append(open, l.Name)
		case l.Name == wanted:
			return "", usageErrorf("--load %s: a closed loop sends when an answer has come, so it has no rate that could be raised; use an open loop (rate, duration)", wanted)
		}
	}
	switch {
	case wanted != "":
		return wanted, nil // whether there is one is checked with the plan
	case len(open) == 1:
		return open[0], nil
	case len(open) == 0:
		return "", usageErrorf("%s has no open loop, whose rate could be raised; add one such as steady: {rate: 100/s, duration: 30s}", s.Name)
	}
	return "", usageErrorf("%s has several open loops: choose one with --load (%s)", s.Name, strings.Join(open, ", "))
}

// capacityObjectives replaces the scenario's objectives by those of the command
// line, if there are any.
func capacityObjectives(cmd *cli.Command, s *scenarios.Scenario) error {
	if !cmd.IsSet("objective") {
		return nil
	}
	s.Objectives = nil
	for _, text := range cmd.StringSlice("objective") {
		o, err := scenarios.ParseObjective(text)
		if err != nil {
			return usageErrorf("--objective: %v", err)
		}
		s.Objectives = append(s.Objectives, o)
	}
	return nil
}

// capacityRange reads the rates, and checks that they can be judged.
func capacityRange(cmd *cli.Command, s *scenarios.Scenario, c *results.Capacity) error {
	var objectives []string
	least := 50.0
	for _, o := range s.Objectives {
		objectives = append(objectives, o.Text)
		if o.Metric == scenarios.Percentile {
			least = max(least, float64(analysis.RequestsFor(o.Rank))/c.Block.Seconds())
		}
	}
	c.From = math.Ceil(least)
	var err error
	for _, flag := range []struct {
		name string
		rate *float64
	}{{"from", &c.From}, {"to", &c.To}} {
		if flag.name == "from" && !cmd.IsSet("from") {
			continue
		}
		if *flag.rate, err = units.ParseThroughput(cmd.String(flag.name)); err != nil {
			return usageErrorf("--%s: %v", flag.name, err)
		}
		*flag.rate = capacity.Round(*flag.rate)
	}
	if err := (capacity.Settings{From: c.From, To: c.To}).Check(); err != nil {
		return usageErrorf("--from and --to: %v", err)
	}
	if err := analysis.CheckCapacity(objectives, c.From, c.Block); err != nil {
		return usageErrorf("%v", err)
	}
	return nil
}

// announcement says what is looked for, and about how long it takes.
func (c *capacityJob) announcement() string {
	var objectives, scales []string
	for _, o := range c.Scenario.Objectives {
		objectives = append(objectives, o.Text)
	}
	for _, s := range c.Capacity.Scales {
		scales = append(scales, s.String())
	}
	n := expectedTrials(c.Capacity.Quick) * len(c.kinds)
	return fmt.Sprintf("capacity of %s (%s) under %s, from %g/s to %g/s: the highest rate with %s\nabout %d trials of %s each, %s in all",
		c.Capacity.Environment, strings.Join(scales, "; "), c.Capacity.Load, c.Capacity.From, c.Capacity.To, strings.Join(objectives, " and "),
		n, units.Duration(c.kinds[0].Estimate.Round(time.Second)), units.Duration(c.Plan.Estimate().Round(time.Second)))
}

// mostFailures is how many trials may be lost before the search is given up: a
// trial that failed is asked for again.
const mostFailures = 3

// next yields trials until the searches are over.
func (c *capacityJob) next(messages io.Writer) func(results.Manifest, []results.Trial) (plan.Trial, bool) {
	told := ""
	return func(m results.Manifest, finished []results.Trial) (plan.Trial, bool) {
		if len(m.Failures) >= mostFailures || slices.ContainsFunc(m.Failures, func(f results.Failure) bool { return f.NotStarted }) {
			return plan.Trial{}, false
		}
		judged, err := analysis.JudgeCapacity(m, finished)
		if err != nil || judged.Next == nil { // the report says the error again
			return plan.Trial{}, false
		}
		t := *judged.Next
		kind := c.kinds[slices.IndexFunc(c.kinds, func(k plan.Trial) bool { return k.Scale.String() == t.Scale.String() })]
		t.Link, t.Engine, t.Estimate = kind.Link, kind.Engine, kind.Estimate
		if now := fmt.Sprintf("%s: %s", t.Scale, judged.Phase); now != told {
			told = now
			fmt.Fprintln(messages, now)
		}
		return t, true
	}
}
