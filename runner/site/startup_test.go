package site

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// TestStartup: db is slow to become ready, and web waits for it.
func TestStartup(t *testing.T) {
	const ms = time.Millisecond
	begin := time.Unix(1_000_000, 0)
	op := func(kind engine.Kind, service string, from, to time.Duration, needs ...int) engine.Done {
		o := engine.Op{Kind: kind, Needs: needs}
		if kind == engine.CreateNetwork {
			o.Resource = service
		} else {
			o.Service, o.Number = topology.Service{Name: service}, 1
		}
		return engine.Done{Op: o, Begin: begin.Add(from), End: begin.Add(to)}
	}
	up := Startup{Begin: begin, complete: true, Done: []engine.Done{
		op(engine.CreateNetwork, "default", 0, 80*ms),
		op(engine.CreateReplica, "db", 80*ms, 120*ms, 0),
		op(engine.CreateReplica, "web", 80*ms, 150*ms, 0),
		op(engine.StartReplica, "db", 120*ms, 400*ms, 1),
		op(engine.AwaitReady, "db", 400*ms, 900*ms, 3),
		op(engine.StartReplica, "web", 900*ms, 1200*ms, 2, 4),
		op(engine.AwaitReady, "web", 1200*ms, 1250*ms, 4, 5),
	}}
	steps := []Step{{"db-1", 120 * ms, 400 * ms, 900 * ms}, {"web-1", 150 * ms, 1200 * ms, 1250 * ms}}
	if d := cmp.Diff(steps, up.Steps()); d != "" {
		t.Errorf("steps (-want +got)\n%s", d)
	}
	var path []string
	var sum time.Duration
	before := begin
	for _, d := range up.CriticalPath() {
		path = append(path, string(d.Op.Kind)+" "+d.Op.Target())
		sum += d.End.Sub(before)
		before = d.End
	}
	want := []string{"create network default", "create db-1", "start db-1", "await ready db-1", "start web-1", "await ready web-1"}
	if d := cmp.Diff(want, path); d != "" {
		t.Errorf("critical path (-want +got)\n%s", d)
	}
	if sum != up.Length() || sum != 1250*ms {
		t.Errorf("the path takes %v, the start-up %v, want 1.25s", sum, up.Length())
	}
	up.complete = false
	if path := up.CriticalPath(); path != nil {
		t.Errorf("a start-up that failed hung on %v", path)
	}
}
