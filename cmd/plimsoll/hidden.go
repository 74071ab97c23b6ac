package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"plimsoll/fixtures"
	"plimsoll/runner/worker"
)

func newWorkerCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:   "worker",
		Usage:  "apply load as told on stdin, report on stdout",
		Hidden: true,
		Action: func(ctx context.Context, _ *cli.Command) error {
			return worker.Main(ctx, std.in, std.out)
		},
	}
}

func newFixtureCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:            "fixture",
		Usage:           "run one of the shipped demo services: news, static, balancer, probe",
		ArgsUsage:       "NAME [flags]",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return fixtures.Main(ctx, cmd.Args().Slice(), std.out, std.err)
		},
	}
}
