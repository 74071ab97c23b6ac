package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/bench"
	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/runner/worker"
)

// playing makes the test binary be a worker.
const playing = "PLIMSOLL_BENCH_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "":
		os.Exit(m.Run())
	case "dies":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(3)
	default:
		if err := worker.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// launcher starts the test binary; how says as what, one after the other.
type launcher struct {
	how      []string
	launched int
	running  []engine.Worker
}

func (l *launcher) Launch(context.Context, engine.Stack) (engine.Worker, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playing+"="+l.how[l.launched%len(l.how)])
	l.launched++
	w, err := engine.Spawn(cmd)
	l.running = append(l.running, w)
	return w, err
}

// gone fails the test if a worker has not been reaped.
func (l *launcher) gone(t *testing.T) {
	t.Helper()
	for _, w := range l.running {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, _, err := w.Wait(ctx); err != nil {
			t.Error(err)
		}
	}
}

// serve starts a server that counts.
func serve(t *testing.T, answer http.HandlerFunc) (url string, hits *atomic.Int64) {
	hits = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, hits
}

func options(l *launcher, workers int, url string) bench.Options {
	return bench.Options{
		Launcher: l, Workers: workers, Target: url + "/",
		Job: load.Job{
			Phase: results.Measure, Targets: []string{url}, Timeout: 10 * time.Second,
			Mix: []load.Request{{Name: "home", Method: "GET", Path: "/", Weight: 1}},
		},
	}
}

func TestCountsAreExact(t *testing.T) {
	for _, test := range []struct {
		name    string
		workers int
		change  func(*load.Job)
		want    int64
	}{
		{"closed, one worker", 1, func(j *load.Job) { j.Requests, j.Concurrency = 301, 7 }, 301},
		{"closed, two workers", 2, func(j *load.Job) { j.Requests, j.Concurrency = 301, 7 }, 301},
		{"open, three workers", 3, func(j *load.Job) { j.RateCount, j.RatePer, j.Duration = 200, time.Second, 1100*time.Millisecond }, 220},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n atomic.Int64
			url, hits := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1)%10 == 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				fmt.Fprint(w, "news")
			})
			l := &launcher{how: []string{"worker"}}
			opt := options(l, test.workers, url)
			test.change(&opt.Job)
			var seconds, sent int64
			opt.Second = func(begin time.Time, i results.Interval) error {
				if begin.IsZero() || i.Start != time.Duration(seconds)*time.Second {
					t.Errorf("second %d of a load that began at %v starts at %v", seconds, begin, i.Start)
				}
				seconds++
				sent += i.Requests.Sent
				return nil
			}
			out, err := bench.Run(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			l.gone(t)
			r := out.Trial.Requests
			if hits.Load() != test.want || r.Sent != test.want || sent != test.want || out.Trial.Due != test.want {
				t.Errorf("%d hits, %d sent, %d in seconds, %d due, want %d each", hits.Load(), r.Sent, sent, out.Trial.Due, test.want)
			}
			if bad := test.want / 10; r.Failed != bad || r.Status["503"] != bad || r.Status["200"] != test.want-bad || r.OK != test.want-bad {
				t.Errorf("counts %+v, want %d with status 503", r, bad)
			}
			if out.Response.Count() != test.want || out.Trial.Latency.Response.Count != test.want {
				t.Errorf("%d response times, want %d", out.Response.Count(), test.want)
			}
			if out.Trial.Bytes.Body != 4*test.want {
				t.Errorf("%d bytes of bodies, want %d", out.Trial.Bytes.Body, 4*test.want)
			}
			if out.Trial.Worker.CPU <= 0 || out.Trial.Worker.RSSBytes <= 0 {
				t.Errorf("the workers used %+v", out.Trial.Worker)
			}
			if l.launched != test.workers {
				t.Errorf("%d workers, want %d", l.launched, test.workers)
			}
		})
	}
}

func TestMixIsSharedOut(t *testing.T) {
	var paths [3]atomic.Int64
	url, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		paths[r.URL.Path[1]-'a'].Add(1)
	})
	l := &launcher{how: []string{"worker"}}
	opt := options(l, 1, url)
	opt.Job.Requests, opt.Job.Concurrency, opt.Job.KeepAlive = 90, 3, true
	opt.Job.Mix = nil
	for _, path := range []string{"/a", "/b", "/c"} {
		opt.Job.Mix = append(opt.Job.Mix, load.Request{Name: path, Method: "GET", Path: path, Weight: 1})
	}
	out, err := bench.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range paths {
		if n := paths[i].Load(); n != 30 {
			t.Errorf("target %d was sent %d times, want 30", i, n)
		}
	}
	if out.Reused != 87 {
		t.Errorf("%d requests found a connection ready, want 87", out.Reused)
	}
}

// A load that is ended early shows what there was, and waits for no answer.
func TestEndedEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	release := make(chan struct{})
	defer close(release)
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {
		switch n.Add(1) {
		case 100:
			cancel()
			fallthrough
		case 101, 102:
			<-release
		}
	})
	l := &launcher{how: []string{"worker"}}
	opt := options(l, 2, url)
	opt.Job.RateCount, opt.Job.RatePer, opt.Job.Duration = 500, time.Second, time.Hour
	out, err := bench.Run(ctx, opt)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want one that says canceled", err)
	}
	if out == nil {
		t.Fatal("nothing of what was measured")
	}
	l.gone(t)
	trial := out.Trial
	if trial.Requests.OK < 90 || trial.Requests.Errors["cut off"] == 0 || trial.Due != trial.Requests.Sent {
		t.Errorf("%+v of %d due", trial.Requests, trial.Due)
	}
	if len(trial.Warnings) == 0 || !strings.Contains(trial.Warnings[0], "ended early") {
		t.Errorf("warnings %q do not say that it was ended early", trial.Warnings)
	}
	// With -short the race detector and other packages share the CPUs.
	if !testing.Short() && trial.Validity.Verdict == results.Invalid {
		t.Errorf("the part that was measured is invalid: %q", trial.Validity.Reasons)
	}
}

// One worker that dies ends the load, and nobody waits for the dead.
func TestWorkerDies(t *testing.T) {
	url, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	l := &launcher{how: []string{"worker", "dies"}}
	opt := options(l, 2, url)
	opt.Job.Duration, opt.Job.Concurrency = time.Hour, 2
	out, err := bench.Run(t.Context(), opt)
	var ended *worker.EndedError
	if !errors.As(err, &ended) || ended.Code != 3 || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("error %v, want the end of the worker with its words", err)
	}
	if out != nil {
		t.Error("an outcome of half a load")
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests were sent before all were ready", hits.Load())
	}
	l.gone(t)
}

func TestSecondCanEndTheLoad(t *testing.T) {
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	l := &launcher{how: []string{"worker"}}
	opt := options(l, 1, url)
	opt.Job.RateCount, opt.Job.RatePer, opt.Job.Duration = 50, time.Second, time.Hour
	full := errors.New("disk full")
	opt.Second = func(time.Time, results.Interval) error { return full }
	if _, err := bench.Run(t.Context(), opt); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	l.gone(t)
}
