package worker_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
	"plimsoll/runner/worker"
)

func TestMeasureTmp(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		t.Skip()
	}
	const url = "http://127.0.0.1:18099"
	run := func(name string, j load.Job) {
		client := worker.NewClient(launch(t, "worker"))
		if err := client.Begin(t.Context(), planOf(j)); err != nil {
			t.Fatal(err)
		}
		tally := results.NewTally()
		var cpu0 time.Duration
		final, err := client.Run(t.Context(), results.Measure, func() (time.Time, error) { return time.Now().Add(50 * time.Millisecond), nil }, func(l results.Line) error {
			if r, ok := l.(results.Ready); ok {
				cpu0 = r.Worker.CPU
			}
			tally.Add(l)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		tr := tally.Trial(results.Trial{})
		cpu := final.Worker.CPU - cpu0
		fmt.Printf("%-28s %6d sent %d failed %8.0f/s cpu/req %6.1fµs gc %v rss %dMB | lag p50 %v p99 %v p99.9 %v max %v | resp p50 %v p99 %v\n", name, tr.Requests.Sent, tr.Requests.Failed, tr.Throughput,
			float64(cpu.Microseconds())/float64(tr.Requests.Sent), tr.Worker.GCPause, tr.Worker.RSSBytes>>20, tr.Latency.Lag.P50, tr.Latency.Lag.P99, tr.Latency.Lag.P999, tr.Latency.Lag.Max, tr.Latency.Response.P50, tr.Latency.Response.P99)
	}
	op := func(rate int, ka bool) load.Job {
		j := job(results.Measure, url)
		j.RateCount, j.RatePer, j.Duration, j.KeepAlive = rate, time.Second, 8*time.Second, ka
		return j
	}
	for _, ka := range []bool{true, false} {
		for _, rate := range []int{200, 500, 2000, 5000} {
			run(fmt.Sprintf("open %d/s ka=%v", rate, ka), op(rate, ka))
		}
	}
	for range 3 {
		for _, ka := range []bool{true, false} {
			j := closed(results.Measure, url, 20000)
			j.Concurrency, j.KeepAlive = 10, ka
			run(fmt.Sprintf("closed c=10 ka=%v", ka), j)
		}
	}
}
