package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/docker"
	"plimsoll/runner/engine/process"
	"plimsoll/runner/site"
	"plimsoll/scenarios"
)

func newListCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the shipped scenarios and the stored runs",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Value: "results", Usage: "look for runs in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SCENARIO\tWHAT IT MEASURES")
			for _, s := range scenarios.Shipped() {
				fmt.Fprintf(table, "%s\t%s\n", s.Name, s.Title)
			}
			runs, err := storedRuns(cmd.String("out"))
			if err != nil {
				return err
			}
			if len(runs) > 0 {
				fmt.Fprintln(table, "\nRUN\tSTARTED\tTRIALS\tOUTCOME")
			}
			for _, r := range runs {
				outcome := r.Manifest.Outcome
				if outcome == "" {
					outcome = "unfinished"
				}
				fmt.Fprintf(table, "%s\t%s\t%d of %d\t%s\n", r.Manifest.ID, r.Manifest.Started.Local().Format(time.DateTime),
					len(r.Trials), len(r.Manifest.Plan.Trials), outcome)
			}
			return table.Flush()
		},
	}
}

// storedRuns returns the runs in out, oldest first.
func storedRuns(out string) ([]*results.Run, error) {
	manifests, err := filepath.Glob(filepath.Join(out, "*", "run.json"))
	if err != nil {
		return nil, err
	}
	var runs []*results.Run
	for _, m := range manifests {
		r, err := results.Open(filepath.Dir(m))
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b *results.Run) int { return a.Manifest.Started.Compare(b.Manifest.Started) })
	return runs, nil
}

func latestRun(out string) (string, error) {
	runs, err := storedRuns(out)
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", usageErrorf("no runs in %s yet; make one with plimsoll run", out)
	}
	return runs[len(runs)-1].Dir, nil
}

func newValidateCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:         "validate",
		Usage:        "check scenario files, with the place of every mistake",
		ArgsUsage:    "SCENARIO…",
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() == 0 {
				return usageErrorf("validate takes at least one SCENARIO")
			}
			for _, name := range cmd.Args().Slice() {
				s, err := scenarios.Read(name)
				if err != nil {
					return err
				}
				if err := validate(std, s); err != nil {
					return err
				}
				fmt.Fprintf(std.out, "%s: ok (environments: %d, scales: %d, loads: %d, trials of each cell: %d)\n",
					name, len(s.Environments), len(s.Scales), len(s.Loads), s.Trials)
			}
			return nil
		},
	}
}

func newSchemaCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:         "schema",
		Usage:        "print the JSON Schema of scenario files",
		OnUsageError: onUsageError,
		Action: func(context.Context, *cli.Command) error {
			schema, err := scenarios.Schema()
			if err != nil {
				return err
			}
			_, err = std.out.Write(schema)
			return err
		},
	}
}

func newCleanCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "clean",
		Usage:     "remove the containers, networks and volumes that crashed runs left behind",
		ArgsUsage: "[RUN | SCENARIO ENVIRONMENT]",
		Description: `Without arguments it removes what is left of all runs, and spares stacks that were
brought up by hand; of RUN it removes that run's, and of an environment its stack
that was brought up by hand, with the named volumes that down leaves.`,
		Flags: append(endpointFlags(),
			&cli.BoolFlag{Name: "all", Usage: "remove the stacks that were brought up by hand, too"},
			&cli.BoolFlag{Name: "images", Usage: "remove the images made from this program and those built for stacks, too"},
		),
		OnUsageError: onUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			at, err := endpointOf(cmd)
			if err != nil {
				return err
			}
			run, stack := cmd.Args().First(), ""
			switch cmd.Args().Len() {
			case 0, 1:
			case 2:
				s, err := scenarios.Read(run)
				if err != nil {
					return err
				}
				env, err := handEnvironment(s, cmd.Args().Get(1))
				if err != nil {
					return err
				}
				run, stack = engine.HandRun, site.ByHand(s, env).Name
				at = engineChoice{endpoint: at}.keyFor(env).endpoint
			default:
				return usageErrorf("clean takes a RUN, or %s, or nothing", handArgs)
			}
			var removed []string
			if stack == "" {
				removed, err = process.Sweep()
			}
			fromDocker, dockerErr := sweepDocker(ctx, at, docker.Filter{Run: run, Stack: stack, Hand: cmd.Bool("all"), Images: cmd.Bool("images")})
			removed = append(removed, fromDocker...)
			for _, what := range removed {
				fmt.Fprintln(std.out, "removed", what)
			}
			if err = errors.Join(err, dockerErr); err == nil && len(removed) == 0 {
				fmt.Fprintln(std.out, "nothing was left behind")
			}
			return err
		},
	}
}

func sweepDocker(ctx context.Context, at docker.Endpoint, filter docker.Filter) ([]string, error) {
	eng, err := docker.New(ctx, docker.Options{Endpoint: at})
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	return eng.Sweep(ctx, filter)
}

func newVersionCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version",
		OnUsageError: onUsageError,
		Action: func(context.Context, *cli.Command) error {
			_, err := fmt.Fprintf(std.out, "plimsoll %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
