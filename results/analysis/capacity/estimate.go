package capacity

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// near are the trials in the vicinity of a rate.
func near(trials []Trial, centre float64) []Trial {
	var close []Trial
	for _, t := range trials {
		if math.Abs(t.Rate/centre-1) <= vicinity {
			close = append(close, t)
		}
	}
	return close
}

// estimate is where a line through the trials' excess, on the logarithm of the
// rate, reaches 0; nil if the latency does not rise with the rate. likely is the
// bootstrap's own lower limit.
//
// The interval is the bootstrap's of whole trials (Efron & Tibshirani, An
// Introduction to the Bootstrap, 13.3), widened about the estimate: trials
// that follow one another are alike, which resampling them does not know.
func estimate(trials []Trial, centre float64, random *rand.Rand) (e *Estimate, likely float64) {
	x, y := make([]float64, len(trials)), make([]float64, len(trials))
	for i, t := range trials {
		x[i], y[i] = math.Log(t.Rate/centre), min(t.Excess, most)
	}
	at, rises := crossing(x, y)
	if !rises {
		return nil, 0
	}
	crossings := make([]float64, resamples)
	bx, by := make([]float64, len(x)), make([]float64, len(x))
	for i := range crossings {
		for j := range bx {
			k := random.IntN(len(x))
			bx[j], by[j] = x[k], y[k]
		}
		crossings[i], _ = crossing(bx, by)
	}
	slices.Sort(crossings)
	tail := int((1 - level) / 2 * resamples)
	low, high := crossings[tail], crossings[resamples-1-tail]
	rate := func(x float64) float64 { return centre * math.Exp(x) }
	return &Estimate{
		Rate: rate(at),
		Low:  rate(at + widen*(min(low, at)-at)),
		High: rate(at + widen*(max(high, at)-at)),
	}, rate(min(low, at))
}

// crossing is the x at which the line y = a + b·x is 0, with b the median of
// the slopes of all pairs and a that of y - b·x, neither of which minds
// outliers (Theil, Indagationes Mathematicae 12 (1950); Sen, JASA 63 (1968)).
// A latency that does not rise but jumps has no such line: most pairs lie on
// one side of the jump. So the crossing is kept within the jump, where there is
// one, and else within a factor of two. rises is false if there is neither.
func crossing(x, y []float64) (at float64, rises bool) {
	slopes := make([]float64, 0, len(x)*len(x)/2)
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	slope := 0.0
	if len(slopes) > 0 {
		slope = median(slopes)
	}
	rest := make([]float64, len(x))
	for i := range x {
		rest[i] = y[i] - slope*x[i]
	}
	offset := median(rest)
	at = math.Copysign(math.Inf(1), -offset)
	if slope > 0 {
		at = -offset / slope
	}
	low, high, jumps := jump(x, y)
	if !jumps {
		low, high = -math.Ln2, math.Ln2
	}
	return max(low, min(at, high)), jumps || slope > 0
}

// jump is the gap in x below which all but a few y are negative, and above which
// all but a few are not, and across which they rise by much at once.
func jump(x, y []float64) (low, high float64, ok bool) {
	order := make([]int, len(x))
	wrong := 0 // with the gap below all x, what is negative is on the wrong side
	for i := range x {
		order[i] = i
		if y[i] < 0 {
			wrong++
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(x[i], x[j]) })
	allowed := int(astray * float64(len(x)))
	for k, i := range order {
		if y[i] < 0 {
			wrong--
		} else {
			wrong++
		}
		if k+1 == len(order) || x[order[k+1]] == x[i] || wrong > allowed {
			continue
		}
		if !ok || wrong < allowed {
			low, high, ok = x[i], x[order[k+1]], true
			allowed = wrong
		} else {
			high = x[order[k+1]] // as good: it is somewhere in between
		}
	}
	if !ok {
		return 0, 0, false
	}
	at := func(where float64) float64 {
		var there []float64
		for i := range x {
			if x[i] == where {
				there = append(there, y[i])
			}
		}
		return median(there)
	}
	return low, high, at(high)-at(low) >= sheer
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
