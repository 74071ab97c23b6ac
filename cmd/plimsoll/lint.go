package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"plimsoll/internal/proc"
	"plimsoll/scenarios"
	"plimsoll/scenarios/lint"
	"plimsoll/scenarios/plan"
)

// validate looks at a scenario that could be read.
func validate(std streams, s *scenarios.Scenario) error {
	p, err := plan.Compile(s, plan.Options{Trials: 1})
	if err != nil {
		return err
	}
	_, err = warn(std, engineChoice{}, s, p, lint.Finding.String)
	return err
}

// warn writes all warnings to stderr, those with a place in the form that show
// gives them, and returns those with a place as they are recorded. What cannot
// succeed is an error with the exit code of a bad scenario.
func warn(std streams, choice engineChoice, s *scenarios.Scenario, p *plan.Plan, show func(lint.Finding) string) ([]string, error) {
	for _, w := range s.Warnings {
		fmt.Fprintln(std.err, "warning:", w)
	}
	var (
		warnings []string
		hopeless []scenarios.Problem
	)
	for _, f := range lint.Check(s, p, hosts(choice)) {
		if f.Severity == lint.Error {
			hopeless = append(hopeless, f.Problem)
			continue
		}
		fmt.Fprintln(std.err, "warning:", show(f))
		warnings = append(warnings, f.Line())
	}
	if len(hopeless) > 0 {
		return nil, &scenarios.Error{Problems: hopeless}
	}
	return warnings, nil
}

// exists is true also where that cannot be told.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// hosts tells where stacks run. Of an engine elsewhere nothing is known yet.
func hosts(choice engineChoice) func(scenarios.Environment) lint.Host {
	facts := proc.Host()
	return func(env scenarios.Environment) lint.Host {
		key := choice.keyFor(env)
		host := lint.Host{Engine: key.kind, Facts: facts}
		if key.kind != scenarios.ProcessEngine && !key.endpoint.Local() {
			host.Facts = proc.Facts{}
		} else {
			host.There = exists
		}
		return host
	}
}
