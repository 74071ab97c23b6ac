package report

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/results"
)

// BenchVegeta writes the trial as "vegeta report -type=json" does, for what
// reads that. Three figures are not quite vegeta's:
//
//   - latencies count from the instant a request was due, not from when it was
//     sent;
//   - bytes_out are those on the wire, headers included (bytes_in are bodies,
//     as vegeta's are);
//   - latest, the send of the last request, is when it was due. A closed loop
//     has no such instant: there it is end, and wait is 0.
func BenchVegeta(w io.Writer, t Bench) error { return json.NewEncoder(w).Encode(metrics(t.Trial)) }

func metrics(t results.Trial) vegeta.Metrics {
	l, sent := t.Latency.Response, t.Requests.Sent
	m := vegeta.Metrics{
		Latencies: vegeta.LatencyMetrics{
			Total: time.Duration(float64(l.Mean) * float64(l.Count)), Mean: l.Mean,
			P50: l.P50, P90: l.P90, P95: l.P95, P99: l.P99, Max: l.Max, Min: l.Min,
		},
		BytesIn:     vegeta.ByteMetrics{Total: uint64(t.Bytes.Body)},
		BytesOut:    vegeta.ByteMetrics{Total: uint64(t.Bytes.Out)},
		Earliest:    t.Started,
		Latest:      t.Started.Add(lastDue(t)),
		End:         t.Started.Add(t.Duration),
		Requests:    uint64(sent),
		StatusCodes: map[string]int{},
		Errors:      []string{},
	}
	m.Duration, m.Wait = m.Latest.Sub(m.Earliest), m.End.Sub(m.Latest)
	var good int64
	for status, n := range t.Requests.Status {
		m.StatusCodes[status] = int(n)
		code, err := strconv.Atoi(status)
		switch {
		case err == nil && 200 <= code && code < 400:
			good += n
		case err == nil:
			m.Errors = append(m.Errors, status+" "+http.StatusText(code))
		}
	}
	if unanswered := sent - answered(t.Requests); unanswered > 0 {
		m.StatusCodes["0"] = int(unanswered)
	}
	for kind := range t.Requests.Errors {
		if kind != "status" { // those are listed one by one
			m.Errors = append(m.Errors, kind)
		}
	}
	slices.Sort(m.Errors)
	if secs := m.Duration.Seconds(); secs > 0 {
		m.Rate = float64(sent) / secs
	}
	if secs := t.Duration.Seconds(); secs > 0 {
		m.Throughput = float64(good) / secs
	}
	if sent > 0 {
		m.BytesIn.Mean = float64(t.Bytes.Body) / float64(sent)
		m.BytesOut.Mean = float64(t.Bytes.Out) / float64(sent)
		m.Success = float64(good) / float64(sent)
	}
	return m
}

// lastDue is when the last request was due, from the begin of the load; of a
// closed loop it is the end.
func lastDue(t results.Trial) time.Duration {
	if t.RequestedRate == 0 || t.Due == 0 {
		return t.Duration
	}
	return min(t.Duration, time.Duration(float64(t.Due-1)/t.RequestedRate*float64(time.Second)))
}
