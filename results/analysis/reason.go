package analysis

import (
	"fmt"
	"slices"
)

// Reason says in one line what the Verdict rests on: the gate's first metric or
// the first objective that came out so, with its cell and what was observed, and how many more did.
// Empty for Pass.
func (d *Document) Reason() string {
	v := d.Verdict()
	if v == Pass {
		return ""
	}
	if d.Gate != nil && d.Gate.Verdict == v {
		return d.Gate.reason()
	}
	if text := d.firstWith(v); text != "" {
		return text
	}
	if v == InvalidResult {
		for _, c := range d.Cells {
			if c.Trials > 0 && c.Counted == 0 {
				return "no trial counts in " + c.Name
			}
		}
	}
	if d.unmeasured() {
		return "nothing was measured"
	}
	return d.firstWith(NotApplicable)
}

// unmeasured reports whether no trial was finished.
func (d *Document) unmeasured() bool {
	return len(d.Cells) > 0 && !slices.ContainsFunc(d.Cells, func(c Cell) bool { return c.Trials > 0 })
}

// firstWith describes the first objective with a verdict, and how many more
// there are.
func (d *Document) firstWith(v Verdict) string {
	var text string
	more := -1
	for _, o := range d.Objectives {
		if o.Verdict != v {
			continue
		}
		if more++; more > 0 {
			continue
		}
		text = o.Objective
		if o.Cell != "" {
			text += " in " + o.Cell
		}
		if o.Observed != "" {
			text += ": " + o.Observed
		}
		if o.Why != "" {
			text += " (" + o.Why + ")"
		}
	}
	if more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
