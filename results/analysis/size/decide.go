package size

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Verdict is whether the measurements determine the number of replicas.
type Verdict string

// The verdicts.
const (
	Answered     Verdict = "answered"
	Inconclusive Verdict = "inconclusive"
)

// Reason is why they do not.
type Reason string

// The reasons.
const (
	// TooFew: fewer levels, or starts of each, than a curve takes.
	TooFew Reason = "too few measurements"
	// Beyond: the rate is above what was measured, or the interval's end is.
	Beyond Reason = "beyond the measured range"
	// Unreachable: maybe no number of replicas carries the rate.
	Unreachable Reason = "may not be reachable"
	// Rejected: the measured levels do not lie on such a curve.
	Rejected Reason = "no curve"
	// NoLadder: no load has a constant rate, so that no supported rate is
	// known.
	NoLadder Reason = "no open loop"
)

const (
	// Starts that each level needs, Levels that an interpolation needs, and
	// ParameterLevels that the curve's parameters, and an upper limit above the
	// highest level, need.
	Starts          = 3
	Levels          = 3
	ParameterLevels = 4
	// hostShare is how much of its CPUs a machine may use before its replicas
	// hold each other up.
	hostShare = 0.80
	// stretch is how far above the highest measured rate an upper limit may be
	// named at all.
	stretch = 1.3
)

// Answer is how many replicas a rate needs, or why that is not known.
type Answer struct {
	Rate    float64 `json:"rate"` // per second
	Verdict Verdict `json:"verdict"`
	Reason  Reason  `json:"reason,omitempty"` // of an inconclusive one
	// Low and High are the interval of the number of replicas, Plan is High
	// and one to spare; 0 unless answered.
	Low  int `json:"low,omitempty"`
	High int `json:"high,omitempty"`
	Plan int `json:"plan,omitempty"`
	// AtLeast so many are needed and, as far as the curve may be trusted beyond
	// what was measured, AtMost; 0: not known. Neither is to be planned with.
	AtLeast int `json:"at_least,omitempty"`
	AtMost  int `json:"at_most,omitempty"`
	// Carried is the smallest number of replicas each of whose starts carried
	// the rate, and there were Starts of them; 0: none.
	Carried int `json:"carried,omitempty"`
	// Measure are the numbers of replicas to measure next.
	Measure []int `json:"measure,omitempty"`
	// Curve is the fitted curve, between the lowest and the highest measured
	// number; nil where there is none. Its parameters mean something only if
	// Parameters says so.
	Curve      *Curve `json:"curve,omitempty"`
	Parameters bool   `json:"parameters"`
	// Scatter is the standard deviation of a start's rate about the curve,
	// as a share of it.
	Scatter float64 `json:"scatter,omitempty"`
	// Text is the answer as a sentence, Next what to do to get a better one.
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
	// Notes are what has to be known besides.
	Notes []string `json:"notes"`
}

// Fit is the curve through the levels; nil if there are too few of them to give
// it parameters, or they do not lie on one.
func Fit(levels []Level) *Curve {
	fitted := slices.DeleteFunc(ascending(levels), func(l Level) bool { return !l.usable() })
	if check(levels) != nil || len(fitted) < ParameterLevels {
		return nil
	}
	m, err := newModel(fitted)
	if err != nil {
		return nil
	}
	if _, _, found := m.worst(); found {
		return nil
	}
	return &m.curve
}

func ascending(levels []Level) []Level {
	return slices.SortedFunc(slices.Values(levels), func(a, b Level) int { return cmp.Compare(a.Replicas, b.Replicas) })
}

// Decide says how many replicas carry a rate (per second). The same seed gives
// the same answer. It fails for a rate that is none, and for levels that no
// measurement can have given.
func Decide(levels []Level, rate float64, seed uint64) (Answer, error) {
	a := Answer{Rate: rate, Verdict: Inconclusive, Notes: []string{}}
	if !(rate > 0) || math.IsInf(rate, 0) {
		return a, fmt.Errorf("size: %v/s is no rate to size for", rate)
	}
	if err := check(levels); err != nil {
		return a, err
	}
	levels = ascending(levels)
	a.note(levels)
	for _, l := range levels {
		if len(l.Starts) >= Starts && l.carried(rate) {
			a.Carried = l.Replicas
			break
		}
	}
	fitted := slices.DeleteFunc(slices.Clone(levels), func(l Level) bool { return !l.usable() })
	if len(fitted) < Levels {
		a.tooFew(levels, fitted)
		return a, nil
	}
	m, err := newModel(fitted)
	if err != nil {
		return a, err
	}
	a.Scatter = m.sd
	if level, off, found := m.worst(); found {
		a.rejected(m, level, off)
		return a, nil
	}
	a.Curve, a.Parameters = &m.curve, len(fitted) >= ParameterLevels
	a.decide(m, m.interval(rate, seed))
	return a, nil
}

// decide turns the interval into an answer, or into what to measure.
func (a *Answer) decide(m *model, s span) {
	lowest, last := m.levels[0], m.levels[len(m.levels)-1].Replicas
	highest := 0.0
	for _, l := range m.levels {
		highest = max(highest, l.Supported())
	}
	if s.low != math.MaxInt {
		a.AtLeast = s.low
	}
	switch {
	case a.Rate > highest:
		if s.reached && a.Parameters && a.Rate <= stretch*highest {
			a.AtMost = s.high
		}
		a.beyond(m, s, highest)
	case !s.reached:
		a.unreachable(m, s)
	case s.high > last && !a.Parameters:
		a.beyond(m, s, highest)
	case a.Rate <= lowest.Supported() && lowest.Replicas > 1:
		// Below the lowest level nothing was measured either.
		a.answer(1, max(lowest.Replicas, s.high), m)
		a.Notes = append(a.Notes, fmt.Sprintf("Fewer than %d replicas were not measured, and may do.", lowest.Replicas))
	default:
		a.answer(s.low, s.high, m)
	}
}

func (a *Answer) answer(low, high int, m *model) {
	a.Verdict, a.AtLeast = Answered, 0
	a.Low, a.High, a.Plan = low, high, high+1
	a.answered(m.levels[len(m.levels)-1].Replicas)
}
