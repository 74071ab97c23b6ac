package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"plimsoll/internal/latency"
	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

const (
	// benchWidth is what fits every terminal.
	benchWidth = 80
	// benchBar is the length of the longest bar of the plot.
	benchBar = 34
	// benchBars is how many bars the plot may have.
	benchBars = 14
)

// BenchText writes the trial for a terminal of 80 columns: what was done and
// what came of it, the percentiles, a plot of the response times. It is
// coloured if w is a terminal and NO_COLOR is not set.
func BenchText(w io.Writer, t Bench) error {
	f, ok := w.(*os.File)
	_, plain := os.LookupEnv("NO_COLOR")
	text := &benchText{textReport: textReport{colour: ok && !plain && term.IsTerminal(int(f.Fd()))}, t: t}
	text.summary()
	// How long it took to be refused is no response time.
	if answered(t.Requests) > 0 {
		text.percentiles()
		text.byName()
		text.plot()
	}
	_, err := w.Write(text.b.Bytes())
	return err
}

type benchText struct {
	textReport
	t Bench
}

// line writes a fact with its name, wrapped.
func (b *benchText) line(name, format string, args ...any) {
	const indent = 10
	for i, line := range wrap(fmt.Sprintf(format, args...), benchWidth-indent) {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(&b.b, "%-*s%s\n", indent, name, line)
	}
}

func (b *benchText) summary() {
	t := b.t
	b.line("Target", "%s", t.Link.Label(t.Target))
	connections := "a connection for each request"
	if t.KeepAlive {
		connections = "connections are kept"
	}
	if t.HTTP2 {
		connections += ", HTTP/2"
	}
	if t.Mode == "open" {
		b.line("Load", "open loop, %s requests/s, %s", units.Rate(t.RequestedRate), connections)
	} else {
		b.line("Load", "closed loop, %d at a time, %s", t.Concurrency, connections)
	}
	b.line("Requests", "%s sent in %s: %s ok, %s failed", units.Count(t.Requests.Sent), units.Latency(t.Duration),
		units.Count(t.Requests.OK), units.Count(t.Requests.Failed))
	if n := t.Requests.Redirects; n > 0 {
		b.line("Redirects", "%s followed", units.Count(n))
	}
	b.line("Rate", "%s good answers/s", units.Rate(t.Throughput))
	b.counts("Status", t.Requests.Status)
	b.counts("Errors", t.Requests.Errors)
	received := units.Bytes(t.Bytes.In) + " received"
	if !strings.HasPrefix(t.Target, "tcp://") {
		received += " (" + units.Bytes(t.Bytes.Body) + " without headers)"
	}
	b.line("Bytes", "%s, %s sent", received, units.Bytes(t.Bytes.Out))
	b.worker()
	if t.Calibration != nil {
		b.line("Null", "%s", t.Calibration.Text())
	}
	for _, warning := range t.Warnings {
		b.line("Warning", "%s", warning)
	}
	b.validity()
}

func (b *benchText) counts(name string, of map[string]int64) {
	var parts []string
	for _, c := range ordered(of) {
		parts = append(parts, c.name+" × "+units.Count(c.n))
	}
	if len(parts) > 0 {
		b.line(name, "%s", strings.Join(parts, ", "))
	}
}

func (b *benchText) worker() {
	t := b.t
	text := units.Latency(t.Worker.CPU) + " CPU"
	// Of a shorter load most is what the worker needed to get ready.
	if t.Duration >= 100*time.Millisecond && t.Requests.Sent > 0 {
		text += fmt.Sprintf(" (%s a request, %s of a core)",
			units.Latency(t.Worker.CPU/time.Duration(t.Requests.Sent)), percent(t.Worker.CPU.Seconds()/t.Duration.Seconds()))
	}
	b.line("Worker", "%s, %s memory", text, units.Bytes(t.Worker.RSSBytes))
	if bound := t.SystemP99; bound != nil && carried(99, t.Latency.Response.Count) {
		b.line("Bound", "whatever lateness of the load generator added, the server's own p99 is %s", boundText(bound))
	}
}

func (b *benchText) validity() {
	verdict, reasons := b.t.Validity.Verdict, b.t.Validity.Reasons
	text := string(verdict)
	if len(reasons) > 0 {
		text += ": " + strings.Join(reasons, "; ")
	}
	start := b.b.Len()
	b.line("Validity", "%s", text)
	if code := map[results.ValidityVerdict]string{results.Suspect: "33", results.Invalid: "31;1"}[verdict]; code != "" {
		painted := b.paint(code, strings.TrimSuffix(b.b.String()[start:], "\n"))
		b.b.Truncate(start)
		b.b.WriteString(painted + "\n")
	}
}

// percentiles writes the table of times, in ms. Percentiles that so few
// requests do not carry are left out.
func (b *benchText) percentiles() {
	l := b.t.Latency
	columns := []struct {
		name  string
		stats results.Stats
	}{{"response", l.Response}, {"connect", l.Connect}, {"waiting", l.Waiting}}
	if b.t.Mode == "open" {
		columns[1].name, columns[1].stats = "service", l.Service
		columns[2].name, columns[2].stats = "lag", l.Lag
	}
	rows := []struct {
		name string
		rank float64
		of   func(results.Stats) time.Duration
	}{
		{"min", 0, func(s results.Stats) time.Duration { return s.Min }},
		{"p50", 50, func(s results.Stats) time.Duration { return s.P50 }},
		{"p75", 75, func(s results.Stats) time.Duration { return s.P75 }},
		{"p90", 90, func(s results.Stats) time.Duration { return s.P90 }},
		{"p95", 95, func(s results.Stats) time.Duration { return s.P95 }},
		{"p99", 99, func(s results.Stats) time.Duration { return s.P99 }},
		{"p99.9", 99.9, func(s results.Stats) time.Duration { return s.P999 }},
		{"max", 0, func(s results.Stats) time.Duration { return s.Max }},
		{"mean", 0, func(s results.Stats) time.Duration { return s.Mean }},
		{"stddev", 0, func(s results.Stats) time.Duration { return s.StdDev }},
	}
	header := fmt.Sprintf("%-10s", "ms")
	table := make([][]string, len(columns))
	for i, c := range columns {
		header += fmt.Sprintf("%12s", c.name)
		values := make([]float64, 0, len(rows))
		for _, r := range rows {
			v := exactMS(r.of(c.stats))
			if !carried(r.rank, c.stats.Count) {
				v = math.NaN()
			}
			values = append(values, v)
		}
		table[i] = column(values)
	}
	b.heading(header)
	for i, r := range rows {
		if !carried(r.rank, l.Response.Count) {
			continue
		}
		fmt.Fprintf(&b.b, "%-10s", r.name)
		for k := range columns {
			fmt.Fprintf(&b.b, "%12s", table[k][i])
		}
		b.b.WriteByte('\n')
	}
}

// byName writes what became of the requests of each name.
func (b *benchText) byName() {
	if len(b.t.ByName) == 0 {
		return
	}
	const name = 34
	b.heading(fmt.Sprintf("%-*s%10s%9s%9s%9s%9s", name, "Response times by request", "sent", "failed", "p50", "p90", "p99"))
	for _, n := range slices.Sorted(maps.Keys(b.t.ByName)) {
		t := b.t.ByName[n]
		fmt.Fprintf(&b.b, "%-*s%10s%9s", name, cut(n, name-1), units.Count(t.Sent), units.Count(t.Failed))
		for _, p := range []struct {
			rank float64
			of   func(results.Stats) time.Duration
		}{
			{50, func(s results.Stats) time.Duration { return s.P50 }},
			{90, func(s results.Stats) time.Duration { return s.P90 }},
			{99, func(s results.Stats) time.Duration { return s.P99 }},
		} {
			text := "–"
			if t.Latency != nil && carried(p.rank, t.Latency.Response.Count) {
				text = units.Latency(p.of(t.Latency.Response))
			}
			fmt.Fprintf(&b.b, "%*s", 9, text)
		}
		b.b.WriteByte('\n')
	}
	if len(b.t.ByName) > results.MostNamed {
		fmt.Fprintf(&b.b, "Times are told apart for mixes of up to %d requests.\n", results.MostNamed)
	}
}

// cut shortens a text to so many characters.
func cut(text string, to int) string {
	if runes := []rune(text); len(runes) > to {
		return string(runes[:to-1]) + "…"
	}
	return text
}

// carried reports whether so many requests carry a percentile; rank 0 stands
// for what any request carries.
func carried(rank float64, count int64) bool {
	return count > 0 && (rank == 0 || count >= analysis.RequestsFor(rank))
}

// plot draws how many requests took how long, on a logarithmic axis.
func (b *benchText) plot() {
	bars := barsOf(b.t.Response)
	if len(bars) == 0 {
		return
	}
	var most, all int64
	for _, bar := range bars {
		most, all = max(most, bar.count), all+bar.count
	}
	b.heading("Response times")
	from := time.Duration(-1)
	for _, bar := range bars {
		var marks []string
		for _, p := range []struct {
			rank  float64
			value time.Duration
		}{{50, b.t.Latency.Response.P50}, {90, b.t.Latency.Response.P90}, {99, b.t.Latency.Response.P99}} {
			if from < p.value && p.value <= bar.to && carried(p.rank, all) {
				marks = append(marks, fmt.Sprintf("p%.0f", p.rank))
			}
		}
		from = bar.to
		length := barText(float64(bar.count) / float64(most))
		line := fmt.Sprintf("%10s  %s %11s %7s  %s", "≤ "+units.Latency(bar.to),
			b.paint("36", fmt.Sprintf("%-*s", benchBar, length)),
			units.Count(bar.count), percent(float64(bar.count)/float64(all)), strings.Join(marks, " "))
		b.b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// barText draws a bar as long as share (0–1) of the longest; what is there at
// all can be seen.
func barText(share float64) string {
	eighths := int(math.Round(8 * benchBar * share))
	if share > 0 {
		eighths = max(eighths, 1)
	}
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

// timeBar is how many requests took at most to, and longer than the bar before.
type timeBar struct {
	to    time.Duration
	count int64
}

// barsOf groups a histogram by preferred numbers (IEC 60063's, and 1-2-5
// beyond), as finely as benchBars allow.
func barsOf(h *latency.Histogram) []timeBar {
	if h.Count() == 0 {
		return nil
	}
	var bars []timeBar
	for _, series := range [][]float64{
		{1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1},
		{1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2},
		{1, 1.5, 2.2, 3.3, 4.7, 6.8},
		{1, 2, 5},
		{1},
	} {
		if bars = grouped(h, series); len(bars) <= benchBars {
			break
		}
	}
	return bars
}

// grouped counts between the numbers of a series, from the bar of the fastest
// request to that of the slowest.
func grouped(h *latency.Histogram, series []float64) []timeBar {
	var bars []timeBar
	at, scale := 0, latency.Lowest
	to := func() time.Duration { return time.Duration(math.Round(series[at] * float64(scale))) }
	for value, count := range h.Buckets() {
		for value > to() {
			if len(bars) > 0 && bars[len(bars)-1].to != to() {
				bars = append(bars, timeBar{to: to()})
			}
			if at++; at == len(series) {
				at, scale = 0, scale*10
			}
		}
		if len(bars) == 0 || bars[len(bars)-1].to != to() {
			bars = append(bars, timeBar{to: to()})
		}
		bars[len(bars)-1].count += count
	}
	return bars
}

// named is a count with its name.
type named struct {
	name string
	n    int64
}

// ordered returns counts above zero, the highest first.
func ordered(counts map[string]int64) []named {
	var out []named
	for name, n := range maps.All(counts) {
		if n > 0 {
			out = append(out, named{name, n})
		}
	}
	slices.SortFunc(out, func(a, b named) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	return out
}
