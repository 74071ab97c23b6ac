package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/runner/load"
)

// plainEvery is how often progress is told where lines stay.
const plainEvery = 10

// benchProgress shows each second of a load: on a terminal in one line that is
// written over, elsewhere ten seconds at a time.
type benchProgress struct {
	w        io.Writer
	terminal bool
	quiet    bool
	job      load.Job
	done     int64
	shown    bool

	// Since the last line:
	length   time.Duration
	requests results.Counts
	times    results.Latencies
	seconds  int
}

func newBenchProgress(w io.Writer, job load.Job, quiet bool) *benchProgress {
	file, ok := w.(*os.File)
	return &benchProgress{
		w: w, job: job, quiet: quiet, terminal: ok && term.IsTerminal(int(file.Fd())), times: results.NewLatencies(),
	}
}

func (p *benchProgress) second(i results.Interval) {
	if p.quiet {
		return
	}
	p.seconds++
	p.done += i.Requests.Sent
	p.length += i.Length
	p.requests.Add(i.Requests)
	p.times.Merge(i.Latencies)
	if !p.terminal && p.seconds < plainEvery {
		return
	}
	text := p.text(i.Start + i.Length)
	if p.terminal {
		// Back to the begin of the line, and erase what was longer.
		fmt.Fprintf(p.w, "\r%s\x1b[K", text)
		p.shown = true
	} else {
		fmt.Fprintln(p.w, text)
	}
	p.length, p.requests, p.times, p.seconds = 0, results.Counts{}, results.NewLatencies(), 0
}

// text is one line of less than 80 columns.
func (p *benchProgress) text(at time.Duration) string {
	text := units.Duration(at.Round(time.Second))
	switch {
	case p.job.Requests > 0:
		text += fmt.Sprintf("  %s of %s", units.Count(p.done), units.Count(p.job.Requests))
	case p.job.Duration > 0:
		text += " of " + units.Duration(p.job.Duration.Round(time.Second))
	}
	rate := float64(p.requests.OK+p.requests.Failed) / max(p.length.Seconds(), 1e-9)
	text += fmt.Sprintf("  %s/s", units.Rate(rate))
	if p.times.Response.Count() > 0 {
		text += fmt.Sprintf("  p50 %s  p99 %s", units.Latency(p.times.Response.Percentile(50)), units.Latency(p.times.Response.Percentile(99)))
	}
	return text + fmt.Sprintf("  %s errors", units.Count(p.requests.Failed))
}

// close makes place for what follows.
func (p *benchProgress) close() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
