package size

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// RetrogradeStarts is how many starts both levels need before more replicas
	// may be said to carry less.
	RetrogradeStarts = 5
	// retrogradeSure is the probability of saying so by chance.
	retrogradeSure = 0.01
	// smallestDrop that is worth a word.
	smallestDrop = 0.05
)

// Drop is that the most replicas carry less than fewer do.
type Drop struct {
	From int `json:"from"` // the best earlier level, in replicas
	To   int `json:"to"`   // the highest one
	// Share is how much less: 0.2 is a fifth.
	Share float64 `json:"share"`
	P     float64 `json:"p"`
	// Decided says that it may be taken for retrograde scaling. Withheld is
	// why not, though it was seen.
	Decided  bool   `json:"decided"`
	Withheld string `json:"withheld,omitempty"`
	Text     string `json:"text"`
}

// Retrograde says whether the highest level carries less than the best of those
// before: a one-sided t test of the logarithms, its p multiplied by how many levels
// the best was picked from (Bonferroni), and a drop of a twentieth or more. nil: no such drop is seen,
// or there are not two levels. Where a rate is only known as a step of a
// ladder, the drop is from what the better level met to where the other failed.
func Retrograde(levels []Level) *Drop {
	known := slices.DeleteFunc(ascending(levels), func(l Level) bool { return !l.Known() })
	if len(known) < 2 {
		return nil
	}
	last := known[len(known)-1]
	best := slices.MaxFunc(known[:len(known)-1], func(a, b Level) int { return cmp.Compare(a.Supported(), b.Supported()) })
	var before, after []float64
	for _, s := range best.Starts {
		before = append(before, math.Log(s.Met))
	}
	for _, s := range last.Starts {
		after = append(after, math.Log(s.Failed))
	}
	d := &Drop{From: best.Replicas, To: last.Replicas}
	difference := stat.Mean(before, nil) - stat.Mean(after, nil)
	d.Share = -math.Expm1(-difference)
	if d.Share < smallestDrop {
		return nil
	}
	d.P = min(1, float64(len(known)-1)*chance(difference, len(before), len(after), known))
	few := min(len(before), len(after))
	switch {
	case few < RetrogradeStarts:
		d.Withheld = "too few starts"
	case d.P >= retrogradeSure:
		d.Withheld = "it may be chance"
	case best.Unsettled != "" || last.Unsettled != "":
		d.Withheld = cmp.Or(last.Unsettled, best.Unsettled)
	case last.Limited || best.Limited:
		d.Withheld = "the load generator was the limit"
	default:
		d.Decided = true
	}
	d.say(few, last)
	return d
}

// chance is the probability of two means so far apart in logarithms, the first
// above the second, if the levels truly carried the same: Student's t with the
// scatter of all levels pooled, as two levels alone have too few starts to know
// it well. 1 where there are too few to tell.
func chance(difference float64, a, b int, levels []Level) float64 {
	within, free := 0.0, 0.0
	for _, l := range levels {
		n := float64(len(l.Starts) - 1)
		if n > 0 {
			within += n * stat.Variance(l.logs(), nil)
		}
		free += n
	}
	if free == 0 || a < 2 || b < 2 {
		return 1
	}
	error := math.Sqrt(within / free * (1/float64(a) + 1/float64(b)))
	return distuv.StudentsT{Sigma: 1, Nu: free}.Survival(difference / error)
}
