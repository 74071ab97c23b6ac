package analysis_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/runner/load"
	"plimsoll/scenarios/plan"
)

// server is a virtual one, with one worker: it takes so long for request k, and
// stands still at times.
type server struct {
	took  func(k int64) time.Duration
	free  time.Duration // when it is done with what it has
	still func(at time.Duration) (until time.Duration, stands bool)
}

// stallEach stands still for so long at the end of each period.
func stallEach(period, stall time.Duration) func(time.Duration) (time.Duration, bool) {
	return func(at time.Duration) (time.Duration, bool) {
		end := (at/period + 1) * period
		return end, at >= end-stall
	}
}

// serve returns when request k, which arrives at an instant, is answered.
func (s *server) serve(k int64, arrives time.Duration) time.Duration {
	at := max(arrives, s.free)
	if s.still != nil {
		if until, stands := s.still(at); stands {
			at = until
		}
	}
	s.free = at + s.took(k)
	return s.free
}

// open sends what a schedule has due, whatever becomes of it.
func open(schedule load.Schedule, s *server) []shot {
	var shots []shot
	for k := int64(0); ; k++ {
		due, ok := schedule.Due(k)
		if !ok {
			return shots
		}
		shots = append(shots, shot{due: due, sent: due, done: s.serve(k, due)})
	}
}

// loop sends one request after the other for a time, as a closed loop of one.
func loop(length time.Duration, s *server) []shot {
	var shots []shot
	for at := time.Duration(0); at < length; {
		done := s.serve(int64(len(shots)), at)
		shots = append(shots, shot{due: at, sent: at, done: done})
		at = done
	}
	return shots
}

// reported stores the shots as one trial and returns the cell that a report
// shows, with its document.
func reported(t *testing.T, mode string, shots []shot) (*analysis.Cell, *analysis.Document) {
	t.Helper()
	summary := results.LoadSummary{Mode: mode, Text: mode + " loop", Concurrency: 1}
	if mode == "open" {
		summary = results.LoadSummary{Mode: mode, Text: "open loop", Rate: 200}
	}
	m := results.Manifest{
		ID: "virtual", Scenario: "virtual", Started: began, Ended: began.Add(time.Hour), Outcome: "complete",
		Plan:         plan.Plan{Scenario: "virtual", Trials: []plan.Trial{{Index: 1, Environment: "it", Load: mode, Repetition: 1}}},
		Environments: []string{"it"}, LoadNames: []string{mode}, Loads: map[string]results.LoadSummary{mode: summary},
		Objectives: []string{"p(99) < 100ms"},
	}
	w, err := results.Create(t.TempDir(), m)
	if err != nil {
		t.Fatal(err)
	}
	log, err := w.Begin(m.Plan.Trials[0])
	if err != nil {
		t.Fatal(err)
	}
	tally := results.NewTally()
	var last time.Duration
	seconds := map[time.Duration]*results.Interval{}
	for _, o := range shots {
		last = max(last, o.done)
		start := o.done.Truncate(time.Second)
		if seconds[start] == nil {
			seconds[start] = &results.Interval{Phase: results.Measure, Start: start, Length: time.Second, Latencies: results.NewLatencies()}
		}
		i := seconds[start]
		i.Requests.Sent, i.Requests.OK = i.Requests.Sent+1, i.Requests.OK+1
		i.Latencies.Response.Record(o.done - o.due)
		i.Latencies.Service.Record(o.done - o.sent)
		i.Latencies.Lag.Record(o.sent - o.due)
	}
	lines := []results.Line{results.Ready{Phase: results.Measure}}
	for start := time.Duration(0); start <= last; start += time.Second {
		if seconds[start] == nil {
			seconds[start] = &results.Interval{Phase: results.Measure, Start: start, Length: time.Second, Latencies: results.NewLatencies()}
		}
		lines = append(lines, *seconds[start])
	}
	lines = append(lines, results.Final{Phase: results.Measure, Began: began, Length: last, Due: int64(len(shots))})
	for _, line := range lines {
		tally.Add(line)
		if err := log.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	trial := tally.Trial(results.Trial{Environment: "it", Load: mode, Trial: 1, Index: 1, Mode: mode, Concurrency: summary.Concurrency, RequestedRate: summary.Rate})
	trial.Validity = results.Judge(trial, nil)
	if err := log.Finish(trial); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	doc := summarize(t, run)
	return &doc.Cells[0], doc
}

// exactly is a percentile (0–1) of what happened, by the rank that histograms
// use.
func exactly(shots []shot, p float64) time.Duration {
	var times []time.Duration
	for _, o := range shots {
		times = append(times, o.done-o.due)
	}
	slices.Sort(times)
	return times[int(p*float64(len(times))+0.5)-1]
}

// TestStallOfAVirtualServer: a server that stands still for 2 s each minute.
// Whoever arrives at such a time waits, and an open loop says so; a closed one
// cannot, says that, and corrects nothing (method D1).
func TestStallOfAVirtualServer(t *testing.T) {
	const (
		rate    = 200
		service = 250 * time.Microsecond
		stall   = 2 * time.Second
		period  = time.Minute
		length  = 5 * time.Minute
	)
	fresh := func() *server {
		return &server{took: func(int64) time.Duration { return service }, still: stallEach(period, stall)}
	}
	schedule, err := load.NewConstant(rate, time.Second, length)
	if err != nil {
		t.Fatal(err)
	}
	cell, doc := reported(t, "open", open(schedule, fresh()))
	// Who arrives u into the stall waits for its rest and for those before
	// him: T - u(1-ρ) with ρ = rate·service. More than x waits a share of
	// (T-x)/((1-ρ)·period); of .01 it is 1.43 s.
	rho := rate * service.Seconds()
	want := stall.Seconds() - 0.01*(1-rho)*period.Seconds()
	if got := cell.P99.Median / float64(time.Second); math.Abs(got-want) > 0.03*want {
		t.Errorf("open loop: p99 %.3f s, analytically %.3f s", got, want)
	}
	if cell.Labels.Mode != "open(200/s)" {
		t.Errorf("open loop is labelled %q", cell.Labels.Mode)
	}
	if v := doc.Objectives[0].Verdict; v != analysis.Fail {
		t.Errorf("open loop: p(99) < 100ms is %q", v)
	}
	// Five episodes of one or two seconds make the tail: no run of this length
	// knows how often they come.
	if e := cell.One().At(99); e.Resolved || e.High != nil || e.Episodes > 10 {
		t.Errorf("five stalls give %+v", e)
	}

	shots := loop(length, fresh())
	cell, doc = reported(t, "closed", shots)
	if got := time.Duration(cell.P99.Median); got > 2*service {
		t.Errorf("closed loop: p99 %v: a correction nobody asked for", got)
	}
	if cell.Labels.Mode != "closed(1)" || !strings.Contains(doc.Loads[0].Caution, "says nothing about how long arriving users would wait") {
		t.Errorf("closed loop is labelled %q, with the caution %q", cell.Labels.Mode, doc.Loads[0].Caution)
	}
	if v := doc.Objectives[0].Verdict; v != analysis.NotApplicable {
		t.Errorf("closed loop: p(99) < 100ms is %q", v)
	}
	if cell.One().At(99.9) != nil {
		t.Error("closed loop: a p99.9 is given")
	}
}

// TestSlowRequestsStayTheirOwn: one request in a hundred is slow by itself, and
// nothing stands still. What is reported at p90 is what happened; a correction
// for omitted requests would invent slow ones (method D2).
func TestSlowRequestsStayTheirOwn(t *testing.T) {
	took := func(k int64) time.Duration {
		if k%100 == 50 {
			return 500 * time.Millisecond
		}
		return 4*time.Millisecond + time.Duration(k%17)*100*time.Microsecond
	}
	shots := loop(3*time.Minute, &server{took: took})
	cell, _ := reported(t, "closed", shots)
	for p, got := range map[float64]float64{.50: cell.P50.Median, .90: cell.P90.Median} {
		if want := float64(exactly(shots, p)); math.Abs(got-want) > 0.02*want {
			t.Errorf("p%.0f is %v, exactly %v", 100*p, time.Duration(got), time.Duration(want))
		}
	}
	// What the usual correction would have made of it, so that this test
	// means something.
	var corrected []time.Duration
	for _, o := range shots {
		for d := o.done - o.due; d > 0; d -= 5 * time.Millisecond {
			corrected = append(corrected, d)
		}
	}
	slices.Sort(corrected)
	if p90 := corrected[len(corrected)*9/10]; float64(p90) < 5*cell.P90.Median {
		t.Errorf("even corrected, p90 is %v", p90)
	}
}
