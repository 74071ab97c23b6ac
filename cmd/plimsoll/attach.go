package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"plimsoll/runner"
	"plimsoll/runner/site"
	"plimsoll/scenarios"
)

// attached is the scale that the one environment has which a run attaches to:
// the counts that are not the file's.
func attached(ctx context.Context, std streams, cmd *cli.Command, choice engineChoice, s *scenarios.Scenario) (_ scenarios.Scale, err error) {
	if cmd.IsSet("scale") || cmd.Bool("keep") {
		return nil, usageErrorf("--attach takes the stack as it is and leaves it up; leave out --scale and --keep (plimsoll scale changes it)")
	}
	names := cmd.StringSlice("env")
	if len(names) == 0 && len(s.Environments) == 1 {
		names = []string{s.Environments[0].Name}
	}
	if len(names) != 1 {
		return nil, usageErrorf("--attach is for one environment; name it with --env")
	}
	env, err := handEnvironment(s, names[0])
	if err != nil {
		return nil, err
	}
	eng, err := newEngines(choice, true, std.err).forEnvironment(ctx, env)
	if err != nil {
		return nil, &runner.StartError{Environment: env.Name, Err: err}
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	here := &site.Site{Engine: eng, Stack: site.ByHand(s, env)}
	now, up, err := here.AsIs(ctx)
	if err == nil && !up {
		err = fmt.Errorf("%s is not up; plimsoll up %s %s starts it", here.Stack.Name, cmd.Args().First(), env.Name)
	}
	if err != nil {
		return nil, &runner.StartError{Environment: env.Name, Err: err}
	}
	scale := scenarios.Scale{}
	for service, count := range now.Stack.Topology.Scale() {
		if count != env.Topology.Scale()[service] {
			scale[service] = count
		}
	}
	return scale, nil
}
