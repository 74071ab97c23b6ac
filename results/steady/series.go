package steady

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// toSigma makes a standard deviation of a median absolute deviation of
	// normal values.
	toSigma = 1 / 0.6745
	// outlying is from how many median absolute deviations above the median on
	// a second is cut down to there: a collector's pause belongs to the system
	// and is no change of its level.
	outlying = 4
	// finest is the least noise, of a second's ln, that is believed in:
	// histograms have steps of 0.1 %.
	finest = 0.001
	// penalty times ln T is what a change has to gain, in variances.
	penalty = 3.5
)

// series is one value per second, the ln of a time: what grows gets slower.
type series struct {
	name    string
	y       []float64
	inverse bool // the name is of what falls when it gets slower
}

// percent says a change of the ln as one of what the series is named after.
func (s series) percent(change float64) string {
	if s.inverse {
		change = -change
	}
	return fmt.Sprintf("%+.0f %%", 100*math.Expm1(change))
}

// seriesOf are the series that have to be steady; none where there are too few
// requests to tell.
func seriesOf(seconds []Second, closed bool) []series {
	latency, ok := latencies(seconds)
	switch {
	case !ok:
		return nil
	case closed:
		return []series{latency, throughput(seconds)}
	}
	return []series{latency}
}

// latencies is the series of ln p99, or of ln mean where seconds hold too few
// requests. A second without any counts as slow as the one that ended it. It
// is not ok where those are the most.
func latencies(seconds []Second) (s series, ok bool) {
	counts := make([]float64, len(seconds))
	empty := 0
	for i, second := range seconds {
		counts[i] = float64(second.Completed)
		if second.Completed == 0 {
			empty++
		}
	}
	if 2*empty > len(seconds) {
		return series{}, false
	}
	s = series{name: "p99", y: make([]float64, len(seconds))}
	of := func(second Second) time.Duration { return second.P99 }
	if median(counts) < fewPerSecond {
		s.name, of = "mean", func(second Second) time.Duration { return second.Mean }
	}
	next := math.NaN()
	for i, second := range slices.Backward(seconds) {
		if second.Completed > 0 {
			next = math.Log(max(of(second), time.Microsecond).Seconds())
		}
		s.y[i] = next
	}
	for i := range s.y {
		if math.IsNaN(s.y[i]) { // the end has not come yet
			s.y[i] = s.y[i-1]
		}
	}
	return s, true
}

// throughput is the series of the ln of the time for each completed request.
func throughput(seconds []Second) series {
	s := series{name: "requests/s", inverse: true}
	for _, second := range seconds {
		s.y = append(s.y, -math.Log(max(float64(second.Completed), 0.5)))
	}
	return s
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// deviation is the median absolute deviation, scaled to that of normal values.
func deviation(x []float64) float64 {
	m := median(x)
	off := make([]float64, len(x))
	for i, v := range x {
		off[i] = math.Abs(v - m)
	}
	return median(off) * toSigma
}

// winsorised cuts down the outliers of the second half: of the first, what
// stands out may be the warm-up.
func winsorised(y []float64) []float64 {
	out := slices.Clone(y)
	late := out[len(out)/2:]
	most := median(late) + outlying*deviation(late)/toSigma
	for i := range late {
		late[i] = min(late[i], most)
	}
	return out
}

// batches averages runs of n seconds; what is left over at the begin is not
// used.
func batches(y []float64, n int) []float64 {
	var means []float64
	for from := len(y) % n; from < len(y); from += n {
		means = append(means, stat.Mean(y[from:from+n], nil))
	}
	return means
}

// noise is the variance of one second as far as it tells in means: that of
// batches, times their length, so that what seconds share with their
// neighbours is in it.
func (p Pace) noise(y []float64) float64 {
	b := batches(y, p.Batch)
	steps := make([]float64, len(b)-1)
	for i := range steps {
		steps[i] = b[i+1] - b[i]
	}
	sigma := deviation(steps) / math.Sqrt2
	return float64(p.Batch) * max(sigma*sigma, finest*finest)
}

// changes are the points at which the mean changes, by binary segmentation:
// the best split is taken if it lowers the squared error by more than the
// penalty, and then each side is looked at in turn.
func changes(y []float64, shortest int, variance float64) []int {
	least := penalty * math.Log(float64(len(y))) * variance
	sums := make([]float64, len(y)+1)
	for i, v := range y {
		sums[i+1] = sums[i] + v
	}
	var points []int
	var split func(from, to int)
	split = func(from, to int) {
		best, at := least, 0
		for mid := from + shortest; mid <= to-shortest; mid++ {
			before, after := float64(mid-from), float64(to-mid)
			apart := (sums[mid]-sums[from])/before - (sums[to]-sums[mid])/after
			if gain := before * after / (before + after) * apart * apart; gain > best {
				best, at = gain, mid
			}
		}
		if at > 0 {
			split(from, at)
			points = append(points, at)
			split(at, to)
		}
	}
	split(0, len(y))
	return points
}

// kept is where the last level begins: the last segment, and those before it
// that are on the same level.
func kept(y []float64, points []int) int {
	bounds := append([]int{0}, points...)
	last := len(bounds) - 1
	level := stat.Mean(y[bounds[last]:], nil)
	for last > 0 && math.Abs(stat.Mean(y[bounds[last-1]:bounds[last]], nil)-level) <= alike {
		last--
	}
	return bounds[last]
}

// halves is the change from the mean of the first half to that of the second,
// with the margin of its confidence interval by Student's t. Of an odd number
// the first is not used.
func halves(b []float64, confidence float64) (change, margin float64) {
	b = b[len(b)%2:]
	n := len(b) / 2
	first, varFirst := stat.MeanVariance(b[:n], nil)
	second, varSecond := stat.MeanVariance(b[n:], nil)
	t := distuv.StudentsT{Sigma: 1, Nu: float64(2*n - 2)}.Quantile((1 + confidence) / 2)
	return second - first, t * math.Sqrt((varFirst+varSecond)/float64(n))
}

// trend is the Theil–Sen slope per value, the median of the slopes between any
// two, and the two-sided probability of so many rises (or falls) among them
// were there none: Kendall's test, by the normal approximation with continuity
// correction.
func trend(b []float64) (slope, probability float64) {
	var slopes []float64
	score := 0.0
	for j := range b {
		for i := range j {
			slopes = append(slopes, (b[j]-b[i])/float64(j-i))
			switch {
			case b[j] > b[i]:
				score++
			case b[j] < b[i]:
				score--
			}
		}
	}
	n := float64(len(b))
	sd := math.Sqrt(n * (n - 1) * (2*n + 5) / 18)
	z := max(0, math.Abs(score)-1) / sd
	return median(slopes), 2 * distuv.UnitNormal.Survival(z)
}
