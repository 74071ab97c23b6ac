package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
)

// second is what a worker reports of n requests.
func second(number int, n int64, length time.Duration) results.Interval {
	i := results.Interval{
		Phase: results.Measure, Start: time.Duration(number) * time.Second, Length: length,
		Requests: results.Counts{Sent: n, OK: n}, Latencies: results.NewLatencies(),
	}
	for range n {
		i.Latencies.Response.Record(time.Duration(n) * time.Millisecond)
	}
	return i
}

func TestSecondsJoin(t *testing.T) {
	type joined struct {
		Start, Length  time.Duration
		Requests, Seen int64
	}
	var got []joined
	began := time.Unix(1_000_000, 0)
	s := newSeconds(2, func(begin time.Time, i results.Interval) error {
		if begin != began {
			t.Errorf("begin %v", begin)
		}
		got = append(got, joined{i.Start, i.Length, i.Requests.Sent, i.Latencies.Response.Count()})
		return nil
	})
	s.begin = began
	steps := []struct {
		do   func() error
		want int // seconds that are out after it
	}{
		{func() error { return s.add(0, second(0, 10, time.Second)) }, 0},
		{func() error { return s.add(0, second(1, 20, time.Second)) }, 0},
		{func() error { return s.add(1, second(0, 1, time.Second)) }, 1},
		{func() error { return s.add(1, second(1, 2, time.Second/2)) }, 2},
		{func() error { return s.end(1) }, 2},
		{func() error { return s.add(0, second(2, 30, time.Second/4)) }, 3},
		{func() error { return s.end(0) }, 3},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if len(got) != step.want {
			t.Fatalf("after step %d %d seconds are out, want %d", i, len(got), step.want)
		}
	}
	want := []joined{{0, time.Second, 11, 11}, {time.Second, time.Second, 22, 22}, {2 * time.Second, time.Second / 4, 30, 30}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSecondsPassOnErrors(t *testing.T) {
	full := errors.New("disk full")
	s := newSeconds(1, func(time.Time, results.Interval) error { return full })
	if err := s.add(0, second(0, 1, time.Second)); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}
