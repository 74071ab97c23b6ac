package size

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// model is the curve through measured levels, and how far off it they are.
type model struct {
	levels []Level // usable, ascending
	points []point
	curve  Curve
	// sd is that of a start's rate about the curve (of its logarithm), free
	// the degrees of freedom that it is known with.
	sd, free float64
}

// parameters of the curve: so many degrees of freedom are spent on it.
const parameters = 3

// newModel fits the usable levels, of which there are at least three.
func newModel(levels []Level) (*model, error) {
	m := &model{levels: levels}
	count, within := 0, 0.0
	for _, l := range levels {
		logs := l.logs()
		mean := stat.Mean(logs, nil)
		m.points = append(m.points, point{float64(l.Replicas), mean, float64(len(logs))})
		count += len(logs)
		for _, v := range logs {
			within += (v - mean) * (v - mean)
		}
	}
	var err error
	if m.curve, err = fit(m.points); err != nil {
		return nil, err
	}
	off := 0.0
	for i, p := range m.points {
		d := m.off(i)
		off += p.starts * d * d
	}
	m.free = float64(count - parameters)
	m.sd = math.Sqrt((within + off) / m.free)
	return m, nil
}

// off is how far a level is from the curve, beyond what its starts' brackets
// leave open, as a logarithm.
func (m *model) off(i int) float64 {
	d := math.Abs(m.points[i].mean - math.Log(m.curve.At(m.points[i].n)))
	return max(0, d-m.levels[i].width()/2)
}

// worst is the level that is so far off the curve that the curve must not be
// used: by more than a tenth, or by more than chance, which is judged by the
// scatter among starts alone: the distance itself would hide in any other.
func (m *model) worst() (level int, off float64, found bool) {
	within, free := 0.0, 0.0
	for _, l := range m.levels {
		logs := l.logs()
		within += stat.Variance(logs, nil) * float64(len(logs)-1)
		free += float64(len(logs) - 1)
	}
	sd := math.Sqrt(within / free)
	for i, p := range m.points {
		d := m.off(i)
		chance := max(deviations*sd/math.Sqrt(p.starts), rounding)
		if d > math.Log1p(tenth) || d > chance {
			if d > off {
				level, off, found = m.levels[i].Replicas, d, true
			}
		}
	}
	return level, off, found
}

// span is an interval of numbers of replicas. Where Reached is false, more
// than every twentieth of the possible curves never reaches the rate, and High
// means nothing.
type span struct {
	low, high int
	reached   bool
	// never is the share of the curves that do not reach the rate.
	never float64
}

// interval is the interval of the number of replicas that carry a rate. It is
// a parametric bootstrap: the levels are drawn anew about the fitted curve,
// with a standard deviation that is itself only known from a few starts (hence
// the χ² in it) and at any place of the brackets, and the curve is fitted
// again.
func (m *model) interval(rate float64, seed uint64) span {
	source := rand.NewPCG(seed, uint64(len(m.points)))
	r, chi2 := rand.New(source), distuv.ChiSquared{K: m.free, Src: source}
	numbers := make([]int, 0, resamples)
	drawn := slices.Clone(m.points)
	for range resamples {
		sd := m.sd * math.Sqrt(m.free/chi2.Rand())
		for i, p := range m.points {
			drawn[i].mean = math.Log(m.curve.At(p.n)) + sd*r.NormFloat64()/math.Sqrt(p.starts) + (r.Float64()-.5)*m.levels[i].width()
		}
		n := math.MaxInt
		if curve, err := fit(drawn); err == nil {
			if k, ok := curve.Replicas(rate); ok {
				n = k
			}
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	never := 0
	for _, n := range numbers {
		if n == math.MaxInt {
			never++
		}
	}
	s := span{
		low:   numbers[int(outside*resamples)],
		high:  numbers[resamples-1-int(outside*resamples)],
		never: float64(never) / resamples,
	}
	s.reached = s.high != math.MaxInt
	return s
}

const (
	// Confidence of the intervals.
	Confidence = 0.90
	outside    = (1 - Confidence) / 2
	// resamples of the bootstrap.
	resamples = 1000
	// deviations and tenth: how far off the curve a level may be.
	deviations = 2.5
	tenth      = 0.10
	// rounding is a distance that is no distance.
	rounding = 1e-6
)
