package analysis

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
)

// The frames of several workers come in whatever order; what is made of them is
// the same (method G2).
func TestOrderOfWorkersDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var frames []results.Line
	for second := range 30 {
		for range 3 {
			i := results.Interval{
				Phase: results.Measure, Start: time.Duration(second) * time.Second, Length: time.Second, Latencies: results.NewLatencies(),
			}
			for range 200 {
				i.Requests.Sent, i.Requests.OK = i.Requests.Sent+1, i.Requests.OK+1
				i.Latencies.Response.Record(time.Duration(r.ExpFloat64() * float64(10*time.Millisecond)))
				i.Latencies.Lag.Record(time.Duration(r.IntN(1e6)))
			}
			frames = append(frames, i)
		}
	}
	cell := func(frames []results.Line) *Cell {
		tally := results.NewTally()
		for _, f := range frames {
			tally.Add(f)
		}
		tally.Add(results.Final{Phase: results.Measure, Length: 30 * time.Second, Due: 18_000})
		log := newReading(tally.Trial(results.Trial{Mode: "open", RequestedRate: 600}))
		for _, f := range frames {
			log.add(f)
		}
		_, c := madeGroup("open", log.finish())
		return c
	}
	want := cell(frames)
	if want.Labels.Requests != 18_000 || !want.Labels.Resolved {
		t.Fatalf("labels %+v", want.Labels)
	}
	for range 3 {
		shuffled := slices.Clone(frames)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, cell(shuffled)); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
	}
}

// Of nothing there is no percentile: not 0, but no data (method G1).
func TestNothingRecordedIsNoData(t *testing.T) {
	_, c := madeGroup("open", newReading(results.Trial{Validity: results.Validity{Verdict: results.Invalid}}).finish())
	for name, r := range map[string]Range{"p50": c.P50, "p99": c.P99, "max": c.Max, "mean": c.Mean, "service": c.ServiceP99, "lag": c.LagP99} {
		if !r.Untold {
			t.Errorf("%s of no request is %+v", name, r)
		}
	}
	if c.Labels.Episodes != nil || c.Labels.Resolved {
		t.Errorf("labels %+v", c.Labels)
	}
	if len(c.Curve) != 0 || len(c.One().Within) != 0 {
		t.Errorf("curve %v, within %v", c.Curve, c.One().Within)
	}
}
