package main

import (
	"testing"

	"plimsoll/runner/engine/docker"
	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// An environment has the engine that it names; the command line's is for those
// that name none. Environments with equal keys share an engine.
func TestEngineForEnvironment(t *testing.T) {
	host := docker.Endpoint{Host: "ssh://far"}
	flags := engineChoice{endpoint: host}
	for _, test := range []struct {
		name   string
		choice engineChoice
		env    scenarios.Engine
		want   engineKey
	}{
		{"nothing said", engineChoice{}, scenarios.Engine{}, engineKey{kind: "docker"}},
		{"flag", engineChoice{kind: "process"}, scenarios.Engine{}, engineKey{kind: "process"}},
		{"its own kind before the flag's", engineChoice{kind: "process"}, scenarios.Engine{Kind: "docker"}, engineKey{kind: "docker"}},
		{"where the flag says", flags, scenarios.Engine{}, engineKey{"docker", host}},
		{"a kind names no place", flags, scenarios.Engine{Kind: "docker"}, engineKey{"docker", host}},
		{"auto, where the flag says", flags, scenarios.Engine{Kind: "auto"}, engineKey{"auto", host}},
		{"processes are here", flags, scenarios.Engine{Kind: "process"}, engineKey{kind: "process"}},
		{"its own context before the flag's host", flags, scenarios.Engine{Context: "aws"}, engineKey{"docker", docker.Endpoint{Context: "aws"}}},
		{"its own host before the flag's kind", engineChoice{kind: "process"}, scenarios.Engine{Host: "tcp://a:1", TLS: "/c"}, engineKey{"docker", docker.Endpoint{Host: "tcp://a:1", TLS: "/c"}}},
	} {
		env := scenarios.Environment{Engine: test.env, Topology: &topology.Topology{}}
		if got := test.choice.keyFor(env); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := flags.keyFor(scenarios.Environment{Target: "http://a"}); got != (engineKey{kind: workerOnly}) {
		t.Errorf("a target that runs already: %+v", got)
	}
}
