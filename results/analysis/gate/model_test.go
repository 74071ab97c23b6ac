package gate

import (
	"math"
	"math/rand/v2"
	"time"
)

// machine is how the logarithm of a p99 varies from run to run, the effect of
// the candidate apart. A run takes one slot of the session. Every number is an
// assumption of the right order, not measured on anybody's machine.
type machine struct {
	name string
	run  float64 // sd of independent noise of each run
	// drift is the sd of a wandering level, an AR(1) of .9 per slot.
	drift float64
	// outliers is the share of runs that are 20 to 80 % slower.
	outliers float64
	// trend is the level's change over the session, step one at a random
	// moment; either is up or down.
	trend, step float64
	// candidate replaces run on the candidate's side, if not 0.
	candidate float64
	// slow is the share of runs in a mode that is 42 % slower.
	slow float64
}

var machines = []machine{
	{name: "quiet", run: .02, drift: .01},
	{name: "ci", run: .05, drift: .06, outliers: .05},
	{name: "noisy", run: .08, drift: .12, outliers: .10},
	{name: "lindrift", run: .04, trend: .20},
	{name: "step", run: .04, step: .25},
	{name: "regime", run: .05, drift: .06, outliers: .25},
	{name: "unequal", run: .03, candidate: .12},
	{name: "bimodal", run: .03, slow: .25},
}

func machineNamed(name string) machine {
	for _, m := range machines {
		if m.name == name {
			return m
		}
	}
	panic("no machine " + name)
}

// The sd of ln p99 within one run of 300 requests a second, by its length.
const (
	within30s = .054
	within60s = .037
)

// session draws rounds on the machine: the candidate is slower by the effect.
// Each start is measured in so many blocks, which share all noise but within.
func (m machine) session(r *rand.Rand, rounds, blocks int, within, effect float64) ([]Round, Settings) {
	s := Default()
	s.Seed = r.Uint64()
	slots := 2 * rounds
	const rho = .9
	level := m.drift * r.NormFloat64()
	trend := m.trend * sign(r)
	stepAt, step := r.IntN(slots), m.step*sign(r)
	clock := time.Unix(0, 0).UTC()
	slot := 0
	start := func(candidate bool) Side {
		value := math.Log(10e6) + level + math.Log1p(trend*float64(slot)/float64(slots-1))
		if slot >= stepAt {
			value += math.Log1p(step)
		}
		noise := m.run
		if candidate {
			value += math.Log1p(effect)
			if m.candidate > 0 {
				noise = m.candidate
			}
		}
		value += noise * r.NormFloat64()
		if r.Float64() < m.outliers {
			value += math.Log(1.2 + .6*r.Float64())
		}
		if r.Float64() < m.slow {
			value += math.Log(1.42)
		}
		side := Side{Started: clock.Add(time.Duration(slot) * time.Minute)}
		side.Ended = side.Started.Add(time.Minute)
		for range blocks {
			side.Blocks = append(side.Blocks, Block{Value: math.Exp(value + within*r.NormFloat64()), Requests: 10_000})
		}
		level = rho*level + math.Sqrt(1-rho*rho)*m.drift*r.NormFloat64()
		slot++
		return side
	}
	list := make([]Round, rounds)
	for i := range list {
		if CandidateFirst(s.Seed, i) {
			list[i].Candidate = start(true)
			list[i].Baseline = start(false)
		} else {
			list[i].Baseline = start(false)
			list[i].Candidate = start(true)
		}
	}
	return list, s
}

func sign(r *rand.Rand) float64 {
	if r.IntN(2) == 0 {
		return -1
	}
	return 1
}
