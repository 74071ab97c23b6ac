package results_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

var began = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// interval is one second in which n requests took d each and one failed.
func interval(phase results.Phase, second int, n int, d time.Duration) results.Interval {
	i := results.Interval{
		Phase: phase, Start: time.Duration(second) * time.Second, Length: time.Second,
		Requests: results.Counts{
			Sent: int64(n) + 1, OK: int64(n), Failed: 1, Timeouts: 1,
			Status: map[string]int64{"200": int64(n)}, Errors: map[string]int64{"timeout": 1},
		},
		Bytes:     results.Bytes{In: 500 * int64(n), Out: 77 * int64(n), Body: 331 * int64(n)},
		ServedBy:  map[string]int64{"web-1": int64(n)},
		Latencies: results.NewLatencies(),
		Worker:    results.WorkerUsage{CPU: time.Duration(second+1) * 100 * time.Millisecond, RSSBytes: 8 << 20},
	}
	for range n {
		i.Latencies.Response.Record(d)
		i.Latencies.Service.Record(d)
	}
	i.Latencies.Response.Record(30 * time.Second)
	return i
}

func sample(replica string, at, cpu time.Duration, memory int64) results.Sample {
	service, _, _ := strings.Cut(replica, "-")
	throttled, in := cpu/10, int64(cpu)
	return results.Sample{Replica: replica, Service: service, At: at, CPU: cpu, MemoryBytes: memory, Throttled: &throttled, NetIn: &in}
}

// trialLines is what a short trial observes.
func trialLines() []results.Line {
	return []results.Line{
		results.Ready{Phase: results.Warmup},
		interval(results.Warmup, 0, 1000, time.Second),
		results.Final{Phase: results.Warmup, Began: began, Length: time.Second},
		results.Ready{Phase: results.Measure, Worker: results.WorkerUsage{CPU: 50 * time.Millisecond}},
		sample("web-1", -5*time.Millisecond, 10*time.Second, 20<<20),
		sample("web-2", -5*time.Millisecond, 20*time.Second, 20<<20),
		interval(results.Measure, 0, 100, 10*time.Millisecond),
		sample("web-1", time.Second, 10500*time.Millisecond, 40<<20),
		results.Event{At: time.Second, Wall: began, What: "kill web-2"},
		results.Warning{What: "web-2 could not be metered any more"},
		interval(results.Measure, 1, 100, 20*time.Millisecond),
		results.Final{
			Phase: results.Measure, Began: began, Length: 2 * time.Second, Due: 202,
			Sample: results.SampleAnswer{Server: "news", Document: "/", Length: 331},
			Worker: results.WorkerUsage{CPU: 250 * time.Millisecond, RSSBytes: 9 << 20},
		},
		sample("web-1", 2*time.Second, 11*time.Second, 30<<20),
	}
}

func TestTallyCountsOnlyTheMeasuredPhase(t *testing.T) {
	tally := results.NewTally()
	for _, l := range trialLines() {
		tally.Add(l)
	}
	if !tally.Complete() {
		t.Error("the measured phase has ended, but the tally is not complete")
	}
	got := tally.Trial(results.Trial{Environment: "training", Mode: "open"})

	want := results.Counts{
		Sent: 202, OK: 200, Failed: 2, Timeouts: 2,
		Status: map[string]int64{"200": 200}, Errors: map[string]int64{"timeout": 2},
	}
	if diff := cmp.Diff(want, got.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got.Throughput != 100 {
		t.Errorf("throughput = %v requests/s, want 200 good answers in 2 s = 100", got.Throughput)
	}
	if got.Latency.Response.Count != 202 || got.Latency.Service.Count != 200 {
		t.Errorf("response and service counts = %d and %d, want 202 and 200", got.Latency.Response.Count, got.Latency.Service.Count)
	}
	if p := got.Latency.Response.P50; p < 9900*time.Microsecond || p > 20100*time.Microsecond {
		t.Errorf("p50 = %v, want one of the measured 10 or 20 ms: the warm-up's 1 s must not count", p)
	}
	if got.Worker.CPU != 200*time.Millisecond || got.Worker.RSSBytes != 9<<20 {
		t.Errorf("worker used %v and %d bytes, want 200ms from the opening edge on, and 9 MiB", got.Worker.CPU, got.Worker.RSSBytes)
	}
	web1, web2 := got.Usage[0], got.Usage[1]
	if web1.CPU != time.Second || web1.CPUPerRequest != time.Second/202 || web1.MemoryPeakBytes != 40<<20 {
		t.Errorf("web-1 = %+v, want 1 s of CPU, 1/202 s per request, a peak of 40 MiB", web1)
	}
	if *web1.Throttled != 100*time.Millisecond || *web1.NetIn != int64(time.Second) || web1.BlockRead != nil {
		t.Errorf("web-1 = %+v, want differences where there are readings and nothing where there are none", web1)
	}
	if *web1.Requests != 200 || *web2.Requests != 0 {
		t.Errorf("served: web-1 %d, web-2 %d; want 200 and 0", *web1.Requests, *web2.Requests)
	}
	if len(got.Events) != 1 || len(got.Warnings) != 1 {
		t.Errorf("events %v, warnings %v: want one each", got.Events, got.Warnings)
	}
}

func TestTallyJoinsWorkers(t *testing.T) {
	tally := results.NewTally()
	for i, length := range []time.Duration{3 * time.Second, time.Second} {
		tally.Add(interval(results.Measure, 0, 10, time.Millisecond))
		tally.Add(results.Final{Phase: results.Measure, Began: began.Add(time.Duration(i) * 4 * time.Second), Length: length, Due: 11})
	}
	got := tally.Trial(results.Trial{})
	if got.Duration != 5*time.Second || got.Due != 22 || got.Requests.Sent != 22 {
		t.Errorf("got %v, %d due, %d sent; want 5s from the first begin to the last end, 22 and 22", got.Duration, got.Due, got.Requests.Sent)
	}
}

func TestLinesSurviveTheWire(t *testing.T) {
	var wire bytes.Buffer
	enc := results.NewEncoder(&wire)
	lines := trialLines()
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	// The same summary from what was read as from what was written.
	before, after := results.NewTally(), results.NewTally()
	dec := results.NewDecoder(&wire)
	for _, l := range lines {
		before.Add(l)
		got, err := dec.Next()
		if err != nil {
			t.Fatal(err)
		}
		after.Add(got)
	}
	if _, err := dec.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: %v, want io.EOF", err)
	}
	if diff := cmp.Diff(before.Trial(results.Trial{}), after.Trial(results.Trial{})); diff != "" {
		t.Errorf("summary changed on the wire (-written +read):\n%s", diff)
	}
}

func TestDecoderNamesBadLines(t *testing.T) {
	tests := []struct {
		name, text string
		check      func(error) bool
	}{
		{"not JSON", "hello\n", isSyntax},
		{"no type", "{}\n", isSyntax},
		{"unknown type", `{"type":"hologram"}` + "\n", isSyntax},
		{"wrong field", `{"type":"final","due":"many"}` + "\n", isSyntax},
		{"bad histogram", `{"type":"interval","latencies":{"response":"!"}}` + "\n", isSyntax},
		{"cut", `{"type":"final"`, func(err error) bool { var e *results.CutError; return errors.As(err, &e) }},
		{"empty", "", func(err error) bool { return errors.Is(err, io.EOF) }},
		{"blank", "\n \n", func(err error) bool { return errors.Is(err, io.EOF) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dec := results.NewDecoder(strings.NewReader(tt.text))
			if _, err := dec.Next(); !tt.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	dec := results.NewDecoder(strings.NewReader("x\n" + `{"type":"warning","what":"w"}` + "\n"))
	if _, err := dec.Next(); !isSyntax(err) {
		t.Fatalf("got %v, want a syntax error", err)
	}
	if l, err := dec.Next(); err != nil || l != (results.Warning{What: "w"}) {
		t.Errorf("after a bad line: %v, %v; want the next line", l, err)
	}
}

func isSyntax(err error) bool { var e *results.SyntaxError; return errors.As(err, &e) }

func FuzzDecoder(f *testing.F) {
	var wire bytes.Buffer
	enc := results.NewEncoder(&wire)
	for _, l := range trialLines() {
		if err := enc.Encode(l); err != nil {
			f.Fatal(err)
		}
	}
	for line := range bytes.Lines(wire.Bytes()) {
		f.Add(line)
	}
	f.Add([]byte(`{"type":"interval","latencies":{"response":"SElTVA=="}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dec := results.NewDecoder(bytes.NewReader(text))
		tally := results.NewTally()
		for {
			l, err := dec.Next()
			if isSyntax(err) {
				continue
			}
			if err != nil {
				return
			}
			tally.Add(l) // what was accepted can be added up
			if err := results.NewEncoder(io.Discard).Encode(l); err != nil {
				t.Errorf("accepted, but cannot be written again: %v", err)
			}
		}
	})
}

func TestRecordIsReadableAtEveryMoment(t *testing.T) {
	out := t.TempDir()
	trials := []plan.Trial{
		{Index: 1, Environment: "training", Load: "ab", Repetition: 1},
		{Index: 2, Environment: "training", Scale: scenarios.Scale{"web": 3}, Load: "ab", Repetition: 1},
	}
	manifest := results.Manifest{ID: "twip-1", Scenario: "twip", Started: began, Plan: plan.Plan{Trials: trials}}
	w, err := results.Create(out, manifest)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(moment string, finished, warnings int) *results.Run {
		t.Helper()
		run, err := results.Open(w.Dir())
		if err != nil {
			t.Fatalf("%s: %v", moment, err)
		}
		if len(run.Trials) != finished || len(run.Warnings) != warnings {
			t.Errorf("%s: %d trials, warnings %v; want %d and %d", moment, len(run.Trials), run.Warnings, finished, warnings)
		}
		return run
	}
	expect("just created", 0, 0)

	first, err := w.Begin(trials[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range trialLines() {
		if err := first.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	expect("first trial measured, not finished", 0, 0)
	if err := first.Finish(results.Trial{Environment: "training", Load: "ab", Index: 1}); err != nil {
		t.Fatal(err)
	}
	run := expect("first trial finished", 1, 0)
	lines, warnings, err := readLog(run.Trials[0])
	if err != nil || len(lines) != len(trialLines()) || len(warnings) != 0 {
		t.Errorf("log: %d lines, warnings %v, error %v; want %d lines", len(lines), warnings, err, len(trialLines()))
	}

	second, err := w.Begin(trials[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Append(results.Warning{What: "w"}); err != nil {
		t.Fatal(err)
	}
	expect("killed in the second trial", 1, 0)
	if err := second.Abandon(); err != nil {
		t.Fatal(err)
	}

	// A summary that a broken disk cut off is named, the others are kept.
	damaged := filepath.Join(w.Dir(), "trials", results.TrialName(trials[1]), "trial.json")
	if err := os.WriteFile(damaged, []byte(`{"schema":`), 0o644); err != nil {
		t.Fatal(err)
	}
	expect("second summary damaged", 1, 1)

	// A resumed run replaces the unfinished trial.
	again, err := results.ResumeAt(w.Dir(), manifest)
	if err != nil {
		t.Fatal(err)
	}
	second, err = again.Begin(trials[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Finish(results.Trial{Index: 2}); err != nil {
		t.Fatal(err)
	}
	expect("resumed", 2, 0)
}

func readLog(t results.StoredTrial) (lines []results.Line, warnings []string, err error) {
	warnings, err = t.Log(func(l results.Line) { lines = append(lines, l) })
	return lines, warnings, err
}

func TestLogWithACutLastLine(t *testing.T) {
	w, err := results.Create(t.TempDir(), results.Manifest{ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	trial, err := w.Begin(plan.Trial{Index: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := trial.Append(results.Warning{What: "whole"}); err != nil {
		t.Fatal(err)
	}
	if err := trial.Finish(results.Trial{Index: 1}); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(run.Trials[0].Dir, "log.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString(`{"type":"inter`); err != nil {
		t.Fatal(err)
	}
	log.Close()
	lines, warnings, err := readLog(run.Trials[0])
	if err != nil || len(lines) != 1 || len(warnings) != 1 {
		t.Errorf("got %d lines, warnings %v, error %v; want one of each and no error", len(lines), warnings, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := results.Open(dir); err == nil || !strings.Contains(err.Error(), "run.json is missing") {
		t.Errorf("empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"schema":"plimsoll.run/99"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := results.Open(dir); err == nil || !strings.Contains(err.Error(), "plimsoll.run/99") {
		t.Errorf("newer schema: %v", err)
	}
}
