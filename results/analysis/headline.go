package analysis

import (
	"fmt"
	"slices"
	"strings"
)

// headlines answer, in this order: what a gate says, which objectives hold, which environment is
// faster at what, what scaling did, and how far all that can be trusted.
func headlines(doc *Document) []Headline {
	list := []Headline{}
	add := func(topic Topic, texts []string) {
		for _, t := range texts {
			list = append(list, Headline{Topic: topic, Text: t})
		}
	}
	list = append(list, gateHeadlines(doc)...)
	add(AboutCapacity, capacityHeadlines(doc))
	list = append(list, objectiveHeadlines(doc)...)
	for _, load := range doc.Loads {
		add(AboutComparison, compareHeadlines(doc, load))
	}
	add(AboutScaling, scalingHeadlines(doc))
	if doc.Gate == nil && doc.Capacity == nil { // which say themselves how sure they are
		add(AboutTrust, trustHeadlines(doc))
	}
	return list
}

// compareHeadlines says who was faster under a load, in one sentence for all
// scales at which the same holds.
func compareHeadlines(doc *Document, load LoadInfo) []string {
	metric := headlineMetric(doc, load)
	type group struct {
		outcome, why string
		values       []string
		doubted      bool
	}
	var groups []*group
	for _, c := range doc.Comparisons {
		if c.Load != load.Name || c.Metric != metric {
			continue
		}
		sides := c.told(doc.Environments)
		g := &group{outcome: c.outcome(sides), why: c.Why, doubted: c.Standing == InDoubt}
		if g.doubted {
			g.why = strings.Join(c.Doubts, "; ")
		}
		i := slices.IndexFunc(groups, func(other *group) bool { return other.outcome == g.outcome && other.why == g.why })
		if i < 0 {
			groups = append(groups, g)
			i = len(groups) - 1
		}
		var values []string
		for _, s := range sides {
			values = append(values, metric.Text(s.Value.Median))
		}
		groups[i].values = append(groups[i].values, strings.Join(values, " against ")+" "+at(c.Scale))
	}
	var texts []string
	for _, g := range groups {
		values := strings.Join(g.values, ", ")
		if g.doubted {
			texts = append(texts, fmt.Sprintf("%s: %s (%s): %s.", load.Name, g.outcome, values, g.why))
		} else {
			texts = append(texts, fmt.Sprintf("%s: %s: %s (%s).", load.Name, g.outcome, values, g.why))
		}
	}
	return texts
}

// headlineMetric is what a load is mainly about. Where a p99 rests on too few
// requests the headline is about the median.
func headlineMetric(doc *Document, load LoadInfo) Metric {
	if closed(load.Mode) {
		return throughput
	}
	for _, c := range doc.Cells {
		if c.Load == load.Name && c.Counted > 0 && c.Tail < fewInTail {
			return median
		}
	}
	return tail
}

// told are the sides in the order in which they are told: the best first, or,
// where none is said to be best, as everywhere else.
func (c Comparison) told(environments []string) []Side {
	sides := slices.Clone(c.Sides)
	if c.Standing == InDoubt || c.alike() {
		slices.SortFunc(sides, func(a, b Side) int {
			return slices.Index(environments, a.Environment) - slices.Index(environments, b.Environment)
		})
	}
	return sides
}

func (c Comparison) alike() bool { return c.Standing != Decided && c.Ratio > 0 && c.Ratio < alike }

// outcome says who came out better, without the values; not where it is in
// doubt, because what comes first in a report is what is remembered.
func (c Comparison) outcome(sides []Side) string {
	var names []string
	for _, s := range sides {
		names = append(names, s.Environment)
	}
	best, others := names[0], enumerate(names[1:])
	switch {
	case c.Standing == InDoubt:
		return fmt.Sprintf("no verdict on %s between %s", c.Metric.Name, enumerate(names))
	case c.alike():
		return fmt.Sprintf("%s and %s were about the same in %s", best, others, c.Metric.Name)
	case c.Metric.HigherIsBetter:
		return fmt.Sprintf("%s answered more %s than %s", best, c.Metric.Name, others)
	}
	return fmt.Sprintf("%s had a lower %s than %s", best, c.Metric.Name, others)
}

// objectiveHeadlines says of each objective where it holds.
func objectiveHeadlines(doc *Document) []Headline {
	var order []string
	by := map[string]map[Verdict][]ObjectiveResult{}
	for _, o := range doc.Objectives {
		if by[o.Objective] == nil {
			by[o.Objective] = map[Verdict][]ObjectiveResult{}
			order = append(order, o.Objective)
		}
		by[o.Objective][o.Verdict] = append(by[o.Objective][o.Verdict], o)
	}
	var list []Headline
	for _, text := range order {
		list = append(list, Headline{
			Topic: AboutObjectives, Verdict: worst(by[text]),
			Text: text + " " + objectiveSentence(by[text], fewestTrials(doc, by[text][Pass])),
		})
	}
	return list
}

// worst is the gravest of the verdicts that there are.
func worst(by map[Verdict][]ObjectiveResult) Verdict {
	for _, v := range []Verdict{Fail, InvalidResult, Inconclusive, Pass} {
		if len(by[v]) > 0 {
			return v
		}
	}
	return NotApplicable
}

// fewestTrials is the smallest number of trials that any of the results rests
// on.
func fewestTrials(doc *Document, list []ObjectiveResult) int {
	fewest := 0
	for _, r := range list {
		for _, c := range doc.Cells {
			if c.Name == r.Cell && (fewest == 0 || c.Counted < fewest) {
				fewest = c.Counted
			}
		}
	}
	return fewest
}

func objectiveSentence(by map[Verdict][]ObjectiveResult, trials int) string {
	judged := len(by[Pass]) + len(by[Fail]) + len(by[Inconclusive]) + len(by[InvalidResult])
	if judged == 0 {
		return "could be judged nowhere: " + by[NotApplicable][0].Why + "."
	}
	var parts []string
	if n := len(by[Fail]); n > 0 {
		parts = append(parts, fmt.Sprintf("fails in %d of %s: %s", n, plural(judged, "cell"), where(by[Fail])))
	}
	if n := len(by[InvalidResult]); n > 0 {
		parts = append(parts, fmt.Sprintf("has only invalid trials to go by in %d: %s", n, where(by[InvalidResult])))
	}
	if n := len(by[Inconclusive]); n > 0 {
		parts = append(parts, fmt.Sprintf("could not be decided in %d: %s", n, where(by[Inconclusive])))
	}
	switch n := len(by[Pass]); {
	case n == judged && n == 1:
		parts = append(parts, "holds in the one cell where it can be judged")
	case n == judged:
		parts = append(parts, fmt.Sprintf("holds in all %d cells where it can be judged", n))
	case n > 0:
		parts = append(parts, fmt.Sprintf("holds in the other %d", n))
	}
	sentence := strings.Join(parts, "; ")
	if trials > 0 && trials < DecidingTrials {
		sentence += " (" + seen(trials) + ")"
	}
	return sentence + "."
}

// where lists up to three cells with what was observed in them; a reason only
// where it is everyone's.
func where(results []ObjectiveResult) string {
	const most = 3
	if why := results[0].Why; why != "" && !slices.ContainsFunc(results, func(r ObjectiveResult) bool { return r.Why != why || r.Observed != "" }) {
		return why
	}
	var parts []string
	for i, r := range results {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(results)-most))
			break
		}
		text := r.Cell
		if r.Observed != "" {
			text += " (" + r.Observed + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// scalingHeadlines gives decided scalings whole, those that a cold start makes
// look slower, too, and for the others the reasons
// why there is no verdict: first an environment's own, then those of all.
func scalingHeadlines(doc *Document) []string {
	var texts []string
	var open []Scaling
	for _, s := range doc.Scalings {
		if s.Decided || s.Cold {
			texts = append(texts, s.Text)
		} else {
			open = append(open, s)
		}
	}
	common := func(reason string) bool {
		return !slices.ContainsFunc(open, func(s Scaling) bool { return !slices.Contains(s.Withheld, reason) })
	}
	var everywhere []string
	for _, environment := range doc.Environments {
		var own []string
		for _, reason := range reasons(open, environment) {
			switch {
			case common(reason.text):
				everywhere = append(everywhere, reason.text)
			case reason.always:
				own = append(own, reason.text)
			default:
				own = append(own, reason.loads+": "+reason.text)
			}
		}
		if len(own) > 0 {
			texts = append(texts, fmt.Sprintf("Whether scaling helps %s cannot be told: %s.", environment, strings.Join(own, "; ")))
		}
	}
	if len(everywhere) > 0 {
		texts = append(texts, fmt.Sprintf("No verdict on scaling: %s.", strings.Join(distinct(everywhere), "; ")))
	}
	return texts
}

// reason is why an environment's scalings have no verdict, and under which
// loads.
type reason struct {
	text, loads string
	always      bool
}

func reasons(scalings []Scaling, environment string) []reason {
	var order []string
	loads := map[string][]string{}
	count := map[string]int{}
	all := 0
	for _, s := range scalings {
		if s.Environment != environment {
			continue
		}
		all++
		for _, text := range s.Withheld {
			if !slices.Contains(order, text) {
				order = append(order, text)
			}
			count[text]++
			if !slices.Contains(loads[text], s.Load) {
				loads[text] = append(loads[text], s.Load)
			}
		}
	}
	list := make([]reason, 0, len(order))
	for _, text := range order {
		list = append(list, reason{text: text, loads: enumerate(loads[text]), always: count[text] == all})
	}
	return list
}

// trustHeadlines says how far the numbers may be believed.
func trustHeadlines(doc *Document) []string {
	var texts []string
	measured, invalid, unsteady, fewest := 0, 0, 0, 0
	for _, c := range doc.Cells {
		measured += c.Trials
		invalid += c.invalid()
		unsteady += c.Unsteady
		if c.Trials > 0 && (fewest == 0 || c.Trials < fewest) {
			fewest = c.Trials
		}
	}
	switch {
	case measured == 0:
		texts = append(texts, "Nothing was measured.")
	case fewest < DecidingTrials && doc.imported():
		texts = append(texts, "Imported from other tools: it shows what they printed, and decides nothing.")
	case fewest == 1:
		texts = append(texts, fmt.Sprintf("Seen once; run with --trials %d to decide. One trial shows what happened and decides nothing.", DecidingTrials))
	case fewest < DecidingTrials:
		texts = append(texts, fmt.Sprintf("%d trials show what happened and decide nothing; run with --trials %d to decide.", fewest, DecidingTrials))
	}
	if invalid > 0 {
		texts = append(texts, fmt.Sprintf("%d of %s invalid: shown, but left out of all verdicts and comparisons.", invalid, plural(measured, "trial")+are(invalid)))
	}
	if unsteady > 0 {
		texts = append(texts, fmt.Sprintf("%d of %s not of a system in a steady state: shown, but left out of all verdicts and comparisons.", unsteady, plural(measured, "trial")+are(unsteady)))
	}
	if missing := doc.Planned - doc.Finished; missing > 0 {
		texts = append(texts, fmt.Sprintf("%d of %s missing.", missing, plural(doc.Planned, "planned trial")+are(missing)))
	}
	return texts
}

// imported reports whether other tools measured all of it.
func (d *Document) imported() bool {
	return !slices.ContainsFunc(d.Cells, func(c Cell) bool {
		return slices.ContainsFunc(c.Detail, func(t TrialDetail) bool { return t.Foreign == nil })
	})
}

func are(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// invalid is how many of the cell's trials are.
func (c *Cell) invalid() int { return c.Trials - c.Counted - c.Unsteady }
