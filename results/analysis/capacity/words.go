package capacity

import (
	"fmt"
	"strings"
)

// text is the outcome as a sentence.
func (f *finder) text() string {
	o := &f.out
	switch o.Verdict {
	case Supported:
		text := fmt.Sprintf("supported: %s (%d of %d fresh trials met the objectives)", perSecond(o.Supported), o.Met, o.Fresh)
		if o.LimitedBy == Highest {
			return text + ", the highest rate that was asked for: the stack may carry more"
		}
		return text
	case AtLeast:
		text := fmt.Sprintf("at least %s: ", perSecond(o.AtLeast))
		if o.LimitedBy == Generator {
			return text + "beyond that the load generator is the limit, not the stack; give it more CPU, or a machine of its own"
		}
		return text + "the highest rate that was asked for passes; look higher"
	case Rough:
		return fmt.Sprintf("rough: between %s, which passed, and %s, which failed; nothing was confirmed", perSecond(o.Passing), perSecond(o.Failing))
	case NonMonotone:
		passes, fails := f.contradiction()
		return fmt.Sprintf("no single number: %s passes and %s fails; think of caches that warm up, autoscaling, throttling or a quota that runs out", perSecond(passes), perSecond(fails))
	case Invalid:
		if o.LimitedBy == Generator {
			return fmt.Sprintf("the load generator cannot even do %s: begin lower, or give it more CPU", perSecond(f.From))
		}
		return fmt.Sprintf("this machine cannot be used: %d of %d trials say nothing", f.void, f.void+len(f.trials))
	case None:
		if o.Passing == 0 {
			return fmt.Sprintf("no rate is supported: already %s fails; begin lower", perSecond(f.high))
		}
		return fmt.Sprintf("no rate is supported: of none that was tried again did %d of %d fresh trials meet the objectives", needed, fresh)
	}
	return f.unfinished()
}

// unfinished says what is known of a search that was ended.
func (f *finder) unfinished() string {
	var known []string
	if f.low > 0 {
		known = append(known, perSecond(f.low)+" passed")
	}
	if f.high > 0 {
		known = append(known, perSecond(f.high)+" failed")
	}
	if len(known) == 0 {
		return "unfinished: nothing is known yet"
	}
	return "unfinished: " + strings.Join(known, " and ") + "; nothing was confirmed"
}

func perSecond(rate float64) string { return fmt.Sprintf("%g/s", Round(rate)) }
