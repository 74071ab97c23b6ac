package size

import (
	"fmt"
	"math"
	"slices"
)

// Level is what was measured with one number of replicas.
type Level struct {
	Replicas int `json:"replicas"`
	// Starts holds the supported rate of each independent start.
	Starts []Start `json:"starts"`
	// HostShare is how much of its CPUs the machine of the replicas used where
	// they came to their limit, 0–1; 0: unknown.
	HostShare float64 `json:"host_share,omitempty"`
	// Limited says that the load generator was the limit in a start.
	Limited bool `json:"generator_limited,omitempty"`
	// Unsettled says why the level may look slower than it is, such as a cold
	// start; empty: nothing is known against it.
	Unsettled string `json:"unsettled,omitempty"`
}

// Start is the rate that one independent start supported, per second: Met is
// the highest that met the objectives, Failed the lowest that did not. They
// are equal where the rate is known better than as a step of a ladder. Met is
// 0 where no rate met them, Failed where none failed.
type Start struct {
	Met    float64 `json:"met"`
	Failed float64 `json:"failed"`
}

func (s Start) bracketed() bool { return s.Met > 0 && s.Failed >= s.Met }

// middle is the logarithm of the rate in the middle of the bracket, width that
// of the bracket's ratio.
func (s Start) middle() float64 { return (math.Log(s.Met) + math.Log(s.Failed)) / 2 }
func (s Start) width() float64  { return math.Log(s.Failed) - math.Log(s.Met) }

// Known reports whether every start is bracketed. Leaving out those that are
// not would leave out the best, or the worst.
func (l Level) Known() bool {
	return len(l.Starts) > 0 && !l.Limited && !slices.ContainsFunc(l.Starts, func(s Start) bool { return !s.bracketed() })
}

// usable reports whether the level can be part of a fit.
func (l Level) usable() bool { return l.Known() && len(l.Starts) >= Starts }

// Supported is the rate that the level's starts support in the mean
// (geometric, of what met the objectives), per second; 0 where a start
// supported none.
func (l Level) Supported() float64 {
	if len(l.Starts) == 0 {
		return 0
	}
	sum := 0.0
	for _, s := range l.Starts {
		sum += math.Log(s.Met)
	}
	return math.Exp(sum / float64(len(l.Starts)))
}

// carried reports whether every start met the objectives at the rate or a
// higher one.
func (l Level) carried(rate float64) bool {
	return len(l.Starts) > 0 && !slices.ContainsFunc(l.Starts, func(s Start) bool { return s.Met < rate })
}

// logs are the middles of the starts' brackets.
func (l Level) logs() []float64 {
	values := make([]float64, len(l.Starts))
	for i, s := range l.Starts {
		values[i] = s.middle()
	}
	return values
}

// width is the mean width of the starts' brackets.
func (l Level) width() float64 {
	sum := 0.0
	for _, s := range l.Starts {
		sum += s.width()
	}
	return sum / float64(len(l.Starts))
}

// check refuses what no measurement can be.
func check(levels []Level) error {
	seen := map[int]bool{}
	for _, l := range levels {
		if l.Replicas < 1 || seen[l.Replicas] {
			return fmt.Errorf("size: level of %d replicas: each level needs a number of replicas of its own, 1 or more", l.Replicas)
		}
		seen[l.Replicas] = true
		for _, s := range l.Starts {
			if !(s.Met >= 0) || !(s.Failed >= 0) || math.IsInf(s.Met+s.Failed, 0) || s.Met > 0 && s.Failed > 0 && s.Failed < s.Met {
				return fmt.Errorf("size: level of %d replicas: a start met %v/s and failed at %v/s; rates are finite, and what failed is above what met", l.Replicas, s.Met, s.Failed)
			}
		}
	}
	return nil
}
