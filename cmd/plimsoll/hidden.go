package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"plimsoll/fixtures"
	"plimsoll/internal/relay"
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

// newDialCommand is what connects to replicas where the runner's own network
// does not lead to them.
func newDialCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:            "dial",
		Usage:           "connect stdin and stdout to an address, or wait for the end of stdin",
		ArgsUsage:       "[WITHIN HOST:PORT]",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return relay.Main(ctx, cmd.Args().Slice(), std.in, std.out)
		},
	}
}

func newFixtureCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:            "fixture",
		Usage:           "run one of the shipped demo services: news, static, balancer, gateway, null, probe",
		ArgsUsage:       "NAME [flags]",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return fixtures.Main(ctx, cmd.Args().Slice(), std.out, std.err)
		},
	}
}
