package latency_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"plimsoll/internal/latency"
)

// What is written can be read by HdrHistogram's own reader, with every count.
func TestLogWriter(t *testing.T) {
	start := time.Date(2026, 11, 21, 10, 0, 0, 250e6, time.UTC)
	var b bytes.Buffer
	log, err := latency.NewLogWriter(&b, start)
	if err != nil {
		t.Fatal(err)
	}
	wrote := []struct {
		tag    string
		second int
		counts int64
	}{{"", 0, 100}, {"lag", 0, 7}, {"", 1, 0}, {"", 2, 1000}}
	for _, w := range wrote {
		h := latency.New()
		for n := range w.counts {
			h.Record(time.Duration(n+1) * time.Millisecond)
		}
		if err := log.Write(w.tag, start.Add(time.Duration(w.second)*time.Second), time.Second, h); err != nil {
			t.Fatal(err)
		}
	}
	reader := hdrhistogram.NewHistogramLogReader(&b)
	for _, w := range wrote {
		h, err := reader.NextIntervalHistogram()
		if err != nil || h == nil {
			t.Fatalf("interval %+v: %v, %v", w, h, err)
		}
		if h.TotalCount() != w.counts || h.Tag() != w.tag {
			t.Errorf("interval %+v has %d counts and tag %q", w, h.TotalCount(), h.Tag())
		}
		// Stamps are in ms; the reader rounds them down.
		if want := start.Add(time.Duration(w.second) * time.Second).UnixMilli(); h.StartTimeMs() < want-1 || h.StartTimeMs() > want {
			t.Errorf("interval %+v starts at %d ms, want %d", w, h.StartTimeMs(), want)
		}
		if length := h.EndTimeMs() - h.StartTimeMs(); length < 999 || length > 1001 {
			t.Errorf("interval %+v lasts %d ms", w, length)
		}
	}
	if h, err := reader.NextIntervalHistogram(); h != nil || err != nil {
		t.Errorf("after the last interval: %v, %v", h, err)
	}
}

type brokenWriter struct{ error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.error }

func TestLogWriterErrors(t *testing.T) {
	full := errors.New("disk full")
	if _, err := latency.NewLogWriter(brokenWriter{full}, time.Now()); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}
