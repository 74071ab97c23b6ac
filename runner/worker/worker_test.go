package worker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/runner/worker"
)

// playing makes the test binary be a worker.
const playing = "PLIMSOLL_WORKER_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "":
		os.Exit(m.Run())
	case "stuck": // ready, and then neither listens nor speaks
		fmt.Println(`{"type":"ready","phase":"measure"}`)
		time.Sleep(time.Hour)
	case "babble":
		fmt.Println("Segmentation fault")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "cut":
		fmt.Print(`{"type":"re`)
		os.Exit(3)
	case "other phase":
		fmt.Println(`{"type":"ready","phase":"warmup"}`)
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		if err := worker.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func launch(t *testing.T, how string) engine.Worker {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playing+"="+how)
	w, err := engine.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return w
}

// serve starts a server that counts.
func serve(t *testing.T) (url string, hits *atomic.Int64) {
	hits = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("X-Served-By", "web-1")
		fmt.Fprint(w, "news")
	}))
	t.Cleanup(s.Close)
	return s.URL, hits
}

func job(phase results.Phase, url string) load.Job {
	return load.Job{
		Phase: phase, Targets: []string{url}, Timeout: 10 * time.Second,
		Mix: []load.Request{{Name: "home", Method: "GET", Path: "/", Weight: 1}},
	}
}

func closed(phase results.Phase, url string, requests int64) load.Job {
	j := job(phase, url)
	j.Concurrency, j.Requests = 5, requests
	return j
}

// endless is an open loop that nobody waits for.
func endless(url string) load.Job {
	j := job(results.Measure, url)
	j.RateCount, j.RatePer, j.Duration, j.KeepAlive = 100, time.Second, time.Hour, true
	return j
}

func planOf(jobs ...load.Job) worker.Plan { return worker.Plan{Schema: worker.PlanSchema, Jobs: jobs} }

func now() (time.Time, error) { return time.Now(), nil }

// log is what a worker reported.
type log struct {
	types []string
	sum   results.Counts
	usage []results.WorkerUsage
}

func (l *log) add(line results.Line) error {
	var usage results.WorkerUsage
	name := ""
	switch line := line.(type) {
	case results.Ready:
		name, usage = "ready "+string(line.Phase), line.Worker
	case results.Interval:
		name, usage = "interval "+string(line.Phase), line.Worker
		l.sum.Add(line.Requests)
	case results.Final:
		name, usage = "final "+string(line.Phase), line.Worker
	}
	// Intervals come each second: how many depends on the machine.
	if n := len(l.types); n == 0 || l.types[n-1] != name {
		l.types = append(l.types, name)
	}
	l.usage = append(l.usage, usage)
	return nil
}

func TestPlanIsCarriedOut(t *testing.T) {
	url, hits := serve(t)
	client := worker.NewClient(launch(t, "worker"))
	if err := client.Begin(t.Context(), planOf(closed(results.Warmup, url, 20), closed(results.Measure, url, 100))); err != nil {
		t.Fatal(err)
	}
	warm := &log{}
	if _, err := client.Run(t.Context(), results.Warmup, now, warm.add); err != nil {
		t.Fatal(err)
	}
	if hits.Load() != 20 {
		t.Errorf("%d requests by the end of the warm-up, want 20", hits.Load())
	}
	measured := &log{}
	var begun time.Time
	final, err := client.Run(t.Context(), results.Measure, func() (time.Time, error) {
		if hits.Load() != 20 {
			t.Errorf("%d requests before the begin, want 20", hits.Load())
		}
		begun = time.Now().Add(50 * time.Millisecond)
		return begun, nil
	}, measured.add)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ready measure", "interval measure", "final measure"}, measured.types); d != "" {
		t.Error(d)
	}
	want := results.Counts{Sent: 100, OK: 100, Status: map[string]int64{"200": 100}}
	if d := cmp.Diff(want, measured.sum); d != "" {
		t.Error(d)
	}
	if warm.sum.Sent != 20 || hits.Load() != 120 || final.Due != 100 || final.Phase != results.Measure || final.Sample.Length != 4 {
		t.Errorf("warm-up %+v, server %d, final %+v", warm.sum, hits.Load(), final)
	}
	if late := final.Began.Sub(begun); late < -time.Millisecond || late > 5*time.Second {
		t.Errorf("the load began %v after the instant it was told", late)
	}
	usage := append(warm.usage, measured.usage...)
	for i, u := range usage {
		if u.CPU <= 0 || u.RSSBytes <= 0 || i > 0 && u.CPU < usage[i-1].CPU {
			t.Errorf("usage does not grow: %+v", usage)
		}
	}
}

// TestLoadEndsEarly: however a load is ended, what was sent has been reported.
func TestLoadEndsEarly(t *testing.T) {
	url, hits := serve(t)
	client := worker.NewClient(launch(t, "worker"))
	if err := client.Begin(t.Context(), planOf(endless(url))); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	reported := &log{}
	final, err := client.Run(ctx, results.Measure, now, func(l results.Line) error {
		if _, ok := l.(results.Interval); ok {
			interrupt()
		}
		return reported.add(l)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	if d := cmp.Diff([]string{"ready measure", "interval measure", "final measure"}, reported.types); d != "" {
		t.Error(d)
	}
	// What was cut off may or may not have reached the server.
	answered, sent := reported.sum.OK, reported.sum.Sent-reported.sum.Errors[string(load.NeverSent)]
	if n := hits.Load(); final.Length < 500*time.Millisecond || n < 10 || n < answered || n > sent || reported.sum.Sent != answered+reported.sum.Failed {
		t.Errorf("reported %+v in %v; the server had %d", reported.sum, final.Length, n)
	}
	settled := hits.Load()
	time.Sleep(100 * time.Millisecond)
	if hits.Load() != settled {
		t.Errorf("%d requests after the end", hits.Load()-settled)
	}
}

// TestPhaseIsEndedByTheRunner: the next one goes on as if nothing had been, even
// when the end came too late for the phase that it was meant for.
func TestPhaseIsEndedByTheRunner(t *testing.T) {
	url, hits := serve(t)
	client := worker.NewClient(launch(t, "worker"))
	warmup := endless(url)
	warmup.Phase = results.Warmup
	if err := client.Begin(t.Context(), planOf(warmup, closed(results.Warmup, url, 10), closed(results.Measure, url, 50))); err != nil {
		t.Fatal(err)
	}
	ended := &log{}
	final, err := client.Run(t.Context(), results.Warmup, now, func(l results.Line) error {
		if _, ok := l.(results.Interval); ok {
			// Saying it twice changes nothing.
			if err := errors.Join(client.End(t.Context()), client.End(t.Context())); err != nil {
				return err
			}
		}
		return ended.add(l)
	})
	if err != nil {
		t.Fatal(err)
	}
	if ended.sum.Failed != 0 || ended.sum.Sent != hits.Load() || final.Due != ended.sum.Sent || final.Length > time.Minute {
		t.Errorf("%+v of %d due in %v; the server had %d", ended.sum, final.Due, final.Length, hits.Load())
	}
	late := func(l results.Line) error {
		if _, ok := l.(results.Final); ok {
			return client.End(t.Context())
		}
		return nil
	}
	if _, err := client.Run(t.Context(), results.Warmup, now, late); err != nil {
		t.Fatal(err)
	}
	measured := &log{}
	if _, err := client.Run(t.Context(), results.Measure, now, measured.add); err != nil || measured.sum.OK != 50 {
		t.Errorf("%+v, %v; want 50 answers", measured.sum, err)
	}
}

func TestStuckWorkerIsStopped(t *testing.T) {
	client := worker.NewClient(launch(t, "stuck"))
	if err := client.Begin(t.Context(), planOf(endless("http://127.0.0.1:1"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := client.Run(ctx, results.Measure, now, (&log{}).add)
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > 20*time.Second {
		t.Errorf("error %v after %v", err, took)
	}
}

func TestWorkerThatIsKilled(t *testing.T) {
	url, _ := serve(t)
	w := launch(t, "worker")
	client := worker.NewClient(w)
	if err := client.Begin(t.Context(), planOf(endless(url))); err != nil {
		t.Fatal(err)
	}
	_, err := client.Run(t.Context(), results.Measure, func() (time.Time, error) {
		process, err := os.FindProcess(atoi(t, w.ID()))
		if err != nil {
			return time.Time{}, err
		}
		return time.Now(), process.Kill()
	}, (&log{}).add)
	var ended *worker.EndedError
	if !errors.As(err, &ended) || runtime.GOOS != "windows" && ended.Code != 137 {
		t.Errorf("error %v, want the end of a killed worker", err)
	}
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWorkersThatMisbehave(t *testing.T) {
	refused := errors.New("disk full")
	url, hits := serve(t)
	good := planOf(closed(results.Measure, url, 10))
	for name, c := range map[string]struct {
		how   string
		plan  worker.Plan
		begin func() (time.Time, error)
		each  func(results.Line) error
		want  string
	}{
		"bad plan":    {"worker", planOf(), now, nil, "ended early with exit code 1: plan: no jobs"},
		"cut line":    {"cut", good, now, nil, "exit code 3; it said nothing"},
		"babble":      {"babble", good, now, nil, "no report"},
		"other phase": {"other phase", good, now, nil, `of phase "warmup" in the phase "measure"`},
		"begin fails": {"worker", good, func() (time.Time, error) { return time.Time{}, refused }, nil, "disk full"},
		"each fails":  {"worker", planOf(endless(url)), now, func(l results.Line) error { return failOn(l, refused) }, "disk full"},
		"far begin":   {"worker", good, func() (time.Time, error) { return time.Now().Add(time.Hour), nil }, nil, "which is more than 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			w := launch(t, c.how)
			client := worker.NewClient(w)
			err := client.Begin(t.Context(), c.plan)
			if err == nil {
				if c.each == nil {
					c.each = (&log{}).add
				}
				_, err = client.Run(t.Context(), results.Measure, c.begin, c.each)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			// None of them leaves a load behind.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := io.Copy(io.Discard, w); err != nil && !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
			if _, _, err := w.Wait(ctx); err != nil {
				t.Errorf("it has not ended: %v", err)
			}
			settled := hits.Load()
			time.Sleep(30 * time.Millisecond)
			if hits.Load() != settled {
				t.Error("the load goes on")
			}
		})
	}
}

// failOn fails with the first interval.
func failOn(l results.Line, err error) error {
	if _, ok := l.(results.Interval); ok {
		return err
	}
	return nil
}

// speak runs Main with a plan and start signals as they are; the lines given
// last are written once the worker has said that it is ready.
func speak(t *testing.T, first string, then ...string) (stdout string, err error) {
	t.Helper()
	stdin, toStdin := io.Pipe()
	fromStdout, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := worker.Main(t.Context(), stdin, out)
		ended <- err
		stdin.CloseWithError(io.ErrClosedPipe)
		out.Close()
	}()
	if _, err := io.WriteString(toStdin, first+"\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(fromStdout)
	lines.Buffer(nil, 1<<20)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), `{"type":"ready"`) {
			go func() { // Main may have ended, or wait for stdout to be read
				defer toStdin.Close()
				for _, text := range then {
					if _, err := io.WriteString(toStdin, text+"\n"); err != nil {
						return
					}
				}
			}()
		}
	}
	toStdin.Close()
	return said.String(), <-ended
}

func TestBadOrders(t *testing.T) {
	const plan = `{"schema":"plimsoll.worker/1","jobs":[{"phase":"measure","targets":["http://127.0.0.1:1"],` +
		`"mix":[{"name":"home","method":"GET","path":"/","weight":1}],"rate_count":1,"rate_per_ns":1000000000,"duration_ns":3600000000000,"timeout_ns":1000}]}`
	for name, c := range map[string]struct {
		plan string
		then []string
		want string
	}{
		"not JSON":            {"begin!", nil, "plan: invalid character"},
		"empty":               {"", nil, "plan: EOF"},
		"unknown key":         {plan[:len(plan)-1] + `,"speed":1}`, nil, `unknown field "speed"`},
		"unknown job key":     {strings.Replace(plan, `"timeout_ns"`, `"timeout"`, 1), nil, `unknown field "timeout"`},
		"two plans":           {plan + plan, nil, "something follows"},
		"other schema":        {strings.Replace(plan, "worker/1", "worker/2", 1), nil, `schema "plimsoll.worker/2"`},
		"no jobs":             {`{"schema":"plimsoll.worker/1","jobs":[]}`, nil, "no jobs"},
		"bad job":             {strings.Replace(plan, `"weight":1`, `"weight":0`, 1), nil, "job 1 (measure)"},
		"transport":           {strings.Replace(plan, `"jobs"`, `"transport":"warp","jobs"`, 1), nil, `transport "warp": there are auto, fast and general`},
		"no start":            {plan, nil, "wait for the start signal: stdin ended"},
		"bad start":           {plan, []string{"go"}, "start signal: invalid"},
		"start with no begin": {plan, []string{"{}"}, `no "begin"`},
		"no end":              {plan, []string{`{"begin":"2026-01-01T00:00:00Z"}`, `{"end":false}`}, `nobody asked for: "end" is not true`},
		"second start":        {plan, []string{`{"begin":"2026-01-01T00:00:00Z"}`, `{"begin":"2026-01-01T00:00:00Z"}`}, "nobody asked for"},
		"talkative":           {plan, strings.Split(strings.Repeat(`{"begin":"2026-01-01T00:00:00Z"} `, 40), " "), "nobody asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := speak(t, c.plan, c.then...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestEndOfStdinEndsTheLoad: a runner that was killed closes its end.
func TestEndOfStdinEndsTheLoad(t *testing.T) {
	url, hits := serve(t)
	plan := fmt.Sprintf(`{"schema":"plimsoll.worker/1","transport":"general","jobs":[{"phase":"measure","targets":[%q],`+
		`"mix":[{"name":"home","method":"GET","path":"/","weight":1}],"rate_count":100,"rate_per_ns":1000000000,"duration_ns":3600000000000,"timeout_ns":1000000000}]}`, url)
	stdout, err := speak(t, plan, `{"begin":"2026-01-01T00:00:00Z"}`)
	if !errors.Is(err, worker.ErrCutShort) {
		t.Errorf("error %v, want %v", err, worker.ErrCutShort)
	}
	reported := &log{}
	for lines := results.NewDecoder(strings.NewReader(stdout)); ; {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = reported.add(line)
	}
	if n := len(reported.types); n < 2 || reported.types[n-1] != "final measure" || reported.sum.Sent > 300 {
		t.Errorf("%v, sent %d; the server had %d", reported.types, reported.sum.Sent, hits.Load())
	}
}

// TestDoneContextEndsTheLoad: so does a signal to the worker itself.
func TestDoneContextEndsTheLoad(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stdin, toStdin := io.Pipe()
	defer toStdin.Close()
	if err := worker.Main(ctx, stdin, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
}
