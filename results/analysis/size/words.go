package size

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/internal/units"
)

func perSecond(rate float64) string { return units.Rate(rate) + "/s" }

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func replicas(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

// between words an interval of replicas.
func between(low, high int) string {
	if low == high {
		return replicas(low)
	}
	return fmt.Sprintf("%d to %d replicas", low, high)
}

func list(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = fmt.Sprint(n)
	}
	if last := len(texts) - 1; last > 0 {
		return strings.Join(texts[:last], ", ") + " and " + texts[last]
	}
	return strings.Join(texts, "")
}

// note says what each level has to be read with.
func (a *Answer) note(levels []Level) {
	for _, l := range levels {
		with := "With " + replicas(l.Replicas) + " "
		switch {
		case l.Limited:
			a.Notes = append(a.Notes, with+"the load generator was the limit: what the replicas can do above that was not measured, and the level is left out of the curve.")
		case !l.Known():
			a.Notes = append(a.Notes, with+l.unknown())
		case len(l.Starts) < Starts:
			a.Notes = append(a.Notes, fmt.Sprintf("%sthere is the rate of %d of %d starts: the level is left out of the curve.", with, len(l.Starts), Starts))
		}
		if l.HostShare >= hostShare {
			a.Notes = append(a.Notes, fmt.Sprintf("%sthe machine's CPUs were %s busy at the limit: replicas on one machine share its CPUs, and this curve says nothing about more machines.", with, percent(l.HostShare)))
		}
	}
}

// unknown says what is missing of a level's brackets, and what to do.
func (l Level) unknown() string {
	highest, none, open := 0.0, 0, 0
	for _, s := range l.Starts {
		highest = max(highest, s.Met)
		if s.Met == 0 {
			none++
		} else if s.Failed == 0 {
			open++
		}
	}
	switch {
	case len(l.Starts) == 0:
		return "nothing was measured that counts."
	case none > 0:
		return fmt.Sprintf("the lowest rate already failed in %d of %d starts: measure lower ones; the level is left out of the curve.", none, len(l.Starts))
	}
	return fmt.Sprintf("no rate failed in %d of %d starts, up to %s: what they support is at least that; measure higher rates; the level is left out of the curve.", open, len(l.Starts), perSecond(highest))
}

func (a *Answer) answered(last int) {
	a.Text = fmt.Sprintf("%s: %s (%s interval); plan %d, the upper limit and one to spare.",
		perSecond(a.Rate), between(a.Low, a.High), percent(Confidence), a.Plan)
	if a.High > last {
		a.Notes = append(a.Notes, fmt.Sprintf("The upper limit is above the %d that were measured: measure %d before relying on it.", last, a.High))
		a.Measure = []int{a.High}
	}
}

// tooFew says which levels and starts are missing.
func (a *Answer) tooFew(levels, fitted []Level) {
	a.Reason = TooFew
	a.Text = fmt.Sprintf("%s: not determined: an interpolation takes %d numbers of replicas with the supported rate of %d independent starts each; there are %d.%s",
		perSecond(a.Rate), Levels, Starts, len(fitted), a.carriedText())
	// Levels that are there but not usable first, then powers of two, as far as
	// the rate may need them: a replica does not do more beside others.
	best := 0.0
	for _, l := range levels {
		if !l.usable() {
			a.Measure = append(a.Measure, l.Replicas)
		}
		best = max(best, l.Supported()/float64(l.Replicas))
	}
	enough := len(levels) >= ParameterLevels
	for n := 1; !enough && n <= 64; n *= 2 {
		known := slices.ContainsFunc(levels, func(l Level) bool { return l.Replicas == n })
		if !known {
			a.Measure = append(a.Measure, n)
		}
		reaches := best > 0 && float64(n)*best >= a.Rate
		enough = len(fitted)+len(a.Measure) >= ParameterLevels && (reaches || n >= 8)
	}
	slices.Sort(a.Measure)
	a.Next = fmt.Sprintf("Measure %s replicas, %d starts each (better %d), at rates that begin where the objective holds and end where it fails.",
		list(a.Measure), Starts, RetrogradeStarts)
}

func (a *Answer) carriedText() string {
	if a.Carried == 0 {
		return ""
	}
	return fmt.Sprintf(" Measured: with %s every start carried it.", replicas(a.Carried))
}

func (a *Answer) rejected(m *model, level int, off float64) {
	a.Reason = Rejected
	a.Text = fmt.Sprintf("%s: not determined: the measured rates do not follow the scalability law (%d replicas are %s off), so nothing can be said between them.%s",
		perSecond(a.Rate), level, percent(off), a.carriedText())
	below, above := 0, 0
	for _, l := range m.levels {
		switch {
		case l.Supported() >= a.Rate && above == 0:
			above = l.Replicas
		case above == 0:
			below = l.Replicas
		}
	}
	switch {
	case above > below+1 && below > 0:
		a.Measure = []int{(below + above) / 2}
		a.Next = fmt.Sprintf("Measure %s, between %d, which did not carry it, and %d, which did.", replicas(a.Measure[0]), below, above)
	case above > 0:
		a.Next = fmt.Sprintf("Repeat the level of %s with more starts.", replicas(level))
	default:
		last := m.levels[len(m.levels)-1].Replicas
		a.Measure = []int{2 * last}
		a.Next = fmt.Sprintf("No measured level carried it: look for what holds %s up, then measure %d.", replicas(level), 2*last)
	}
}

func (a *Answer) beyond(m *model, s span, highest float64) {
	last := m.levels[len(m.levels)-1]
	a.Reason = Beyond
	next := 2 * last.Replicas
	if a.AtLeast > 0 {
		next = max(last.Replicas+1, min(next, a.AtLeast))
	}
	a.Measure = []int{next}
	text := fmt.Sprintf("%s: not determined: ", perSecond(a.Rate))
	if a.Rate > highest {
		text += fmt.Sprintf("the highest rate that was measured to be supported is %s", perSecond(highest))
	} else {
		text += fmt.Sprintf("the interval ends above the %d replicas that were measured", last.Replicas)
	}
	if a.AtLeast > 0 {
		text += fmt.Sprintf("; at least %s", replicas(a.AtLeast))
	}
	if a.AtMost > 0 {
		text += fmt.Sprintf(", and at most %d if the curve goes on as it is, which was not measured", a.AtMost)
	}
	if !s.reached {
		text += "; " + maybeNever(s)
	}
	a.Text = text + "." + a.carriedText()
	a.next(last, next)
}

func (a *Answer) unreachable(m *model, s span) {
	last := m.levels[len(m.levels)-1]
	a.Reason = Unreachable
	a.Measure = []int{last.Replicas + 1}
	a.Text = fmt.Sprintf("%s: not determined: %s", perSecond(a.Rate), maybeNever(s))
	if a.AtLeast > 0 {
		a.Text += fmt.Sprintf("; at least %s", replicas(a.AtLeast))
	}
	a.Text += "." + a.carriedText()
	a.next(last, last.Replicas+1)
}

// maybeNever tells what cannot be told from never reaching a rate.
func maybeNever(s span) string {
	return fmt.Sprintf("it may not be reachable by adding replicas (%s of the curves that fit the measurements never reach it)", percent(s.never))
}

func (a *Answer) next(last Level, n int) {
	if last.HostShare >= hostShare {
		a.Next = fmt.Sprintf("This machine's CPUs are used up: more replicas on it cannot show more. Measure %s on more or larger machines.", replicas(n))
		return
	}
	a.Next = fmt.Sprintf("Measure %s, with %d starts or more, at rates up to %s or until the objective fails.", replicas(n), Starts, perSecond(a.Rate))
}

// say words a drop.
func (d *Drop) say(starts int, last Level) {
	seen := fmt.Sprintf("%s carried %s less than %d", replicas(d.To), percent(d.Share), d.From)
	switch {
	case d.Decided && last.HostShare >= hostShare:
		d.Text = fmt.Sprintf("%s (p = %.2g): on this machine, whose CPUs were used up, more replicas carry less.", seen, d.P)
	case d.Decided:
		d.Text = fmt.Sprintf("%s (p = %.2g): scaling is retrograde, more replicas carry less.", seen, d.P)
	case starts < RetrogradeStarts:
		d.Text = fmt.Sprintf("%s, which is no evidence of retrograde scaling: %d starts of each level are needed, there are %d.", seen, RetrogradeStarts, starts)
	case d.P >= retrogradeSure:
		d.Text = fmt.Sprintf("%s, which may be chance (p = %.2g): no evidence of retrograde scaling.", seen, d.P)
	default:
		d.Text = fmt.Sprintf("%s, but whether that is retrograde scaling is not decided: %s.", seen, d.Withheld)
	}
}
