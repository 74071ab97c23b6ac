package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

func looksLikeVegeta(head string) bool {
	return strings.Contains(head, `"latencies"`) || vegeta.DecoderFor(strings.NewReader(completeLine(head))) != nil
}

// completeLine ends the text where its last line ends, if any does.
func completeLine(text string) string {
	if i := strings.LastIndexByte(text, '\n'); i >= 0 && strings.HasPrefix(text, "{") {
		return text[:i+1]
	}
	return text
}

// Vegeta reads a report that vegeta wrote as JSON, or its results one by one: as
// lines of JSON, CSV or gob.
func Vegeta(r io.Reader) (*Result, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(text[:min(len(text), sniffed)], []byte(`"latencies"`)) {
		return vegetaReport(text)
	}
	return vegetaResults(text)
}

func vegetaReport(text []byte) (*Result, error) {
	// What the report leaves out must not be taken for 0.
	var there map[string]any
	if err := decodeJSON(text, &there); err != nil {
		return nil, err
	}
	var m vegeta.Metrics
	if err := decodeJSON(text, &m); err != nil {
		return nil, err
	}
	for _, key := range []string{"latencies", "requests", "status_codes", "earliest", "end", "throughput", "bytes_in", "duration", "rate"} {
		if _, ok := there[key]; !ok {
			return nil, fmt.Errorf("the report has no %q", key)
		}
	}
	if m.Requests > math.MaxInt64 || m.BytesIn.Total > math.MaxInt64 || m.Throughput < 0 || m.Rate < 0 || m.Duration < 0 || m.Wait < 0 {
		return nil, errors.New("the report holds figures that cannot be")
	}
	s := newSheet("vegeta")
	inside, _ := there["latencies"].(map[string]any)
	for _, l := range []struct {
		key, name string
		value     time.Duration
	}{
		{"mean", "mean", m.Latencies.Mean}, {"50th", "p50", m.Latencies.P50}, {"90th", "p90", m.Latencies.P90},
		{"95th", "p95", m.Latencies.P95}, {"99th", "p99", m.Latencies.P99}, {"max", "max", m.Latencies.Max}, {"min", "min", m.Latencies.Min},
	} {
		if _, ok := inside[l.key]; !ok {
			continue // older versions have no min
		}
		if l.value < 0 || l.value > longest {
			return nil, fmt.Errorf("latencies: %s: %v is no latency", l.key, l.value)
		}
		s.latency("response", l.name, l.value)
	}
	s.count("response", int64(m.Requests))
	var ok, all int64
	for code, n := range m.StatusCodes {
		status, err := strconv.Atoi(code)
		if err != nil || n < 0 || int64(n) > int64(m.Requests)-all {
			return nil, fmt.Errorf("status_codes: %d of %q cannot be among %d requests", n, code, m.Requests)
		}
		all += int64(n)
		ok += addVegetaStatus(s, status, int64(n))
	}
	if all != int64(m.Requests) {
		return nil, fmt.Errorf("status_codes: %d of %d requests", all, m.Requests)
	}
	s.counts(ok, all-ok)
	s.started(m.Earliest)
	if took := m.End.Sub(m.Earliest); took >= 0 && took <= longest {
		s.duration(took)
	} else {
		return nil, fmt.Errorf("it ends at %v and begins at %v: that cannot be", m.End, m.Earliest)
	}
	s.throughput(m.Throughput)
	s.bytesBody(int64(m.BytesIn.Total))
	return s.result(vegetaLoad(m.Rate, m.Duration)), nil
}

// addVegetaStatus counts n answers and returns how many of them are good.
func addVegetaStatus(s *sheet, status int, n int64) (good int64) {
	r := &s.trial.Requests
	if n == 0 {
		return 0
	}
	if status == 0 {
		s.failures("vegeta: no answer", n)
		return 0
	}
	if r.Status == nil {
		r.Status = map[string]int64{}
	}
	r.Status[strconv.Itoa(status)] += n
	if status < 200 || status >= 400 {
		s.failures("status", n)
		return 0
	}
	return n
}

// vegetaLoad describes a load by what was sent, rounded so that two attacks of
// one kind are called the same.
func vegetaLoad(rate float64, d time.Duration) results.LoadSummary {
	text := "one request"
	if d > 0 && rate > 0 {
		unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
		text = fmt.Sprintf("about %g/s for about %v", math.Round(rate/unit)*unit, max(d.Round(time.Second), time.Second))
	}
	return results.LoadSummary{
		Mode: "open", Text: text,
		Caution: "vegeta counts latency from when a worker sent a request, not from when it was due: waiting for a slow stack may be missing.",
	}
}

func vegetaResults(text []byte) (*Result, error) {
	if len(text) > 0 && text[0] == '{' && text[len(text)-1] != '\n' {
		text = append(slices.Clip(text), '\n') // a last line without an end would be dropped
	}
	dec := vegeta.DecoderFor(bytes.NewReader(text))
	if dec == nil {
		return nil, errors.New("line 1: neither a report as JSON nor results as JSON, CSV or gob")
	}
	var list []vegeta.Result
	for {
		var one vegeta.Result
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("result %d (line, where there are lines): %w", len(list)+1, err)
		}
		if one.Latency < 0 || one.Latency > longest || one.BytesIn > math.MaxInt64/(1<<20) || one.Timestamp.Year() < 1970 || one.Timestamp.Year() > 2200 {
			return nil, fmt.Errorf("result %d (line, where there are lines): sent at %v, latency %v, %d bytes: that cannot be",
				len(list)+1, one.Timestamp, one.Latency, one.BytesIn)
		}
		list = append(list, vegeta.Result{Timestamp: one.Timestamp, Latency: one.Latency, Code: one.Code, BytesIn: one.BytesIn, URL: one.URL})
	}
	return summarizeVegeta(list)
}

func summarizeVegeta(list []vegeta.Result) (*Result, error) {
	if len(list) == 0 {
		return nil, errors.New("line 1: no result")
	}
	var m vegeta.Metrics
	all := latency.New()
	s := newSheet("vegeta")
	var ok, body int64
	for i := range list {
		m.Add(&list[i])
		all.Record(list[i].Latency)
		ok += addVegetaStatus(s, int(list[i].Code), 1)
		body += int64(list[i].BytesIn)
	}
	m.Close()
	took := m.End.Sub(m.Earliest)
	if took > longest {
		return nil, fmt.Errorf("from the first to the last request %v pass: that cannot be", took)
	}
	s.histogram("response", all)
	s.counts(ok, int64(len(list))-ok)
	s.bytesBody(body)
	s.started(m.Earliest)
	s.duration(took)
	s.trial.Target = list[0].URL
	s.throughput(m.Throughput)
	return s.result(vegetaLoad(m.Rate, m.Duration), intervals(list, m.Earliest, took)...), nil
}

// intervals sorts results into the seconds in which they ended.
func intervals(list []vegeta.Result, begin time.Time, took time.Duration) []results.Line {
	const most = 30 * time.Minute // a histogram for each second of more would fill the memory
	seconds := map[time.Duration]*results.Interval{}
	for _, r := range list {
		at := r.End().Sub(begin).Truncate(time.Second)
		if took > most {
			at = 0
		}
		one := seconds[at]
		if one == nil {
			one = &results.Interval{
				Phase: results.Measure, Start: at, Length: min(time.Second, took-at),
				Latencies: results.Latencies{Response: latency.New()},
			}
			if took > most {
				one.Length = 0
			}
			seconds[at] = one
		}
		one.Requests.Sent++
		if r.Code >= 200 && r.Code < 400 {
			one.Requests.OK++
		} else {
			one.Requests.Failed++
		}
		one.Latencies.Response.Record(r.Latency)
	}
	var lines []results.Line
	for at := range seconds {
		lines = append(lines, *seconds[at])
	}
	slices.SortFunc(lines, func(a, b results.Line) int {
		return int(a.(results.Interval).Start - b.(results.Interval).Start)
	})
	return lines
}
