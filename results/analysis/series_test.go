package analysis

import (
	"math"
	"testing"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// Two replicas that are read at different instants, and use half and a quarter
// of a CPU: together three quarters at every instant.
func TestUsageOverTime(t *testing.T) {
	var samples []results.Sample
	for i := -1; i <= 50; i++ {
		at := time.Duration(i) * 200 * time.Millisecond
		samples = append(samples,
			results.Sample{Replica: "web-1", Service: "web", At: at, CPU: time.Second + at/2, MemoryBytes: 10 << 20},
			results.Sample{Replica: "web-2", Service: "web", At: at + 70*time.Millisecond, CPU: time.Second + at/4, MemoryBytes: 20 << 20},
		)
	}
	series := usageOverTime(samples, 10*time.Second)
	if len(series) != 1 || len(series[0].Points) < 20 {
		t.Fatalf("%+v, want one series with at least 20 points", series)
	}
	for _, p := range series[0].Points[1:] {
		if math.Abs(p.Cores-0.75) > 0.01 || p.MemoryBytes != 30<<20 {
			t.Errorf("at %v: %.3f CPUs and %d bytes, want 0.75 and %d", p.At, p.Cores, p.MemoryBytes, 30<<20)
		}
	}
}

// However long a run is, the CPU time under the curve is the CPU time used.
func TestUsageOverTimeKeepsTheSum(t *testing.T) {
	var samples []results.Sample
	var cpu time.Duration
	for i := range 3001 {
		if i%7 == 0 {
			cpu += 150 * time.Millisecond
		}
		samples = append(samples, results.Sample{Replica: "web-1", Service: "web", At: time.Duration(i) * 200 * time.Millisecond, CPU: cpu})
	}
	points := usageOverTime(samples, 600*time.Second)[0].Points
	if len(points) > 61 {
		t.Errorf("%d points, want at most 61", len(points))
	}
	var sum float64
	var before time.Duration
	for _, p := range points {
		sum += p.Cores * (p.At - before).Seconds()
		before = p.At
	}
	first := samples[0].CPU
	if want := (cpu - first).Seconds(); math.Abs(sum-want) > 0.01*want {
		t.Errorf("%.2f s under the curve, want %.2f s", sum, want)
	}
}

func TestUsageOverTimeWithoutReadings(t *testing.T) {
	for name, samples := range map[string][]results.Sample{
		"none": nil,
		"one":  {{Replica: "web-1", Service: "web", At: time.Second, CPU: time.Second}},
	} {
		if got := usageOverTime(samples, 10*time.Second); len(got) != 0 {
			t.Errorf("%s: %+v, want nothing", name, got)
		}
	}
}

// The curve rises, begins at the smallest and ends where ten requests remain.
func TestCurve(t *testing.T) {
	points := curve([]*observed{made(around(10*time.Millisecond, 600)), made(around(20*time.Millisecond, 400))})
	if len(points) < 20 {
		t.Fatalf("%d points", len(points))
	}
	last := points[len(points)-1]
	if points[0].Percentile != 0 || math.Abs(last.Percentile-99) > 1e-9 {
		t.Errorf("from %v to %v, want from 0 to 99", points[0].Percentile, last.Percentile)
	}
	for i, p := range points[1:] {
		if p.Percentile <= points[i].Percentile || p.Latency < points[i].Latency {
			t.Errorf("%+v does not follow %+v", p, points[i])
		}
	}
	if got := curve([]*observed{made(around(time.Millisecond, 19))}); len(got) != 0 {
		t.Errorf("19 requests make a curve of %d points, want none", len(got))
	}
}

// Seconds miss no request, join all workers, and have no stray last point.
func TestSeconds(t *testing.T) {
	interval := func(start, length time.Duration, n int) results.Interval {
		h := latency.New()
		for range n {
			h.Record(time.Millisecond)
		}
		return results.Interval{Phase: results.Measure, Start: start, Length: length,
			Requests: results.Counts{Sent: int64(n), OK: int64(n)}, Latencies: results.Latencies{Response: h, Lag: h, Connect: h}}
	}
	warm := interval(0, time.Second, 999)
	warm.Phase = results.Warmup
	r := newReading(results.Trial{})
	for _, line := range []results.Line{
		warm,
		interval(0, time.Second, 100), interval(0, time.Second, 50),
		interval(time.Second, time.Second, 100), interval(2*time.Second, 10*time.Millisecond, 2),
	} {
		r.add(line)
	}
	o := r.finish()
	if len(o.over) != 2 {
		t.Fatalf("%d seconds, want 2: %+v", len(o.over), o.over)
	}
	if got := o.over[0].Throughput; got != 150 {
		t.Errorf("first second %v/s, want 150/s of both workers", got)
	}
	if got, want := o.over[1].Throughput, 102/1.01; math.Abs(got-want) > 1e-9 {
		t.Errorf("last second %v/s, want %v/s", got, want)
	}
	if got := o.response.Count(); got != 252 {
		t.Errorf("%d requests, want 252", got)
	}
}
