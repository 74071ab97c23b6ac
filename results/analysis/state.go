package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/steady"
)

const (
	// A cold start: the worst of the first requests of the warm-up took at
	// least coldFactor times the p50 of the measured time, and coldBeyond times
	// as long as the longest request in it.
	coldFactor = 10
	coldBeyond = 2
)

// ColdStart is what the first to arrive at fresh replicas met, over the trials
// that were warmed up. All in ns.
type ColdStart struct {
	First Range `json:"first_ns"`
	Worst Range `json:"worst_ns"`
	// SteadyAfter is over the trials that tell it; nil where none does.
	SteadyAfter *Range `json:"steady_after_ns,omitempty"`
}

// addState adds what the trials say of warm-up and steady state.
func (c *Cell) addState(g *cellGroup) {
	for _, o := range g.valid() {
		if ok, _ := o.MayBeCompared(); !ok {
			c.Unsteady++
		}
	}
	var first, worst, after []float64
	for _, o := range g.shown() {
		s := o.ColdStart
		if s == nil {
			continue
		}
		first, worst = append(first, float64(s.First)), append(worst, float64(s.Worst))
		if s.SteadyAfter > 0 {
			after = append(after, float64(s.SteadyAfter))
		}
	}
	if len(first) == 0 {
		return
	}
	c.ColdStart = &ColdStart{First: rangeOf(first), Worst: rangeOf(worst)}
	if len(after) > 0 {
		c.ColdStart.SteadyAfter = new(rangeOf(after))
	}
}

// shows reports whether the cell's figures are also those of the trial.
func (c *Cell) shows(t *TrialDetail) bool {
	ok, _ := t.MayBeCompared()
	return ok || c.Counted == 0 && (c.Unsteady == 0 || t.Validity.Verdict != results.Invalid)
}

// steadyLabel says in how many of the trials the system was in which state:
// "steady", "steady in 4 of 5, drifting in 1".
func steadyLabel(trials []*observed) string {
	count := map[string]int{}
	var states []string
	for _, o := range trials {
		state := notTold
		if o.Steady != nil {
			state = string(o.Steady.Verdict)
		}
		if count[state]++; count[state] == 1 {
			states = append(states, state)
		}
	}
	if len(states) == 1 {
		return states[0]
	}
	slices.SortStableFunc(states, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	for i, state := range states {
		states[i] = fmt.Sprintf("%s in %d", state, count[state])
		if i == 0 {
			states[i] += fmt.Sprintf(" of %d", len(trials))
		}
	}
	return strings.Join(states, ", ")
}

// findUnsteady names the trials that were not in a steady state.
func findUnsteady(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, o := range g.valid() {
		if o.Steady.Unsteady() {
			list = append(list, finding("unsteady", fmt.Sprintf("%s%s: %s", trialOf(o, g), o.Steady.Verdict, o.Steady.Why)))
		}
	}
	return list
}

// findCold looks for first requests that took far longer than any once the
// system was warm.
func findCold(_ *Cell, g *cellGroup) []Finding {
	return inTrials("cold", g.shown(), func(o *observed) string {
		s, warm := o.ColdStart, o.Latency.Response
		if s == nil || warm.Count == 0 || s.Early < coldFactor*warm.P50 || s.Early < coldBeyond*warm.Max {
			return ""
		}
		text := fmt.Sprintf("first request %s, worst %s in the first %s of the warm-up; measured afterwards p50 %s, longest %s",
			units.Latency(s.First), units.Latency(s.Early), units.Duration(results.EarlyWithin), units.Latency(warm.P50), units.Latency(warm.Max))
		if s.SteadyAfter > 0 {
			text += "; steady after " + units.Duration(s.SteadyAfter)
		}
		return text
	})
}

// measured reports whether the cell has figures to go by, be they of a system
// that was not in a steady state.
func (c *Cell) measured() bool { return c.Counted+c.Unsteady > 0 }

// knownSteady reports whether every trial that counts was found steady before it
// was measured: then also a short one measured a steady state.
func (c *Cell) knownSteady() bool {
	return c.Counted > 0 && !slices.ContainsFunc(c.Detail, func(t TrialDetail) bool {
		ok, _ := t.MayBeCompared()
		return ok && (t.Steady == nil || t.Steady.Verdict != steady.Steady)
	})
}

// mostlyUnsteady says why nothing may rest on the cell, though some of its trials
// are valid: at least half of these were not of a system in a steady state. One
// of many may be called so by chance. Empty otherwise.
func (c *Cell) mostlyUnsteady() string {
	if c.Unsteady == 0 || c.Unsteady < c.Counted {
		return ""
	}
	var reasons []string
	for _, t := range c.unsteady() {
		_, why := t.MayBeCompared()
		reasons = append(reasons, why)
	}
	if c.Counted == 0 {
		return "no trial was in a steady state: " + firstOf(reasons)
	}
	return fmt.Sprintf("%d of %d trials were not in a steady state: %s", c.Unsteady, c.Unsteady+c.Counted, firstOf(reasons))
}

// unsteady are the valid trials of a system that was not in a steady state.
func (c *Cell) unsteady() []*TrialDetail {
	var list []*TrialDetail
	for i := range c.Detail {
		if t := &c.Detail[i]; t.Steady.Unsteady() && t.Validity.Verdict != results.Invalid {
			list = append(list, t)
		}
	}
	return list
}

// judgeUnsteady is what an objective's verdict is worth where most trials were
// not steady. What breaks it while getting slower and slower breaks it; all else
// says nothing of how it will go on.
func (c *Cell) judgeUnsteady(r ObjectiveResult) ObjectiveResult {
	why := c.mostlyUnsteady()
	if why == "" || r.Verdict != Pass && r.Verdict != Fail {
		return r
	}
	slower := !slices.ContainsFunc(c.unsteady(), func(t *TrialDetail) bool { return !t.Steady.Slower })
	if r.Verdict != Fail || !slower {
		r.Verdict = Inconclusive
	}
	r.Why = why
	return r
}

// errorShare is the share of failed requests of all trials that are not
// invalid: a failure counts in whatever state the system was.
func errorShare(g *cellGroup, c *Cell) float64 {
	if c.Unsteady == 0 {
		return c.ErrorRate
	}
	var all results.Counts
	for _, o := range g.valid() {
		all.Add(o.Requests)
	}
	if all.OK+all.Failed == 0 {
		return c.ErrorRate
	}
	return float64(all.Failed) / float64(all.OK+all.Failed)
}
