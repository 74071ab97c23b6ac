package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"plimsoll/results"
)

func looksLikeK6(head string) bool {
	return strings.HasPrefix(strings.TrimSpace(head), "{") && strings.Contains(head, `"metrics"`)
}

// K6 reads the summary that k6 writes as JSON: what --summary-export writes,
// what handleSummary is given, and the machine-readable form that later versions
// have. Times are milliseconds in all of them.
func K6(r io.Reader) (*Result, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var file k6File
	if err := decodeJSON(text, &file); err != nil {
		return nil, err
	}
	metrics, err := file.metrics()
	if err != nil {
		return nil, err
	}
	s := newSheet("k6")
	if v := file.Metadata.version(); v != "" {
		s.trial.Foreign.Tool += " " + v
	}
	if err := file.addDuration(s); err != nil {
		return nil, err
	}
	if err := addK6Counts(s, metrics); err != nil {
		return nil, err
	}
	for metric, kind := range map[string]string{
		"http_req_duration": "response", "http_req_connecting": "connect", "http_req_waiting": "waiting",
	} {
		if err := addK6Trend(s, kind, metric, metrics[metric]); err != nil {
			return nil, err
		}
	}
	if len(s.trial.Foreign.Told) == 0 {
		return nil, errors.New("the summary holds no figure of HTTP requests (http_reqs, http_req_duration)")
	}
	load := results.LoadSummary{
		Mode: modeUnknown, Text: "a load that the summary does not tell",
		Caution: "k6 counts latency from when a request was sent, and without the time to connect.",
	}
	if most, ok := metrics["vus_max"]["max"]; ok && most >= 0 && most < 1e9 {
		load.Text = fmt.Sprintf("up to %.0f virtual users", most)
		s.concurrency(int64(most))
	}
	return s.result(load), nil
}

// decodeJSON reads one JSON value; its errors name the line.
func decodeJSON(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	at := func(offset int64) int {
		return 1 + bytes.Count(text[:min(max(offset, 0), int64(len(text)))], []byte("\n"))
	}
	if err := dec.Decode(v); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return lineError(at(syntax.Offset), "%w", err)
		case errors.As(err, &kind):
			return lineError(at(kind.Offset), "%w", err)
		}
		return lineError(at(int64(len(text))), "the file is cut off: %w", err)
	}
	if rest := bytes.TrimSpace(text[dec.InputOffset():]); len(rest) > 0 {
		return lineError(at(dec.InputOffset()), "something follows the JSON object: a file holds one result")
	}
	return nil
}

// k6Metric holds a metric's figures by name.
type k6Metric map[string]float64

// k6File is any of the three forms.
type k6File struct {
	Metrics map[string]json.RawMessage `json:"metrics"`
	State   struct {
		TestRunDurationMs *float64 `json:"testRunDurationMs"`
	} `json:"state"`

	Metadata k6Metadata `json:"metadata"`
	Config   struct {
		Duration *float64 `json:"duration"` // seconds
	} `json:"config"`
	Results *struct {
		Metrics []struct {
			Name   string                     `json:"name"`
			Values map[string]json.RawMessage `json:"values"`
		} `json:"metrics"`
	} `json:"results"`
}

type k6Metadata map[string]any

// version is k6's, whatever the key's spelling.
func (m k6Metadata) version() string {
	for _, key := range []string{"k6_version", "k6Version"} {
		if v, ok := m[key].(string); ok {
			return v
		}
	}
	return ""
}

func (f *k6File) metrics() (map[string]k6Metric, error) {
	all := map[string]k6Metric{}
	switch {
	case f.Results != nil:
		for _, m := range f.Results.Metrics {
			if all[m.Name] != nil {
				return nil, fmt.Errorf("metric %q stands twice", m.Name)
			}
			all[m.Name] = numbersOf(m.Values)
		}
	case f.Metrics != nil:
		for name, text := range f.Metrics {
			var values map[string]json.RawMessage
			if err := json.Unmarshal(text, &values); err != nil {
				return nil, fmt.Errorf("metric %q: %w", name, err)
			}
			var inner map[string]json.RawMessage
			if json.Unmarshal(values["values"], &inner) == nil {
				values = inner
			}
			all[name] = numbersOf(values)
		}
	default:
		return nil, errors.New(`the summary has neither "metrics" nor "results"`)
	}
	return all, nil
}

// numbersOf keeps what is a number: beside those stand thresholds.
func numbersOf(values map[string]json.RawMessage) k6Metric {
	m := k6Metric{}
	for name, text := range values {
		var v *float64
		if json.Unmarshal(text, &v) == nil && v != nil {
			m[name] = *v
		}
	}
	return m
}

func (f *k6File) addDuration(s *sheet) error {
	took, unit := f.State.TestRunDurationMs, time.Millisecond
	if took == nil {
		took, unit = f.Config.Duration, time.Second
	}
	if took == nil {
		return nil // --summary-export does not tell it
	}
	d, err := spanOf(*took, unit)
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	s.duration(d)
	return nil
}

func addK6Counts(s *sheet, metrics map[string]k6Metric) error {
	sent, ok := metrics["http_reqs"]["count"]
	if !ok {
		return nil
	}
	n, err := k6Count("http_reqs", sent)
	if err != nil {
		return err
	}
	figure(s, "requests.sent", &s.trial.Requests.Sent, n)
	for name, place := range map[string]func(int64){"data_received": s.bytesIn, "data_sent": s.bytesOut} {
		if v, ok := metrics[name]["count"]; ok {
			bytes, err := k6Count(name, v)
			if err != nil {
				return err
			}
			place(bytes)
		}
	}
	// The rate's matches are the requests that failed; older forms call them
	// passes.
	failed, ok := metrics["http_req_failed"]["matches"]
	if !ok {
		failed, ok = metrics["http_req_failed"]["passes"]
	}
	if !ok {
		return nil
	}
	bad, err := k6Count("http_req_failed", failed)
	if err != nil {
		return err
	}
	if bad > n {
		return fmt.Errorf("http_req_failed: %d of %d requests failed: that cannot be", bad, n)
	}
	s.counts(n-bad, bad)
	if rate, ok := metrics["http_reqs"]["rate"]; ok && n > 0 && rate >= 0 && rate < 1e12 {
		s.throughput(rate * float64(n-bad) / float64(n))
	} else if d := s.trial.Duration; d > 0 {
		s.throughput(float64(n-bad) / d.Seconds())
	}
	return nil
}

func k6Count(name string, v float64) (int64, error) {
	if v < 0 || v != math.Trunc(v) || v > 1<<53 {
		return 0, fmt.Errorf("%s: %g is no number of things", name, v)
	}
	return int64(v), nil
}

func addK6Trend(s *sheet, kind, name string, m k6Metric) error {
	for key, v := range m {
		figure := map[string]string{"min": "min", "avg": "mean", "med": "p50", "max": "max"}[key]
		if rank, ok := strings.CutPrefix(key, "p("); ok {
			p, err := number(strings.TrimSuffix(rank, ")"))
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, key, err)
			}
			figure = percentileName(p)
		}
		d, err := spanOf(v, time.Millisecond)
		if figure == "" {
			if key == "count" && kind == "response" {
				n, err := k6Count(name, v)
				if err != nil {
					return err
				}
				s.count(kind, n)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", name, key, err)
		}
		s.latency(kind, figure, d)
	}
	if len(m) > 0 && kind == "response" && !s.knows("latency_ns.response.count") && s.knows("requests.sent") {
		s.count(kind, s.trial.Requests.Sent)
	}
	return nil
}
