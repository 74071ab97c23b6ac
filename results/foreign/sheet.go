package foreign

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// sheet fills a trial in and notes down which figures were told.
type sheet struct{ trial results.Trial }

func newSheet(tool string) *sheet {
	return &sheet{trial: results.Trial{
		Startup: map[string]time.Duration{}, Usage: []results.UsageTotal{}, Events: []results.TrialEvent{},
		Foreign: &results.Foreign{Tool: tool, Told: []string{}},
	}}
}

// told notes that the figure at that place of trial.json is known.
func (s *sheet) told(place string) {
	if !slices.Contains(s.trial.Foreign.Told, place) {
		s.trial.Foreign.Told = append(s.trial.Foreign.Told, place)
	}
}

// knows reports whether a figure was told already.
func (s *sheet) knows(place string) bool { return s.trial.Tells(place) }

// figure sets a figure and notes it down.
func figure[T any](s *sheet, place string, at *T, value T) {
	*at = value
	s.told(place)
}

func (s *sheet) duration(d time.Duration)  { figure(s, "duration_ns", &s.trial.Duration, d) }
func (s *sheet) throughput(perSec float64) { figure(s, "throughput_rps", &s.trial.Throughput, perSec) }
func (s *sheet) started(at time.Time)      { figure(s, "started", &s.trial.Started, at.UTC()) }

func (s *sheet) concurrency(n int64) {
	figure(s, "concurrency", &s.trial.Concurrency, int(n))
}

// counts notes what became of the requests, all of which came to an end.
func (s *sheet) counts(ok, failed int64) {
	figure(s, "requests.sent", &s.trial.Requests.Sent, ok+failed)
	figure(s, "requests.ok", &s.trial.Requests.OK, ok)
	figure(s, "requests.failed", &s.trial.Requests.Failed, failed)
}

func (s *sheet) bytesIn(n int64)   { figure(s, "bytes.in", &s.trial.Bytes.In, n) }
func (s *sheet) bytesOut(n int64)  { figure(s, "bytes.out", &s.trial.Bytes.Out, n) }
func (s *sheet) bytesBody(n int64) { figure(s, "bytes.body", &s.trial.Bytes.Body, n) }

// failures notes a number of failed requests by kind.
func (s *sheet) failures(kind string, n int64) {
	if n == 0 {
		return
	}
	if s.trial.Requests.Errors == nil {
		s.trial.Requests.Errors = map[string]int64{}
	}
	s.trial.Requests.Errors[kind] += n
}

// statsOf returns the statistics of a meaning of latency, by its name in
// trial.json.
func (s *sheet) statsOf(kind string) *results.Stats {
	l := &s.trial.Latency
	switch kind {
	case "response":
		return &l.Response
	case "connect":
		return &l.Connect
	case "processing":
		return &l.Processing
	case "waiting":
		return &l.Waiting
	}
	panic("no such latency: " + kind)
}

// latency notes one figure of a latency, such as "p99". It reports whether the
// trial has a place for it: not every percentile has.
func (s *sheet) latency(kind, name string, d time.Duration) bool {
	st := s.statsOf(kind)
	at, ok := map[string]*time.Duration{
		"min": &st.Min, "mean": &st.Mean, "stddev": &st.StdDev, "max": &st.Max,
		"p50": &st.P50, "p66": &st.P66, "p75": &st.P75, "p80": &st.P80, "p90": &st.P90, "p95": &st.P95,
		"p98": &st.P98, "p99": &st.P99, "p99.9": &st.P999,
	}[name]
	if ok {
		figure(s, "latency_ns."+kind+"."+name, at, d)
	}
	return ok
}

// count notes how many requests the figures of a latency rest on.
func (s *sheet) count(kind string, n int64) {
	figure(s, "latency_ns."+kind+".count", &s.statsOf(kind).Count, n)
}

// histogram notes all figures of a latency whose every value is known.
func (s *sheet) histogram(kind string, h *latency.Histogram) {
	if h.Count() == 0 {
		return
	}
	s.count(kind, h.Count())
	for name, d := range map[string]time.Duration{"min": h.Min(), "mean": h.Mean(), "stddev": h.StdDev(), "max": h.Max()} {
		s.latency(kind, name, d)
	}
	for _, p := range []float64{50, 66, 75, 80, 90, 95, 98, 99, 99.9} {
		s.latency(kind, percentileName(p), h.Percentile(p))
	}
}

func percentileName(p float64) string { return "p" + strconv.FormatFloat(p, 'f', -1, 64) }

// result closes the sheet.
func (s *sheet) result(load results.LoadSummary, log ...results.Line) *Result {
	slices.Sort(s.trial.Foreign.Told)
	s.trial.Mode = load.Mode
	return &Result{Trial: s.trial, Load: load, Log: log}
}

// number reads a number that is not negative.
func number(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || strings.ContainsAny(text, "xXpP_") {
		return 0, fmt.Errorf("%q is no number of at least 0", text)
	}
	return v, nil
}

// whole reads a whole number that is not negative.
func whole(text string) (int64, error) {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("%q is no whole number of at least 0", text)
	}
	return v, nil
}

// longest bounds what is taken for a time: a wrong unit is found out.
const longest = 10 * 365 * 24 * time.Hour

// span reads a time in a unit.
func span(text string, unit time.Duration) (time.Duration, error) {
	v, err := number(text)
	if err != nil {
		return 0, err
	}
	return spanOf(v, unit)
}

func spanOf(v float64, unit time.Duration) (time.Duration, error) {
	ns := v * float64(unit)
	if !(ns >= 0 && ns <= float64(longest)) {
		return 0, fmt.Errorf("%g × %v is no time that a load takes", v, unit)
	}
	return time.Duration(math.Round(ns)), nil
}
