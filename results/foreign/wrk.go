package foreign

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"plimsoll/results"
)

func looksLikeWrk(head string) bool {
	return strings.Contains(head, "  Thread Stats   Avg      Stdev     Max") && strings.Contains(head, "Running ")
}

func looksLikeWrk2(head string) bool {
	return looksLikeWrk(head) && (strings.Contains(head, "Thread calibration:") || strings.Contains(head, "HdrHistogram - "))
}

// Wrk reads what wrk prints, with or without --latency.
func Wrk(r io.Reader) (*Result, error) { return readWrk(r, false) }

// Wrk2 reads what wrk2 prints, with or without --latency. The rate that was
// asked for is not in it.
func Wrk2(r io.Reader) (*Result, error) { return readWrk(r, true) }

var (
	wrkRunning  = regexp.MustCompile(`^Running (\S+) test @ (\S+)$`)
	wrkThreads  = regexp.MustCompile(`^(\d+) threads and (\d+) connections$`)
	wrkLatency  = regexp.MustCompile(`^Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)%$`)
	wrkPerSec   = regexp.MustCompile(`^Req/Sec\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)%$`)
	wrkPercent  = regexp.MustCompile(`^(\d+(?:\.\d+)?)%\s+(\S+)$`)
	wrkRequests = regexp.MustCompile(`^(\d+) requests in (\S+), (\S+) read$`)
	wrkSocket   = regexp.MustCompile(`^Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$`)
	wrkStatus   = regexp.MustCompile(`^Non-2xx or 3xx responses: (\d+)$`)
	wrkRate     = regexp.MustCompile(`^Requests/sec:\s+(\S+)$`)
	wrkTransfer = regexp.MustCompile(`^Transfer/sec:\s+(\S+)$`)

	wrkCalibration  = regexp.MustCompile(`^Thread calibration: mean lat\.: \S+ usec, rate sampling interval: \S+ msec$`)
	wrkDistribution = regexp.MustCompile(`^Latency Distribution(?: \(HdrHistogram - (?:Recorded|Uncorrected) Latency.*\))?$`)
	wrkSpectrum     = regexp.MustCompile(`^(?:[\d.]+\s+[01]\.\d+\s+\d+\s+(?:[\d.]+|inf)|Value\s+Percentile\s+TotalCount\s+1/\(1-Percentile\)|-+|Detailed Percentile spectrum:)$`)
	wrkMean         = regexp.MustCompile(`^#\[Mean\s+=\s+([\d.]+), StdDeviation\s+=\s+([\d.]+)\]$`)
	wrkMax          = regexp.MustCompile(`^#\[Max\s+=\s+([\d.]+), Total count\s+=\s+(\d+)\]$`)
	wrkBuckets      = regexp.MustCompile(`^#\[Buckets\s+=\s+\d+, SubBuckets\s+=\s+\d+\]$`)
)

// wrkParser reads a text of either program.
type wrkParser struct {
	*lines
	sheet    *sheet
	two      bool
	length   string // of the test, as it was asked for
	threads  string
	complete int64
	counted  bool
	rate     float64
	rated    bool
	socket   [3]int64
	timeouts int64
	status   int64
	// uncorrected is true in a distribution that does not count from when a
	// request was due.
	uncorrected bool
}

func readWrk(r io.Reader, two bool) (*Result, error) {
	p := &wrkParser{lines: newLines(r), sheet: newSheet("wrk"), two: two}
	if two {
		p.sheet = newSheet("wrk2")
	}
	for p.next() {
		if err := p.line(strings.TrimSpace(p.text)); err != nil {
			return nil, p.fail("%w", err)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.finish()
}

func (p *wrkParser) line(text string) error {
	if text == "" || text == "Thread Stats   Avg      Stdev     Max   +/- Stdev" {
		return nil
	}
	for _, l := range []struct {
		pattern *regexp.Regexp
		take    func([]string) error
	}{
		{wrkRunning, p.running}, {wrkThreads, p.connections}, {wrkLatency, p.latency}, {wrkPerSec, ignored},
		{wrkPercent, p.percentile}, {wrkDistribution, p.distribution}, {wrkRequests, p.requests}, {wrkSocket, p.sockets},
		{wrkStatus, p.statuses}, {wrkRate, p.perSecond}, {wrkTransfer, ignored},
	} {
		if m := l.pattern.FindStringSubmatch(text); m != nil {
			return l.take(m)
		}
	}
	if p.two {
		for _, l := range []struct {
			pattern *regexp.Regexp
			take    func([]string) error
		}{{wrkCalibration, ignored}, {wrkMean, p.mean}, {wrkMax, p.max}, {wrkBuckets, ignored}, {wrkSpectrum, ignored}} {
			if m := l.pattern.FindStringSubmatch(text); m != nil {
				return l.take(m)
			}
		}
	}
	return fmt.Errorf("%q is no line that %s prints", text, p.sheet.trial.Foreign.Tool)
}

func ignored([]string) error { return nil }

func (p *wrkParser) running(m []string) error {
	if p.length != "" {
		return errors.New("a second result begins: a file holds one")
	}
	p.length, p.sheet.trial.Target = m[1], m[2]
	return nil
}

func (p *wrkParser) connections(m []string) error {
	n, err := whole(m[2])
	p.threads = m[1]
	p.sheet.concurrency(n)
	return err
}

func (p *wrkParser) latency(m []string) error {
	for i, name := range []string{"mean", "stddev", "max"} {
		d, err := wrkTime(m[1+i])
		if err != nil {
			return err
		}
		p.sheet.latency("response", name, d)
	}
	return nil
}

func (p *wrkParser) distribution(m []string) error {
	p.uncorrected = strings.Contains(m[0], "Uncorrected")
	return nil
}

func (p *wrkParser) percentile(m []string) error {
	rank, err := number(m[1])
	if err != nil {
		return err
	}
	d, err := wrkTime(m[2])
	if err != nil || p.uncorrected {
		return err
	}
	if rank == 100 {
		p.sheet.latency("response", "max", d)
		return nil
	}
	p.sheet.latency("response", percentileName(rank), d) // 99.99 % and above have no place
	return nil
}

func (p *wrkParser) requests(m []string) error {
	var err error
	if p.complete, err = whole(m[1]); err != nil {
		return err
	}
	took, err := wrkTime(m[2])
	if err != nil {
		return err
	}
	in, err := wrkSize(m[3])
	if err != nil {
		return err
	}
	p.counted = true
	p.sheet.duration(took)
	p.sheet.bytesIn(in)
	return nil
}

func (p *wrkParser) sockets(m []string) error {
	for i := range p.socket {
		n, err := whole(m[1+i])
		if err != nil {
			return err
		}
		p.socket[i] = n
		p.sheet.failures([]string{"wrk: connect", "wrk: read", "wrk: write"}[i], n)
	}
	var err error
	p.timeouts, err = whole(m[4])
	return err
}

func (p *wrkParser) statuses(m []string) error {
	var err error
	p.status, err = whole(m[1])
	p.sheet.failures("status", p.status)
	return err
}

func (p *wrkParser) perSecond(m []string) error {
	var err error
	p.rate, err = number(m[1])
	p.rated = true
	return err
}

func (p *wrkParser) mean(m []string) error {
	for i, name := range []string{"mean", "stddev"} {
		d, err := span(m[1+i], time.Millisecond)
		if err != nil {
			return err
		}
		if !p.uncorrected {
			p.sheet.latency("response", name, d)
		}
	}
	return nil
}

func (p *wrkParser) max(m []string) error {
	n, err := whole(m[2])
	if err == nil && !p.uncorrected {
		p.sheet.count("response", n)
	}
	return err
}

func (p *wrkParser) finish() (*Result, error) {
	s := p.sheet
	switch {
	case p.length == "":
		return nil, errors.New(`there is no line "Running … test @ …"`)
	case !s.knows("concurrency") || !s.knows("latency_ns.response.mean") || !p.counted || !p.rated:
		return nil, fmt.Errorf("line %d: the output is cut off before its end", p.number)
	case p.status > p.complete:
		return nil, fmt.Errorf("%d of %d answers had a bad status: that cannot be", p.status, p.complete)
	}
	ok := p.complete - p.status
	if p.timeouts == 0 {
		failed := p.status
		for _, n := range p.socket {
			failed += n
		}
		s.counts(ok, failed)
	} else {
		// One that took longer than two seconds is both a timeout and, when it
		// is answered in the end, a request.
		figure(s, "requests.ok", &s.trial.Requests.OK, ok)
		figure(s, "requests.timeouts", &s.trial.Requests.Timeouts, p.timeouts)
	}
	if p.complete > 0 {
		s.throughput(p.rate * float64(ok) / float64(p.complete))
	}
	load := results.LoadSummary{
		Mode: "closed", Concurrency: s.trial.Concurrency,
		Text: fmt.Sprintf("%d connections of %s threads for %s", s.trial.Concurrency, p.threads, p.length),
	}
	if !p.two && !s.knows("latency_ns.response.count") {
		s.count("response", p.complete)
	}
	if p.two {
		load.Mode = "open"
		load.Caution = "wrk2 sends at a given rate, which its output does not tell: response time counts from the instant a request was due."
		load.Text += ", at a rate that the output does not tell"
	}
	return s.result(load), nil
}

var wrkUnit = regexp.MustCompile(`^([\d.]+)([a-zA-Z]+)$`)

// wrkTime reads "417.00us", "1.53ms", "2.00s", "1.00m" or "1.00h".
func wrkTime(text string) (time.Duration, error) {
	units := map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour}
	m := wrkUnit.FindStringSubmatch(text)
	if m == nil || units[m[2]] == 0 {
		return 0, fmt.Errorf("%q is no time with a unit (us, ms, s, m, h)", text)
	}
	return span(m[1], units[m[2]])
}

// wrkSize reads "1.27MB", which is rounded to two digits after the point and of
// units of 1024.
func wrkSize(text string) (int64, error) {
	units := map[string]float64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
	m := wrkUnit.FindStringSubmatch(text)
	if m == nil || units[m[2]] == 0 {
		return 0, fmt.Errorf("%q is no size with a unit (B, KB, MB, GB, TB, PB)", text)
	}
	v, err := number(m[1])
	if err == nil && v*units[m[2]] > 1<<62 {
		err = fmt.Errorf("%q is no size that a load reads", text)
	}
	if err != nil {
		return 0, err
	}
	return int64(v * units[m[2]]), nil
}
