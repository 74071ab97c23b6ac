package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/docker"
	"plimsoll/runner/engine/process"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
)

// engineFlags say what runs the stacks of environments that do not say it
// themselves.
func engineFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{
			Name: "engine", Usage: "run stacks on `ENGINE`: docker, process (only the shipped services), or auto (docker if it answers, else process)",
			Validator: func(kind string) error {
				switch kind {
				case scenarios.DockerEngine, scenarios.ProcessEngine, scenarios.AutoEngine:
					return nil
				}
				return fmt.Errorf("%q is no engine; choose docker, process or auto", kind)
			},
		},
		&cli.StringFlag{
			Name:  "linux-binary",
			Usage: "the `FILE` of plimsoll, built for Linux and the CPU of the engine's host, that runs in containers where this program cannot",
		},
	}
	return append(flags, endpointFlags()...)
}

// endpointFlags say which Docker engine is meant, as those of the docker
// command do.
func endpointFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "host", Usage: "use the Docker engine at `ADDRESS`: unix://…, tcp://…, ssh://… (default: the docker command's own choice)"},
		&cli.StringFlag{Name: "context", Usage: "use the Docker engine of the docker command's context `NAME`"},
	}
}

// endpointOf reads endpointFlags.
func endpointOf(cmd *cli.Command) (docker.Endpoint, error) {
	at := docker.Endpoint{Host: cmd.String("host"), Context: cmd.String("context")}
	if at.Host != "" && at.Context != "" {
		return at, usageErrorf("--host and --context both name an engine; leave one of them out")
	}
	return at, nil
}

// engineChoice is what the command line says about engines. It holds for the
// environments that do not say it themselves.
type engineChoice struct {
	kind        string // empty: docker
	endpoint    docker.Endpoint
	linuxBinary string
}

// engineChoiceOf reads engineFlags.
func engineChoiceOf(cmd *cli.Command) (engineChoice, error) {
	at, err := endpointOf(cmd)
	choice := engineChoice{kind: cmd.String("engine"), endpoint: at, linuxBinary: cmd.String("linux-binary")}
	if err == nil && choice.kind == scenarios.ProcessEngine && at != (docker.Endpoint{}) {
		err = usageErrorf("--engine process runs stacks here; leave --host and --context out, or use --engine docker")
	}
	return choice, err
}

// engines opens each engine once, however many environments share it.
type engines struct {
	engineChoice
	messages io.Writer
	keep     bool // stacks should outlive the program
	open     map[engineKey]engine.Engine
}

// engineKey tells engines apart.
type engineKey struct {
	kind     string
	endpoint docker.Endpoint
}

// workerOnly is the kind of engine of a target that runs already: it needs
// none but for the load worker, which is a process then.
const workerOnly = "worker"

func newEngines(choice engineChoice, keep bool, messages io.Writer) *engines {
	return &engines{engineChoice: choice, keep: keep, messages: messages, open: map[engineKey]engine.Engine{}}
}

// forEnvironment returns the engine for an environment.
func (e *engines) forEnvironment(ctx context.Context, env scenarios.Environment) (engine.Engine, error) {
	key := e.keyFor(env)
	if eng, ok := e.open[key]; ok {
		return eng, nil
	}
	eng, err := e.start(ctx, key)
	if err != nil {
		return nil, err
	}
	e.open[key] = eng
	return eng, nil
}

// keyFor decides which engine an environment is meant to have: its own, and
// the command line's as far as it names none.
func (e engineChoice) keyFor(env scenarios.Environment) engineKey {
	if env.Topology == nil {
		return engineKey{kind: workerOnly}
	}
	own := docker.Endpoint{Host: env.Engine.Host, TLS: env.Engine.TLS, Context: env.Engine.Context}
	key := engineKey{kind: cmp.Or(env.Engine.Kind, e.kind, scenarios.DockerEngine), endpoint: e.endpoint}
	if own != (docker.Endpoint{}) {
		key = engineKey{kind: scenarios.DockerEngine, endpoint: own}
	}
	if key.kind == scenarios.ProcessEngine {
		key.endpoint = docker.Endpoint{}
	}
	return key
}

func (e *engines) start(ctx context.Context, key engineKey) (engine.Engine, error) {
	switch key.kind {
	case workerOnly:
		return process.New(process.Options{})
	case scenarios.ProcessEngine:
		return e.startProcess()
	case scenarios.DockerEngine:
		return e.startDocker(ctx, key.endpoint)
	}
	eng, err := e.startDocker(ctx, key.endpoint)
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

func (e *engines) startDocker(ctx context.Context, at docker.Endpoint) (engine.Engine, error) {
	eng, err := docker.New(ctx, docker.Options{Endpoint: at, Self: e.linuxBinary})
	if err != nil {
		return nil, err // and not a nil *docker.Engine in an interface
	}
	return eng, nil
}

func (e *engines) startProcess() (engine.Engine, error) {
	if e.keep {
		return nil, usageErrorf("--keep: processes end with the program that started them; keep a stack with --engine docker")
	}
	return process.New(process.Options{})
}

func transportFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "transport", Value: load.AutoName,
		Usage: "send with `TRANSPORT`: general, fast (on Linux to http:// and IP addresses), or auto (fast where it can)",
	}
}
