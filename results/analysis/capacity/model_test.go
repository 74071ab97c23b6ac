package capacity

import (
	"math"
	"math/rand/v2"
)

// stack is a simulated stack and the machine that it runs on. Its p99 over the
// rate is a hockey stick, that of a queue: base ÷ (1 - rate/peak). Steepness and
// drift are chosen so that a plain binary search errs by as much as in the study
// that the procedure comes from, which does not write down its own.
type stack struct {
	capacity float64 // where the p99 reaches its limit, in requests per second
	steep    float64 // d ln p99 / d ln rate there
	sd       float64 // of ln p99 from run to run
	drift    float64 // sd of a level that wanders by an AR(1) of .9 per run
	outliers float64 // share of runs that are 20 to 80 % slower

	level  float64
	random *rand.Rand
}

// newStack draws a stack whose noise is of that size.
func newStack(sd float64, seed uint64) *stack {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &stack{
		capacity: 400 + 1100*r.Float64(), steep: 1.5 + r.Float64(),
		sd: sd, drift: .7 * sd, outliers: .04, random: r,
	}
	s.level = s.drift * r.NormFloat64()
	return s
}

// excess is ln(p99 ÷ limit) without noise. With u = capacity/peak the slope of
// -ln(1 - rate/peak) at the capacity is u/(1-u).
func (s *stack) excess(rate float64) float64 {
	u := s.steep / (1 + s.steep)
	load := u * rate / s.capacity
	if load >= .99 {
		return math.Log(1-u) + math.Log(100) + (load - .99) // it only waits longer
	}
	return math.Log(1-u) - math.Log(1-load)
}

// run is one trial.
func (s *stack) run(rate float64) Trial {
	v := s.excess(rate) + s.level + s.sd*s.random.NormFloat64()
	if s.random.Float64() < s.outliers {
		v += math.Log(1.2 + .6*s.random.Float64())
	}
	const rho = .9
	s.level = rho*s.level + math.Sqrt(1-rho*rho)*s.drift*s.random.NormFloat64()
	t := Trial{Rate: rate, Excess: v, Passed: v < 0}
	if !t.Passed {
		t.Cause = Objective
	}
	return t
}

// searchOn lets a search run to its end.
func searchOn(s Settings, run func(rate float64) Trial) Outcome {
	f := &finder{Settings: s, measure: func(a Ask) (Trial, bool) { return run(a.Rate), true }}
	return f.find()
}
