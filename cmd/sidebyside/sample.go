//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// sample is one tool's run of one cell.
type sample struct {
	Round    int    `json:"round"`
	Cell     string `json:"cell"`
	Tool     string `json:"tool"`
	Requests int64  `json:"requests"` // as the server counted them
	cost
	disturbance
	Pace *pace `json:"pace,omitempty"` // constant rates only
}

// perCPU is requests per second of CPU time that the generator used, start-up
// and end included.
func (s sample) perCPU() float64 { return float64(s.Requests) / s.CPU.Seconds() }

// pace is how well a rate was kept, as the server saw it.
type pace struct {
	// Rate is from the first arrival to the last, in requests/s.
	Rate float64 `json:"rate"`
	// P50, P99 and P999 are percentiles of the send error.
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p99.9_ns"`
}

// pacing compares arrivals with a constant rate. A request's error is its
// arrival less the instant at which it should have come, first + i/rate. How
// long the way to the server takes is not known, so errors are shifted: their
// 1st percentile is zero, and what is before counts as zero too.
func pacing(arrivals []int64, rate int) *pace {
	const fewest = 100
	if len(arrivals) < fewest {
		return nil
	}
	slices.Sort(arrivals)
	errs := make([]int64, len(arrivals))
	for i, at := range arrivals {
		errs[i] = at - arrivals[0] - int64(math.Round(float64(i)*1e9/float64(rate)))
	}
	slices.Sort(errs)
	zero := errs[len(errs)/100]
	at := func(q float64) time.Duration {
		return time.Duration(max(0, errs[int(q*float64(len(errs)-1))]-zero))
	}
	p := &pace{P50: at(.5), P99: at(.99), P999: at(.999)}
	if took := arrivals[len(arrivals)-1] - arrivals[0]; took > 0 {
		p.Rate = float64(len(arrivals)-1) * 1e9 / float64(took)
	}
	return p
}

// bench is what the runs share.
type bench struct {
	programs  map[string]program
	counting  *server // for closed loops
	recording *server // keeps arrivals
}

// run makes a tool apply a cell.
func (b *bench) run(ctx context.Context, tool string, c cell) (sample, error) {
	s := sample{Cell: c.String(), Tool: tool}
	target := b.counting
	if c.Rate > 0 {
		target = b.recording
	}
	args, stdin, err := arguments(tool, c, target.url)
	if err != nil {
		return s, err
	}
	before, err := target.take(ctx)
	if err != nil {
		return s, err
	}
	serverBegin, err := target.cpu()
	if err != nil {
		return s, err
	}
	begin, err := now()
	if err != nil {
		return s, err
	}
	if s.cost, err = execute(ctx, b.programs[tool].path, args, stdin); err != nil {
		return s, err
	}
	end, err := now()
	if err != nil {
		return s, err
	}
	serverEnd, err := target.cpu()
	if err != nil {
		return s, err
	}
	s.disturbance = begin.until(end, s.CPU+serverEnd-serverBegin)
	after, err := target.take(ctx)
	if err != nil {
		return s, err
	}
	s.Requests = after.Served - before.Served
	if s.Requests == 0 {
		return s, fmt.Errorf("%s, %s: no request reached the server", tool, c)
	}
	if c.Rate > 0 {
		if after.Missed > 0 {
			return s, fmt.Errorf("%s, %s: the server had no room for %d arrivals", tool, c, after.Missed)
		}
		s.Pace = pacing(after.ArrivalsNS, c.Rate)
	}
	return s, nil
}
