package load_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/latency"
	"plimsoll/results"
	"plimsoll/runner/load"
)

var failures = []load.Failure{
	load.None, load.Refused, load.Reset, load.Timeout, load.ShortRead, load.Malformed, load.Resolve, load.Unreachable,
	load.TLS, load.BadStatus, load.LocalLimit, load.CutOff, load.NeverSent, load.OtherError,
}

func complete(s load.Shot) bool { return s.Failure == load.None || s.Failure == load.BadStatus }

// randomShot is a shot that could have happened.
func randomShot(r *rand.Rand, mix int) load.Shot {
	step := func() time.Duration { return time.Duration(r.Int64N(int64(400 * time.Millisecond))) }
	s := load.Shot{Request: r.IntN(mix), Failure: failures[r.IntN(len(failures))]}
	s.Due = time.Duration(r.Int64N(int64(4 * time.Second)))
	s.Sent = s.Due + step()
	s.Connected = s.Sent
	s.Done = s.Sent
	if s.Failure == load.NeverSent {
		return s
	}
	s.Connected += step()
	s.FirstByte = s.Connected + step()
	s.Done = s.FirstByte + step()
	s.BytesIn, s.BytesOut, s.BodyIn = r.Int64N(1000), r.Int64N(100), r.Int64N(500)
	if complete(s) {
		s.Status = 200
		if s.Failure == load.BadStatus {
			s.Status = 503
		}
		s.ServedBy = fmt.Sprintf("web-%d", 1+r.IntN(3))
	}
	return s
}

// sum is what a reader of all intervals adds up.
type sum struct {
	requests  results.Counts
	byName    map[string]results.Counts
	bytes     results.Bytes
	servedBy  map[string]int64
	latencies results.Latencies
	starts    []time.Duration
	length    time.Duration
	blocked   time.Duration
	named     map[string]*results.Latencies
}

func newSum() *sum {
	return &sum{byName: map[string]results.Counts{}, named: map[string]*results.Latencies{}, servedBy: map[string]int64{}, latencies: results.NewLatencies()}
}

func (s *sum) add(i results.Interval) error {
	if i.Start != s.length {
		return fmt.Errorf("interval begins at %v, the ones before end at %v", i.Start, s.length)
	}
	s.starts = append(s.starts, i.Start)
	s.length += i.Length
	s.blocked += i.Blocked
	s.requests.Add(i.Requests)
	for name, c := range i.ByName {
		named := s.byName[name]
		named.Add(c.Counts)
		s.byName[name] = named
		if c.Latencies != nil {
			s.timesOf(name).Merge(*c.Latencies)
		}
	}
	s.bytes.Add(i.Bytes)
	for name, n := range i.ServedBy {
		s.servedBy[name] += n
	}
	s.latencies.Merge(i.Latencies)
	return nil
}

func (s *sum) timesOf(name string) *results.Latencies {
	if s.named[name] == nil {
		s.named[name] = results.NewNamedLatencies()
	}
	return s.named[name]
}

// statsByName are those of the requests of each name.
func (s *sum) statsByName() map[string]results.LatencyStats {
	stats := map[string]results.LatencyStats{}
	for name, times := range s.named {
		stats[name] = times.Stats()
	}
	return stats
}

// expect is the sum of shots by the definitions, told again plainly.
func expect(mix []load.Request, shots []load.Shot) *sum {
	want := newSum()
	for _, s := range shots {
		one := results.Counts{Sent: 1}
		if s.Failure == load.None {
			one.OK = 1
		} else {
			one.Failed = 1
			one.Errors = map[string]int64{string(s.Failure): 1}
		}
		if s.Failure == load.Timeout {
			one.Timeouts = 1
		}
		if complete(s) {
			one.Status = map[string]int64{strconv.Itoa(s.Status): 1}
			want.servedBy[s.ServedBy]++
			want.latencies.Connect.Record(s.Connected - s.Sent)
			want.latencies.Processing.Record(s.Done - s.Connected)
			want.latencies.Waiting.Record(s.FirstByte - s.Connected)
		}
		want.latencies.Response.Record(s.Done - s.Due)
		want.latencies.Lag.Record(s.Sent - s.Due)
		if s.Failure != load.NeverSent {
			want.latencies.Service.Record(s.Done - s.Sent)
		}
		if len(mix) > 1 { // of one name the totals tell
			times := want.timesOf(mix[s.Request].Name)
			times.Response.Record(s.Done - s.Due)
			times.Lag.Record(s.Sent - s.Due)
			if s.Failure != load.NeverSent {
				times.Service.Record(s.Done - s.Sent)
			}
		}
		want.requests.Add(one)
		name := mix[s.Request].Name
		named := want.byName[name]
		named.Add(one)
		want.byName[name] = named
		want.bytes.Add(results.Bytes{In: s.BytesIn, Out: s.BytesOut, Body: s.BodyIn})
		want.length = max(want.length, s.Done)
	}
	return want
}

func (s *sum) diff(t *testing.T, want *sum) {
	t.Helper()
	for _, pair := range [][2]any{
		{want.requests, s.requests}, {want.byName, s.byName}, {want.statsByName(), s.statsByName()}, {want.bytes, s.bytes}, {want.servedBy, s.servedBy},
		{want.latencies.Stats(), s.latencies.Stats()}, {want.length, s.length},
	} {
		if d := cmp.Diff(pair[0], pair[1]); d != "" {
			t.Errorf("the intervals' sum is not what was recorded (-want +got):\n%s", d)
		}
	}
	if s.requests.Sent != s.requests.OK+s.requests.Failed {
		t.Errorf("sent %d, but ok %d + failed %d", s.requests.Sent, s.requests.OK, s.requests.Failed)
	}
}

// FuzzRecorder records random shots from several goroutines at the instants
// at which they ended and compares the sum of the intervals with the shots.
func FuzzRecorder(f *testing.F) {
	f.Add(uint64(1), 300)
	f.Add(uint64(2), 1)
	f.Add(uint64(3), 0)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		r := rand.New(rand.NewPCG(seed, 0))
		mix := mixOf(1, 2, 3)
		mix[2].Name = mix[0].Name // two requests may share a name
		shots := make([]load.Shot, min(max(n, 0), 500))
		for i := range shots {
			shots[i] = randomShot(r, len(mix))
		}
		synctest.Test(t, func(t *testing.T) {
			rec := load.NewRecorder(load.Job{Mix: mix, Concurrency: 1})
			begin, finished := time.Now(), make(chan struct{})
			var wg sync.WaitGroup
			for _, s := range shots {
				wg.Go(func() {
					time.Sleep(s.Done)
					rec.Record(s)
				})
			}
			go func() {
				wg.Wait()
				close(finished)
			}()
			got := newSum()
			if err := rec.Emit(begin, finished, got.add); err != nil {
				t.Fatal(err)
			}
			got.diff(t, expect(mix, shots))
			final, err := rec.Final(begin)
			if err != nil {
				t.Fatal(err)
			}
			if final.Due != int64(len(shots)) || final.Length != got.length || !final.Began.Equal(begin) {
				t.Errorf("final %+v: want %d due in %v since %v", final, len(shots), got.length, begin)
			}
		})
	})
}

// record lets shots happen and returns the intervals' counts.
func record(t *testing.T, job load.Job, shots ...load.Shot) []results.Interval {
	t.Helper()
	var out []results.Interval
	synctest.Test(t, func(t *testing.T) {
		rec := load.NewRecorder(job)
		begin, finished := time.Now(), make(chan struct{})
		go func() {
			for _, s := range shots {
				time.Sleep(time.Until(begin.Add(s.Done)))
				rec.Record(s)
			}
			close(finished)
		}()
		err := rec.Emit(begin, finished, func(i results.Interval) error {
			i.Latencies = results.Latencies{}
			served := map[string]int64{}
			for name, n := range i.ServedBy {
				served[name] = n
			}
			i.ServedBy = served
			out = append(out, i)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return out
}

func TestRecorderIntervals(t *testing.T) {
	at := func(done time.Duration) load.Shot { return load.Shot{Done: done, Status: 200} }
	const ms = time.Millisecond
	intervals := record(t, load.Job{Mix: mixOf(1), Concurrency: 1},
		at(0), at(999*ms), at(1000*ms), at(1001*ms), at(3500*ms))
	type line struct {
		start, length time.Duration
		sent          int64
	}
	var got []line
	for _, i := range intervals {
		got = append(got, line{i.Start, i.Length, i.Requests.Sent})
	}
	want := []line{{0, second, 2}, {second, second, 2}, {2 * second, second, 0}, {3 * second, 500 * ms, 1}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); d != "" {
		t.Error(d)
	}
}

const second = time.Second

func TestRecorderBoundsServers(t *testing.T) {
	var shots []load.Shot
	for i := range 1000 {
		shots = append(shots, load.Shot{Status: 200, ServedBy: strconv.Itoa(i % 500)})
	}
	got := record(t, load.Job{Mix: mixOf(1), Concurrency: 1}, shots...)[0].ServedBy
	if len(got) != 257 || got["other"] != 2*(500-256) || got["255"] != 2 {
		t.Errorf("%d names, other %d, 255 %d; want 257, 488, 2", len(got), got["other"], got["255"])
	}
}

func TestRecorderSample(t *testing.T) {
	job := load.Job{Phase: results.Measure, Mix: mixOf(1, 1), RateCount: 10, RatePer: second, Duration: second}
	job.Mix[1].Path = "/read"
	rec := load.NewRecorder(job)
	rec.Record(load.Shot{Failure: load.ShortRead, Server: "cut", BodyIn: 3})
	rec.Record(load.Shot{Request: 1, Status: 404, Failure: load.BadStatus, Server: "nginx", BodyIn: 331, Done: 7})
	rec.Record(load.Shot{Status: 200, Server: "later", BodyIn: 1})
	began := time.Now()
	got, err := rec.Final(began)
	if err != nil {
		t.Fatal(err)
	}
	want := results.Final{Phase: results.Measure, Began: began, Length: 7, Due: 10, Seconds: 1,
		Sample: results.SampleAnswer{Server: "nginx", Document: "/read", Length: 331}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestRecorderStalledReader: while an interval is not taken, recording goes
// on, and nothing is lost or counted in a wrong second.
// TestRecorderManyNames: a mix of many names is counted by name, and its times
// are not told apart. Requests of one name are one.
func TestRecorderManyNames(t *testing.T) {
	for _, c := range []struct {
		names   int
		apart   bool
		doubled bool
	}{{1, false, false}, {2, true, false}, {2, true, true}, {results.MostNamed, true, false}, {results.MostNamed + 1, false, false}} {
		var mix []load.Request
		for i := range c.names {
			mix = append(mix, load.Request{Name: strconv.Itoa(i), Weight: 1})
		}
		if c.doubled {
			mix = append(mix, mix...)
		}
		var shots []load.Shot
		for i := range mix {
			shots = append(shots, load.Shot{Request: i, Done: ms, Status: 200})
		}
		got := record(t, load.Job{Mix: mix, Concurrency: 1}, shots...)[0].ByName
		each := int64(len(mix) / c.names)
		if n := got["0"]; len(got) != c.names || n.Sent != each || (n.Latencies != nil) != c.apart {
			t.Errorf("%d names: %d of them, %+v", c.names, len(got), n)
		}
	}
}

func TestRecorderStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := load.NewRecorder(load.Job{Mix: mixOf(1), Concurrency: 1})
		begin, finished := time.Now(), make(chan struct{})
		go func() {
			for k := range 100 {
				time.Sleep(100 * time.Millisecond)
				rec.Record(load.Shot{Done: time.Duration(k+1) * 100 * time.Millisecond, Status: 200})
			}
			close(finished)
		}()
		var sent []int64
		err := rec.Emit(begin, finished, func(i results.Interval) error {
			time.Sleep(2500 * time.Millisecond)
			sent = append(sent, i.Requests.Sent)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]int64{9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1}, sent); d != "" {
			t.Error(d)
		}
	})
}

func TestRecorderEmitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		err := load.NewRecorder(load.Job{Mix: mixOf(1)}).Emit(time.Now(), nil, func(results.Interval) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	rec := load.NewRecorder(load.Job{Mix: mixOf(1), Concurrency: 1})
	shot := load.Shot{Sent: 10, Connected: 20, FirstByte: 3e6, Done: 4e6, Status: 200, ServedBy: "web-1"}
	b.ReportAllocs()
	for b.Loop() {
		rec.Record(shot)
	}
}

func BenchmarkEncodeHistogram(b *testing.B) {
	h := latency.New()
	r := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		h.Record(time.Duration(1e6 * (1 + r.ExpFloat64())))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.MarshalText(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFinalLength: an open loop lasts as long as its schedule, or until its
// last answer, unless it was ended before all had been sent.
func TestFinalLength(t *testing.T) {
	job := load.Job{
		Phase: results.Measure, Mix: mixOf(1), RateCount: 2, RatePer: time.Second, Duration: 3 * time.Second,
		Stages: []load.Stage{{To: load.Rate{}, Over: time.Second}, {To: load.Rate{}, Over: 2 * time.Second}},
	}
	closed := load.Job{Phase: results.Measure, Mix: mixOf(1), Concurrency: 1, Requests: 1, Duration: 3 * time.Second}
	for name, c := range map[string]struct {
		job  load.Job
		done time.Duration
		want time.Duration
	}{
		"a quiet end":   {job, 100 * ms, 3 * time.Second},
		"a late answer": {job, 4 * time.Second, 4 * time.Second},
		"a closed loop": {closed, 100 * ms, 100 * ms},
	} {
		rec := load.NewRecorder(c.job)
		rec.Record(load.Shot{Done: c.done})
		final, err := rec.Final(time.Now())
		if err != nil || final.Due != 1 || final.Length != c.want {
			t.Errorf("%s: %v, %d due, %v; want %v", name, final.Length, final.Due, err, c.want)
		}
	}
	job.Stages[1].To, job.Stages[0].To = load.Rate{}, load.Rate{Count: 2, Per: time.Second}
	rec := load.NewRecorder(job)
	rec.Record(load.Shot{Done: 100 * ms})
	if final, err := rec.Final(time.Now()); err != nil || final.Due != 4 || final.Length != 100*ms {
		t.Errorf("ended early: %v, %d due, %v; want 100ms and 4", final.Length, final.Due, err)
	}
}
