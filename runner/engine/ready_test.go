package engine_test

import (
	"slices"
	"testing"

	"plimsoll/runner/engine"
)

// TestWithoutLastWaits: what others wait for is still waited for, and the rest
// is as it was.
func TestWithoutLastWaits(t *testing.T) {
	ops := engine.Diff(shop(), engine.State{})
	kept := engine.WithoutLastWaits(ops)
	var waits []string
	for i, op := range kept {
		if op.Kind == engine.AwaitReady || op.Kind == engine.AwaitExit {
			waits = append(waits, string(op.Kind)+" "+op.Target())
		}
		for _, need := range op.Needs {
			if need >= i {
				t.Errorf("#%d %v needs what comes after it", i, op)
			}
		}
		before := ops[slices.IndexFunc(ops, func(o engine.Op) bool { return o.Kind == op.Kind && o.Target() == op.Target() })]
		if op.Cause != before.Cause || len(op.Needs) != len(before.Needs) {
			t.Errorf("%v was %v", op, before)
			continue
		}
		for n, need := range op.Needs {
			if was := ops[before.Needs[n]]; kept[need].Kind != was.Kind || kept[need].Target() != was.Target() {
				t.Errorf("%v needs %v, it was %v", op, kept[need], was)
			}
		}
	}
	if want := []string{"await ready db-1", "await exit prepare-1"}; !slices.Equal(waits, want) {
		t.Errorf("it waits for %q, want %q", waits, want)
	}
	if got, want := len(kept), len(ops)-3; got != want { // those of proxy-1, web-1 and web-2
		t.Errorf("%d operations, want %d", got, want)
	}
}

func TestDefinition(t *testing.T) {
	web, _ := shop().Topology.Service("web")
	one, err := engine.Definition(web)
	if err != nil {
		t.Fatal(err)
	}
	web.Replicas = 7
	if more, _ := engine.Definition(web); more != one {
		t.Error("the number of replicas is part of it")
	}
	web.Environment = []string{"A=b"}
	if other, _ := engine.Definition(web); other == one {
		t.Error("the environment is not part of it")
	}
}
