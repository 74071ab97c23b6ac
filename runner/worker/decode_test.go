package worker

import (
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodPlan = `{"schema":"plimsoll.worker/1","jobs":[{"phase":"measure","targets":["http://127.0.0.1:80"],"mix":[{"name":"home","method":"GET","path":"/","weight":1}],"concurrency":1,"requests":1,"keepalive":false,"timeout_ns":1,"seed":1}]}`

// FuzzPlan: whatever is accepted is complete and survives being written again.
func FuzzPlan(f *testing.F) {
	f.Add(goodPlan)
	f.Add(`{"schema":"plimsoll.worker/1","transport":"auto","jobs":[{"targets":["https://h/b"],"host":"x","mix":[{"path":"/","weight":3,"headers":{"A":"b"},"body":"c"}],"rate_count":7,"rate_per_ns":5,"duration_ns":9,"timeout_ns":1}]}`)
	f.Add(`{}`)
	f.Add(`{"schema":"plimsoll.worker/1","jobs":[]} {}`)
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := decodePlan([]byte(text))
		if err != nil {
			return
		}
		again, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decodePlan(again)
		if err != nil {
			t.Fatalf("written again as %s: %v", again, err)
		}
		if d := cmp.Diff(plan, second); d != "" {
			t.Error(d)
		}
		for _, job := range plan.Jobs {
			if err := job.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzStart(f *testing.F) {
	f.Add(`{"begin":"2026-11-21T10:00:00.25Z"}`)
	f.Add(`{"begin":"2026-11-21T10:00:00.25Z","ahead_ns":20000000}`)
	f.Add(`{"begin":null}`)
	f.Add(`{"begin":"2026-11-21T10:00:00+25:00"}`)
	f.Fuzz(func(t *testing.T, text string) {
		start, err := decodeStart([]byte(text))
		if err != nil {
			return
		}
		if start.Begin.IsZero() {
			t.Fatal("a start signal without a begin was accepted")
		}
		again, err := json.Marshal(start)
		if err != nil {
			t.Skip("Go reads some offsets that it does not write") // and only Go's own text is sent
		}
		second, err := decodeStart(again)
		if err != nil || !second.Begin.Equal(start.Begin) || second.Ahead != start.Ahead {
			t.Errorf("%v became %v, %v", start, second, err)
		}
	})
}

// FuzzEnd: no text both begins a phase and ends one.
func FuzzEnd(f *testing.F) {
	f.Add(`{"end":true}`)
	f.Add(`{"end":false}`)
	f.Add(`{"end":true,"begin":"2026-11-21T10:00:00Z"}`)
	f.Add(`{"begin":"2026-11-21T10:00:00Z"}`)
	f.Add(`{"END":true} `)
	f.Fuzz(func(t *testing.T, text string) {
		if decodeEnd([]byte(text)) != nil {
			return
		}
		if start, err := decodeStart([]byte(text)); err == nil {
			t.Errorf("%q is an end and the start %v", text, start)
		}
	})
}

// TestStartBetweenClocks has the runner's clock wrong by anything: the worker
// begins all the same, not before it is told to and not later than was meant.
func TestStartBetweenClocks(t *testing.T) {
	const ahead, underWay = 20 * time.Millisecond, 3 * time.Millisecond
	received := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) // by the worker's clock
	for _, c := range []struct {
		name string
		off  time.Duration // runner's clock − worker's
		want time.Duration // from the receipt until the begin
	}{
		{"one clock", 0, ahead - underWay},
		{"a little fast", time.Millisecond, ahead - underWay + time.Millisecond},
		{"a little slow", -time.Millisecond, ahead - underWay - time.Millisecond},
		{"seconds fast", 5 * time.Second, ahead},
		{"seconds slow", -5 * time.Second, 0},
		{"a year fast", 365 * 24 * time.Hour, ahead},
		{"decades slow", -40 * 365 * 24 * time.Hour, 0},
	} {
		start := Start{Begin: received.Add(-underWay).Add(c.off).Add(ahead), Ahead: ahead}
		if got := start.from(received).Sub(received); got != c.want {
			t.Errorf("%s: begins %v after the receipt, want %v", c.name, got, c.want)
		}
	}
	late := Start{Begin: received.Add(-time.Second), Ahead: -time.Second}
	if got := late.from(received); !got.Equal(received) {
		t.Errorf("a begin that has passed when it is sent: %v after the receipt, want at once", got.Sub(received))
	}
}

func TestUsageGrows(t *testing.T) {
	usage, err := openUsage()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = usage.close() }()
	before, err := usage.read()
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		// burn
	}
	runtime.GC()
	after, err := usage.read()
	if err != nil {
		t.Fatal(err)
	}
	if after.CPUs <= 0 || after.CPUs > float64(runtime.NumCPU()) || after.GCPauses <= before.GCPauses || after.LongestGCPause <= 0 || after.LongestGCPause > after.GCPause {
		t.Errorf("after a collection: %+v", after)
	}
	if runtime.GOOS == "linux" && (after.BusiestThread == nil || after.QueueWait == nil || *after.BusiestThread <= *before.BusiestThread) {
		t.Errorf("threads: %+v", after)
	}
	// The machine may be shared, so only part of the time need be ours.
	if after.CPU < before.CPU+10*time.Millisecond || after.RSSBytes < 1<<20 || after.GCPause < before.GCPause {
		t.Errorf("before %+v, after 100 ms of work %+v", before, after)
	}
}
