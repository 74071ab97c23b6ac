package runner

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"

	"plimsoll/internal/proc"
	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/scenarios"
	"plimsoll/scenarios/yamlfile"
)

// provenance says under which circumstances the run's numbers arise.
func (r *run) provenance(ctx context.Context) (results.Provenance, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	facts := proc.Host()
	p := results.Provenance{
		Version: r.Version, Command: r.Command,
		Host: host, OS: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel: facts.Kernel, CPU: facts.CPU, CPUs: runtime.NumCPU(), MemoryBytes: facts.MemoryBytes,
		Engines: map[string]string{}, CPULimits: map[string]float64{}, Seed: r.Plan.Seed, Transport: r.Transport,
		Warmup: r.Scenario.Warmup.Text(),
	}
	var paths []string
	for name, eng := range r.engines {
		info, err := eng.Info(ctx)
		if err != nil {
			return p, &StartError{Environment: name, Err: err}
		}
		p.Engines[name] = describe(info)
		if env, known := r.Scenario.Environment(name); known && info.Limits {
			noteLimits(p.CPULimits, env)
		}
		if !slices.Contains(paths, info.LoadPath) {
			paths = append(paths, info.LoadPath)
		}
	}
	slices.Sort(paths)
	p.LoadPath = strings.Join(paths, "; ")
	p.Attached = r.Attach
	return p, nil
}

// noteLimits keeps how many CPUs an environment's replicas may use.
func noteLimits(limits map[string]float64, env scenarios.Environment) {
	if env.Topology == nil {
		return
	}
	for _, s := range env.Topology.Services {
		if cpus := s.Limits.Cores(); cpus > 0 {
			limits[env.Name+"/"+s.Name] = cpus
		}
	}
}

func describe(info engine.Info) string {
	text := info.Kind
	if info.Version != "" {
		text += " " + info.Version
	}
	if info.Endpoint != "" {
		text += " at " + info.Endpoint
	}
	return text
}

// loadSummaries says of each load what it is. A rate that cannot be sent is a
// *scenarios.Error.
func loadSummaries(s *scenarios.Scenario) (map[string]results.LoadSummary, error) {
	summaries := map[string]results.LoadSummary{}
	for _, l := range s.Loads {
		rate, err := jobFor(l).MeanRate()
		if err != nil {
			return nil, yamlfile.NewError(scenarios.Problem{File: s.File, Path: "loads." + l.Name, Message: err.Error()})
		}
		connections := "a new connection each"
		if l.KeepAlive {
			connections = "connections kept"
		}
		if l.HTTP2 {
			connections += ", HTTP/2"
		}
		summaries[l.Name] = results.LoadSummary{
			Mode: string(l.Mode), Text: l.Text() + ", " + connections,
			Requests: l.Requests, Concurrency: l.Concurrency, Think: l.Think,
			Rate: rate, Duration: l.Duration, KeepAlive: l.KeepAlive,
			Pattern: l.Pattern(),
		}
	}
	return summaries, nil
}

// warnings collects what is asked for and not honoured, by the scenario with
// its topologies and by the engines.
func (r *run) warnings() []string {
	all := slices.Concat(r.Scenario.Warnings, r.Warnings)
	for name, eng := range r.engines {
		env, _ := r.Scenario.Environment(name)
		warner, ok := eng.(engine.Warner)
		if env.Topology == nil || !ok {
			continue
		}
		for _, text := range warner.Warnings(env.Topology) {
			all = append(all, name+": "+text)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
