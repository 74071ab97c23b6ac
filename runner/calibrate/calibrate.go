// Package calibrate loads a target that answers at once, the null target, on
// the way on which a stack is going to be loaded: what is seen then is the load
// generator's, the network's and the machine's alone.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"plimsoll/results"
	"plimsoll/runner/bench"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/scenarios/topology"
)

const (
	// service is the null target's name.
	service = "null"
	// port is where it listens.
	port = 8080
	// readyWithin is how long its start may take, stopWithin its end.
	readyWithin = 30 * time.Second
	stopWithin  = 30 * time.Second

	// Length is how long a calibration lasts.
	Length = 3 * time.Second
	// margin is by how much a calibration's rate is above the load's.
	marginCount, marginPer = 13, 10
)

// Null is a null target that runs on an engine, and the way to it.
type Null struct {
	engine   engine.Engine
	launcher engine.Launcher
	stack    engine.Stack
	targets  []string
	path     string
}

// Start starts a null target on an engine that can launch workers. run labels
// what is made for it.
func Start(ctx context.Context, eng engine.Engine, run string) (_ *Null, err error) {
	launcher, ok := eng.(engine.Launcher)
	if !ok {
		return nil, errors.New("calibrate: this engine cannot launch a load worker")
	}
	info, err := eng.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	n := &Null{engine: eng, launcher: launcher, path: info.LoadPath, stack: engine.Stack{
		Name: fmt.Sprintf("%s-null-%d", run, os.Getpid()), Run: run, Topology: target(),
	}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("calibrate: start the null target: %w", errors.Join(err, n.Stop(ctx)))
		}
	}()
	state, err := eng.Observe(ctx, n.stack.Name)
	if err != nil {
		return nil, err
	}
	if _, err := engine.Apply(ctx, eng, engine.Diff(n.stack, state), engine.ApplyOptions{ReadyWithin: readyWithin}); err != nil {
		return nil, err
	}
	addresses, err := eng.Endpoint(ctx, n.stack.Name, service, port)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		n.targets = append(n.targets, (&url.URL{Scheme: "http", Host: a.String()}).String())
	}
	if len(n.targets) == 0 {
		return nil, errors.New("it does not run")
	}
	return n, nil
}

// target is the null target as a stack of one service.
func target() *topology.Topology {
	const network = "default"
	return &topology.Topology{
		Name: service, Networks: []string{network},
		Services: []topology.Service{{
			Name: service, Image: engine.SelfImage, Replicas: 1,
			Command:     []string{"fixture", "null", "--listen", fmt.Sprintf(":%d", port)},
			Networks:    []topology.Attachment{{Network: network}},
			Ports:       []topology.Port{{Target: port, Protocol: "tcp"}},
			Healthcheck: &topology.Healthcheck{Test: []string{"/plimsoll", "fixture", "probe", fmt.Sprintf("http://localhost:%d/", port)}},
		}},
	}
}

// Path says from where the load comes.
func (n *Null) Path() string { return n.path }

// Stop removes the null target, whatever became of ctx.
func (n *Null) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	state, err := n.engine.Observe(ctx, n.stack.Name)
	if err != nil {
		return err
	}
	nothing := engine.Stack{Name: n.stack.Name, Run: n.stack.Run}
	_, err = engine.Apply(ctx, n.engine, engine.Diff(nothing, state), engine.ApplyOptions{})
	return err
}

// Measure applies a job to the null target, whatever its own targets are, and
// returns what was measured and judged.
func (n *Null) Measure(ctx context.Context, job load.Job, workers int, transport string) (results.Trial, error) {
	job.Phase, job.Targets, job.Host, job.Trust = results.Measure, n.targets, "", load.Trust{}
	out, err := bench.Run(ctx, bench.Options{
		Launcher: beside{n}, Workers: workers, Transport: transport, Job: job, Target: n.targets[0],
	})
	if err != nil {
		return results.Trial{}, fmt.Errorf("calibrate: %w", err)
	}
	return out.Trial, nil
}

// Calibrate applies a little more than a job to the null target. objective is
// as in results.Calibrate.
func (n *Null) Calibrate(ctx context.Context, job load.Job, workers int, transport string, objective time.Duration) (results.Calibration, error) {
	trial, err := n.Measure(ctx, harder(job), workers, transport)
	if err != nil {
		return results.Calibration{}, err
	}
	return results.Calibrate(trial, n.path, objective), nil
}

// beside launches workers on the null target's networks.
type beside struct{ *Null }

func (b beside) Launch(ctx context.Context, _ engine.Stack) (engine.Worker, error) {
	return b.launcher.Launch(ctx, b.stack)
}

// harder is a job of a few seconds: of an open loop at 1.3 times the highest
// rate that it has at any time, of a closed one with as many at a time and
// nobody thinking. An emulated distance is left out.
func harder(job load.Job) load.Job {
	job.Duration, job.Link = Length, load.Link{}
	if job.Concurrency > 0 {
		job.Requests, job.Think = 0, 0
		return job
	}
	peak := load.Rate{Count: job.RateCount, Per: job.RatePer}
	for _, stage := range job.Stages {
		if perSecond(stage.To) > perSecond(peak) {
			peak = stage.To
		}
	}
	if job.Sine != nil {
		peak = sum(peak, job.Sine.Amplitude)
	}
	job.Stages, job.Sine = nil, nil
	job.RateCount, job.RatePer = peak.Count*marginCount, peak.Per*marginPer
	return job
}

func perSecond(r load.Rate) float64 {
	if r.Per == 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// sum adds up rates, to the request per second.
func sum(a, b load.Rate) load.Rate {
	return load.Rate{Count: int(perSecond(a)+perSecond(b)) + 1, Per: time.Second}
}
