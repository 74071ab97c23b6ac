package load_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

func jobWith(change func(*load.Job)) load.Job {
	j := load.Job{
		Phase: results.Measure, Targets: []string{"http://127.0.0.1:1"}, Timeout: time.Second, Seed: 7,
		Mix: []load.Request{{Name: "home", Method: "GET", Path: "/", Weight: 1}},
	}
	change(&j)
	return j
}

func rated(count int, per, duration time.Duration) load.Job {
	return jobWith(func(j *load.Job) { j.RateCount, j.RatePer, j.Duration = count, per, duration })
}

// TestSharesAreTheSchedule: the parts of a schedule together are the whole,
// each request at its instant.
func TestSharesAreTheSchedule(t *testing.T) {
	poisson := rated(1000, time.Second, 2*time.Second)
	poisson.Poisson = true
	stages := rated(10, time.Second, 3*time.Second)
	stages.Stages = []load.Stage{{To: perSecond(200), Over: time.Second}, {To: perSecond(0), Over: 2 * time.Second}}
	sine := rated(100, time.Second, time.Second)
	sine.Sine = &load.Sine{Amplitude: perSecond(80), Period: 300 * ms}
	for name, whole := range map[string]load.Job{
		"few":          rated(3, time.Second, time.Second),
		"constant":     rated(1000, time.Second, 1500*time.Millisecond),
		"uneven":       rated(333, time.Second, 3*time.Second+time.Nanosecond),
		"fast":         rated(30_000, time.Second, 700*time.Millisecond),
		"a minute":     rated(100, time.Minute, 10*time.Second),
		"some seconds": rated(7, 3*time.Second, 20*time.Second),
		"poisson":      poisson, "stages": stages, "sine": sine,
	} {
		want := dues(t, whole)
		for workers := 1; workers <= 3; workers++ {
			var got []time.Duration
			for i := range workers {
				part := whole
				part.Share = load.Share{Index: i, Of: workers}
				got = append(got, dues(t, part)...)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d workers: %d instants, not the %d of the whole", name, workers, len(got), len(want))
			}
		}
	}
}

func dues(t *testing.T, j load.Job) []time.Duration {
	t.Helper()
	s, err := load.ScheduleOf(j)
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Duration
	for k := int64(0); ; k++ {
		due, ok := s.Due(k)
		if !ok {
			break
		}
		all = append(all, due)
	}
	if int64(len(all)) != s.Total() {
		t.Errorf("%d instants, want %d", len(all), s.Total())
	}
	return all
}

func TestShareCheck(t *testing.T) {
	closed := jobWith(func(j *load.Job) { j.Requests, j.Concurrency = 5, 5 })
	capped := rated(100, time.Second, time.Second)
	capped.Connections = 2
	for _, test := range []struct {
		job       load.Job
		index, of int
		want      string // part of the error; empty: none
	}{
		{closed, 4, 5, ""},
		{closed, 0, 0, ""},
		{closed, 5, 5, "part 6 of 5"},
		{closed, 1, 0, "part 2 of 0"},
		{closed, 0, 6, "6 workers for 5 requests at a time"},
		{jobWith(func(j *load.Job) { j.Requests, j.Concurrency = 2, 5 }), 0, 3, "3 workers for 2 requests"},
		{rated(2, time.Second, time.Second), 0, 3, "3 workers for 2 requests"},
		{rated(2, time.Hour, 10*time.Hour), 1, 2, ""},
		{capped, 1, 2, ""},
		{capped, 1, 3, "3 workers for 2 connections"},
	} {
		job := test.job
		job.Share = load.Share{Index: test.index, Of: test.of}
		err := job.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%d of %d: error %v, want %q", test.index, test.of, err, test.want)
		}
	}
}

// TestSharesSendTheWhole lets three workers send one closed loop.
func TestSharesSendTheWhole(t *testing.T) { onEach(t, checkSharesSendTheWhole) }

func checkSharesSendTheWhole(t *testing.T, with load.Transport) {
	// Answers take long enough for every sender to begin before all is sent.
	url, m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * ms)
		hello(w, r)
	})
	var requests, connections int64
	names := map[string]int64{}
	for i := range 3 {
		job := closed(100, 7, true, url)
		job.Mix = []load.Request{
			{Name: "often", Method: "GET", Path: "/often", Weight: 4},
			{Name: "seldom", Method: "GET", Path: "/seldom", Weight: 1},
		}
		job.Share = load.Share{Index: i, Of: 3}
		before := m.accepted.Load()
		got, _ := run(t.Context(), t, with, job)
		requests += got.requests.OK
		connections += m.accepted.Load() - before
		for name, counts := range got.byName {
			names[name] += counts.Sent
		}
	}
	if requests != 100 || connections != 7 || names["often"] != 80 || names["seldom"] != 20 {
		t.Errorf("%d requests over %d connections, %v; want 100, 7, 80 and 20", requests, connections, names)
	}
}
