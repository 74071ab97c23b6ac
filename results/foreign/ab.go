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

func looksLikeAB(head string) bool {
	return strings.Contains(head, "\nConcurrency Level:") && strings.Contains(head, "\nTime taken for tests:") ||
		strings.HasPrefix(head, "Concurrency Level:")
}

// AB reads what ApacheBench prints. Above its table anything may stand; in the
// table and below it every line has to be one of ab's. Times are rounded to
// milliseconds by ab.
func AB(r io.Reader) (*Result, error) {
	p := &abParser{lines: newLines(r), sheet: newABSheet(), n: map[string]int64{}}
	for p.next() {
		if err := p.line(); err != nil {
			return nil, err
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.finish()
}

// newABSheet is for ab's table and ab -g, which round to milliseconds.
func newABSheet() *sheet {
	s := newSheet("ApacheBench")
	s.trial.Foreign.Rounded = time.Millisecond
	return s
}

type abParser struct {
	*lines
	sheet *sheet
	n     map[string]int64 // whole numbers, by the name of their line
	rps   float64
	host  string
	port  string
	state abState
	// short is the form of "Connection Times" that -S gives.
	short bool
}

// abState is the part of the output that is being read.
type abState int

const (
	abAbove abState = iota
	abTable
	abTimes
	abPercentiles
	abDone
)

var abVersion = regexp.MustCompile(`^This is ApacheBench, Version (\S+)`)

func (p *abParser) line() error {
	text := strings.TrimSpace(p.text)
	key, value, isPair := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	switch {
	case text == "":
		return nil
	case p.state == abAbove:
		if m := abVersion.FindStringSubmatch(text); m != nil {
			p.sheet.trial.Foreign.Tool = "ApacheBench " + m[1]
		}
		if !isPair || !abKeys[key] {
			return nil
		}
		p.state = abTable
	case p.state == abDone || p.state > abTable && abKeys[key]:
		return p.fail("%q comes after the end of the table: a file holds one result, and nothing below it", text)
	}
	switch {
	case strings.HasPrefix(text, "Connection Times (ms)"):
		p.state = abTimes
		return nil
	case strings.HasPrefix(text, "Percentage of the requests served"):
		p.state = abPercentiles
		return nil
	case p.state == abTimes:
		return p.timesLine(text, key, value, isPair)
	case p.state == abPercentiles:
		return p.percentileLine(text)
	}
	return p.tableLine(text, key, value, isPair)
}

// abKeys are the names in the table.
var abKeys = map[string]bool{
	"Server Software": true, "Server Hostname": true, "Server Port": true, "SSL/TLS Protocol": true, "Server Temp Key": true,
	"TLS Server Name": true, "Document Path": true, "Document Length": true, "Concurrency Level": true, "Time taken for tests": true,
	"Complete requests": true, "Failed requests": true, "Write errors": true, "Non-2xx responses": true, "Keep-Alive requests": true,
	"Total transferred": true, "Total body sent": true, "Total PUT": true, "Total POSTed": true, "HTML transferred": true,
	"Requests per second": true, "Time per request": true, "Transfer rate": true,
}

var (
	abFailed = regexp.MustCompile(`^\(Connect: (\d+), Receive: (\d+), Length: (\d+), Exceptions: (\d+)\)$`)
	abSent   = regexp.MustCompile(`^[\d.]+ kb/s (sent|total)$`)
	abUnits  = map[string]*regexp.Regexp{
		"Document Length":      regexp.MustCompile(`^(\d+) bytes$|^Variable$`),
		"Total transferred":    regexp.MustCompile(`^(\d+) bytes$`),
		"HTML transferred":     regexp.MustCompile(`^(\d+) bytes$`),
		"Time taken for tests": regexp.MustCompile(`^([\d.]+) seconds$`),
		"Requests per second":  regexp.MustCompile(`^([\d.]+) \[#/sec\] \(mean\)$`),
		"Time per request":     regexp.MustCompile(`^([\d.]+) \[ms\] \(mean(?:, across all concurrent requests)?\)$`),
		"Transfer rate":        regexp.MustCompile(`^([\d.]+) \[Kbytes/sec\](?: received)?$`),
	}
)

func (p *abParser) tableLine(text, key, value string, isPair bool) error {
	if m := abFailed.FindStringSubmatch(text); m != nil {
		for i, kind := range []string{"connect", "receive", "length", "exception"} {
			n, err := whole(m[i+1])
			if err != nil {
				return p.fail("%w", err)
			}
			p.n[kind] = n
			p.sheet.failures("ab: "+kind, n)
		}
		return nil
	}
	if abSent.MatchString(text) {
		return nil
	}
	if !isPair || !abKeys[key] {
		return p.fail("%q is no line of ab's table", text)
	}
	if pattern := abUnits[key]; pattern != nil {
		m := pattern.FindStringSubmatch(value)
		if m == nil {
			return p.fail("%s: %q is not as ab writes it", key, value)
		}
		value = m[1]
	}
	var err error
	switch key {
	case "Server Software":
		p.sheet.trial.Sample.Server = value
	case "Server Hostname":
		p.host = value
	case "Server Port":
		p.port = value
	case "Document Path":
		p.sheet.trial.Sample.Document = value
	case "Document Length":
		if value == "" {
			return nil // variable
		}
		fallthrough
	case "Concurrency Level", "Complete requests", "Failed requests", "Write errors", "Non-2xx responses", "Keep-Alive requests",
		"Total transferred", "HTML transferred", "Total body sent", "Total PUT", "Total POSTed":
		if _, twice := p.n[key]; twice {
			return p.fail("%s stands twice: a file holds one result", key)
		}
		p.n[key], err = whole(value)
	case "Time taken for tests":
		var d time.Duration
		if d, err = span(value, time.Second); err == nil {
			p.sheet.duration(d)
		}
	case "Requests per second":
		p.rps, err = number(value)
	case "Time per request", "Transfer rate":
		_, err = number(value) // follows from the others
	}
	if err != nil {
		return p.fail("%s: %w", key, err)
	}
	return nil
}

var abKinds = map[string]string{"Connect": "connect", "Processing": "processing", "Waiting": "waiting", "Total": "response"}

func (p *abParser) timesLine(text, key, value string, isPair bool) error {
	switch strings.Join(strings.Fields(text), " ") {
	case "min mean[+/-sd] median max":
		return nil
	case "min avg max":
		p.short = true
		return nil
	}
	// ab's own doubts, each over two lines.
	for _, doubt := range []string{"WARNING: The median and mean for", "ERROR: The median and mean for", "These results are", "deviation apart. These results"} {
		if strings.HasPrefix(text, doubt) {
			return nil
		}
	}
	kind, known := abKinds[key]
	if !isPair || !known {
		return p.fail("%q is no line of ab's connection times", text)
	}
	names := []string{"min", "mean", "stddev", "p50", "max"}
	if p.short {
		names = []string{"min", "mean", "max"}
	}
	fields := strings.Fields(value)
	if len(fields) != len(names) {
		return p.fail("%s has %d figures, not %d", key, len(fields), len(names))
	}
	for i, name := range names {
		d, err := span(fields[i], time.Millisecond)
		if err != nil {
			return p.fail("%s: %w", key, err)
		}
		p.sheet.latency(kind, name, d)
	}
	return nil
}

var abPercentile = regexp.MustCompile(`^(\d+)%\s+(\d+)(?: \(longest request\))?$`)

func (p *abParser) percentileLine(text string) error {
	m := abPercentile.FindStringSubmatch(text)
	if m == nil {
		return p.fail("%q is no line of ab's percentages", text)
	}
	d, err := span(m[2], time.Millisecond)
	if err != nil {
		return p.fail("%w", err)
	}
	name := "p" + m[1]
	if name == "p100" {
		name, p.state = "max", abDone
	}
	if !p.sheet.latency("response", name, d) {
		return p.fail("%s %% is none of ab's percentages", m[1])
	}
	return nil
}

func (p *abParser) finish() (*Result, error) {
	if p.state == abAbove {
		return nil, errors.New("there is no table of ab in it")
	}
	for _, key := range []string{"Concurrency Level", "Complete requests", "Failed requests"} {
		if _, ok := p.n[key]; !ok {
			return nil, fmt.Errorf("line %d: the table ends without %q", p.number, key)
		}
	}
	s := p.sheet
	if !s.knows("duration_ns") {
		return nil, fmt.Errorf("line %d: the table ends without %q", p.number, "Time taken for tests")
	}
	s.concurrency(p.n["Concurrency Level"])
	_, s.trial.KeepAlive = p.n["Keep-Alive requests"]
	s.told("keepalive")
	for key, tell := range map[string]func(int64){
		"Total transferred": s.bytesIn, "HTML transferred": s.bytesBody,
		"Document Length": func(n int64) { figure(s, "sample.length", &s.trial.Sample.Length, n) },
	} {
		if n, ok := p.n[key]; ok {
			tell(n)
		}
	}
	if err := p.judgeCounts(); err != nil {
		return nil, err
	}
	if p.host != "" {
		s.trial.Target = "http://" + p.host
		if p.port == "443" {
			s.trial.Target = "https://" + p.host
		} else if p.port != "" && p.port != "80" {
			s.trial.Target += ":" + p.port
		}
		s.trial.Target += s.trial.Sample.Document
	}
	complete := p.n["Complete requests"]
	if s.knows("latency_ns.response.mean") {
		for _, kind := range abKinds {
			s.count(kind, complete)
		}
	}
	c := s.trial.Concurrency
	text := fmt.Sprintf("%d requests, %d at a time, no keep-alive", complete, c)
	if s.trial.KeepAlive {
		text = fmt.Sprintf("%d requests, %d at a time, keep-alive", complete, c)
	}
	return s.result(results.LoadSummary{
		Mode: "closed", Text: text, Requests: int(complete), Concurrency: c, KeepAlive: s.trial.KeepAlive,
	}), nil
}

// judgeCounts tells good answers from bad ones. ab counts an answer other than
// 2xx as complete and not as failed, and one that is of another length, too, as
// both: with both kinds at once it does not tell how many were good.
func (p *abParser) judgeCounts() error {
	complete, failed, bad := p.n["Complete requests"], p.n["Failed requests"], p.n["Non-2xx responses"]
	// Those that could not connect are in the failed ones, not in the complete.
	answered := failed - p.n["connect"]
	if answered < 0 || answered > complete || bad > complete {
		return fmt.Errorf("of %d complete requests, %d failed and %d were answered with another status than 2xx: that cannot be", complete, failed, bad)
	}
	p.sheet.failures("status", bad)
	if answered > 0 && bad > 0 {
		return nil
	}
	p.sheet.counts(complete-answered-bad, failed+bad)
	if complete > 0 && p.rps > 0 {
		p.sheet.throughput(p.rps * float64(complete-answered-bad) / float64(complete))
	}
	return nil
}
