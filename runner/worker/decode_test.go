package worker

import (
	"encoding/json"
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
	f.Add(`{"begin":null}`)
	f.Add(`{"begin":"2026-11-21T10:00:00+25:00"}`)
	f.Fuzz(func(t *testing.T, text string) {
		begin, err := decodeStart([]byte(text))
		if err != nil {
			return
		}
		if begin.IsZero() {
			t.Fatal("a start signal without a begin was accepted")
		}
		again, err := json.Marshal(Start{Begin: begin})
		if err != nil {
			t.Skip("Go reads some offsets that it does not write") // and only Go's own text is sent
		}
		second, err := decodeStart(again)
		if err != nil || !second.Equal(begin) {
			t.Errorf("%v became %v, %v", begin, second, err)
		}
	})
}

func TestUsageGrows(t *testing.T) {
	usage, err := openUsage()
	if err != nil {
		t.Fatal(err)
	}
	defer usage.close()
	before, err := usage.read()
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		// burn
	}
	after, err := usage.read()
	if err != nil {
		t.Fatal(err)
	}
	// The machine may be shared, so only part of the time need be ours.
	if after.CPU < before.CPU+10*time.Millisecond || after.RSSBytes < 1<<20 || after.GCPause < before.GCPause {
		t.Errorf("before %+v, after 100 ms of work %+v", before, after)
	}
}
