package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/internal/latency"
	"plimsoll/internal/proc"
	"plimsoll/internal/units"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/runner/bench"
	"plimsoll/runner/calibrate"
	"plimsoll/runner/engine/process"
	"plimsoll/runner/load"
	"plimsoll/runner/worker"
)

func newBenchCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "put load on a URL, without a scenario",
		ArgsUsage: "URL",
		Description: `A closed loop keeps -c requests in flight until -n are done or -d is over; it
is the default, with -n 1000 -c 10. An open loop sends --rate requests whatever
the server does, for -d or until there were -n; its response times count from
the instant a request was due.

  plimsoll bench -n 1000 -c 10 http://localhost:8080/
  plimsoll bench --rate 200/s -d 30s -k http://localhost:8080/
  plimsoll bench -m POST --body @news.json -H 'Content-Type: application/json' URL
  plimsoll bench --targets targets.txt -n 5000 --format ab
  plimsoll bench --rate 50/s -d 30s -k --payload @reading.xml --expect OK --until '\n' tcp://localhost:6000

To tcp:// goes the payload as it is. An answer is what --expect says and no more;
or ends with --until or after --length, and holds what is expected; without all
three none is awaited. In these texts, \n \r \t \0 \\ and \xHH are bytes.

Ctrl-C ends the load; what was measured is still shown. Exit codes: 0 done,
whatever the answers were · 1 error, or no request got an answer · 2 usage ·
97 measurement invalid · 130 interrupted.`,
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "requests", Aliases: []string{"n"}, HideDefault: true, Usage: "send `N` requests"},
			&cli.IntFlag{Name: "concurrency", Aliases: []string{"c"}, HideDefault: true, Usage: "closed loop: keep `N` requests in flight (default: 10)"},
			&cli.DurationFlag{Name: "duration", Aliases: []string{"d"}, HideDefault: true, Usage: "load for `TIME`, such as 30s"},
			&cli.StringFlag{Name: "rate", Usage: "open loop: send at `RATE`, such as 200/s or 3000/m"},
			&cli.BoolFlag{Name: "keepalive", Aliases: []string{"k"}, Usage: "use connections again"},
			&cli.StringSliceFlag{Name: "header", Aliases: []string{"H"}, Usage: "send a `HEADER`, 'Name: value' (repeatable)"},
			&cli.StringFlag{Name: "method", Aliases: []string{"m", "X"}, Usage: "request `METHOD` (default: GET, with a body POST)"},
			&cli.StringFlag{Name: "body", Usage: "send `TEXT`, or with @FILE what is in the file"},
			&cli.IntFlag{Name: "connections", HideDefault: true, Usage: "open loop: at most `N` connections at once (default: 10000)"},
			&cli.DurationFlag{Name: "link", HideDefault: true, Usage: "emulate a distance to the target: every round trip takes `TIME` longer"},
			&cli.DurationFlag{Name: "jitter", HideDefault: true, Usage: "with --link: give or take up to `TIME`"},
			&cli.StringFlag{Name: "payload", Usage: "TCP: send `TEXT`, or with @FILE what is in the file"},
			&cli.StringFlag{Name: "expect", Usage: "TCP: a good answer holds `TEXT`"},
			&cli.StringFlag{Name: "until", Usage: "TCP: answers end with `TEXT`; close: with the connection"},
			&cli.Int64Flag{Name: "length", HideDefault: true, Usage: "TCP: answers have `N` bytes"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give a request up after `TIME`"},
			&cli.StringFlag{Name: "targets", Usage: "send the requests of `FILE`, in vegeta's http or json format, each equally often"},
			&cli.IntFlag{Name: "workers", Value: 1, Usage: "share the load among `N` processes"},
			transportFlag(),
			&cli.IntFlag{Name: "follow", HideDefault: true, Usage: "follow up to `N` redirects of a request, to the target only (default: none)"},
			&cli.BoolFlag{Name: "cookies", Usage: "each sender keeps the cookies that it is given"},
			&cli.BoolFlag{Name: "http2", Usage: "speak HTTP/2, one request at a time on each connection; to http:// without asking first"},
			&cli.BoolFlag{Name: "insecure", Usage: "https: accept every certificate"},
			&cli.StringFlag{Name: "cacert", Usage: "https: trust the certificates in `FILE` (PEM) instead of the system's"},
			&cli.BoolFlag{Name: "calibrate", Usage: "first check that the load generator can carry the load, against a target that answers at once"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "write `FORMAT` to stdout: " + strings.Join(report.BenchFormats(), ", ")},
			&cli.StringFlag{Name: "hlog", Usage: "write each second's histograms to `FILE`, an HdrHistogram log"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`NUMBER` that fixes the order of several targets (default: drawn)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
		},
		DisableSliceFlagSeparator: true, // a header has commas of its own
		OnUsageError:              onUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			opt, err := prepareBench(cmd)
			if err != nil {
				return err
			}
			return executeBench(ctx, std, cmd, opt)
		},
	}
}

// prepareBench turns the command line into what is to be done.
func prepareBench(cmd *cli.Command) (bench.Options, error) {
	opt := bench.Options{Workers: cmd.Int("workers"), Transport: cmd.String("transport")}
	if _, err := report.BenchByName(cmd.String("format")); err != nil {
		return opt, usageErrorf("--format: %v", err)
	}
	job, err := benchLoad(cmd)
	if err != nil {
		return opt, err
	}
	if cmd.String("format") == "vegeta" && job.Link.RTT > 0 {
		return opt, usageErrorf("--format vegeta has no place to say that the distance is emulated; leave out --link")
	}
	if cmd.String("format") == "ab" && job.Concurrency == 0 {
		return opt, usageErrorf("--format ab is for closed loops; leave out --rate")
	}
	job.Seed = cmd.Uint64("seed")
	if !cmd.IsSet("seed") {
		job.Seed = rand.Uint64() >> 12
	}
	if job.Trust, err = benchTrust(cmd); err != nil {
		return opt, err
	}
	opt.Job = job
	if opt.Target, err = benchRequests(cmd, &opt.Job); err != nil {
		return opt, err
	}
	if err := bench.Check(opt.Job, opt.Workers); err != nil {
		return opt, usageErrorf("%v", err)
	}
	if _, err := load.Choose(opt.Transport, []load.Job{opt.Job}); err != nil {
		return opt, usageErrorf("--%v", err)
	}
	return opt, nil
}

// benchLoad reads when requests are to be sent.
func benchLoad(cmd *cli.Command) (load.Job, error) {
	job := load.Job{
		Phase: results.Measure, KeepAlive: cmd.Bool("keepalive"), Timeout: cmd.Duration("timeout"), Connections: cmd.Int("connections"),
		Link:      load.Link{RTT: cmd.Duration("link"), Jitter: cmd.Duration("jitter")},
		Redirects: cmd.Int("follow"), Cookies: cmd.Bool("cookies"), HTTP2: cmd.Bool("http2"),
	}
	requests, duration := cmd.Int64("requests"), cmd.Duration("duration")
	for name, positive := range map[string]bool{
		"requests": requests > 0, "concurrency": cmd.Int("concurrency") > 0, "duration": duration > 0,
		"connections": job.Connections > 0, "link": job.Link.RTT > 0, "follow": job.Redirects > 0,
	} {
		if cmd.IsSet(name) && !positive {
			return job, usageErrorf("--%s %v: it must be above zero", name, cmd.Value(name))
		}
	}
	if job.Link.Jitter > job.Link.RTT {
		return job, usageErrorf("--jitter %v is more than the round trip of --link, %v: nothing arrives before it is sent", job.Link.Jitter, job.Link.RTT)
	}
	if !cmd.IsSet("rate") {
		if cmd.IsSet("connections") {
			return job, usageErrorf("--connections is for open loops (--rate); a closed loop has as many as -c")
		}
		if requests == 0 && duration == 0 {
			requests = 1000
		}
		job.Requests, job.Duration, job.Concurrency = requests, duration, cmd.Int("concurrency")
		switch {
		case job.Concurrency == 0 && requests > 0:
			job.Concurrency = int(min(10, requests))
		case job.Concurrency == 0:
			job.Concurrency = 10
		case requests > 0 && int64(job.Concurrency) > requests:
			return job, usageErrorf("-c %d is more than -n %d: so many are never in flight", job.Concurrency, requests)
		}
		return job, nil
	}
	if cmd.IsSet("concurrency") {
		return job, usageErrorf("--rate sends whatever is in flight; leave out -c (or --rate, for a closed loop)")
	}
	if (requests == 0) == (duration == 0) {
		return job, usageErrorf("--rate takes either -d or -n: how long, or how many")
	}
	var err error
	if job.RateCount, job.RatePer, err = units.ParseRate(cmd.String("rate")); err != nil {
		return job, usageErrorf("--rate: %v", err)
	}
	if job.Duration = duration; requests > 0 {
		if job.Duration, err = load.Until(requests, job.RateCount, job.RatePer); err != nil {
			return job, usageErrorf("-n: %v", err)
		}
	}
	return job, nil
}

// benchRequests reads what is to be sent and where, and returns what the
// target is called.
func benchRequests(cmd *cli.Command, job *load.Job) (target string, err error) {
	if cmd.Args().Len() == 1 && strings.HasPrefix(cmd.Args().First(), "tcp://") {
		return benchPayload(cmd, job)
	}
	for _, name := range []string{"payload", "expect", "until", "length"} {
		if cmd.IsSet(name) {
			return "", usageErrorf("--%s is for TCP; give a URL such as tcp://localhost:6000", name)
		}
	}
	headers, err := benchHeaders(cmd.StringSlice("header"))
	if err != nil {
		return "", err
	}
	body := []byte(cmd.String("body"))
	if file, ok := strings.CutPrefix(cmd.String("body"), "@"); ok {
		if body, err = os.ReadFile(file); err != nil {
			return "", usageErrorf("--body: %v", err)
		}
	}
	if cmd.IsSet("targets") {
		return benchTargets(cmd, job, headers, body)
	}
	if cmd.Args().Len() != 1 {
		return "", usageErrorf("bench takes one URL (or --targets), got %d arguments; flags stand before it or after it", cmd.Args().Len())
	}
	u, err := benchURL(cmd.Args().First())
	if err != nil {
		return "", err
	}
	method := cmd.String("method")
	if method == "" {
		method = http.MethodGet
		if cmd.IsSet("body") {
			method = http.MethodPost
		}
	}
	job.Targets = []string{u.Scheme + "://" + u.Host}
	job.Mix = []load.Request{{
		Name: method + " " + u.RequestURI(), Method: method, Path: u.RequestURI(), Headers: headers, Body: body, Weight: 1,
	}}
	u.Fragment = ""
	return u.String(), nil
}

// benchTargets reads a file of targets. A URL beside it says where those are
// that are only a path.
func benchTargets(cmd *cli.Command, job *load.Job, headers map[string]string, body []byte) (target string, err error) {
	file := cmd.String("targets")
	if cmd.IsSet("method") {
		return "", usageErrorf("--targets has the methods in its file; leave out -m")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usageErrorf("--targets: %v", err)
	}
	base := ""
	if job.Mix, base, err = load.ReadTargets(text, headers, body); err != nil {
		return "", usageErrorf("--targets %s: %v", file, err)
	}
	switch cmd.Args().Len() {
	case 0:
		if base == "" {
			return "", usageErrorf("--targets %s has only paths; add the URL of their host", file)
		}
	case 1:
		u, err := benchURL(cmd.Args().First())
		if err != nil {
			return "", err
		}
		given := u.Scheme + "://" + u.Host
		if u.RequestURI() != "/" {
			return "", usageErrorf("beside --targets, the URL is that of the host: %s", given)
		}
		if base != "" && base != given {
			return "", usageErrorf("--targets %s is for %s, not for %s; leave out the URL", file, base, given)
		}
		base = given
	default:
		return "", usageErrorf("bench takes one URL, got %d arguments", cmd.Args().Len())
	}
	job.Targets = []string{base}
	return base, nil
}

func benchURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		return nil, usageErrorf("URL %q: no scheme; did you mean http://%s?", text, text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, usageErrorf("%v", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, usageErrorf("URL %q: only http, https and tcp can be loaded", text)
	case u.Host == "":
		return nil, usageErrorf("URL %q: no host", text)
	case u.User != nil:
		return nil, usageErrorf("URL %s: a user in it is not sent; give -H 'Authorization: …'", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

func benchHeaders(lines []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usageErrorf("-H %q is not 'Name: value'", line)
		}
		if _, twice := headers[name]; twice {
			return nil, usageErrorf("-H %s is given twice; write the values in one, with a comma between", name)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// stayLean keeps the memory small of a process that runs beside the worker for
// as long as the load does, and has a few histograms to look at each second.
func stayLean() error {
	const percent = 50
	debug.SetGCPercent(percent)
	return proc.Trim()
}

// executeBench applies the load, writes what came of it, and returns what
// decides the exit code.
func executeBench(ctx context.Context, std streams, cmd *cli.Command, opt bench.Options) (err error) {
	render, err := report.BenchByName(cmd.String("format"))
	if err != nil {
		return err
	}
	if err := stayLean(); err != nil {
		return err
	}
	progress := newBenchProgress(std.err, opt.Job, cmd.Bool("quiet"))
	log, err := createBenchLog(cmd.String("hlog"), opt.Job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	opt.Second = func(begin time.Time, i results.Interval) error {
		progress.second(i)
		return log.second(begin, i)
	}
	workers, err := process.New(process.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, workers.Close()) }()
	opt.Launcher = workers
	if cmd.Bool("calibrate") {
		if opt.Calibration, err = calibrateBench(ctx, workers, opt); err != nil {
			return benchError(err)
		}
	}
	out, runErr := bench.Run(ctx, opt)
	progress.close()
	if out == nil {
		return benchError(runErr)
	}
	detail := analysis.TrialDetail{Trial: out.Trial, Reused: out.Reused}
	if err := render(std.out, report.Bench{TrialDetail: detail, Response: out.Response}); err != nil {
		return errors.Join(err, runErr)
	}
	if runErr != nil {
		return benchError(runErr)
	}
	return benchVerdict(out.Trial)
}

// calibrateBench applies a little more than the load to the null target. An
// emulated or real distance, TLS and the target's own link are not part of it.
func calibrateBench(ctx context.Context, eng *process.Engine, opt bench.Options) (_ *results.Calibration, err error) {
	null, err := calibrate.Start(ctx, eng, "bench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, null.Stop(ctx)) }()
	c, err := null.Calibrate(ctx, opt.Job, opt.Workers, opt.Transport, 0)
	return &c, err
}

// benchError says what it means that a load did not come to its end.
func benchError(err error) error {
	var ended *worker.EndedError
	switch {
	case errors.Is(err, context.Canceled):
		return &codedError{exitInterrupted, "interrupted"}
	case errors.As(err, &ended):
		return &codedError{exitInvalid, err.Error()}
	}
	return err
}

// benchVerdict is nil for a measurement, whatever the answers were.
func benchVerdict(t results.Trial) error {
	if t.Validity.Verdict == results.Invalid {
		return &codedError{exitInvalid, "measurement invalid: " + strings.Join(t.Validity.Reasons, "; ")}
	}
	if t.Latency.Processing.Count == 0 && t.Requests.Sent > 0 {
		var kinds []string
		for kind := range t.Requests.Errors {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		hint := ""
		if slices.Contains(kinds, string(load.TLS)) {
			hint = "; is its certificate trusted? --cacert FILE trusts another authority, --insecure everyone"
		}
		if t.HTTP2 {
			hint += "; does it speak HTTP/2? leave out --http2"
		}
		return fmt.Errorf("%s: no request got an answer (%s)%s", t.Target, strings.Join(kinds, ", "), hint)
	}
	return nil
}

// benchLog is the histogram log; nil where none is wanted.
type benchLog struct {
	file *os.File
	open bool // loop
	log  *latency.LogWriter
}

// createBenchLog creates the file before the load begins, so that a wrong path
// costs no time.
func createBenchLog(path string, job load.Job) (*benchLog, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, usageErrorf("--hlog: %v", err)
	}
	return &benchLog{file: file, open: job.Concurrency == 0}, nil
}

// second writes the response times without a tag. In an open loop service times
// and lags stand beside them, tagged; in a closed one they say no more.
func (b *benchLog) second(begin time.Time, i results.Interval) (err error) {
	if b == nil {
		return nil
	}
	if b.log == nil {
		if b.log, err = latency.NewLogWriter(b.file, begin); err != nil {
			return err
		}
	}
	err = b.log.Write("", begin.Add(i.Start), i.Length, i.Latencies.Response)
	if b.open {
		err = errors.Join(err,
			b.log.Write("service", begin.Add(i.Start), i.Length, i.Latencies.Service),
			b.log.Write("lag", begin.Add(i.Start), i.Length, i.Latencies.Lag))
	}
	return err
}

func (b *benchLog) close() error {
	if b == nil {
		return nil
	}
	return b.file.Close()
}
