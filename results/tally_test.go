package results_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
)

// Several workers' lines, added up each on its own and merged, give the
// summary that one worker with all of the requests would have given.
func TestTallyMerge(t *testing.T) {
	first, second := results.NewTally(), results.NewTally()
	for _, l := range []results.Line{
		results.Ready{Phase: results.Measure, Worker: results.WorkerUsage{CPU: 50 * time.Millisecond}},
		interval(results.Measure, 0, 100, 10*time.Millisecond),
		results.Final{
			Phase: results.Measure, Began: began, Length: time.Second, Due: 101,
			Worker: results.WorkerUsage{CPU: 350 * time.Millisecond, RSSBytes: 9 << 20, GCPause: time.Millisecond},
		},
	} {
		first.Add(l)
	}
	for _, l := range []results.Line{
		results.Ready{Phase: results.Measure, Worker: results.WorkerUsage{CPU: 20 * time.Millisecond, GCPause: time.Millisecond}},
		interval(results.Measure, 0, 50, 40*time.Millisecond),
		interval(results.Measure, 1, 30, 20*time.Millisecond),
		results.Final{
			Phase: results.Measure, Began: began.Add(5 * time.Millisecond), Length: 2 * time.Second, Due: 82,
			Sample: results.SampleAnswer{Document: "/", Length: 331},
			Worker: results.WorkerUsage{CPU: 420 * time.Millisecond, RSSBytes: 5 << 20, GCPause: 3 * time.Millisecond},
		},
	} {
		second.Add(l)
	}
	merged := results.NewTally()
	merged.Merge(first)
	merged.Merge(second)
	got := merged.Trial(results.Trial{})

	one := results.NewTally()
	for _, l := range []results.Line{
		interval(results.Measure, 0, 100, 10*time.Millisecond),
		interval(results.Measure, 0, 50, 40*time.Millisecond),
		interval(results.Measure, 1, 30, 20*time.Millisecond),
		results.Final{
			Phase: results.Measure, Began: began, Length: 2005 * time.Millisecond, Due: 183,
			Sample: results.SampleAnswer{Document: "/", Length: 331},
		},
	} {
		one.Add(l)
	}
	want := one.Trial(results.Trial{})
	want.Worker = results.WorkerTotal{CPU: 700 * time.Millisecond, RSSBytes: 9<<20 + 8<<20, GCPause: 3 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged summary differs (-want +got):\n%s", diff)
	}
	if !merged.Complete() {
		t.Error("two complete workers do not make a complete load")
	}
	if empty := results.NewTally(); func() bool { empty.Merge(results.NewTally()); return empty.Complete() }() {
		t.Error("a load that nobody ended is complete")
	}
}
