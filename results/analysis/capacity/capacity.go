// Package capacity finds the highest rate at which a stack meets its
// objectives, and says how sure that is. It is a pure function of the trials so
// far: it names the rate of the next one, or the outcome. What was stored of a
// search gives the same outcome again. docs/method.md holds its measured errors.
package capacity

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Trial is what was seen at a rate on a freshly started stack.
type Trial struct {
	Rate   float64 // requested, in requests per second
	Passed bool    // it met all objectives
	// Cause is why it did not pass.
	Cause Cause
	// Excess is ln(latency ÷ its limit) of the objective that is nearest to
	// its limit, or farthest beyond it. Without an objective on latencies,
	// and where there is no latency to speak of, it is -1 of a trial that
	// passed and 1 of one that did not.
	Excess float64
	// Limited says that the load generator could not do this rate, so nothing
	// is known of the stack.
	Limited bool
	// Void is why the trial says nothing, for another reason; empty: it counts.
	Void string
}

// Cause is why a rate is too high.
type Cause string

// The causes.
const (
	Objective Cause = "objective" // on a latency
	Errors    Cause = "errors"
	Generator Cause = "generator"    // not the stack's
	Highest   Cause = "highest rate" // the highest that may be measured passes
)

// Phase is a part of the search.
type Phase string

// The phases, in their order.
const (
	Bracket   Phase = "bracket"
	Bisect    Phase = "bisect"
	Replicate Phase = "replicate"
	Confirm   Phase = "confirm"
)

// Ask is the trial to measure next.
type Ask struct {
	Phase Phase
	Rate  float64 // requests per second
}

// Verdict is what kind of outcome there is.
type Verdict string

// The verdicts.
const (
	// Supported: a rate was confirmed by fresh trials.
	Supported Verdict = "supported"
	// AtLeast: the generator ended the search; the stack may carry more.
	AtLeast Verdict = "at least"
	// Rough: a quick search, which promises nothing.
	Rough Verdict = "rough"
	// None: no rate was confirmed.
	None Verdict = "none"
	// NonMonotone: a rate passes above one that fails.
	NonMonotone Verdict = "non-monotone"
	// Invalid: the machine spoiled too many trials.
	Invalid Verdict = "invalid"
	// Unfinished: the search was ended before it was done.
	Unfinished Verdict = "unfinished"
)

// Outcome is what a search found. Rates are in requests per second.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	// Supported is the confirmed rate; 0: none. Met of Fresh trials passed at
	// it.
	Supported float64 `json:"supported_rps,omitempty"`
	Met       int     `json:"met,omitempty"`
	Fresh     int     `json:"fresh,omitempty"`
	// Estimate is where the objective is likely to be reached; nil: none.
	Estimate *Estimate `json:"estimate,omitempty"`
	// AtLeast is a rate that passed where the search went no higher; 0: none.
	AtLeast float64 `json:"at_least_rps,omitempty"`
	// Passing is the highest rate of the search that passed, and Failing the
	// lowest above it that failed; 0: none. Neither is a promise.
	Passing float64 `json:"passing_rps,omitempty"`
	Failing float64 `json:"failing_rps,omitempty"`
	// LimitedBy is what kept the rate from being higher; empty: not known.
	LimitedBy Cause `json:"limited_by,omitempty"`
	// Trials is how many counted, Void how many did not.
	Trials int `json:"trials"`
	Void   int `json:"void"`
	// Text is the outcome in words.
	Text string `json:"text"`
}

// Estimate is a rate with its interval, in requests per second.
type Estimate struct {
	Rate float64 `json:"rps"`
	Low  float64 `json:"low_rps"`
	High float64 `json:"high_rps"`
}

// Next decides on the trials so far, in the order in which they were measured:
// it asks for another one, or says what they show. The outcome is there in
// either case; one that is asked for more is Unfinished, with what is known. An
// error means that the settings make no sense, or that the trials are not those
// which were asked for.
func Next(trials []Trial, s Settings) (*Ask, Outcome, error) {
	if err := s.Check(); err != nil {
		return nil, Outcome{}, fmt.Errorf("capacity: %w", err)
	}
	read := 0
	var ask *Ask
	var wrong error
	f := &finder{Settings: s, measure: func(a Ask) (Trial, bool) {
		if read == len(trials) {
			ask = &a
			return Trial{}, false
		}
		t := trials[read]
		read++
		if math.Abs(t.Rate-a.Rate) > 1e-6*a.Rate {
			wrong = fmt.Errorf("capacity: trial %d was measured at %v/s, not at %v/s as the search asks for with these settings", read, t.Rate, a.Rate)
			return Trial{}, false
		}
		return t, true
	}}
	outcome := f.find()
	if wrong != nil {
		return nil, Outcome{}, wrong
	}
	if read < len(trials) {
		return nil, Outcome{}, fmt.Errorf("capacity: %d trials, but the search ends after %d", len(trials), read)
	}
	return ask, outcome, nil
}

// finder is a search while it runs. Its steps return false when it cannot go
// on: there is no further trial, or the outcome is clear.
type finder struct {
	Settings
	// measure has a trial measured; false: there is none yet.
	measure func(Ask) (Trial, bool)

	trials []Trial // that count
	points []*point
	void   int
	// low is the highest rate that passed, high the lowest above it that
	// failed; 0: none yet.
	low, high float64
	// likely is the rate at which confirmation begins.
	likely float64
	// carried is the highest rate that the generator has managed.
	carried float64
	out     Outcome
}

// point is all that was seen at one rate.
type point struct {
	rate                    float64
	passed, failed, limited int
}

func (f *finder) find() Outcome {
	f.out.Verdict = Unfinished
	f.search()
	if v := f.out.Verdict; v != Supported && v != Unfinished {
		f.out.Estimate = nil // what came after spoke against it
	}
	f.out.Passing, f.out.Failing = f.low, f.high
	f.out.Trials, f.out.Void = len(f.trials), f.void
	if f.out.LimitedBy == "" {
		f.out.LimitedBy = f.cause()
	}
	f.out.Text = f.text()
	return f.out
}

func (f *finder) search() {
	switch {
	case !f.bracket() || !f.bisect():
	case f.Quick:
		f.out.Verdict = Rough
	case f.replicate():
		f.confirm()
	}
}

func (f *finder) end(v Verdict) bool {
	f.out.Verdict = v
	return false
}

// bracket climbs until a rate fails.
func (f *finder) bracket() bool {
	for rate := f.From; ; rate = min(Round(f.low*climb), f.To) {
		passed, ok := f.point(Bracket, rate)
		switch {
		case !ok:
			return false
		case !passed:
			f.high = rate
			if f.low == 0 {
				return f.end(None)
			}
			over, ok := f.overshoot()
			if over == 0 {
				return ok
			}
			rate = over
		}
		before := f.low
		f.low, f.high = rate, 0
		if rate == f.To {
			return f.top(before)
		}
	}
}

// overshoot looks once above a rate that failed. If it passes there, either the
// failure was chance and the climb goes on from above, or the stack is not
// monotone, which nothing below the failing rate would ever show. Else above is
// 0.
func (f *finder) overshoot() (above float64, ok bool) {
	above = min(Round(f.high*climb), f.To)
	if above <= contrary*f.high {
		return 0, true
	}
	votes := 0
	for range 3 {
		t, ok := f.trial(Bracket, above, true)
		switch {
		case !ok || t.Limited || t.Excess >= most:
			return 0, ok // a clear failure needs no second look
		case t.Passed:
			votes++
		default:
			votes--
		}
		if votes == 2 || votes == -2 {
			break
		}
	}
	if votes < 0 {
		return 0, true
	}
	return above, true
}

// top is for a highest rate that passes: what passes there in fresh trials is
// supported, and nothing above it was asked for. Else the search goes on below.
func (f *finder) top(before float64) bool {
	f.out.LimitedBy, f.out.AtLeast = Highest, f.To
	if f.Quick {
		return f.end(AtLeast)
	}
	confirmed, ok := f.confirmed(f.To)
	if confirmed || !ok {
		return false
	}
	f.out.LimitedBy, f.out.AtLeast = "", 0
	f.low, f.high = before, f.To
	if before == 0 {
		return f.end(None)
	}
	return true
}

// bisect halves the bracket on the scale of ratios.
func (f *finder) bisect() bool {
	enough := closeEnough
	if f.Quick {
		enough = quickClose
	}
	for f.high/f.low >= enough {
		middle := f.centre()
		passed, ok := f.point(Bisect, middle)
		switch {
		case !ok:
			return false
		case passed:
			f.low = middle
		default:
			f.high = middle
		}
	}
	return true
}

func (f *finder) centre() float64 { return Round(math.Sqrt(f.low * f.high)) }

// replicate measures the bracket's surroundings in a drawn order, and estimates
// from all that was seen there. Ascending rates would turn drift and hysteresis
// into a slope.
func (f *finder) replicate() bool {
	centre := f.centre()
	var rates []float64
	for _, factor := range around {
		for range replicas {
			rates = append(rates, min(Round(factor*centre), f.To))
		}
	}
	random := rand.New(rand.NewPCG(f.Seed, 0))
	random.Shuffle(len(rates), func(i, j int) { rates[i], rates[j] = rates[j], rates[i] })
	for _, rate := range rates {
		if _, ok := f.trial(Replicate, rate, false); !ok {
			return false
		}
	}
	f.out.Estimate, f.likely = estimate(near(f.trials, centre), centre, random)
	if e := f.out.Estimate; e != nil {
		// One step outside of the bracket the climb has shown what happens.
		e.Low = max(e.Low, min(f.low/climb, e.Rate))
		e.High = min(e.High, max(f.high*climb, e.Rate))
	}
	if f.out.Estimate == nil {
		f.likely = f.low
	}
	return true
}

// confirm goes down from the rate that is likely to pass until fresh trials do.
// It does not begin at the lower limit of the interval, which is widened for the
// sake of the truth and not of the promise: fresh trials guard that.
func (f *finder) confirm() {
	for step := range steps {
		rate := min(f.likely, f.To) * math.Pow(stepDown, float64(step))
		if confirmed, ok := f.confirmed(Round(rate)); confirmed || !ok {
			return
		}
	}
	f.end(None)
}

// confirmed asks for fresh trials of a rate, as many as it takes to know
// whether enough of them pass.
func (f *finder) confirmed(rate float64) (confirmed, ok bool) {
	met := 0
	for n := range fresh {
		t, ok := f.trial(Confirm, rate, false)
		if !ok {
			return false, false
		}
		if t.Passed {
			met++
		}
		if n+1-met > fresh-needed {
			return false, true
		}
	}
	f.out.Supported, f.out.Met, f.out.Fresh = rate, met, fresh
	f.end(Supported)
	return true, true
}

// point decides a rate by two trials, and by a third if they disagree.
func (f *finder) point(phase Phase, rate float64) (passed, ok bool) {
	votes := 0
	for range 3 {
		t, ok := f.trial(phase, rate, false)
		if !ok {
			return false, false
		}
		if t.Passed {
			votes++
		} else {
			votes--
		}
		if votes == 2 || votes == -2 {
			break
		}
	}
	return votes > 0, true
}

// trial has one trial measured that counts, and repeats those that do not. With
// glance, one that the generator cannot do is returned, too.
func (f *finder) trial(phase Phase, rate float64, glance bool) (Trial, bool) {
	for {
		t, ok := f.measure(Ask{Phase: phase, Rate: rate})
		if !ok {
			return t, false
		}
		p := f.at(rate)
		switch {
		case t.Void == "" && !t.Limited:
			f.carried = max(f.carried, rate)
			f.trials = append(f.trials, t)
			if t.Passed {
				p.passed++
			} else {
				p.failed++
			}
			if !f.monotone() {
				return t, f.end(NonMonotone)
			}
			return t, true
		case t.Limited && glance:
			f.void++
			return t, true
		case t.Limited && rate > f.carried:
			if p.limited++; p.limited == patience {
				f.void++
				f.out.LimitedBy, f.out.AtLeast = Generator, f.low
				if f.low == 0 {
					return t, f.end(Invalid)
				}
				return t, f.end(AtLeast)
			}
		}
		// The generator has managed this rate before, or may yet: what kept it
		// from that was not the rate.
		f.void++
		if float64(f.void) > maxVoid*float64(max(f.void+len(f.trials), few)) {
			return t, f.end(Invalid)
		}
	}
}

func (f *finder) at(rate float64) *point {
	for _, p := range f.points {
		if p.rate == rate {
			return p
		}
	}
	p := &point{rate: rate}
	f.points = append(f.points, p)
	return p
}

// contradiction is the highest rate that passes, and the lowest that fails, by
// more than chance: all of at least two trials.
func (f *finder) contradiction() (passes, fails float64) {
	fails = math.Inf(1)
	for _, p := range f.points {
		switch {
		case p.failed == 0 && p.passed >= 2:
			passes = max(passes, p.rate)
		case p.passed == 0 && p.failed >= 2:
			fails = min(fails, p.rate)
		}
	}
	return passes, fails
}

// monotone is false once a rate passes well above one that fails.
func (f *finder) monotone() bool {
	passes, fails := f.contradiction()
	return passes <= contrary*fails
}

// cause is what most failing trials failed by; empty: none failed.
func (f *finder) cause() Cause {
	count := map[Cause]int{}
	for _, t := range f.trials {
		if !t.Passed {
			count[t.Cause]++
		}
	}
	switch {
	case count[Errors] > count[Objective]:
		return Errors
	case count[Objective] > 0:
		return Objective
	}
	return ""
}
