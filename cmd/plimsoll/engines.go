package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/docker"
	"plimsoll/runner/engine/process"
	"plimsoll/scenarios"
)

func engineFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "engine", Usage: "run stacks on `ENGINE`: docker, process (only the shipped services), or auto (docker if it answers, else process)",
		Validator: func(kind string) error {
			switch kind {
			case "docker", "process", "auto":
				return nil
			}
			return fmt.Errorf("%q is no engine; choose docker, process or auto", kind)
		},
	}
}

// engines opens each kind of engine once.
type engines struct {
	choice   string // the command line's; empty: the scenario's, else docker
	messages io.Writer
	keep     bool // stacks should outlive the program
	open     map[string]engine.Engine
}

func newEngines(choice string, keep bool, messages io.Writer) *engines {
	return &engines{choice: choice, keep: keep, messages: messages, open: map[string]engine.Engine{}}
}

// forEnvironment returns the engine for an environment. A target that runs
// already needs none but for the load worker, which is a process then.
func (e *engines) forEnvironment(ctx context.Context, env scenarios.Environment) (engine.Engine, error) {
	kind := e.choice
	switch {
	case env.Topology == nil:
		kind = "worker"
	case kind == "" && env.Engine != "":
		kind = env.Engine
	case kind == "":
		kind = "docker"
	}
	if eng, ok := e.open[kind]; ok {
		return eng, nil
	}
	eng, err := e.start(ctx, kind)
	if err != nil {
		return nil, err
	}
	e.open[kind] = eng
	return eng, nil
}

func (e *engines) start(ctx context.Context, kind string) (engine.Engine, error) {
	switch kind {
	case "worker":
		return process.New(process.Options{})
	case "process":
		return e.startProcess()
	case "docker":
		return docker.New(ctx, docker.Options{})
	}
	eng, err := docker.New(ctx, docker.Options{})
	switch {
	case err == nil:
		fmt.Fprintln(e.messages, "engine: docker, which answers")
		return eng, nil
	case errors.Is(err, engine.ErrUnreachable):
		fmt.Fprintf(e.messages, "engine: process, because Docker does not answer (%v)\n", err)
		return e.startProcess()
	}
	return nil, err
}

func (e *engines) startProcess() (engine.Engine, error) {
	if e.keep {
		return nil, usageErrorf("--keep: processes end with the program that started them; keep a stack with --engine docker")
	}
	return process.New(process.Options{})
}
