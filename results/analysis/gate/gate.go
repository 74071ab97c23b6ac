// Package gate decides whether a candidate is slower than its baseline, in its
// tail latency or whatever else is judged, from rounds in which both were
// measured one after the other. It is a pure function of the rounds: three verdicts that claim something, and
// one that says why nothing can be claimed. docs/method.md holds its measured
// error rates.
package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// Verdict is what can be said.
type Verdict string

// The verdicts.
const (
	// Pass: a rise of the tolerance or more is excluded.
	Pass Verdict = "pass"
	// Fail: the candidate is slower, or fails more often.
	Fail Verdict = "fail"
	// Inconclusive: these rounds cannot tell.
	Inconclusive Verdict = "inconclusive"
	// Invalid: these rounds must not be judged.
	Invalid Verdict = "invalid"
	// Continue: measure on until Decision.Next rounds count.
	Continue Verdict = "continue"
)

// Reason names what a verdict rests on.
type Reason string

// The reasons.
const (
	Latency     Reason = "latency"
	Failures    Reason = "errors"          // more requests failed
	TooFew      Reason = "too few rounds"  // no look was reached
	Environment Reason = "void rounds"     // the machine cannot be used
	Design      Reason = "design"          // not fresh, interleaved rounds in drawn order
	Unresolved  Reason = "too few samples" // too few requests for the percentile
)

// Decision is the gate's verdict and all it rests on.
type Decision struct {
	Verdict Verdict
	Reason  Reason
	// Text is the verdict as a sentence.
	Text string
	// Counted rounds were judged, Void ones were not.
	Counted, Void int
	// Next is the number of counted rounds at which it is decided next; 0 once
	// it is.
	Next int
	// Looks are the looks taken, the last one last.
	Looks []Look
	// Warnings are doubts that do not change the verdict.
	Warnings []string
}

// Look is what was seen after a number of rounds. Changes are fractions of the
// baseline: 0.05 is 5 % slower.
type Look struct {
	Spend
	Errors Errors `json:"errors"`
	// Estimate is the change; nil where a percentile is only known to be at
	// least the timeout.
	Estimate *float64 `json:"estimate"`
	// Lower is what the change is larger than but for Alpha, Upper what it is
	// smaller than but for Beta; nil: these rounds have no such limit.
	Lower *float64 `json:"lower"`
	Upper *float64 `json:"upper"`
	// Detectable is the smallest rise that such rounds show in four of five
	// sessions; nil where there is no lower limit or no estimate.
	Detectable *float64 `json:"detectable"`
	// Needed is about how many rounds would show a rise of the tolerance in
	// four of five sessions; 0 where that is not known.
	Needed int `json:"needed,omitempty"`
	// Spread is the standard deviation between rounds of the logarithm of
	// candidate ÷ baseline, from the median of the absolute deviations, so that
	// single outliers do not make it.
	Spread float64 `json:"spread"`
}

// Judge decides on rounds, in the order in which they were measured. More says
// that further rounds can be had; without, what would be Continue is
// Inconclusive.
//
// It looks at the first so many rounds that count, look by look, and the first
// look that decides is the verdict: rounds after it change nothing, so calling
// it after every round or once at the end gives the same. An error means that
// the settings make no sense.
func Judge(rounds []Round, s Settings, more bool) (Decision, error) {
	if err := s.Check(); err != nil {
		return Decision{}, err
	}
	d := Decision{Next: s.Looks[0].Rounds}
	var counted []Round
	var a, b []float64
	var end time.Time
	poorest := math.Inf(1)
	for i, r := range rounds {
		if len(r.Void) > 0 {
			d.Void++
			// At the last look at least this share will be void.
			if s.tooVoid(d.Void, s.Looks[len(s.Looks)-1].Rounds) {
				return d.invalid(Environment, "this machine cannot be used: %s void, of which at most %s may be, the last for: %s",
					plural(d.Void, "round was", "rounds were"), percent(s.MaxVoid), strings.Join(r.Void, "; ")), nil
			}
			continue
		}
		if why := r.fault(CandidateFirst(s.Seed, i), end); why != "" {
			return d.invalid(Design, "round %d: %s", i+1, why), nil
		}
		end = later(r.Baseline.Ended, r.Candidate.Ended)
		least := r.few(s.Percentile)
		if least < enoughAbove {
			return d.invalid(Unresolved, "round %d: a %s needs %.0f requests in each load at the least: raise its rate or its duration",
				i+1, s.Metric, math.Ceil(enoughAbove*100/(100-s.Percentile)-rounding)), nil
		}
		poorest = min(poorest, least)
		counted = append(counted, r)
		a, b = append(a, r.Baseline.value()), append(b, r.Candidate.value())
		d.Counted++
		if d.Counted < d.Next {
			continue
		}
		spend := s.Looks[len(d.Looks)]
		look, verdict, reason, text := s.look(counted, a, b, spend)
		d.Looks = append(d.Looks, look)
		d.Next = 0
		if s.tooVoid(d.Void, d.Counted) {
			verdict = Continue // rounds to come may make up for those
		}
		if verdict == Continue && len(d.Looks) < len(s.Looks) {
			d.Next = s.Looks[len(d.Looks)].Rounds
			continue
		}
		if verdict == Continue {
			verdict = Inconclusive
		}
		d.Verdict, d.Reason, d.Text = verdict, reason, text
		break
	}
	if poorest < fewAbove {
		d.Warnings = append(d.Warnings, fmt.Sprintf("each %s rests on as few as %.0f requests above it; %d make it steadier", s.Metric, poorest, fewAbove))
	}
	if d.Verdict != "" {
		return d, nil
	}
	return d.undecided(s, more), nil
}

// tooVoid reports whether too many rounds were void beside those that count.
func (s Settings) tooVoid(void, counted int) bool {
	return share(int64(void), int64(void+counted)) > s.MaxVoid
}

// undecided is a decision between two looks.
func (d Decision) undecided(s Settings, more bool) Decision {
	d.Verdict, d.Reason, d.Text = Inconclusive, TooFew, fmt.Sprintf("%s, and nothing can be decided before %d",
		plural(d.Counted, "round counts", "rounds count"), s.Looks[0].Rounds)
	if n := len(d.Looks); n > 0 {
		d.Reason, d.Text = Latency, s.doubt(d.Looks[n-1])
		if d.Looks[n-1].Errors.Exceeded {
			d.Reason = Failures
		}
	}
	if more {
		d.Verdict = Continue
	} else {
		d.Next = 0
	}
	return d
}

func (d Decision) invalid(reason Reason, format string, args ...any) Decision {
	d.Verdict, d.Reason, d.Next = Invalid, reason, 0
	d.Text = fmt.Sprintf(format, args...)
	return d
}

// look judges the rounds of one look: errors first, since a request that fails
// fast makes latencies look good.
func (s Settings) look(rounds []Round, a, b []float64, spend Spend) (Look, Verdict, Reason, string) {
	l := Look{Spend: spend, Errors: s.errors(rounds, spend.Alpha)}
	if !slices.ContainsFunc(append(slices.Clone(a), b...), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		s.measure(&l, rounds, a, b)
	} else if !l.Errors.Exceeded {
		return l, Invalid, Unresolved, fmt.Sprintf("a round has no %s", s.Metric)
	}
	switch {
	case l.Errors.Proven:
		return l, Fail, Failures, l.Errors.text()
	case l.Errors.Exceeded:
		return l, Continue, Failures, s.doubt(l)
	case l.Lower != nil && *l.Lower > 0 && (l.Estimate == nil || *l.Estimate >= s.MinEffect):
		return l, Fail, Latency, s.rise(l)
	case l.Upper != nil && *l.Upper < s.Tolerance:
		return l, Pass, Latency, fmt.Sprintf("a rise of the %s by %s or more is excluded (%s sure)%s",
			s.Metric, percent(s.Tolerance), s.sure(func(look Spend) float64 { return look.Beta }), by(l))
	}
	return l, Continue, Latency, s.doubt(l)
}

// measure fills in the change, what could have been seen, and the spread.
//
// Detectable takes the lower half-width E - L as z(α) standard errors and adds
// the .84 of them, z(.8), that a power of 80 % needs; Needed lets the width
// shrink with the root of the rounds. Both are of the method's own, measured to
// be right within 65–90 % of power.
func (s Settings) measure(l *Look, rounds []Round, a, b []float64) {
	e := shift(a, b, l.Alpha, l.Beta)
	l.Spread = spread(a, b)
	// A percentile that is only known to be at least the timeout can be higher
	// still: a candidate's leaves no upper limit, a baseline's no lower one.
	var before, after bool
	for _, r := range rounds {
		before = before || r.Baseline.censored(s.Percentile)
		after = after || r.Candidate.censored(s.Percentile)
	}
	if !before && !math.IsInf(e.lower, 0) {
		l.Lower = change(e.lower)
	}
	if !after && !math.IsInf(e.upper, 0) {
		l.Upper = change(e.upper)
	}
	// An estimate that is at least the true one would not do for failing.
	if before || after {
		if after && e.shift < math.Log1p(s.MinEffect) {
			l.Lower = nil
		}
		return
	}
	l.Estimate = change(e.shift)
	if l.Lower == nil {
		return
	}
	z := distuv.UnitNormal
	seen := (e.shift - e.lower) * (1 + z.Quantile(0.8)/z.Quantile(1-l.Alpha))
	l.Detectable = change(seen)
	ratio := seen / math.Log1p(s.Tolerance)
	l.Needed = int(min(max(fewest, math.Ceil(float64(l.Rounds)*ratio*ratio)), math.MaxInt32))
}

// spread is 1.4826 × the median absolute deviation of the rounds' differences,
// the standard deviation where they are normal (Rousseeuw & Croux, JASA 88
// (1993)).
func spread(a, b []float64) float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = b[i] - a[i]
	}
	center := median(d)
	for i := range d {
		d[i] = math.Abs(d[i] - center)
	}
	return 1.4826 * median(d)
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// change turns a difference of logarithms into a fraction.
func change(log float64) *float64 {
	v := math.Expm1(log)
	return &v
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
