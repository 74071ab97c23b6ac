package report

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis"
)

// CSV writes every figure of every finished trial as a line of its own, the
// form that data tools turn into whatever table is wanted. The column replica
// is empty for what concerns the whole trial.
func CSV(w io.Writer, doc *analysis.Document) error {
	out := csv.NewWriter(w)
	// Errors of Write are kept by the writer and come out of Error below.
	_ = out.Write([]string{"run", "environment", "scale", "load", "mode", "trial", "validity", "replica", "metric", "unit", "value"})
	for _, c := range doc.Cells {
		for _, t := range c.Detail {
			for _, f := range figures(t) {
				_ = out.Write([]string{
					doc.RunID, c.Environment, c.Scale, c.Load, c.Mode, strconv.Itoa(t.Trial.Trial), string(t.Validity.Verdict),
					f.replica, f.metric, f.unit, f.value,
				})
			}
		}
	}
	out.Flush()
	return out.Error()
}

// figure is one number of a trial.
type figure struct{ replica, metric, unit, value string }

// place is where the figure is in trial.json. What is nowhere there, such as
// the worker's CPU, has a place that no import tells.
func (f figure) place() string {
	switch f.metric {
	case "duration":
		return "duration_ns"
	case "throughput":
		return "throughput_rps"
	case "sent", "ok", "failed", "timeouts":
		return "requests." + f.metric
	case "due", "requested_rate":
		return f.metric
	}
	if name, ok := strings.CutPrefix(f.metric, "bytes_"); ok {
		return "bytes." + name
	}
	return "latency_ns." + strings.ReplaceAll(f.metric, "_", ".")
}

// figureList collects figures.
type figureList []figure

func (l *figureList) count(metric string, n int64) {
	*l = append(*l, figure{metric: metric, unit: "1", value: strconv.FormatInt(n, 10)})
}

func (l *figureList) time(metric string, d time.Duration) {
	*l = append(*l, figure{metric: metric, unit: "ns", value: strconv.FormatInt(int64(d), 10)})
}

func (l *figureList) bytes(metric string, n int64) {
	*l = append(*l, figure{metric: metric, unit: "B", value: strconv.FormatInt(n, 10)})
}

func (l *figureList) rate(metric string, perSecond float64) {
	*l = append(*l, figure{metric: metric, unit: "1/s", value: strconv.FormatFloat(perSecond, 'f', -1, 64)})
}

func figures(t analysis.TrialDetail) figureList {
	var l figureList
	l.time("duration", t.Duration)
	l.count("due", t.Due)
	l.count("sent", t.Requests.Sent)
	l.count("ok", t.Requests.OK)
	l.count("failed", t.Requests.Failed)
	l.count("timeouts", t.Requests.Timeouts)
	l.rate("throughput", t.Throughput)
	l.rate("requested_rate", t.RequestedRate)
	l.bytes("bytes_in", t.Bytes.In)
	l.bytes("bytes_out", t.Bytes.Out)
	l.bytes("bytes_body", t.Bytes.Body)
	for _, s := range []struct {
		name  string
		stats results.Stats
	}{
		{"response", t.Latency.Response}, {"service", t.Latency.Service}, {"lag", t.Latency.Lag},
		{"connect", t.Latency.Connect}, {"processing", t.Latency.Processing}, {"waiting", t.Latency.Waiting},
	} {
		l.stats(s.name, s.stats)
	}
	for _, name := range slices.Sorted(maps.Keys(t.ByName)) {
		n := t.ByName[name]
		l.count("request "+name+" sent", n.Sent)
		l.count("request "+name+" failed", n.Failed)
		if n.Latency != nil {
			l.stats("request "+name+" response", n.Latency.Response)
			l.stats("request "+name+" service", n.Latency.Service)
			l.stats("request "+name+" lag", n.Latency.Lag)
		}
	}
	l.time("worker_cpu", t.Worker.CPU)
	l.bytes("worker_rss", t.Worker.RSSBytes)
	for _, u := range t.Usage {
		l = append(l, usageFigures(u)...)
	}
	return slices.DeleteFunc(l, func(f figure) bool { return !t.Tells(f.place()) })
}

// stats leaves out what was never recorded, instead of calling it 0.
func (l *figureList) stats(name string, s results.Stats) {
	if s.Count == 0 {
		return
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"min", s.Min}, {"mean", s.Mean}, {"stddev", s.StdDev}, {"p50", s.P50}, {"p66", s.P66}, {"p75", s.P75},
		{"p80", s.P80}, {"p90", s.P90}, {"p95", s.P95}, {"p98", s.P98}, {"p99", s.P99}, {"max", s.Max},
	} {
		l.time(name+"_"+f.name, f.value)
	}
	if s.Count >= analysis.RequestsFor(99.9) {
		l.time(name+"_p99.9", s.P999)
	}
}

func usageFigures(u results.UsageTotal) figureList {
	var l figureList
	l.time("cpu", u.CPU)
	l.time("cpu_per_request", u.CPUPerRequest)
	l.bytes("memory_peak", u.MemoryPeakBytes)
	if u.Throttled != nil {
		l.time("throttled", *u.Throttled)
	}
	for _, f := range []struct {
		name  string
		value *int64
	}{
		{"net_in", u.NetIn}, {"net_out", u.NetOut}, {"block_read", u.BlockRead}, {"block_write", u.BlockWrite},
	} {
		if f.value != nil {
			l.bytes(f.name, *f.value)
		}
	}
	if u.Requests != nil {
		l.count("requests", *u.Requests)
	}
	for i := range l {
		l[i].replica = u.Replica
	}
	return l
}
