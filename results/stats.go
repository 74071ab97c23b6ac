package results

import (
	"math"
	"time"
)

// Ranked is a percentile.
type Ranked struct {
	Rank  float64 // 0–100
	Value time.Duration
}

// Ranks are the percentiles that a summary has, in their order: from the
// smallest value, at rank 0, to the largest, at 100.
func (s Stats) Ranks() []Ranked {
	return []Ranked{
		{0, s.Min}, {50, s.P50}, {66, s.P66}, {75, s.P75}, {80, s.P80}, {90, s.P90}, {95, s.P95}, {98, s.P98},
		{99, s.P99}, {99.9, s.P999}, {100, s.Max},
	}
}

// At is the percentile of a rank (0–100), read off the ones that the summary
// has: between two of them the logarithm of the value is taken to be linear in
// that of the share above it, as in a tail that falls with a power. 0 if nothing
// was recorded.
func (s Stats) At(rank float64) time.Duration {
	if s.Count == 0 {
		return 0
	}
	// No rank but the largest is above all but one value.
	above := func(rank float64) float64 { return math.Log(max(100-rank, 100/float64(s.Count+1))) }
	ranks := s.Ranks()
	for i, p := range ranks {
		if rank > p.Rank {
			continue
		}
		if rank == p.Rank || i == 0 {
			return p.Value
		}
		q := ranks[i-1]
		span := above(q.Rank) - above(p.Rank)
		if span <= 0 || q.Value <= 0 {
			return p.Value
		}
		part := (above(q.Rank) - above(rank)) / span
		return time.Duration(float64(q.Value) * math.Pow(float64(p.Value)/float64(q.Value), min(part, 1)))
	}
	return s.Max
}
