package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"github.com/urfave/cli/v3"

	"plimsoll/internal/units"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/size"
	"plimsoll/scenarios"
	"plimsoll/scenarios/prices"
)

func newSizeCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "size",
		Usage:     "how many replicas a rate needs",
		ArgsUsage: "RUN…",
		Description: `RUN is a run's folder, its ID, or "latest": a scenario run at several scales with
open-loop loads at several rates. Several runs are taken together. A rate is
supported if it and all lower ones meet the objectives. It answers with an
interval, or says what to measure next and ends with 98; see docs/size.md.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "rate", Usage: "size for this `RATE`, such as 2000/s"},
			&cli.StringSliceFlag{Name: "objective", Usage: "a `CONDITION` that has to hold, such as 'p(99) < 250ms'; may be given again; default: the run's"},
			&cli.StringFlag{Name: "env", Usage: "size environment `NAME`"},
			&cli.StringFlag{Name: "service", Usage: "the `NAME` of the service that is scaled"},
			&cli.StringSliceFlag{Name: "load", Usage: "take only load `NAME`; may be given again"},
			&cli.StringFlag{Name: "prices", Usage: "what CPU and memory cost: a YAML `FILE` with per_vcpu_hour, per_gib_hour and currency"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "write this `FORMAT` to stdout: " + strings.Join(report.SizeFormats(), ", ")},
			&cli.StringFlag{Name: "html", Usage: "write a page with the plot to `FILE`"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the interval's resamples"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "look for runs in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action:       func(_ context.Context, cmd *cli.Command) error { return sizeRuns(std, cmd) },
	}
}

func sizeRuns(std streams, cmd *cli.Command) error {
	if cmd.Args().Len() == 0 {
		return usageErrorf("size takes at least one RUN, such as %q", "latest")
	}
	render, err := report.SizeByName(cmd.String("format"))
	if err != nil {
		return usageErrorf("--format: %v", err)
	}
	query, err := sizeQuery(cmd)
	if err != nil {
		return err
	}
	runs, err := openRuns(cmd.Args().Slice(), cmd.String("out"))
	if err != nil {
		return err
	}
	sizing, err := analysis.SizeUp(runs, query)
	var choice *analysis.ChoiceError
	if errors.As(err, &choice) {
		return usageErrorf("%v", err)
	}
	if err != nil {
		return err
	}
	if file := cmd.String("html"); file != "" {
		var page bytes.Buffer
		if err := report.SizeHTML(&page, sizing); err != nil {
			return fmt.Errorf("render %s: %w", file, err)
		}
		if err := maybe.WriteFile(file, page.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if err := render(std.out, sizing); err != nil {
		return err
	}
	if sizing.Answer.Verdict != size.Answered {
		return &codedError{exitInconclusive, fmt.Sprintf("inconclusive: %s: %s", cmd.String("rate"), sizing.Answer.Reason)}
	}
	return nil
}

// sizeQuery reads the flags.
func sizeQuery(cmd *cli.Command) (analysis.SizeQuery, error) {
	q := analysis.SizeQuery{
		Environment: cmd.String("env"), Service: cmd.String("service"), Loads: cmd.StringSlice("load"), Seed: cmd.Uint64("seed"),
	}
	if !cmd.IsSet("rate") {
		return q, usageErrorf("size needs a rate: --rate 2000/s")
	}
	var err error
	if q.Rate, err = units.ParseThroughput(cmd.String("rate")); err != nil {
		return q, usageErrorf("--rate: %v", err)
	}
	if q.Rate == 0 {
		return q, usageErrorf("--rate: 0 takes no replica")
	}
	for _, text := range cmd.StringSlice("objective") {
		o, err := scenarios.ParseObjective(text)
		if err != nil {
			return q, usageErrorf("--objective: %v", err)
		}
		q.Objectives = append(q.Objectives, o)
	}
	if file := cmd.String("prices"); file != "" {
		p, err := prices.Read(file)
		if err != nil {
			return q, usageErrorf("--prices: %v", err)
		}
		q.Prices = &p
	}
	return q, nil
}

// openRuns opens runs, each once.
func openRuns(names []string, out string) ([]*results.Run, error) {
	var runs []*results.Run
	seen := map[string]bool{}
	for _, name := range names {
		dir, err := findRun(name, out)
		if err != nil {
			return nil, err
		}
		run, err := results.Open(dir)
		if err != nil {
			return nil, err
		}
		if seen[run.Manifest.ID] {
			return nil, usageErrorf("run %s is named twice: its starts would count twice", run.Manifest.ID)
		}
		seen[run.Manifest.ID] = true
		runs = append(runs, run)
	}
	return runs, nil
}
