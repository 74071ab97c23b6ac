package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis"
)

// AB writes, for each closed-loop trial, the table that ApacheBench prints,
// line for line, so that what reads ab's output reads this. A line before each
// table names the trial; it stands where ab says what it benchmarks.
//
// As with ab -l, an answer of an unexpected length is no failure, and an answer
// with a status other than 2xx is one of "Non-2xx responses" only. Imported
// trials are left out: they do not tell all that is in the table.
func AB(w io.Writer, doc *analysis.Document) error {
	var b bytes.Buffer
	tables := 0
	for _, c := range doc.Cells {
		for _, t := range c.Detail {
			if t.Mode != "closed" || strings.HasPrefix(t.Target, "tcp://") || t.Foreign != nil {
				continue
			}
			if tables++; tables > 1 {
				b.WriteString("\n\n")
			}
			writeAB(&b, fmt.Sprintf("%s, trial %d, %s", c.Name, t.Trial.Trial, t.Validity.Verdict), t)
		}
	}
	if tables == 0 {
		return errors.New("ab's table is for closed loops (requests and concurrency) over HTTP that this program measured, and this run has no such trial")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func hostOf(target string) string {
	if u, err := url.Parse(target); err == nil {
		return u.Hostname()
	}
	return target
}

// abFailures are the kinds of failures as ab sorts them. What is in none of
// them is an exception.
var abFailures = struct{ connect, receive, length []string }{
	connect: []string{"refused", "name not resolved", "unreachable", "tls", "local limit"},
	receive: []string{"reset", "timeout", "cut off"},
	length:  []string{"short read"},
}

// writeAB writes the table of one trial, which what is said in parentheses
// tells from others.
func writeAB(b *bytes.Buffer, what string, t analysis.TrialDetail) {
	fmt.Fprintf(b, "This is plimsoll, in the form of ApacheBench\n\nBenchmarking %s (%s)...done\n\n\n", hostOf(t.Target), what)
	answers := answered(t.Requests)
	connect, receive := ofKinds(t.Requests, abFailures.connect), ofKinds(t.Requests, abFailures.receive)
	length := ofKinds(t.Requests, abFailures.length)
	failed := t.Requests.Failed - t.Requests.Errors["status"]
	done := t.Requests.OK + t.Requests.Failed - connect

	host, port := splitTarget(t.Target)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-24s"+format+"\n", append([]any{name + ":"}, args...)...)
	}
	line("Server Software", "%s", t.Sample.Server)
	line("Server Hostname", "%s", t.Link.Label(host))
	line("Server Port", "%s", port)
	b.WriteByte('\n')
	line("Document Path", "%s", t.Sample.Document)
	if t.Bytes.Body == answers*t.Sample.Length {
		line("Document Length", "%d bytes", t.Sample.Length)
	} else {
		line("Document Length", "Variable")
	}
	b.WriteByte('\n')
	line("Concurrency Level", "%d", t.Concurrency)
	line("Time taken for tests", "%.3f seconds", t.Duration.Seconds())
	line("Complete requests", "%d", done)
	line("Failed requests", "%d", failed)
	if failed > 0 {
		fmt.Fprintf(b, "   (Connect: %d, Receive: %d, Length: %d, Exceptions: %d)\n",
			connect, receive, length, failed-connect-receive-length)
	}
	if n := non2xx(t.Requests); n > 0 {
		line("Non-2xx responses", "%d", n)
	}
	if t.KeepAlive {
		line("Keep-Alive requests", "%d", keptAlive(t, answers))
	}
	line("Total transferred", "%d bytes", t.Bytes.In)
	line("HTML transferred", "%d bytes", t.Bytes.Body)
	writeABRates(line, t, done)
	if t.Latency.Response.Count > 0 {
		writeABTimes(b, t.Latency)
	}
	if t.Latency.Response.Count > 1 {
		writeABPercentiles(b, t.Latency.Response)
	}
}

// writeABRates keeps ab's identities: n/T, c·T/n, T/n and bytes/T.
func writeABRates(line func(name, format string, args ...any), t analysis.TrialDetail, done int64) {
	took, n := t.Duration.Seconds(), float64(done)
	if took <= 0 || done == 0 {
		return
	}
	line("Requests per second", "%.2f [#/sec] (mean)", n/took)
	line("Time per request", "%.3f [ms] (mean)", float64(t.Concurrency)*1000*took/n)
	line("Time per request", "%.3f [ms] (mean, across all concurrent requests)", 1000*took/n)
	line("Transfer rate", "%.2f [Kbytes/sec] received", float64(t.Bytes.In)/1024/took)
}

func writeABTimes(b *bytes.Buffer, l results.LatencyStats) {
	rows := []struct {
		name, sentence string
		stats          results.Stats
	}{
		{"Connect:", "the initial connection time", l.Connect},
		{"Processing:", "the processing time", l.Processing},
		{"Waiting:", "the waiting time", l.Waiting},
		{"Total:", "the total time", l.Response},
	}
	b.WriteString("\nConnection Times (ms)\n              min  mean[+/-sd] median   max\n")
	for _, r := range rows {
		s := r.stats
		fmt.Fprintf(b, "%-11s %5d %4d %5.1f %6d %7d\n", r.name, ms(s.Min), ms(s.Mean), exactMS(sampleDev(s)), ms(s.P50), ms(s.Max))
	}
	for _, r := range rows {
		apart, dev := math.Abs(float64(ms(r.stats.Mean)-ms(r.stats.P50))), exactMS(sampleDev(r.stats))
		switch {
		case apart > 2*dev:
			fmt.Fprintf(b, "ERROR: The median and mean for %s are more than twice the standard\n"+
				"       deviation apart. These results are NOT reliable.\n", r.sentence)
		case apart > dev:
			fmt.Fprintf(b, "WARNING: The median and mean for %s are not within a normal deviation\n"+
				"        These results are probably not that reliable.\n", r.sentence)
		}
	}
}

func writeABPercentiles(b *bytes.Buffer, s results.Stats) {
	b.WriteString("\nPercentage of the requests served within a certain time (ms)\n")
	for _, p := range []struct {
		rank  int
		value time.Duration
	}{
		{50, s.P50}, {66, s.P66}, {75, s.P75}, {80, s.P80}, {90, s.P90}, {95, s.P95}, {98, s.P98}, {99, s.P99},
	} {
		fmt.Fprintf(b, "  %d%%  %5d\n", p.rank, ms(p.value))
	}
	fmt.Fprintf(b, " 100%%  %5d (longest request)\n", ms(s.Max))
}

// ms rounds to whole milliseconds as ab does, halves up.
func ms(d time.Duration) int64 { return int64((d + time.Millisecond/2) / time.Millisecond) }

func exactMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sampleDev is the standard deviation with n-1, which is ab's.
func sampleDev(s results.Stats) time.Duration {
	if s.Count < 2 {
		return 0
	}
	n := float64(s.Count)
	return time.Duration(float64(s.StdDev) * math.Sqrt(n/(n-1)))
}

// answered is how many requests got a whole answer, whatever its status.
func answered(c results.Counts) int64 {
	var n int64
	for _, k := range c.Status {
		n += k
	}
	return n
}

func non2xx(c results.Counts) int64 {
	var n int64
	for status, k := range c.Status {
		if !strings.HasPrefix(status, "2") {
			n += k
		}
	}
	return n
}

func ofKinds(c results.Counts, kinds []string) int64 {
	var n int64
	for _, k := range kinds {
		n += c.Errors[k]
	}
	return n
}

// keptAlive is ab's count of answers on connections that stay open: those that
// found one open, and the first on each of them.
func keptAlive(t analysis.TrialDetail, answers int64) int64 {
	if t.Reused == 0 {
		return 0
	}
	return min(answers, t.Reused+int64(t.Concurrency))
}

func splitTarget(target string) (host, port string) {
	u, err := url.Parse(target)
	if err != nil {
		return target, ""
	}
	if port = u.Port(); port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname(), port
}
