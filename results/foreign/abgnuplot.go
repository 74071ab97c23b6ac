package foreign

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

const abGnuplotHead = "starttime\tseconds\tctime\tdtime\tttime\twait"

func looksLikeABGnuplot(head string) bool { return strings.HasPrefix(head, abGnuplotHead) }

// ABGnuplot reads what ab -g wrote: one line for each request, in milliseconds,
// sorted by its time. Which of them failed, and how long the load took, it does
// not tell.
func ABGnuplot(r io.Reader) (*Result, error) {
	in := newLines(r)
	if !in.next() || in.text != abGnuplotHead {
		return nil, errors.Join(in.err(), fmt.Errorf("line 1: not the head that ab -g writes (%q)", abGnuplotHead))
	}
	kinds := []string{"connect", "processing", "response", "waiting"}
	histograms := make([]*latency.Histogram, len(kinds))
	for i := range histograms {
		histograms[i] = latency.New()
	}
	var first time.Time
	for in.next() {
		fields := strings.Split(in.text, "\t")
		if len(fields) != 2+len(kinds) {
			return nil, in.fail("%d columns, not %d", len(fields), 2+len(kinds))
		}
		seconds, err := whole(fields[1])
		if err != nil {
			return nil, in.fail("seconds: %w", err)
		}
		if at := time.Unix(seconds, 0); first.IsZero() || at.Before(first) {
			first = at
		}
		for i, kind := range kinds {
			d, err := span(fields[2+i], time.Millisecond)
			if err != nil {
				return nil, in.fail("%s: %w", kind, err)
			}
			histograms[i].Record(d)
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if first.IsZero() {
		return nil, errors.New("line 2: no request")
	}
	if y := first.UTC().Year(); y > 9999 {
		return nil, fmt.Errorf("line 2: seconds: the year %d", y)
	}
	s := newABSheet()
	s.started(first)
	for i, kind := range kinds {
		s.histogram(kind, histograms[i])
	}
	return s.result(results.LoadSummary{Mode: "closed", Text: "requests one by one, of a load that the file does not tell", Caution: closedCaution},
		// Without a length: when a request ended is only known to the second.
		results.Interval{Phase: results.Measure, Latencies: results.Latencies{
			Connect: histograms[0], Processing: histograms[1], Response: histograms[2], Waiting: histograms[3],
		}}), nil
}

// closedCaution is for loops whose concurrency is not told.
const closedCaution = "Closed loop: response time at a load that limits itself. It says nothing about " +
	"how long arriving users would wait, because a stall pauses the load, too."
