// Package steady decides from what each second of a load saw whether a system
// is in a steady state: while it warms up, whether measuring may begin, and
// afterwards whether what was measured drifted. It is pure: the same seconds
// give the same decision.
//
// A series without a proof of change is not a steady one. The procedure asks
// for evidence that the level stays where it is (an equivalence test), never
// cuts away a faster beginning, and says that it does not know when noise is
// all there is to see. docs/method.md tells how often it is wrong.
package steady

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// Verdict says what is known of a system's state.
type Verdict string

// The verdicts.
const (
	// Steady: measuring may begin, or what was measured did not drift.
	Steady Verdict = "steady"
	// Warming: not yet steady; more seconds are needed.
	Warming Verdict = "warming"
	// Degrading: it got slower while it was warmed up.
	Degrading Verdict = "degrading"
	// Undetermined: the warm-up's limit came before a decision.
	Undetermined Verdict = "undetermined"
	// Drifting: its level changed while it was measured.
	Drifting Verdict = "drifting"
	// Unchecked: nobody looked, or there was too little to look at.
	Unchecked Verdict = "unchecked"
)

// Decision is a verdict with its reason in words, which go on from "not steady
// yet:" or stand alone.
type Decision struct {
	Verdict Verdict
	Why     string
	// Slower says that it was getting slower, with Degrading and Drifting.
	Slower bool
}

// Second is what completed in one second of a load.
type Second struct {
	Completed int64
	// P99 and Mean are of the response times of all that completed.
	P99, Mean time.Duration
}

// Pace is the procedure's time scale in seconds. Standard is the one that its
// error rates are known for.
type Pace struct {
	// Every is how far apart two checks are; the first is after Keep.
	Every int
	// Keep is the least that has to be left when the begin is cut away, and
	// the least that Drift looks at.
	Keep int
	// Judge is from when on a change for the worse ends a warm-up; one that is
	// seen before may be the begin of something else.
	Judge int
	// Batch is how many seconds are averaged to one value, so that values may
	// be taken for independent; Trend the same where the trend is looked for.
	Batch, Trend int
	// Segment is how long a level has to last to count as one.
	Segment int
}

// Standard is the pace of the method: a first check after 40 s, then one every
// 10 s.
func Standard() Pace {
	return Pace{Every: 10, Keep: 40, Judge: 80, Batch: 5, Trend: 2, Segment: 8}
}

const (
	// fewPerSecond is below how many requests a second has no p99 to speak
	// of; the mean stands in for it.
	fewPerSecond = 200
	// alike is the ln by which two levels may differ and be called one.
	alike = 0.05
	// equivalent is the ln that the change between two halves has to be
	// proven to lie within.
	equivalent = 0.10
	// sure is the two-sided confidence of that proof.
	sure = 0.90
	// surprising is the p below which a drift is taken for one.
	surprising = 0.01
)

// Watch follows a warm-up second by second.
type Watch struct {
	pace    Pace
	closed  bool
	seconds []Second
	latest  Decision
}

// NewWatch returns a watch of a load at a pace. Of a closed loop the requests
// per second have to be steady, too.
func NewWatch(p Pace, closed bool) *Watch {
	return &Watch{pace: p, closed: closed, latest: Decision{Verdict: Warming, Why: fmt.Sprintf("no check before %d s", p.Keep)}}
}

// Add takes in the next second and returns the latest decision, which changes
// with a check only. Warming asks for more; after any other decision seconds
// are ignored.
func (w *Watch) Add(s Second) Decision {
	if w.Decided() {
		return w.latest
	}
	w.seconds = append(w.seconds, s)
	if n := len(w.seconds); n >= w.pace.Keep && (n-w.pace.Keep)%w.pace.Every == 0 {
		w.latest = decide(seriesOf(w.seconds, w.closed), w.pace.check)
	}
	return w.latest
}

// Decided reports whether there is a decision.
func (w *Watch) Decided() bool { return w.latest.Verdict != Warming }

// Seconds is how many have been taken in.
func (w *Watch) Seconds() int { return len(w.seconds) }

// End is the decision when there is no more: what is still Warming has become
// Undetermined.
func (w *Watch) End() Decision {
	if !w.Decided() {
		return Decision{Verdict: Undetermined, Why: fmt.Sprintf("not steady after %d s: %s", len(w.seconds), w.latest.Why)}
	}
	return w.latest
}

// Drift decides whether a measured window, in which nothing was to change, has
// drifted: Steady, Drifting, or Unchecked when it is too short to tell. It is
// looked at as a whole: what it saw is what was measured.
func (p Pace) Drift(seconds []Second, closed bool) Decision {
	if len(seconds) < p.Keep {
		return Decision{Verdict: Unchecked, Why: fmt.Sprintf("measured for %d s, less than the %d s that can show a steady state", len(seconds), p.Keep)}
	}
	all := seriesOf(seconds, closed)
	// Each of several series has its part of the false alarms.
	d := decide(all, func(s series) Decision { return p.drift(s, surprising/float64(len(all))) })
	if d.Verdict == Warming {
		d.Verdict = Unchecked
	}
	return d
}

// decide asks for each series that has to be steady; the worst decision holds.
func decide(all []series, of func(series) Decision) Decision {
	worst := Decision{Verdict: Warming, Why: "in most seconds no request completed"}
	bad := []Verdict{Steady, Warming, Drifting, Degrading}
	for i, s := range all {
		if d := of(s); i == 0 || slices.Index(bad, d.Verdict) > slices.Index(bad, worst.Verdict) {
			worst = d
		}
	}
	return worst
}

// check is the procedure of a warm-up for one series.
func (p Pace) check(s series) Decision {
	y := winsorised(s.y)
	from := kept(y, changes(y, p.Segment, p.noise(y)))
	rest := y[from:]
	slower := 0.0
	if from > 0 {
		slower = stat.Mean(rest, nil) - stat.Mean(y[:from], nil)
	}
	switch {
	case slower > alike && len(y) < p.Judge:
		return Decision{Verdict: Warming, Why: fmt.Sprintf("it got slower after %d s (%s %s)", from, s.name, s.percent(slower))}
	case slower > alike:
		return Decision{Degrading, fmt.Sprintf("it got slower after %d s (%s %s)", from, s.name, s.percent(slower)), true}
	case len(rest) < p.Keep && slower < -alike:
		return Decision{Verdict: Warming, Why: fmt.Sprintf("it got faster until %d s (%s %s)", from, s.name, s.percent(slower))}
	case len(rest) < p.Keep:
		return Decision{Verdict: Warming, Why: fmt.Sprintf("its %s changed after %d s", s.name, from)}
	}
	change, margin := halves(batches(rest, p.Batch), sure)
	switch {
	case math.Abs(change)+margin < equivalent:
		return Decision{Verdict: Steady, Why: fmt.Sprintf("%s changed by no more than %.0f %% over %d s", s.name, 100*equivalent, len(rest))}
	case change < -margin:
		return Decision{Verdict: Warming, Why: fmt.Sprintf("still getting faster (%s)", s.name)}
	case change > margin:
		return Decision{Verdict: Warming, Why: fmt.Sprintf("getting slower (%s)", s.name)}
	}
	return Decision{Verdict: Warming, Why: fmt.Sprintf("its %s scatters too much to tell", s.name)}
}

// drift is the test of a measured window for one series, at a p.
func (p Pace) drift(s series, surprising float64) Decision {
	change, margin := halves(batches(s.y, p.Batch), 1-surprising)
	if math.Abs(change) > max(margin, alike) {
		return Decision{Drifting, fmt.Sprintf("%s changed by %s between the halves of the measured time", s.name, s.percent(change)), change > 0}
	}
	b := batches(s.y, p.Trend)
	slope, probability := trend(b)
	if change := slope * float64(len(b)-1); probability < surprising && math.Abs(change) > alike {
		return Decision{Drifting, fmt.Sprintf("%s changed by %s over the measured time", s.name, s.percent(change)), change > 0}
	}
	return Decision{Verdict: Steady, Why: "no drift in the measured time"}
}
