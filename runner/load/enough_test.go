package load_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/runner/load"
)

// TestEnough ends loads gently while their server has answers to give: all of
// them arrive, and nothing more is sent.
func TestEnough(t *testing.T) { onEach(t, checkEnough) }

func checkEnough(t *testing.T, with load.Transport) {
	for name, jobOn := range map[string]func(url string) load.Job{
		"closed": func(url string) load.Job {
			job := closed(0, 3, true, url)
			job.Duration = time.Hour
			return job
		},
		"thinking": func(url string) load.Job {
			job := closed(0, 8, true, url)
			job.Duration, job.Think = time.Hour, time.Hour
			return job
		},
		"open":        func(url string) load.Job { return open(100, time.Hour, url) },
		"between two": func(url string) load.Job { job := open(8, time.Hour, url); job.RatePer = time.Hour; return job },
		"open, two connections": func(url string) load.Job {
			job := open(1000, time.Hour, url)
			job.Connections = 2
			return job
		},
		"over a link": func(url string) load.Job {
			job := open(100, time.Hour, url)
			job.Link = load.Link{RTT: 20 * ms}
			return job
		},
	} {
		t.Run(name, func(t *testing.T) {
			enough, last := make(chan struct{}), int64(6)
			if name == "between two" {
				last = 1
			}
			var served, late atomic.Int64
			ended := func() bool {
				select {
				case <-enough:
					return true
				default:
					return false
				}
			}
			url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if ended() {
					late.Add(1)
				}
				if served.Add(1) == last {
					close(enough)
				}
				time.Sleep(20 * ms)
				hello(w, r)
			})
			job := jobOn(url)
			job.Enough = enough
			begin := time.Now()
			got, final := run(t.Context(), t, with, job)
			if got.requests.Failed != 0 || got.requests.OK != served.Load() || got.requests.OK < last {
				t.Errorf("%+v, the server answered %d: want as many, none failed, and at least %d", got.requests, served.Load(), last)
			}
			// What was on its way to the server when the end came.
			if late.Load() > 10 {
				t.Errorf("%d requests came after the end", late.Load())
			}
			if took := time.Since(begin); took > 10*time.Second || final.Due != got.requests.Sent {
				t.Errorf("after %v %d were due, want the %d that were sent", took, final.Due, got.requests.Sent)
			}
		})
	}
	t.Run("before the begin", func(t *testing.T) {
		for _, job := range []load.Job{closed(10, 1, true, "http://127.0.0.1:1"), open(1, time.Hour, "http://127.0.0.1:1")} {
			enough := make(chan struct{})
			close(enough)
			job.Enough = enough
			rec := load.NewRecorder(job)
			if err := with.Run(t.Context(), job, time.Now().Add(50*ms), rec); err != nil {
				t.Error(err)
			}
			if final, err := rec.Final(time.Now()); err != nil || final.Due != 0 {
				t.Errorf("%d due, %v; want none", final.Due, err)
			}
		}
	})
	t.Run("and then cut off", func(t *testing.T) {
		job := open(100, time.Hour, raw(t, hang("")))
		enough := make(chan struct{})
		job.Enough = enough
		time.AfterFunc(200*ms, func() { close(enough) })
		ctx, cancel := context.WithTimeout(t.Context(), 400*ms)
		defer cancel()
		got, _ := run(ctx, t, with, job)
		if got.requests.Errors["cut off"] != got.requests.Sent || got.requests.Sent == 0 || got.requests.Sent > 38 {
			t.Errorf("%+v, want those of the first 200 ms cut off and none never sent", got.requests)
		}
	})
}
