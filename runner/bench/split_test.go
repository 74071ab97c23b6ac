package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

func job(change func(*load.Job)) load.Job {
	j := load.Job{
		Phase: results.Measure, Targets: []string{"http://127.0.0.1:1"}, Timeout: time.Second, Seed: 7,
		Mix: []load.Request{{Name: "home", Method: "GET", Path: "/", Weight: 1}},
	}
	change(&j)
	return j
}

func open(count int, per, duration time.Duration) load.Job {
	return job(func(j *load.Job) { j.RateCount, j.RatePer, j.Duration = count, per, duration })
}

func TestSplitClosedLoop(t *testing.T) {
	for _, test := range []struct {
		requests              int64
		concurrency, workers  int
		wantRequests, wantAlt int64 // of the first and of the last worker
	}{
		{1000, 10, 1, 1000, 1000},
		{1000, 10, 3, 334, 333},
		{10, 10, 10, 1, 1},
		{0, 7, 4, 0, 0}, // as long as it lasts
	} {
		whole := job(func(j *load.Job) {
			j.Requests, j.Concurrency, j.Duration = test.requests, test.concurrency, time.Second
		})
		shares, err := split(whole, test.workers)
		if err != nil {
			t.Fatal(err)
		}
		var requests int64
		concurrency := 0
		seeds := map[uint64]bool{}
		for _, s := range shares {
			requests += s.job.Requests
			concurrency += s.job.Concurrency
			seeds[s.job.Seed] = true
			if s.offset != 0 || s.job.Duration != time.Second {
				t.Errorf("%+v: a worker begins at %v for %v", test, s.offset, s.job.Duration)
			}
		}
		if requests != test.requests || concurrency != test.concurrency {
			t.Errorf("%+v: together %d requests, %d at a time", test, requests, concurrency)
		}
		if len(seeds) != test.workers {
			t.Errorf("%+v: only %d different orders", test, len(seeds))
		}
		if first, last := shares[0].job.Requests, shares[len(shares)-1].job.Requests; first != test.wantRequests || last != test.wantAlt {
			t.Errorf("%+v: the first worker has %d requests, the last %d", test, first, last)
		}
	}
}

// The workers' requests together are those of the whole schedule, each at its
// instant but for the nanoseconds that rounding twice costs.
func TestSplitOpenLoop(t *testing.T) {
	for _, whole := range []load.Job{
		open(3, time.Second, time.Second),
		open(1000, time.Second, 1500*time.Millisecond),
		open(333, time.Second, 3*time.Second+time.Nanosecond),
		open(30_000, time.Second, 700*time.Millisecond),
		open(100, time.Minute, 10*time.Second),
		open(7, 3*time.Second, 20*time.Second),
	} {
		for workers := 1; workers <= 3; workers++ {
			var got []time.Duration
			shares, err := split(whole, workers)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range shares {
				got = append(got, dues(t, s.job, s.offset)...)
			}
			slices.Sort(got)
			want := dues(t, whole, 0)
			if len(got) != len(want) {
				t.Fatalf("%d per %v, %d workers: %d requests, want %d", whole.RateCount, whole.RatePer, workers, len(got), len(want))
			}
			for k := range want {
				if off := want[k] - got[k]; off < 0 || off > time.Nanosecond {
					t.Fatalf("%d per %v, %d workers: request %d is due at %v, want %v", whole.RateCount, whole.RatePer, workers, k, got[k], want[k])
				}
			}
		}
	}
}

func dues(t *testing.T, j load.Job, offset time.Duration) []time.Duration {
	t.Helper()
	s, err := load.NewConstant(j.RateCount, j.RatePer, j.Duration)
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Duration
	for k := int64(0); ; k++ {
		due, ok := s.Due(k)
		if !ok {
			return all
		}
		all = append(all, offset+due)
	}
}

func TestCheck(t *testing.T) {
	closed := job(func(j *load.Job) { j.Requests, j.Concurrency = 5, 5 })
	for _, test := range []struct {
		job     load.Job
		workers int
		want    string // part of the error; empty: none
	}{
		{closed, 5, ""},
		{closed, 0, "at least one"},
		{closed, 6, "6 workers for 5 requests at a time"},
		{job(func(j *load.Job) { j.Requests, j.Concurrency = 2, 5 }), 3, "3 workers for 2 requests"},
		{open(2, time.Second, time.Second), 3, "3 workers for 2 requests"},
		{open(2, time.Hour, 10*time.Hour), 2, "for one worker"},
		{open(2, time.Hour, 10*time.Hour), 1, ""},
		{job(func(*load.Job) {}), 1, "neither a concurrency"},
	} {
		err := Check(test.job, test.workers)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%d workers: error %v, want %q", test.workers, err, test.want)
		}
	}
}
