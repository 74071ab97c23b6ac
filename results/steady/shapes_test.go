package steady

import (
	"math"
	"math/rand/v2"
	"time"
)

// level is the true ln p99 of a system by the second, drawn anew for each
// session.
type level func(second int) float64

// shape is a way in which a system's latency goes over time, apart from noise;
// docs/method.md tells them in words.
type shape struct {
	name string
	draw func(r *rand.Rand) level
}

func between(r *rand.Rand, from, to float64) float64 { return from + (to-from)*r.Float64() }

// settling starts slower by a drawn factor of e to e² and gets faster with a time constant
// between two.
func settling(from, to float64) func(*rand.Rand) level {
	return func(r *rand.Rand) level {
		excess, tau := between(r, 1, 2), between(r, from, to)
		return func(s int) float64 { return excess * math.Exp(-float64(s)/tau) }
	}
}

func leak(perMinute float64) func(*rand.Rand) level {
	return func(*rand.Rand) level {
		return func(s int) float64 { return perMinute * float64(s) / 60 }
	}
}

// step adds a change at a drawn second to another shape.
func step(base func(*rand.Rand) level, change, from, to float64) func(*rand.Rand) level {
	return func(r *rand.Rand) level {
		before, at := base(r), between(r, from, to)
		return func(s int) float64 {
			if float64(s) < at {
				return before(s)
			}
			return before(s) + change
		}
	}
}

func flat(*rand.Rand) level { return func(int) float64 { return 0 } }

var shapes = []shape{
	{"flat", flat},
	{"jvm_fast", settling(3, 8)},
	{"jvm_slow", settling(12, 25)},
	{"jvm_step", step(settling(3, 8), -.25, 20, 50)},
	{"late_step", step(settling(3, 8), -.25, 60, 110)},
	{"stall2s", func(*rand.Rand) level {
		return func(s int) float64 {
			if s < 2 {
				return 4.5
			}
			return 0
		}
	}},
	{"very_slow", settling(80, 80)},
	{"degrade_step", step(flat, .30, 20, 60)},
	{"leak10", leak(.10)},
	{"leak20", leak(.20)},
	{"osc60s", func(r *rand.Rand) level {
		phase := between(r, 0, 2*math.Pi)
		return func(s int) float64 { return .30 * math.Sin(phase+2*math.Pi*float64(s)/60) }
	}},
}

// noisy is what is seen of a level, second by second: AR(1) noise with .5 per
// second, and in one second of 25 a collector's pause.
func noisy(r *rand.Rand, of level, sd float64) func(second int) Second {
	const carried, pauses = .5, .04
	wander := sd * r.NormFloat64()
	return func(s int) Second {
		y := of(s) + wander
		if r.Float64() < pauses {
			y += between(r, .3, 1)
		}
		wander = carried*wander + sd*math.Sqrt(1-carried*carried)*r.NormFloat64()
		p99 := time.Duration(math.Exp(y) * float64(10*time.Millisecond))
		return Second{Completed: 1000, P99: p99, Mean: p99 / 2}
	}
}
