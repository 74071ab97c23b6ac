package analysis

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// betweenRuns is the least level of an interval between runs: that of five
// trials, from the smallest to the largest.
const betweenRuns = 0.9375

// between is the narrowest interval of two values, the d-th smallest and the
// d-th largest, that holds the median of all runs at a level of at least
// betweenRuns, whatever the runs' distribution is. Level is exact. With fewer
// than five values there is none: low and high are the range and level is 0.
//
// David & Nagaraja, Order Statistics, 7.1: the level is P(d ≤ B ≤ k-d) for a
// binomial B of k runs and 1/2.
func between(values []float64) (low, high, level float64) {
	sorted := slices.Sorted(slices.Values(values))
	k := len(sorted)
	low, high = sorted[0], sorted[k-1]
	coin := distuv.Binomial{N: float64(k), P: 0.5}
	for d := 1; d <= k/2; d++ {
		at := 1 - 2*coin.CDF(float64(d-1))
		if at < betweenRuns-1e-9 {
			break
		}
		low, high, level = sorted[d-1], sorted[k-d], at
	}
	return low, high, level
}

// Kind says in words what Low to High is, of a value over a number of trials:
// "96.9 % interval between 6 runs", "range of 3 trials", "one trial".
func (r Range) Kind(trials int) string {
	switch {
	case r.Level > 0:
		return fmt.Sprintf("%.1f %% interval between %d runs", 100*r.Level, trials)
	case trials == 1:
		return "one trial"
	}
	return fmt.Sprintf("range of %d trials", trials)
}

// Interval prints a range's interval with what it is: "16.8 ms to 18.1 ms (range
// of 3 trials)"; only what it is where there is one trial.
func (m Metric) Interval(r Range, trials int) string {
	if trials < 2 {
		return r.Kind(trials)
	}
	return fmt.Sprintf("%s to %s (%s)", m.Text(r.Low), m.Text(r.High), r.Kind(trials))
}
