package analysis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/scenarios"
)

// judge holds every objective against every cell of the plan.
func judge(m results.Manifest, groups cellGroups, cells []Cell) []ObjectiveResult {
	list := []ObjectiveResult{}
	for n, text := range m.Objectives {
		var place results.Place
		if n < len(m.ObjectivePlaces) {
			place = m.ObjectivePlaces[n]
		}
		objective, err := scenarios.ParseObjective(text)
		if err != nil {
			list = append(list, ObjectiveResult{Objective: text, Verdict: Inconclusive, Why: err.Error(), Place: place})
			continue
		}
		for i := range cells {
			r := judgeCell(objective, groups[i], &cells[i])
			r.Objective, r.Cell, r.Place = text, cells[i].Name, place
			list = append(list, r)
		}
	}
	return list
}

// judgeCell holds one objective against one cell. A latency is the median of
// the trials with its interval between them, an error share that of all requests together and a maximum the
// largest of all, so that one bad trial of five cannot hide.
func judgeCell(o scenarios.Objective, g *cellGroup, c *Cell) ObjectiveResult {
	trials := g.counted()
	if len(trials) == 0 {
		trials = g.valid()
	}
	switch {
	case closed(c.Mode) && isLatency(o.Metric):
		return ObjectiveResult{Verdict: NotApplicable, Why: "closed loop: the load limits itself, so its latency says nothing about an objective"}
	case c.Trials == 0:
		return ObjectiveResult{Verdict: Inconclusive, Why: "no trial was finished"}
	case len(trials) == 0:
		return ObjectiveResult{Verdict: InvalidResult, Why: "no valid trial: " + firstOf(c.Validity.Reasons)}
	case c.Requests == 0:
		return ObjectiveResult{Verdict: Inconclusive, Why: "no request came to an end"}
	}
	var r ObjectiveResult
	switch o.Metric {
	case scenarios.Percentile:
		r = judgePercentile(o, trials, c)
	case scenarios.Mean:
		r = judgeLatency(o, c.Mean, c)
	case scenarios.Max:
		r = judgeLatency(o, Range{Median: c.Max.Max}, c)
	case scenarios.Errors:
		share := errorShare(g, c)
		r = verdictOf(o, share, percent(share))
	case scenarios.Throughput:
		r = verdictOver(o, c.Throughput, throughput.Text)
	default:
		return ObjectiveResult{Verdict: Inconclusive, Why: fmt.Sprintf("this version cannot judge %q", o.Metric)}
	}
	if o.Metric != scenarios.Errors {
		r = c.judgeUnsteady(r)
	}
	if r.Why == "" && c.Counted < DecidingTrials {
		r.Why = seen(c.Counted)
	}
	if c.suspect() {
		r.Why = strings.TrimPrefix(r.Why+"; suspect trials", "; ")
	}
	return r
}

func isLatency(m scenarios.Metric) bool {
	return slices.Contains([]scenarios.Metric{scenarios.Percentile, scenarios.Mean, scenarios.Max}, m)
}

// judgePercentile judges a percentile as a promise to all who asked: a request
// that failed was not answered in time, however fast it failed. So p(99) is
// looked up as far above 99 as requests failed.
func judgePercentile(o scenarios.Objective, trials []*observed, c *Cell) ObjectiveResult {
	upper := upperLimit(o)
	if upper && c.ErrorRate > (100-o.Rank)/100 {
		return ObjectiveResult{
			Verdict: Fail, Observed: percent(c.ErrorRate) + " failed",
			Why: fmt.Sprintf("fewer than %g %% of the requests were answered at all", o.Rank),
		}
	}
	fewest := slices.MinFunc(trials, func(a, b *observed) int { return int(a.done() - b.done()) }).done()
	if needed := RequestsFor(o.Rank); fewest < needed {
		return judgeTooFew(o, trials, fewest, needed)
	}
	var values []float64
	for _, t := range trials {
		rank := o.Rank
		if upper {
			rank += 100 * float64(t.Requests.Failed) / float64(max(1, t.done()))
		}
		v, ok := t.percentile(min(rank, 100))
		if !ok {
			return ObjectiveResult{Verdict: Inconclusive, Why: fmt.Sprintf("trial %d has no readable log, and its summary no p%g", t.Trial.Trial, rank)}
		}
		values = append(values, float64(v))
	}
	r := verdictOver(o, rangeOf(values), tail.Text)
	if b := c.SystemP99; upper && o.Rank == 99 && r.Verdict == Fail && c.suspect() && b != nil && holds(o, float64(b.Low)) {
		r.Verdict = Inconclusive
		r.Why = fmt.Sprintf("requests were sent late: the stack's own p99 may be as low as %s", units.Latency(b.Low))
		return r
	}
	if upper && c.Failed > 0 && r.Why == "" {
		r.Why = fmt.Sprintf("counting %s as too slow", plural(int(c.Failed), "failed request"))
	}
	return r
}

// judgeTooFew judges a percentile that the number of requests does not resolve:
// it fails if already a lower percentile, which they do, breaks the limit.
func judgeTooFew(o scenarios.Objective, trials []*observed, have, needed int64) ObjectiveResult {
	r := ObjectiveResult{
		Verdict: Inconclusive,
		Why:     fmt.Sprintf("p%g needs %s requests in each trial, there are %s", o.Rank, units.Count(needed), units.Count(have)),
	}
	for _, rank := range []float64{99, 95, 90, 50} {
		if rank >= o.Rank || have < RequestsFor(rank) || !upperLimit(o) {
			continue
		}
		values := each(trials, func(t *observed) float64 {
			v, _ := t.percentile(rank) // each of these ranks is in every summary
			return float64(v)
		})
		if v := rangeOf(values).Median; !holds(o, v) {
			r.Verdict, r.Observed = Fail, fmt.Sprintf("p%g %s", rank, units.Latency(time.Duration(v)))
			r.Why = fmt.Sprintf("already p%g breaks it", rank)
		}
		return r
	}
	return r
}

func judgeLatency(o scenarios.Objective, value Range, c *Cell) ObjectiveResult {
	r := verdictOver(o, value, tail.Text)
	if upperLimit(o) && r.Verdict == Pass && c.ErrorRate > tolerated {
		r.Verdict = Inconclusive
		r.Why = percent(c.ErrorRate) + " failed, and how long a failure took is no answer's time"
	}
	return r
}

// verdictOver judges the median over the trials. Where there are enough of them
// for an interval between runs, all of it has to hold or to break the limit: a
// stack that is there at one start and not at the next is not decided.
func verdictOver(o scenarios.Objective, r Range, text func(float64) string) ObjectiveResult {
	v := verdictOf(o, r.Median, text(r.Median))
	if r.Level > 0 && holds(o, r.Low) != holds(o, r.High) {
		v.Verdict = Inconclusive
		v.Why = fmt.Sprintf("starts differ on both sides of the limit: between %s and %s (%.1f %% interval)", text(r.Low), text(r.High), 100*r.Level)
	}
	return v
}

func verdictOf(o scenarios.Objective, value float64, text string) ObjectiveResult {
	if holds(o, value) {
		return ObjectiveResult{Verdict: Pass, Observed: text}
	}
	return ObjectiveResult{Verdict: Fail, Observed: text}
}

func upperLimit(o scenarios.Objective) bool { return strings.HasPrefix(o.Compare, "<") }

func holds(o scenarios.Objective, value float64) bool {
	switch o.Compare {
	case "<":
		return value < o.Limit
	case "<=":
		return value <= o.Limit
	case ">":
		return value > o.Limit
	case ">=":
		return value >= o.Limit
	}
	return false
}

// firstOf is the first of several reasons, and how many more there are: the
// findings have them all.
func firstOf(reasons []string) string {
	switch len(reasons) {
	case 0:
		return ""
	case 1:
		return reasons[0]
	}
	return fmt.Sprintf("%s (and %s)", reasons[0], plural(len(reasons)-1, "more reason"))
}
