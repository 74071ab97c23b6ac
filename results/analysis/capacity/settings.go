package capacity

import (
	"fmt"
	"math"
)

// Settings say where a capacity is looked for and how.
type Settings struct {
	// From and To are the lowest and the highest rate to begin with, in
	// requests per second. Nothing above To is measured.
	From, To float64
	// Quick asks for a rough figure: a binary search whose points are decided
	// by the majority of three trials, without estimate and without
	// confirmation.
	Quick bool
	// Seed draws the order of the replicated rates and the bootstrap.
	Seed uint64
}

const (
	// climb is the factor from one rate of the bracket to the next.
	climb = 1.5
	// closeEnough is how near to each other the highest rate that passed and the
	// lowest that failed are once the bisection ends, quickClose that of a
	// quick search.
	closeEnough = 1.12
	quickClose  = 1.05
	// replicas is how often each of around is measured, as a factor of the
	// bracket's centre.
	replicas = 3
	// vicinity is how far from the centre a trial may be to count for the
	// estimate.
	vicinity = 0.20
	// most is the largest excess that counts for the estimate: how far above
	// its limit an overloaded stack's latency lies says how long the load
	// lasted.
	most = 1.0
	// astray is the share of the trials that may be on the wrong side of a jump.
	astray = 0.10
	// sheer is how much larger the excess is at once where the latency jumps:
	// it is twice as long. Smaller steps are noise on a slope.
	sheer = 0.7
	// resamples of the bootstrap; level is the probability that its interval
	// is meant to have, and widen what it takes to have it: docs/method.md.
	resamples = 400
	level     = 0.90
	widen     = 2.0
	// fresh trials confirm a rate if needed of them pass. Confirmation goes
	// down by stepDown, at most steps times.
	fresh    = 5
	needed   = 4
	steps    = 6
	stepDown = 0.95
	// maxVoid is the share of void trials above which a machine cannot be
	// used: of all so far, or of few while they are fewer, so that some bad
	// luck at the beginning does not end a search.
	maxVoid = 0.25
	few     = 24
	// contrary is how far a passing rate may be above a failing one.
	contrary = 1.12
	// patience is how many trials at a rate the generator has to spoil before
	// that rate is taken to be beyond it.
	patience = 2
)

// around are the rates that are replicated, as factors of the centre.
var around = []float64{.90, .96, 1.00, 1.04}

// Check says what of the settings makes no sense.
func (s Settings) Check() error {
	switch {
	case !(s.From > 0) || math.IsInf(s.From, 0):
		return fmt.Errorf("lowest rate %v/s; it has to be above 0", s.From)
	case !(s.To >= s.From) || math.IsInf(s.To, 0):
		return fmt.Errorf("highest rate %v/s is below the lowest, %v/s", s.To, s.From)
	}
	return nil
}

// Round makes a rate one that is easy to read: whole requests per second from
// 100 on, tenths from 10 on, else hundredths, so that it moves by at most half
// a percent.
func Round(rate float64) float64 {
	for _, unit := range []struct{ from, parts float64 }{{100, 1}, {10, 10}, {0, 100}} {
		if rate >= unit.from {
			return math.Round(rate*unit.parts) / unit.parts
		}
	}
	return rate
}
