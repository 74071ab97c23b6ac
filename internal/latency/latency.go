// Package latency holds the one histogram policy of the program: latencies
// are kept in HDR histograms from 1 µs to 1 h with three significant digits,
// values outside that range are counted at its edge and never lost, and
// merging histograms is exact.
package latency

import (
	"fmt"
	"iter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// Lowest is the smallest latency told apart from zero.
	Lowest = time.Microsecond
	// Highest is the largest latency that is kept as it is; what took
	// longer is counted as Highest and by Clamped.
	Highest = time.Hour

	digits = 3
)

// Histogram counts latencies in nanoseconds. It is not safe for concurrent
// use. The zero value is not usable; call New.
type Histogram struct {
	hdr     *hdrhistogram.Histogram
	clamped int64
}

// New returns an empty histogram (about 200 kB, of fixed size for ever).
func New() *Histogram {
	return &Histogram{hdr: hdrhistogram.New(Lowest.Nanoseconds(), Highest.Nanoseconds(), digits)}
}

// Record counts one latency. Negative values count as zero.
func (h *Histogram) Record(d time.Duration) {
	v := min(max(d, 0), Highest)
	if d > Highest {
		h.clamped++
	}
	// v is inside the tracked range, so RecordValue cannot fail.
	_ = h.hdr.RecordValue(int64(v))
}

// Merge adds all counts of other to h.
func (h *Histogram) Merge(other *Histogram) {
	// Both histograms share one policy, so nothing can be dropped.
	h.hdr.Merge(other.hdr)
	h.clamped += other.clamped
}

// Reset forgets all counts.
func (h *Histogram) Reset() {
	h.hdr.Reset()
	h.clamped = 0
}

// Count is the number of recorded latencies.
func (h *Histogram) Count() int64 { return h.hdr.TotalCount() }

// Clamped is the number of latencies above Highest that were counted as
// Highest. It does not survive Encode.
func (h *Histogram) Clamped() int64 { return h.clamped }

// Percentile returns the latency below or at which p percent (0–100) of the
// recorded ones lie, as the highest value equivalent to it in the histogram
// (at most 0.1 % above the true one). It is 0 for an empty histogram.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return told(float64(h.hdr.ValueAtQuantile(p)))
}

// Min is the smallest recorded latency, as the lowest value equivalent to it
// in the histogram; 0 if there is none.
func (h *Histogram) Min() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return told(float64(h.hdr.Min()))
}

// Max is the largest recorded latency, as the highest value equivalent to it
// in the histogram; 0 if there is none.
func (h *Histogram) Max() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return told(float64(h.hdr.Max()))
}

// Mean is the arithmetic mean, 0 for an empty histogram.
func (h *Histogram) Mean() time.Duration { return told(h.hdr.Mean()) }

// told is a value of the underlying histogram as it is told to the outside:
// what is below Lowest is zero, not the edge or the middle of a bucket.
func told(v float64) time.Duration {
	if v < float64(Lowest) {
		return 0
	}
	return time.Duration(v)
}

// StdDev is the population standard deviation.
func (h *Histogram) StdDev() time.Duration { return time.Duration(h.hdr.StdDev()) }

// CountAbove is the number of latencies in buckets that lie wholly above d.
func (h *Histogram) CountAbove(d time.Duration) int64 {
	var n int64
	for _, bar := range h.hdr.Distribution() {
		if bar.From > int64(d) {
			n += bar.Count
		}
	}
	return n
}

// Buckets yields the latencies that were recorded, in ascending order, with how
// often: each as the highest value equivalent to it in the histogram.
func (h *Histogram) Buckets() iter.Seq2[time.Duration, int64] {
	return func(yield func(time.Duration, int64) bool) {
		for _, bar := range h.hdr.Distribution() {
			if bar.Count > 0 && !yield(time.Duration(bar.To), bar.Count) {
				return
			}
		}
	}
}

// MarshalText encodes h as HdrHistogram's V2 compressed form in base64, the
// form that .hlog files use. An empty histogram is empty text.
func (h *Histogram) MarshalText() ([]byte, error) {
	if h.Count() == 0 {
		return nil, nil
	}
	b, err := h.hdr.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode latency histogram: %w", err)
	}
	return b, nil
}

// UnmarshalText decodes what MarshalText wrote.
func (h *Histogram) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*h = *New()
		return nil
	}
	decoded, err := hdrhistogram.Decode(text)
	if err != nil {
		return fmt.Errorf("decode latency histogram: %w", err)
	}
	if decoded.LowestTrackableValue() == Lowest.Nanoseconds() && decoded.HighestTrackableValue() == Highest.Nanoseconds() &&
		decoded.SignificantFigures() == digits {
		*h = Histogram{hdr: decoded}
		return nil
	}
	*h = *New()
	// Through a merge, so that a histogram of another range or precision
	// still ends up under our policy. What is above our range comes back as
	// dropped.
	h.clamped = h.hdr.Merge(decoded)
	if err := h.hdr.RecordValues(Highest.Nanoseconds(), h.clamped); err != nil {
		return fmt.Errorf("decode latency histogram: %w", err)
	}
	return nil
}
