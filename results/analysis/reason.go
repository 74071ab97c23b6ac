package analysis

import (
	"fmt"
	"slices"
)

// Reason says in one line what the Verdict rests on: the first metric of the
// gate that came out so, or the first objective, with its cell and what was
// observed, and how many more did. Empty where all objectives hold.
func (d *Document) Reason() string {
	v := d.Verdict()
	if d.Gate != nil {
		if i := slices.IndexFunc(d.Gate.Metrics, func(m GateMetric) bool { return m.Verdict == v }); i >= 0 {
			return d.Gate.Metrics[i].Text
		}
	}
	if v == Pass {
		return ""
	}
	if d.Capacity != nil {
		return d.Capacity.reason()
	}
	if text := d.firstWith(v); text != "" {
		return text
	}
	if v == InvalidResult {
		for _, c := range d.Cells {
			if c.Trials > 0 && !c.measured() {
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
