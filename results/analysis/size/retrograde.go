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
// before: Welch's test of the logarithms, one-sided, p multiplied by how many
// levels the best was picked from (Bonferroni), at least by two, and a drop of a
// twentieth or more. nil: no such drop is seen,
// or there are not two levels. Where a rate is only known as a step of a
// ladder, the drop is from what the better level met to where the other failed.
func Retrograde(levels []Level) *Drop {
	known := slices.SortedFunc(slices.Values(levels), func(a, b Level) int { return cmp.Compare(a.Replicas, b.Replicas) })
	known = slices.DeleteFunc(known, func(l Level) bool { return !l.Known() })
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
	d.P = min(1, float64(max(2, len(known)-1))*welch(before, after))
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

// welch is the probability of means so far apart, the first above the second,
// if the values came from equal means. 1 where there are too few to tell.
func welch(a, b []float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return 1
	}
	ma, va := stat.MeanVariance(a, nil)
	mb, vb := stat.MeanVariance(b, nil)
	va, vb = va/float64(len(a)), vb/float64(len(b))
	if va+vb == 0 {
		// All the same on both sides: then nothing but their order counts.
		if ma > mb {
			return 0
		}
		return 1
	}
	free := (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
	return distuv.StudentsT{Sigma: 1, Nu: free}.Survival((ma - mb) / math.Sqrt(va+vb))
}
