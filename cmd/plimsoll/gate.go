package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/gate"
	"plimsoll/runner"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
	"plimsoll/scenarios/lint"
	"plimsoll/scenarios/plan"
)

func newGateCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "gate",
		Usage:     "say whether a candidate is worse than its baseline, with known error rates",
		ArgsUsage: "SCENARIO --baseline ENVIRONMENT --candidate ENVIRONMENT",
		Description: `Measures both environments in rounds: each starts both afresh, one after the
other, in an order drawn for it. After 5, 10, 15 and 20 rounds it is decided, and
the first decision ends it. docs/method.md says how often it is wrong.

Exit codes: 0 not worse · 99 worse, or an objective failed · 98 these rounds cannot
tell · 97 they must not be judged · 96 an environment did not start`,
		Flags: append(engineFlags(),
			&cli.StringFlag{Name: "baseline", Usage: "the `ENVIRONMENT` that is good enough", Required: true},
			&cli.StringFlag{Name: "candidate", Usage: "the `ENVIRONMENT` that is judged", Required: true},
			&cli.StringSliceFlag{Name: "metric", Value: []string{"p(99)"}, Usage: "judge this `METRIC`: p(99), p(50), …, throughput, cpu or cpu(SERVICE); up to three"},
			&cli.StringFlag{Name: "request", Usage: "judge the percentiles of the requests of this `NAME` (default: of all)"},
			&cli.StringFlag{Name: "load", Usage: "apply this `LOAD` (default: the scenario's, if only one fits the metrics)"},
			&cli.StringFlag{Name: "scale", Usage: "measure at this `SCALE`: web=3,static=2 (default: the scenario's first)"},
			&cli.StringFlag{Name: "min-effect", Value: "5%", Usage: "a rise below this `SHARE` does not fail, however certain it is"},
			&cli.StringFlag{Name: "tolerance", Value: "10%", Usage: "a rise of this `SHARE` has to be excluded for a pass"},
			&cli.StringFlag{Name: "looks", Value: "5,10,15,20", Usage: "decide after so many `ROUNDS`"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "make the run's folder in `DIR`"},
			extraReportFlag(),
			transportFlag(),
			&cli.BoolFlag{Name: "dry-run", Usage: "print every trial that may come and how long it takes, start nothing"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`NUMBER` that fixes the order in each round and of the request mix (default: drawn)"},
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
			g, err := prepareGate(cmd)
			if err != nil {
				return err
			}
			if g.Warnings, err = warn(std, choice, g.Scenario, g.Plan, lint.Finding.Line); err != nil {
				return err
			}
			if cmd.Bool("dry-run") {
				_, err := fmt.Fprint(std.out, g.Plan)
				return err
			}
			if !cmd.Bool("quiet") {
				fmt.Fprintln(std.err, g.announcement())
			}
			g.Next = g.next(std.err, cmd.Bool("quiet"))
			return execute(ctx, std, cmd, choice, g.Options, extra)
		},
	}
}

// gateJob is what the runner is to do for a gate.
type gateJob struct {
	runner.Options
	// all are the trials of every round that there may be, void ones included.
	all []plan.Trial
}

// prepareGate turns the command line into what the runner is to do.
func prepareGate(cmd *cli.Command) (*gateJob, error) {
	if cmd.Args().Len() != 1 {
		return nil, usageErrorf("gate takes one SCENARIO, got %d arguments", cmd.Args().Len())
	}
	if _, err := load.Choose(cmd.String("transport"), nil); err != nil {
		return nil, usageErrorf("--%v", err)
	}
	settings, err := gateSettings(cmd)
	if err != nil {
		return nil, err
	}
	scenario, err := scenarios.Read(cmd.Args().First())
	if err != nil {
		return nil, err
	}
	if settings.Load, err = gateLoad(scenario, settings.Load, settings.Metrics); err != nil {
		return nil, err
	}
	if err := checkRequest(scenario, settings); err != nil {
		return nil, err
	}
	for _, o := range scenario.Objectives {
		if o.Metric == scenarios.Errors && strings.HasPrefix(o.Compare, "<") {
			settings.MaxErrors = max(settings.MaxErrors, o.Limit)
		}
	}
	scale := scenario.Scales[0]
	if cmd.IsSet("scale") {
		scales, err := parseScales([]string{cmd.String("scale")})
		if err != nil {
			return nil, err
		}
		scale = scales[0]
	}
	seed := cmd.Uint64("seed")
	if !cmd.IsSet("seed") {
		seed = rand.Uint64() >> 12 // exact in JSON readers that use floats
	}
	most := settings.Looks[len(settings.Looks)-1]
	all, err := plan.Rounds(scenario, plan.RoundOptions{
		Baseline: settings.Baseline, Candidate: settings.Candidate, Scale: scale, Load: settings.Load, Seed: seed,
	}, int(math.Ceil(float64(most)/(1-settings.MaxVoid))), func(round int) bool { return gate.CandidateFirst(seed, round) })
	if err != nil {
		return nil, err
	}
	g := &gateJob{all: all.Trials}
	expected := *all
	expected.Trials = all.Trials[:2*most]
	g.Options = runner.Options{
		Scenario: scenario, Plan: &expected, Gate: &settings,
		Out: cmd.String("out"), ReadyWithin: cmd.Duration("ready-within"), Transport: cmd.String("transport"),
		Version: version, Command: os.Args,
	}
	return g, nil
}

func gateSettings(cmd *cli.Command) (results.Gate, error) {
	usual := gate.Default()
	g := results.Gate{
		Baseline: cmd.String("baseline"), Candidate: cmd.String("candidate"), Load: cmd.String("load"),
		Request: cmd.String("request"), Metrics: cmd.StringSlice("metric"),
		Alpha: gate.Alpha, Beta: gate.Beta, ErrorMargin: usual.ErrorMargin, MaxVoid: usual.MaxVoid,
	}
	if len(g.Metrics) > 3 {
		return g, usageErrorf("--metric: %d metrics; a gate that asks many questions finds a wrong answer among them, so at most 3", len(g.Metrics))
	}
	for i, text := range g.Metrics {
		if _, err := analysis.ParseGateMeasure(text); err != nil {
			return g, usageErrorf("--metric: %v", err)
		}
		if slices.Contains(g.Metrics[:i], text) {
			return g, usageErrorf("--metric: %s is named twice", text)
		}
	}
	var err error
	if g.MinEffect, err = shareFlag(cmd, "min-effect"); err != nil {
		return g, err
	}
	if g.Tolerance, err = shareFlag(cmd, "tolerance"); err != nil {
		return g, err
	}
	for part := range strings.SplitSeq(cmd.String("looks"), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return g, usageErrorf("--looks %s: %q is not a number of rounds; write 5,10,15,20", cmd.String("looks"), part)
		}
		g.Looks = append(g.Looks, n)
	}
	usual.MinEffect, usual.Tolerance, usual.Looks = g.MinEffect, g.Tolerance, gate.Spread(g.Alpha, g.Beta, g.Looks...)
	if err := usual.Check(); err != nil {
		return g, usageErrorf("%v", err)
	}
	return g, nil
}

// shareFlag reads "5%" or "0.05".
func shareFlag(cmd *cli.Command, name string) (float64, error) {
	text := cmd.String(name)
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) {
		return 0, usageErrorf("--%s %s: write a share such as 5%% or 0.05", name, text)
	}
	if percent {
		v /= 100
	}
	return v, nil
}

// gateLoad picks the load that fits the metrics, if it is clear which.
func gateLoad(s *scenarios.Scenario, wanted string, metrics []string) (string, error) {
	var fitting []string
	why := ""
	for _, l := range s.Loads {
		if reason := unfit(l, metrics); reason == "" {
			fitting = append(fitting, l.Name)
		} else if l.Name == wanted {
			return "", usageErrorf("--load %s: %s", wanted, reason)
		} else {
			why = l.Name + ": " + reason
		}
	}
	switch {
	case wanted != "":
		return wanted, nil // whether there is one is checked with the plan
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) == 0:
		return "", usageErrorf("no load of %s can be judged by %s (%s)", s.Name, strings.Join(metrics, ", "), why)
	}
	return "", usageErrorf("%s has several loads that can be judged by %s: choose one with --load (%s)",
		s.Name, strings.Join(metrics, ", "), strings.Join(fitting, ", "))
}

// unfit says why a load cannot be judged by the metrics; "" if it can.
func unfit(l scenarios.Load, metrics []string) string {
	for _, text := range metrics {
		m, _ := analysis.ParseGateMeasure(text) // checked before
		switch {
		case m.NeedsOpenLoop && l.Mode == scenarios.Closed:
			return fmt.Sprintf("a closed loop limits itself, so its %s says nothing about a slower stack; use an open loop (rate, duration), or --metric throughput", m.Name)
		case m.NeedsClosedLoop && l.Mode != scenarios.Closed:
			return "an open loop's throughput is what was asked for; judge a percentile"
		}
	}
	return ""
}

func checkRequest(s *scenarios.Scenario, g results.Gate) error {
	if g.Request == "" {
		return nil
	}
	l, _ := s.Load(g.Load)
	names := runner.RequestNames(s, l)
	if !slices.Contains(names, g.Request) {
		return usageErrorf("--request %s: %s sends no request of that name; it sends %s", g.Request, g.Load, strings.Join(names, ", "))
	}
	if len(names) == 1 || len(names) > results.MostNamed {
		return usageErrorf("--request %s: only a mix of 2 to %d names is told apart", g.Request, results.MostNamed)
	}
	return nil
}

// announcement says what is going to happen, and how long it may take.
func (g *gateJob) announcement() string {
	round := g.all[0].Estimate + g.all[1].Estimate
	var looks []string
	for _, n := range g.Gate.Looks {
		looks = append(looks, fmt.Sprintf("%d (%s)", n, units.Duration((time.Duration(n)*round).Round(time.Second))))
	}
	return fmt.Sprintf("%s against %s, by %s under %s: a look after %s rounds",
		g.Gate.Candidate, g.Gate.Baseline, strings.Join(g.Gate.Metrics, ", "), g.Gate.Load, strings.Join(looks, ", "))
}

// next yields trials until the gate is decided. A round that is void already is
// not brought to its end.
func (g *gateJob) next(messages io.Writer, quiet bool) func(results.Manifest, []results.Trial) (plan.Trial, bool) {
	told := 0
	return func(m results.Manifest, finished []results.Trial) (plan.Trial, bool) {
		switch {
		case len(m.Plan.Trials) == 0:
			return g.all[0], true
		case slices.ContainsFunc(m.Failures, func(f results.Failure) bool { return f.NotStarted }):
			return plan.Trial{}, false
		}
		judged, err := analysis.JudgeGate(m, finished, true)
		if err != nil || judged.Enough() { // the report says the error again
			return plan.Trial{}, false
		}
		if look := judged.Metrics[0].Last(); !quiet && look != nil && look.Rounds > told {
			told = look.Rounds
			fmt.Fprintf(messages, "%s\n", judged.Metrics[0].Text)
		}
		last := m.Plan.Trials[len(m.Plan.Trials)-1]
		at := last.Index // of the trial after it
		if at%2 == 1 && len(judged.Rounds) == last.Repetition {
			at++ // its round is void
		}
		if at >= len(g.all) {
			return plan.Trial{}, false
		}
		return g.all[at], true
	}
}
