package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	rest := topology.Service{Name: "web", Command: []string{"rest"}, Replicas: 2, Mounts: []topology.Mount{{Type: topology.VolumeMount, Target: "/anonymous"}}}
	stack, other := newStack(t, e, rest), newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}})
	stack.Topology.Volumes = []string{"data"}
	up(t, e, stack)
	up(t, e, other)
	if _, err := e.Launch(t.Context(), stack); err != nil {
		t.Fatal(err)
	}
	c, err := e.cli.ContainerInspect(t.Context(), observe(t, e, stack).Replicas[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	anonymous := c.Mounts[0].Name

	removed, err := e.Sweep(t.Context(), Filter{Run: stack.Run})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(removed)
	want := []string{
		"container " + stack.Name + "-web-1", "container " + stack.Name + "-web-2", "container " + stack.Name + "-worker-1",
		"network " + stack.Name + "_default", "volume " + stack.Name + "_data",
	}
	if diff := cmp.Diff(want, removed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if state := observe(t, e, other); len(state.Replicas) != 1 || state.Replicas[0].Status != engine.Running {
		t.Errorf("the other run's stack is now %+v", state)
	}
	if _, err := e.cli.VolumeInspect(t.Context(), anonymous); err == nil {
		t.Errorf("anonymous volume %s is left behind", anonymous)
	}
	if removed, err := e.Sweep(t.Context(), Filter{Run: stack.Run}); len(removed) > 0 || err != nil {
		t.Errorf("then there is %v, %v", removed, err)
	}
}

// TestSweepCannot says what is in the way and removes the rest.
func TestSweepCannot(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack, other := newStack(t, e), newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}})
	stack.Topology.Volumes = []string{"data"}
	up(t, e, stack)
	network := resourceName(stack.Name, "default")
	web := up(t, e, other).Replicas[0]
	if err := e.cli.NetworkConnect(t.Context(), network, web.ID, nil); err != nil {
		t.Fatal(err)
	}
	removed, err := e.Sweep(t.Context(), Filter{Run: stack.Run})
	wantError(t, err, "remove network "+network+": network "+network+" is still used by "+other.Name+"-web-1")
	if diff := cmp.Diff([]string{"volume " + stack.Name + "_data"}, removed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := e.cli.NetworkDisconnect(t.Context(), network, web.ID, false); err != nil {
		t.Fatal(err)
	}
}

// TestComposeKnowsTheStack lets Compose's own command list a stack and take it
// down.
func TestComposeKnowsTheStack(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	compose := testenv.Command(t, "compose", "docker-compose")
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}, Replicas: 2})
	up(t, e, stack)
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte("version: '3'\nservices:\n  web:\n    image: plimsoll\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		output, err := exec.Command(compose, append([]string{"-p", stack.Name, "-f", file}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, output)
		}
		return string(output)
	}
	for _, want := range []string{stack.Name + "-web-1", stack.Name + "-web-2"} {
		if ps := run("ps"); !strings.Contains(ps, want) {
			t.Errorf("no %s in\n%s", want, ps)
		}
	}
	run("down")
	if state := observe(t, e, stack); len(state.Replicas)+len(state.Networks) > 0 {
		t.Errorf("Compose left %+v", state)
	}
}
