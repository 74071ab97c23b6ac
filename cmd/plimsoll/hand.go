package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/runner/site"
	"plimsoll/scenarios"
)

// The verbs that drive one environment by hand.

const handArgs = "SCENARIO ENVIRONMENT"

func newUpCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:      "up",
		Usage:     "bring one environment of a scenario up, and leave it up",
		ArgsUsage: handArgs,
		Description: `Does what is missing, and nothing when it is up already. With --wait it returns
when every replica is ready and the target answers, and shows how long each took
and what the time hung on. plimsoll run --attach puts load on it.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "scale", Usage: "with these replica `COUNTS` instead of the file's: web=3,static=2"},
			&cli.BoolFlag{Name: "wait", Usage: "return when everything is ready and the target answers"},
			readyWithinFlag(),
		},
		DisableSliceFlagSeparator: true,
	}, true, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		if err := h.noMore(cmd); err != nil {
			return err
		}
		scales, err := parseScales(cmd.StringSlice("scale"))
		if err != nil {
			return err
		}
		for _, scale := range scales {
			if err := h.scale(scale); err != nil {
				return err
			}
		}
		return h.up(ctx, std, cmd.Bool("wait"))
	})
}

func newScaleCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:      "scale",
		Usage:     "change how many replicas run of an environment that is up",
		ArgsUsage: handArgs + " SERVICE=COUNT…",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "return when everything is ready and the target answers"},
			readyWithinFlag(),
		},
	}, true, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		texts := cmd.Args().Slice()[2:]
		if len(texts) == 0 {
			return usageErrorf("scale takes at least one SERVICE=COUNT, such as web=3")
		}
		scales, err := parseScales(texts)
		if err != nil {
			return err
		}
		now, err := h.standing(ctx)
		if err != nil {
			return err
		}
		h.Site = now
		for _, scale := range scales {
			if err := h.scale(scale); err != nil {
				return err
			}
		}
		return h.up(ctx, std, cmd.Bool("wait"))
	})
}

func newDownCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:        "down",
		Usage:       "take an environment down that was brought up by hand",
		ArgsUsage:   handArgs,
		Description: "Removes its containers and networks; named volumes stay unless asked for.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "volumes", Aliases: []string{"v"}, Usage: "remove its named volumes, too"},
		},
	}, false, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		if err := h.noMore(cmd); err != nil {
			return err
		}
		remains := site.Volumes
		if cmd.Bool("volumes") {
			remains = site.Nothing
		}
		done, err := h.Down(ctx, remains, false)
		tell(std.out, done)
		if err == nil && len(done) == 0 {
			fmt.Fprintf(std.out, "%s is down already\n", h.Stack.Name)
		}
		return err
	})
}

func newPsCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:      "ps",
		Usage:     "show the replicas of an environment: state, health, CPU, memory, ports",
		ArgsUsage: handArgs,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "as JSON, one object for each replica"},
		},
	}, false, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		if err := h.noMore(cmd); err != nil {
			return err
		}
		list, err := h.Status(ctx)
		if err != nil {
			return err
		}
		if cmd.Bool("json") {
			return psJSON(std.out, list)
		}
		if len(list) == 0 {
			fmt.Fprintf(std.err, "nothing of %s is up; plimsoll up %s %s starts it\n", h.Stack.Name, cmd.Args().Get(0), h.env.Name)
		}
		return psTable(std.out, list)
	})
}

func newLogsCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:      "logs",
		Usage:     "show what the replicas of an environment printed",
		ArgsUsage: handArgs + " [SERVICE or REPLICA…]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until Ctrl-C"},
			&cli.IntFlag{Name: "tail", Value: 100, Usage: "the last `N` lines of each replica"},
		},
	}, false, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		state, err := h.Engine.Observe(ctx, h.Stack.Name)
		if err != nil {
			return err
		}
		replicas, err := choose(state.Replicas, cmd.Args().Slice()[2:])
		if err != nil {
			return err
		}
		if len(replicas) == 0 {
			fmt.Fprintf(std.err, "nothing of %s is up\n", h.Stack.Name)
			return nil
		}
		return logs(ctx, std.out, h.Engine, replicas, cmd.Int("tail"), cmd.Bool("follow"))
	})
}

func newImagesCommand(std streams) *cli.Command {
	return handCommand(std, &cli.Command{
		Name:      "images",
		Usage:     "show the images of an environment: identity, size, age",
		ArgsUsage: handArgs,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "as JSON, one object for each image"},
		},
	}, false, func(ctx context.Context, cmd *cli.Command, h *hand) error {
		if err := h.noMore(cmd); err != nil {
			return err
		}
		return images(ctx, std.out, h, cmd.Bool("json"))
	})
}

func readyWithinFlag() cli.Flag {
	return &cli.DurationFlag{Name: "ready-within", Value: time.Minute, Usage: "how `LONG` a replica may take to become ready"}
}

// hand is the environment that a verb is about.
type hand struct {
	*site.Site
	scenario *scenarios.Scenario
	env      scenarios.Environment
}

// handCommand completes a command: it has what it takes in hand when act runs.
// keep says that what act starts has to outlive the program.
func handCommand(std streams, c *cli.Command, keep bool, act func(context.Context, *cli.Command, *hand) error) *cli.Command {
	c.Flags = append(c.Flags, engineFlags()...)
	c.OnUsageError = onUsageError
	c.Action = func(ctx context.Context, cmd *cli.Command) (err error) {
		if cmd.Args().Len() < 2 {
			return usageErrorf("%s takes %s; plimsoll list shows the shipped scenarios", cmd.Name, cmd.ArgsUsage)
		}
		choice, err := engineChoiceOf(cmd)
		if err != nil {
			return err
		}
		scenario, err := scenarios.Read(cmd.Args().Get(0))
		if err != nil {
			return err
		}
		env, err := handEnvironment(scenario, cmd.Args().Get(1))
		if err != nil {
			return err
		}
		engines := newEngines(choice, true, std.err)
		eng, err := engines.forEnvironment(ctx, env)
		if err != nil {
			return &runner.StartError{Environment: env.Name, Err: err}
		}
		defer func() { err = errors.Join(err, eng.Close()) }()
		if keep {
			for _, w := range scenario.Warnings {
				fmt.Fprintln(std.err, "warning:", w)
			}
		}
		h := &hand{scenario: scenario, env: env, Site: &site.Site{
			Engine: eng, Stack: site.ByHand(scenario, env), ReadyWithin: cmp.Or(cmd.Duration("ready-within"), time.Minute),
			Report: func(line string) { fmt.Fprintln(std.err, line) },
		}}
		return act(ctx, cmd, h)
	}
	return c
}

func handEnvironment(s *scenarios.Scenario, name string) (scenarios.Environment, error) {
	env, ok := s.Environment(name)
	if !ok {
		var names []string
		for _, e := range s.Environments {
			names = append(names, e.Name)
		}
		return env, usageErrorf("scenario %s has no environment %q; it has %s", s.Name, name, strings.Join(names, ", "))
	}
	if env.Topology == nil {
		return env, usageErrorf("environment %s has no topology: it runs already, at %s", name, env.Target)
	}
	return env, nil
}

func (h *hand) noMore(cmd *cli.Command) error {
	if cmd.Args().Len() > 2 {
		return usageErrorf("%s takes %s, got %q, too", cmd.Name, handArgs, cmd.Args().Get(2))
	}
	return nil
}

// scale changes the wanted replica counts.
func (h *hand) scale(scale scenarios.Scale) error {
	for service := range scale {
		if _, ok := h.Stack.Topology.Service(service); !ok {
			return usageErrorf("environment %s has no service %q; it has %s", h.env.Name, service, strings.Join(h.Stack.Topology.ServiceNames(), ", "))
		}
	}
	h.Stack.Topology = h.Stack.Topology.WithScale(scale)
	return nil
}

// standing is the site as it is, which has to be up.
func (h *hand) standing(ctx context.Context) (*site.Site, error) {
	now, up, err := h.AsIs(ctx)
	if err == nil && !up {
		err = &codedError{exitNotStarted, h.Stack.Name + " is not up; start it first, with plimsoll up"}
	}
	return now, err
}

// choose returns the replicas that are named, by service or one by one; all if
// nothing is named.
func choose(replicas []engine.Replica, names []string) ([]engine.Replica, error) {
	if len(names) == 0 {
		return replicas, nil
	}
	var chosen []engine.Replica
	for _, r := range replicas {
		if slices.Contains(names, r.Service) || slices.Contains(names, r.Name()) {
			chosen = append(chosen, r)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(chosen, func(r engine.Replica) bool { return r.Service == name || r.Name() == name }) {
			return nil, usageErrorf("no replica %q is there; plimsoll ps shows them", name)
		}
	}
	return chosen, nil
}
