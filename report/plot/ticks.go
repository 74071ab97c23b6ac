package plot

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// nines spreads percentiles by the share of the requests that is left above:
// 0 → 0, 90 → 1, 99 → 2, 99.9 → 3.
func nines(percentile float64) float64 {
	const last = 6
	if percentile >= 100 {
		return last
	}
	return min(last, -math.Log10(1-percentile/100))
}

// percentileTicks are the percentiles up to a number of nines.
func percentileTicks(most float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, p := range []float64{0, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999} {
		// A hair above, because the end of a curve is computed.
		if at := nines(p); at <= most+1e-9 {
			ticks = append(ticks, plot.Tick{Value: min(at, most), Label: number(p)})
		}
	}
	return ticks
}

// linearTicks are about five round values from 0 up: the last at or above top
// if they are to cover it, else at or below.
func linearTicks(top float64, cover bool) plot.ConstantTicks {
	if top <= 0 {
		top = 1
	}
	step := roundUp(top / 6)
	n := int(math.Floor(top/step + 1e-9))
	if cover {
		n = int(math.Ceil(top/step - 1e-9))
	}
	var ticks plot.ConstantTicks
	for i := range max(1, n) + 1 {
		v := float64(i) * step
		ticks = append(ticks, plot.Tick{Value: v, Label: number(v)})
	}
	return ticks
}

// roundUp is the next of 1, 2, 5, 10, … at or above v.
func roundUp(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= v*(1-1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// logTicks are the values 1, 2, 5, 10, … from at or below lowest to at or above
// highest. Where they would be too many, only the powers of ten have labels.
func logTicks(lowest, highest float64) plot.ConstantTicks {
	if highest <= 0 {
		lowest, highest = 1, 10
	}
	var values []float64
	for e := int(math.Floor(math.Log10(lowest))); ; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow10(e)
			if len(values) == 1 && v <= lowest*(1+1e-9) {
				values[0] = v
				continue
			}
			values = append(values, v)
			if v >= highest*(1-1e-9) && len(values) > 2 {
				return labelled(values)
			}
		}
	}
}

func labelled(values []float64) plot.ConstantTicks {
	const most = 9
	var ticks plot.ConstantTicks
	for i, v := range values {
		label := number(v)
		exponent := math.Log10(v)
		end := i == 0 || i == len(values)-1
		if len(values) > most && math.Abs(exponent-math.Round(exponent)) > 1e-9 && !end {
			label = ""
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}

// number prints a tick's value without needless digits.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
