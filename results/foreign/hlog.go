package foreign

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

func looksLikeHLog(head string) bool {
	return strings.HasPrefix(head, "#[Histogram log format version") || strings.Contains(head, `"StartTimestamp","Interval_Length","Interval_Max"`)
}

var hlogStart = regexp.MustCompile(`^#\[StartTime: ([\d.]+) \(seconds since epoch\)`)

// HLog reads an HdrHistogram interval log whose values are nanoseconds. Of
// intervals with tags those without one count; if all have a tag it must be the
// same. What failed, and how the load was generated, is not in it.
func HLog(r io.Reader) (*Result, error) {
	in := newLines(r)
	s := newSheet("HdrHistogram log")
	byTag := map[string]*hlogSeries{}
	for in.next() {
		switch text := in.text; {
		case text == "" || strings.HasPrefix(text, `"StartTimestamp"`):
		case strings.HasPrefix(text, "#"):
			if m := hlogStart.FindStringSubmatch(text); m != nil {
				seconds, err := number(m[1])
				if err != nil || seconds > 1<<37 {
					return nil, in.fail("StartTime: %q are no seconds since the epoch", m[1])
				}
				s.started(time.UnixMilli(int64(seconds * 1000)))
			}
		default:
			if err := readInterval(text, byTag); err != nil {
				return nil, in.fail("%w", err)
			}
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	all, err := chooseTag(byTag)
	if err != nil {
		return nil, err
	}
	s.histogram("response", all.histogram)
	if d, err := spanOf(all.to-all.from, time.Second); err == nil && d > 0 {
		s.duration(d)
	}
	return s.result(
		results.LoadSummary{
			Mode: modeUnknown, Text: "a load that the file does not tell",
			Caution: "Whether latency counts from when a request was due or from when it was sent is not in the file.",
		},
		results.Interval{Phase: results.Measure, Latencies: results.Latencies{Response: all.histogram}}), nil
}

// modeUnknown is the mode of a load of which the file does not tell whether it
// was a closed or an open loop.
const modeUnknown = "unknown"

// hlogSeries are the intervals of one tag.
type hlogSeries struct {
	histogram *latency.Histogram
	from, to  float64 // seconds
}

func readInterval(text string, byTag map[string]*hlogSeries) error {
	tag := ""
	if rest, tagged := strings.CutPrefix(text, "Tag="); tagged {
		var ok bool
		if tag, text, ok = strings.Cut(rest, ","); !ok || tag == "" {
			return errors.New("a tag without an interval")
		}
	}
	fields := strings.Split(text, ",")
	if len(fields) != 4 {
		return fmt.Errorf("%d columns, not start, length, maximum and histogram", len(fields))
	}
	var head [3]float64
	for i := range head {
		var err error
		if head[i], err = number(fields[i]); err != nil {
			return err
		}
	}
	h := latency.New()
	if err := h.UnmarshalText([]byte(fields[3])); err != nil {
		return err
	}
	if err := inNanoseconds(h, head[2]); err != nil {
		return err
	}
	series := byTag[tag]
	if series == nil {
		series = &hlogSeries{histogram: latency.New(), from: head[0]}
		byTag[tag] = series
	}
	series.histogram.Merge(h)
	series.from, series.to = min(series.from, head[0]), max(series.to, head[0]+head[1])
	return nil
}

// inNanoseconds holds the histogram against the column of maxima, which is in
// milliseconds: what has another unit would be wrong by powers of ten.
func inNanoseconds(h *latency.Histogram, maxMS float64) error {
	seen := float64(h.Max()) / float64(time.Millisecond)
	if h.Count() == 0 || h.Clamped() > 0 || math.Abs(seen-maxMS) <= 0.01*maxMS+0.002 {
		return nil
	}
	return fmt.Errorf("the interval's maximum is %g ms, its histogram's %g ms: only logs of nanoseconds, with maxima in milliseconds, can be read", maxMS, seen)
}

func chooseTag(byTag map[string]*hlogSeries) (*hlogSeries, error) {
	var tags []string
	for tag := range byTag {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	switch {
	case byTag[""] != nil:
		tags = []string{""}
	case len(tags) > 1:
		return nil, fmt.Errorf("intervals of several tags (%s) and none without: keep those of one tag", strings.Join(tags, ", "))
	}
	if len(tags) == 0 || byTag[tags[0]].histogram.Count() == 0 {
		return nil, errors.New("no interval holds a value")
	}
	return byTag[tags[0]], nil
}
