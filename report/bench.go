package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"plimsoll/internal/latency"
	"plimsoll/results/analysis"
)

// Bench is one trial on its own, which belongs to no run.
type Bench struct {
	analysis.TrialDetail
	// Response holds the response times of all requests.
	Response *latency.Histogram
}

// BenchRenderer writes one trial in one format.
type BenchRenderer func(io.Writer, Bench) error

func benchFormats() []format[BenchRenderer] {
	return []format[BenchRenderer]{
		{[]string{"text", "txt"}, BenchText},
		{[]string{"ab"}, BenchAB},
		{[]string{"json"}, BenchJSON},
		{[]string{"vegeta"}, BenchVegeta},
		{[]string{"csv"}, BenchCSV},
	}
}

// BenchFormats lists the names of the formats for one trial.
func BenchFormats() []string { return namesOf(benchFormats()) }

// BenchByName returns the renderer of one trial. Its error is that of ByName.
func BenchByName(name string) (BenchRenderer, error) { return find(benchFormats(), name) }

// BenchAB writes ApacheBench's table of a closed loop, as AB does for a run.
func BenchAB(w io.Writer, t Bench) error {
	if t.Mode != "closed" {
		return errors.New("ab's table is for closed loops (requests and concurrency)")
	}
	var b bytes.Buffer
	writeAB(&b, string(t.Validity.Verdict), t.TrialDetail)
	_, err := w.Write(b.Bytes())
	return err
}

// BenchJSON writes the trial's summary, as a run's trial.json has it.
func BenchJSON(w io.Writer, t Bench) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(t.Trial)
}

// BenchCSV writes every figure of the trial as a line of its own.
func BenchCSV(w io.Writer, t Bench) error {
	out := csv.NewWriter(w)
	// Errors of Write are kept by the writer and come out of Error below.
	_ = out.Write([]string{"target", "mode", "validity", "metric", "unit", "value"})
	all := figures(t.TrialDetail)
	for _, counts := range []struct {
		prefix string
		of     map[string]int64
	}{{"status_", t.Requests.Status}, {"error_", t.Requests.Errors}} {
		for _, c := range ordered(counts.of) {
			all.count(counts.prefix+c.name, c.n)
		}
	}
	for _, f := range all {
		_ = out.Write([]string{t.Link.Label(t.Target), t.Mode, string(t.Validity.Verdict), f.metric, f.unit, f.value})
	}
	out.Flush()
	return out.Error()
}

// percent prints a share, 0–1, with one decimal.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
