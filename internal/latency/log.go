package latency

import (
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// LogWriter writes histograms of intervals as an HdrHistogram log (.hlog),
// with absolute times.
type LogWriter struct {
	log *hdrhistogram.HistogramLogWriter
}

// NewLogWriter writes the head of a log that starts at that instant.
func NewLogWriter(w io.Writer, start time.Time) (*LogWriter, error) {
	log := hdrhistogram.NewHistogramLogWriter(w)
	for _, write := range []func() error{
		log.OutputLogFormatVersion,
		func() error { return log.OutputStartTime(start.UnixMilli()) },
		log.OutputLegend,
	} {
		if err := write(); err != nil {
			return nil, fmt.Errorf("write histogram log: %w", err)
		}
	}
	return &LogWriter{log: log}, nil
}

// Write adds the histogram of an interval. A tag tells several histograms of
// one interval apart; it must not contain commas, spaces or line breaks.
func (l *LogWriter) Write(tag string, start time.Time, length time.Duration, h *Histogram) error {
	h.hdr.SetTag(tag)
	h.hdr.SetStartTimeMs(start.UnixMilli())
	h.hdr.SetEndTimeMs(start.Add(length).UnixMilli())
	if err := l.log.OutputIntervalHistogram(h.hdr); err != nil {
		return fmt.Errorf("write histogram log: %w", err)
	}
	return nil
}
