//go:build linux

package main

import (
	"math"
	"slices"
)

// quartiles of some values.
type quartiles struct {
	q1, median, q3 float64
	n              int
}

// summarize uses the quantiles of type 7 (Hyndman and Fan, 1996), as R does.
func summarize(values []float64) quartiles {
	if len(values) == 0 {
		return quartiles{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		place := q * float64(len(sorted)-1)
		below := int(place)
		above := min(below+1, len(sorted)-1)
		return sorted[below] + (place-float64(below))*(sorted[above]-sorted[below])
	}
	return quartiles{at(.25), at(.5), at(.75), len(sorted)}
}

// metric is a number of a sample; NaN where it has none.
type metric func(sample) float64

func cpuPerRequest(s sample) float64 { return s.CPU.Seconds() * 1e6 / float64(s.Requests) }
func largestMiB(s sample) float64    { return float64(s.Largest) / (1 << 20) }
func togetherMiB(s sample) float64   { return float64(s.Together) / (1 << 20) }

func paceOf(read func(*pace) float64) metric {
	return func(s sample) float64 {
		if s.Pace == nil {
			return math.NaN()
		}
		return read(s.Pace)
	}
}

// view is the samples of a record, or only its quiet ones.
type view struct {
	samples []sample
	limit   float64 // disturbance
}

func (r record) all() view   { return view{r.Samples, math.Inf(1)} }
func (r record) quiet() view { return view{r.Samples, r.Quiet} }

// values of a tool in a cell, by round.
func (v view) values(cell, tool string, m metric) map[int]float64 {
	found := map[int]float64{}
	for _, s := range v.samples {
		if s.Cell == cell && s.Tool == tool && s.Steal+s.Others <= v.limit {
			if x := m(s); !math.IsNaN(x) {
				found[s.Round] = x
			}
		}
	}
	return found
}

func (v view) summary(cell, tool string, m metric) quartiles {
	var values []float64
	for _, x := range v.values(cell, tool, m) {
		values = append(values, x)
	}
	return summarize(values)
}

// ratio is a tool's value over a peer's in the same round. What disturbs a
// round disturbs both.
func (v view) ratio(cell, tool, peer string, m metric) quartiles {
	var ratios []float64
	below := v.values(cell, peer, m)
	for round, x := range v.values(cell, tool, m) {
		if y, ok := below[round]; ok && y > 0 {
			ratios = append(ratios, x/y)
		}
	}
	return summarize(ratios)
}
