//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// ceiling is the highest rate that one core holds on time, beside what it does
// in a closed loop in the same round.
type ceiling struct {
	Closed float64 `json:"closed_rps"`
	// Held is 0 if not even the lowest share of Closed was held.
	Held float64 `json:"held_rps"`
}

// onTime is what holding a rate means: the rate exact to .5 %, and 99 of 100
// requests at most 10 ms late, which is a few of the host's time slices.
func (p *pace) onTime(rate int) bool {
	return p != nil && math.Abs(p.Rate/float64(rate)-1) <= .005 && p.P99 <= 10*time.Millisecond
}

// ceiling tries shares of the closed loop's rate from the highest down, each
// twice.
func (b *bench) ceiling(ctx context.Context, length time.Duration) (ceiling, error) {
	closed, err := b.run(ctx, fast, cell{Connections: spread, KeepAlive: true, Length: length})
	if err != nil {
		return ceiling{}, err
	}
	result := ceiling{Closed: float64(closed.Requests) / length.Seconds()}
	const tries = 2 // or a single disturbance would decide
	for _, percent := range []float64{95, 90, 80, 70, 60, 50, 40} {
		rate := int(result.Closed * percent / 100)
		for range tries {
			s, err := b.run(ctx, fast, cell{Connections: spread, KeepAlive: true, Rate: rate, Length: length})
			if err != nil {
				return ceiling{}, err
			}
			if s.Pace.onTime(rate) {
				result.Held = float64(rate)
				return result, nil
			}
		}
	}
	return result, nil
}

// memory is the peaks of memory after so many requests.
type memory struct {
	Requests int64 `json:"requests"`
	cost
}

// long sends one and ten million requests.
func (b *bench) long(ctx context.Context, r *record, stderr io.Writer) error {
	for _, n := range []int64{1_000_000, 10_000_000} {
		fmt.Fprintf(stderr, "sending %d requests\n", n)
		args := []string{"bench", "--quiet", "--format", "json", "--transport", "fast", "-k", "-c", "100", "-n", strconv.FormatInt(n, 10), b.counting.url}
		before, err := b.counting.take(ctx)
		if err != nil {
			return err
		}
		used, err := execute(ctx, b.programs[fast].path, args, "")
		if err != nil {
			return err
		}
		after, err := b.counting.take(ctx)
		if err != nil {
			return err
		}
		if got := after.Served - before.Served; got != n {
			return fmt.Errorf("-n %d: the server counted %d requests", n, got)
		}
		r.Long = append(r.Long, memory{n, used})
	}
	return nil
}
