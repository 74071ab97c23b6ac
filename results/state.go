package results

import (
	"fmt"
	"time"

	"plimsoll/results/steady"
)

// Steadiness says whether a trial measured a system in a steady state.
type Steadiness struct {
	Verdict steady.Verdict `json:"verdict"`
	// After is how long the warm-up took until the system was steady; 0 where
	// it never was, or nobody looked.
	After time.Duration `json:"after_ns"`
	Why   string        `json:"why"`
	// Slower says that it was getting slower, where it was Degrading or
	// Drifting.
	Slower bool `json:"slower,omitempty"`
}

// Unsteady reports whether the system was looked at and not found steady.
func (s *Steadiness) Unsteady() bool {
	if s == nil {
		return false
	}
	switch s.Verdict {
	case steady.Degrading, steady.Undetermined, steady.Drifting:
		return true
	}
	return false
}

// EarlyWithin is how long after the begin of a load requests count as first.
const EarlyWithin = 10 * time.Second

// ColdStart is what the first to arrive at a fresh stack met: the warm-up, as
// response times.
type ColdStart struct {
	// First is that of the request that was due first.
	First time.Duration `json:"first_ns"`
	// Early is the longest of those that ended within EarlyWithin, Worst the
	// longest of the whole warm-up.
	Early time.Duration `json:"early_ns"`
	Worst time.Duration `json:"worst_ns"`
	// SteadyAfter is that of Steadiness; 0 where it does not say.
	SteadyAfter time.Duration `json:"steady_after_ns"`
}

// MayBeCompared reports whether a comparison, a gate or a plan may rest on the
// trial: it is not invalid, and it was not found unsteady. If not, why says so
// in words.
func (t Trial) MayBeCompared() (ok bool, why string) {
	switch {
	case t.Validity.Verdict == Invalid && len(t.Validity.Reasons) > 0:
		return false, t.Validity.Reasons[0]
	case t.Validity.Verdict == Invalid:
		return false, "invalid"
	case t.Steady.Unsteady():
		return false, fmt.Sprintf("%s: %s", t.Steady.Verdict, t.Steady.Why)
	}
	return true, ""
}

// Second is what the interval says of the system's state. A second in which
// most requests failed says nothing of how fast it answers.
func (i Interval) Second() steady.Second {
	if i.Latencies.Response == nil || i.Requests.OK == 0 || i.Requests.OK < i.Requests.Failed {
		return steady.Second{}
	}
	return steady.Second{
		Completed: i.Requests.OK,
		P99:       i.Latencies.Response.Percentile(99), Mean: i.Latencies.Response.Mean(),
	}
}

// cold adds up what a warm-up saw.
type cold struct {
	seen bool
	ColdStart
}

func (c *cold) addInterval(i Interval) {
	h := i.Latencies.Response
	if h == nil || h.Count() == 0 {
		return
	}
	c.Worst = max(c.Worst, h.Max())
	if i.Start < EarlyWithin {
		c.Early = max(c.Early, h.Max())
	}
}

func (c *cold) addFinal(f Final) { c.First, c.seen = f.First, true }

// start is nil without a warm-up in which a request came to an end.
func (c *cold) start(s *Steadiness) *ColdStart {
	if !c.seen || c.Worst == 0 {
		return nil
	}
	out := c.ColdStart
	if s != nil {
		out.SteadyAfter = s.After
	}
	return &out
}
