package latency_test

import (
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"plimsoll/internal/latency"
)

// near reports whether got stands for want: the edge of a bucket, at most
// 0.1 % or 1 µs above it.
func near(got, want time.Duration) bool {
	return got >= want-time.Microsecond && got <= want+want/1000+time.Microsecond
}

// TestPercentilesAgainstExactRanks compares with the sorted values.
func TestPercentilesAgainstExactRanks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := latency.New()
	values := make([]time.Duration, 50_000)
	var sum time.Duration
	for i := range values {
		values[i] = time.Duration(2e6 * (0.1 + r.ExpFloat64()))
		if i%200 == 0 {
			values[i] += 120 * time.Millisecond
		}
		h.Record(values[i])
		sum += values[i]
	}
	slices.Sort(values)
	for _, p := range []float64{1, 50, 66, 90, 99, 99.9, 100} {
		rank := max(0, int(p/100*float64(len(values))+0.5)-1)
		if got := h.Percentile(p); !near(got, values[rank]) {
			t.Errorf("p%v = %v, exactly %v", p, got, values[rank])
		}
	}
	mean := sum / time.Duration(len(values))
	if got := h.Mean(); (got - mean).Abs() > mean/1000 {
		t.Errorf("mean %v, exactly %v", got, mean)
	}
	if !near(h.Max(), values[len(values)-1]) || !near(values[0], h.Min()) || h.Count() != int64(len(values)) {
		t.Errorf("min %v, max %v, count %d; exactly %v, %v", h.Min(), h.Max(), h.Count(), values[0], values[len(values)-1])
	}
	const limit = 50 * time.Millisecond
	above, _ := slices.BinarySearch(values, limit)
	if got, want := h.CountAbove(limit), int64(len(values)-above); got != want {
		t.Errorf("%d above %v, exactly %d", got, limit, want)
	}
}

// TestMergeIsExact: parts merged are the whole, bucket by bucket, in whatever
// order.
func TestMergeIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	whole, merged := latency.New(), latency.New()
	parts := make([]*latency.Histogram, 8)
	for i := range parts {
		parts[i] = latency.New()
	}
	for range 10_000 {
		d := time.Duration(r.Int64N(int64(2 * time.Hour)))
		whole.Record(d)
		parts[r.IntN(len(parts))].Record(d)
	}
	for _, i := range r.Perm(len(parts)) {
		merged.Merge(parts[i])
	}
	for p := 0.0; p <= 100; p += 0.5 {
		if whole.Percentile(p) != merged.Percentile(p) {
			t.Fatalf("p%v: whole %v, merged %v", p, whole.Percentile(p), merged.Percentile(p))
		}
	}
	next, stop := iter.Pull2(merged.Buckets())
	defer stop()
	for d, n := range whole.Buckets() {
		if e, k, ok := next(); !ok || e != d || k != n {
			t.Fatalf("whole has %d of %v, merged %d of %v", n, d, k, e)
		}
	}
	if _, _, more := next(); more {
		t.Error("merged has a bucket that the whole has not")
	}
	if whole.Count() != merged.Count() || whole.Clamped() != merged.Clamped() || whole.Mean() != merged.Mean() {
		t.Errorf("count %d and %d, clamped %d and %d", whole.Count(), merged.Count(), whole.Clamped(), merged.Clamped())
	}
}

func TestEdges(t *testing.T) {
	h := latency.New()
	if h.Count() != 0 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.StdDev() != 0 || h.Percentile(50) != 0 || h.CountAbove(0) != 0 {
		t.Error("an empty histogram is not all zero")
	}
	for _, d := range []time.Duration{-time.Second, 0, latency.Lowest / 4} {
		h.Record(d)
	}
	if h.Count() != 3 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.Percentile(100) != 0 {
		t.Errorf("nothing but zeros: count %d, min %v, max %v, mean %v", h.Count(), h.Min(), h.Max(), h.Mean())
	}
	h.Record(latency.Highest)
	h.Record(48 * time.Hour)
	if h.Count() != 5 || h.Clamped() != 1 || !near(h.Max(), latency.Highest) || h.CountAbove(time.Second) != 2 {
		t.Errorf("count %d, clamped %d, max %v", h.Count(), h.Clamped(), h.Max())
	}
	h.Reset()
	if h.Count() != 0 || h.Clamped() != 0 || h.Max() != 0 {
		t.Error("Reset left something behind")
	}
}

// TestForeignHistogram: values above our range are kept at its edge.
func TestForeignHistogram(t *testing.T) {
	foreign := hdrhistogram.New(1, (100 * time.Hour).Nanoseconds(), 2)
	for _, d := range []time.Duration{time.Millisecond, time.Second, 50 * time.Hour, 90 * time.Hour} {
		if err := foreign.RecordValue(d.Nanoseconds()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := foreign.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	var h latency.Histogram
	if err := h.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	if h.Count() != 4 || h.Clamped() != 2 || !near(h.Max(), latency.Highest) {
		t.Errorf("count %d, clamped %d, max %v; want 4, 2, %v", h.Count(), h.Clamped(), h.Max(), latency.Highest)
	}
}

// FuzzText: what is accepted is a histogram that can be written and read
// again without change.
func FuzzText(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("HISTFAAAABx4nGNgYGBgYQADNgYGRgYGAAA"))
	for _, values := range [][]time.Duration{{0}, {time.Millisecond, time.Second}, {time.Hour, 2 * time.Hour}} {
		h := latency.New()
		for _, d := range values {
			h.Record(d)
		}
		text, err := h.MarshalText()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var h latency.Histogram
		if err := h.UnmarshalText(text); err != nil {
			return
		}
		again, err := h.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var second latency.Histogram
		if err := second.UnmarshalText(again); err != nil {
			t.Fatal(err)
		}
		for p := 0.0; p <= 100; p += 5 {
			if h.Percentile(p) != second.Percentile(p) {
				t.Fatalf("p%v: %v, after a round trip %v", p, h.Percentile(p), second.Percentile(p))
			}
		}
		if h.Count() != second.Count() || h.Mean() != second.Mean() || h.CountAbove(time.Second) != second.CountAbove(time.Second) {
			t.Errorf("count %d became %d", h.Count(), second.Count())
		}
	})
}
