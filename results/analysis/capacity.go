package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis/capacity"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// CapacityResult is what a capacity search found.
type CapacityResult struct {
	Environment string `json:"environment"`
	Load        string `json:"load"`
	// Objectives are what a rate has to meet.
	Objectives []string `json:"objectives"`
	Quick      bool     `json:"quick,omitempty"`
	// Searches are one for each scale, in the order in which they were made.
	Searches []CapacitySearch `json:"searches"`
	// Verdict is the worst of the searches'.
	Verdict Verdict `json:"verdict"`
	// Next is the trial to measure next; nil once the searches are over.
	Next *plan.Trial `json:"-"`
	// Phase is what that trial is for.
	Phase capacity.Phase `json:"-"`
}

// CapacitySearch is the search at one scale.
type CapacitySearch struct {
	Scale string `json:"scale"`
	capacity.Outcome
	// Points are all trials that were measured, in their order.
	Points []CapacityTrial `json:"points"`
	// Rates sum them up, from the lowest rate to the highest.
	Rates []CapacityRate `json:"rates"`

	trials []capacity.Trial
}

// CapacityTrial is one trial of a search.
type CapacityTrial struct {
	Index int     `json:"index"` // in the plan
	Rate  float64 `json:"rate_rps"`
	// Verdict is Pass, Fail, or InvalidResult of a trial that does not count.
	Verdict Verdict `json:"verdict"`
	// Latencies are those that the objectives name, in their order.
	Latencies []CapacityLatency `json:"latencies"`
	Errors    float64           `json:"errors"` // share of requests that failed
	// Why says what was missed, or why the trial does not count.
	Why string `json:"why,omitempty"`
}

// CapacityRate is all that was seen at one rate. Only trials that count do.
type CapacityRate struct {
	Rate   float64 `json:"rate_rps"`
	Trials int     `json:"trials"`
	Passed int     `json:"passed"`
	Void   int     `json:"void"`
	// Latencies are those of the objectives, by their names.
	Latencies map[string]Range `json:"latencies_ns"`
	Errors    Range            `json:"errors"`
	// Why are the distinct reasons of those that did not pass.
	Why []string `json:"why,omitempty"`
}

// CapacityLatency is a response time beside its limit.
type CapacityLatency struct {
	Name  string        `json:"name"` // "p99"
	Value time.Duration `json:"value_ns"`
	Limit time.Duration `json:"limit_ns"`
}

// JudgeCapacity says what the finished trials of a capacity search show, and
// which trial it needs next. It goes by their summaries alone. Trials that are
// not those of the search leave it Unfinished. An error means that the
// manifest's objectives make no sense.
func JudgeCapacity(m results.Manifest, trials []results.Trial) (*CapacityResult, error) {
	c := m.Capacity
	judge, err := newCapacityJudge(m.Objectives, c.Block)
	if err != nil {
		return nil, err
	}
	out := &CapacityResult{Environment: c.Environment, Load: c.Load, Objectives: m.Objectives, Quick: c.Quick, Verdict: Pass}
	planned := map[int]plan.Trial{}
	for _, t := range m.Plan.Trials {
		planned[t.Index] = t
	}
	for i, scale := range c.Scales {
		s := CapacitySearch{Scale: scale.String(), Points: []CapacityTrial{}}
		for _, t := range trials {
			p, ok := planned[t.Index]
			if !ok || p.Rate == 0 || p.Scale.String() != s.Scale {
				continue
			}
			judged, shown := judge.trial(t, p.Rate)
			s.trials, s.Points = append(s.trials, judged), append(s.Points, shown)
		}
		// A seed of its own: the order at one scale is not that at the next.
		ask, outcome, err := capacity.Next(s.trials, capacity.Settings{From: c.From, To: c.To, Quick: c.Quick, Seed: m.Plan.Seed + uint64(i)})
		if err != nil { // a trial's summary was lost, or another version searched
			outcome = capacity.Outcome{Verdict: capacity.Unfinished, Trials: len(s.trials), Text: "no outcome can be computed: " + err.Error()}
		}
		s.Outcome = outcome
		if ask != nil && out.Next == nil {
			out.Next = &plan.Trial{
				Environment: c.Environment, Scale: scale, Load: c.Load, Rate: ask.Rate, Index: len(m.Plan.Trials) + 1, Repetition: 1,
			}
			for _, t := range m.Plan.Trials {
				if t.Rate == ask.Rate && t.Scale.String() == s.Scale {
					out.Next.Repetition++
				}
			}
			out.Phase = ask.Phase
		}
		s.sumUp()
		out.Searches = append(out.Searches, s)
	}
	out.conclude()
	return out, nil
}

// sumUp fills in Rates.
func (s *CapacitySearch) sumUp() {
	byRate := map[float64][]CapacityTrial{}
	for _, p := range s.Points {
		byRate[p.Rate] = append(byRate[p.Rate], p)
	}
	s.Rates = []CapacityRate{}
	for _, rate := range slices.Sorted(maps.Keys(byRate)) {
		r := CapacityRate{Rate: rate, Latencies: map[string]Range{}}
		latencies := map[string][]float64{}
		var errors []float64
		for _, p := range byRate[rate] {
			if p.Why != "" && !slices.Contains(r.Why, p.Why) {
				r.Why = append(r.Why, p.Why)
			}
			if p.Verdict == InvalidResult {
				r.Void++
				continue
			}
			r.Trials++
			if p.Verdict == Pass {
				r.Passed++
			}
			errors = append(errors, p.Errors)
			for _, l := range p.Latencies {
				latencies[l.Name] = append(latencies[l.Name], float64(l.Value))
			}
		}
		for name, values := range latencies {
			r.Latencies[name] = rangeOf(values)
		}
		r.Errors = rangeOf(errors)
		s.Rates = append(s.Rates, r)
	}
}

// conclude sets the verdict.
func (c *CapacityResult) conclude() {
	for _, s := range c.Searches {
		if v := s.Judged(); v == InvalidResult || c.Verdict == Pass {
			c.Verdict = v
		}
	}
}

// capacityJudge holds the objectives that a rate has to meet.
type capacityJudge struct {
	latencies []scenarios.Objective
	errors    []scenarios.Objective
	block     time.Duration
}

// CheckCapacity says why a rate cannot be looked for that meets these
// objectives, if it cannot, in loads as long as block that begin at the rate
// from, in requests per second.
func CheckCapacity(objectives []string, from float64, block time.Duration) error {
	j, err := newCapacityJudge(objectives, block)
	if err != nil {
		return err
	}
	for _, o := range j.latencies {
		if o.Metric != scenarios.Percentile {
			continue
		}
		if have, need := from*block.Seconds(), RequestsFor(o.Rank); have < float64(need) {
			return fmt.Errorf("%s takes %s requests in each trial, and %s at %g/s has %.0f: begin at %g/s, or with loads of %s",
				o.Text, units.Count(need), units.Duration(block), from, have, math.Ceil(float64(need)/block.Seconds()),
				units.Duration(time.Duration(math.Ceil(float64(need)/from))*time.Second))
		}
	}
	return nil
}

func newCapacityJudge(objectives []string, block time.Duration) (*capacityJudge, error) {
	j := &capacityJudge{block: block}
	for _, text := range objectives {
		o, err := scenarios.ParseObjective(text)
		switch {
		case err != nil:
			return nil, err
		case !upperLimit(o):
			return nil, fmt.Errorf("%s: a capacity search raises the rate until an objective is missed, so each has to be an upper limit, such as p(99) < 1s or errors < 0.1%%", text)
		case isLatency(o.Metric):
			j.latencies = append(j.latencies, o)
		case o.Metric == scenarios.Errors:
			j.errors = append(j.errors, o)
		default:
			return nil, fmt.Errorf("%s: a capacity search holds rates against response times and errors only", text)
		}
	}
	if len(objectives) == 0 {
		return nil, fmt.Errorf("there is no objective that a rate would have to meet; add one such as p(99) < 1s")
	}
	return j, nil
}

// missed is the excess of a trial that missed an objective by how much is not
// known.
const missed = 1

// trial judges one trial.
func (j *capacityJudge) trial(t results.Trial, rate float64) (capacity.Trial, CapacityTrial) {
	out := capacity.Trial{Rate: rate, Passed: true, Excess: -missed}
	shown := CapacityTrial{Index: t.Index, Rate: rate, Verdict: Pass, Latencies: []CapacityLatency{}}
	fail := func(cause capacity.Cause, format string, args ...any) {
		if out.Passed {
			out.Passed, out.Cause, shown.Verdict, shown.Why = false, cause, Fail, fmt.Sprintf(format, args...)
		}
	}
	shown.Errors = failedShare(t)
	// Errors first: a request that fails at once makes latencies look good.
	for _, o := range j.errors {
		if !holds(o, shown.Errors) {
			fail(capacity.Errors, "%s failed", percent(shown.Errors))
		}
	}
	for i, o := range j.latencies {
		name, v, ok := latencyOf(t, o, shown.Errors)
		if !ok {
			fail(capacity.Errors, "%s failed, so there is no %s", percent(shown.Errors), name)
			continue
		}
		shown.Latencies = append(shown.Latencies, CapacityLatency{Name: name, Value: v, Limit: time.Duration(o.Limit)})
		excess := math.Log(max(1, float64(v)) / o.Limit)
		if i == 0 || excess > out.Excess {
			out.Excess = excess
		}
		if !holds(o, float64(v)) {
			fail(capacity.Objective, "%s %s", name, units.Latency(v))
		}
	}
	if t.EndedEarly != "" {
		fail(capacity.Objective, "")
		shown.Why = "ended early: " + t.EndedEarly
	} else if stolen := slices.Contains(t.Validity.Broken, results.HostSteal); stolen || t.Validity.Verdict == results.Invalid {
		shown.Verdict, shown.Why = InvalidResult, firstOf(t.Validity.Reasons)
		out = capacity.Trial{Rate: rate, Limited: true}
		if stolen {
			out = capacity.Trial{Rate: rate, Void: shown.Why}
		}
		return out, shown
	}
	// Above what a stack carries nothing is steady, so one that failed has
	// failed. One that met the objectives while it became slower owes that to
	// its short time.
	if _, why := t.MayBeCompared(); out.Passed && t.Steady.Unsteady() {
		if !t.Steady.Slower {
			shown.Verdict, shown.Why = InvalidResult, why
			return capacity.Trial{Rate: rate, Void: why}, shown
		}
		fail(capacity.Objective, "%s", why)
	}
	if !out.Passed && out.Cause == capacity.Errors {
		out.Excess = max(out.Excess, missed)
	}
	if !out.Passed {
		out.Excess = max(out.Excess, 0)
	}
	return out, shown
}

// latencyOf is the response time that an objective is about. A percentile is a
// promise to all who asked: where requests failed it is looked up as far above.
func latencyOf(t results.Trial, o scenarios.Objective, failed float64) (name string, v time.Duration, ok bool) {
	s := t.Latency.Response
	switch o.Metric {
	case scenarios.Mean:
		return "mean", s.Mean, s.Count > 0
	case scenarios.Max:
		return "max", s.Max, s.Count > 0
	}
	rank := o.Rank + 100*failed
	return fmt.Sprintf("p%g", o.Rank), s.At(min(rank, 100)), s.Count > 0 && rank <= 100
}

// failedShare is the share of failed requests, without those that the early end
// of a load cut off.
func failedShare(t results.Trial) float64 {
	cut := t.Requests.Errors["cut off"] + t.Requests.Errors["never sent"]
	failed := t.Requests.Failed - cut
	return float64(failed) / float64(max(1, t.Requests.OK+failed))
}

// hopeless is how many times as many requests as may miss an objective have to
// have missed it, before a load is ended early.
const hopeless = 10

// Hopeless says why a trial of a capacity search has missed an objective by far
// whatever is still to come; "" if it has not. soFar is what has been seen until
// elapsed, of a load at rate requests per second.
func Hopeless(c results.Capacity, objectives []string, rate float64, soFar results.Trial, elapsed time.Duration) string {
	j, err := newCapacityJudge(objectives, c.Block)
	if err != nil {
		return "" // and the trial will say so
	}
	all := rate * c.Block.Seconds()
	ended := float64(soFar.Requests.OK + soFar.Requests.Failed)
	for _, o := range j.errors {
		if float64(soFar.Requests.Failed) > hopeless*max(o.Limit, 0.001)*all {
			return fmt.Sprintf("%s of %s requests failed within %s", units.Count(soFar.Requests.Failed), units.Count(int64(all)), units.Duration(elapsed.Round(time.Second)))
		}
	}
	for _, o := range j.latencies {
		if o.Metric != scenarios.Percentile {
			continue
		}
		// By the service time: what the generator was late by is not the stack's.
		slow := ended * shareAbove(soFar.Latency.Service, time.Duration(o.Limit))
		// What was due before the limit and has not ended is too slow, too.
		waiting := rate*elapsed.Seconds() - ended - rate*time.Duration(o.Limit).Seconds()
		if float64(soFar.Latency.Lag.P90) > o.Limit/hopeless {
			waiting = 0 // or has not been sent
		}
		if allowed := (100 - o.Rank) / 100 * all; slow+max(0, waiting) > max(hopeless*allowed, hopeless) {
			return fmt.Sprintf("at least %s of %s requests took longer than %s within %s", units.Count(int64(slow+max(0, waiting))), units.Count(int64(all)),
				units.Latency(time.Duration(o.Limit)), units.Duration(elapsed.Round(time.Second)))
		}
	}
	return ""
}

// shareAbove is a share (0–1) that is surely above the limit.
func shareAbove(s results.Stats, limit time.Duration) float64 {
	for _, p := range s.Ranks() {
		if p.Value > limit {
			return 1 - p.Rank/100
		}
	}
	return 0
}

// atCapacity is the run with what is worth looking at of a capacity search: at
// each scale the trials at the supported rate or, where there is none, at the
// highest that passed, or else at the lowest that was measured. Their load is
// named with its rate.
func atCapacity(run *results.Run, c *CapacityResult) *results.Run {
	rates := map[string]float64{} // by scale
	for _, s := range c.Searches {
		lowest := 0.0
		for _, t := range run.Manifest.Plan.Trials {
			if t.Scale.String() == s.Scale && (lowest == 0 || t.Rate < lowest) {
				lowest = t.Rate
			}
		}
		rates[s.Scale] = cmp.Or(s.Supported, s.Passing, lowest)
	}
	out := *run
	m := &out.Manifest
	m.Loads, m.LoadNames, m.Plan.Trials, out.Trials = map[string]results.LoadSummary{}, nil, nil, nil
	names := map[int]string{}
	base := run.Manifest.Loads[c.Load]
	for _, t := range run.Manifest.Plan.Trials {
		if t.Rate != rates[t.Scale.String()] {
			continue
		}
		name, summary := t.LoadText(), base
		summary.Rate = t.Rate
		summary.Text = strings.Replace(base.Text, scenarios.RateOf(base.Rate).String(), scenarios.RateOf(t.Rate).String(), 1)
		t.Load, names[t.Index], m.Loads[name] = name, name, summary
		if !slices.Contains(m.LoadNames, name) {
			m.LoadNames = append(m.LoadNames, name)
		}
		m.Plan.Trials = append(m.Plan.Trials, t)
	}
	for _, t := range run.Trials {
		if name, ok := names[t.Trial.Index]; ok {
			t.Trial.Load = name
			out.Trials = append(out.Trials, t)
		}
	}
	return &out
}

// judgeCapacity adds what a capacity search says, and returns the run as the
// rest of the document shows it.
func (d *Document) judgeCapacity(run *results.Run) (*results.Run, error) {
	if run.Manifest.Capacity == nil {
		return run, nil
	}
	var trials []results.Trial
	for _, t := range run.Trials {
		trials = append(trials, t.Trial)
	}
	var err error
	if d.Capacity, err = JudgeCapacity(run.Manifest, trials); err != nil {
		return nil, fmt.Errorf("run %q: %w", run.Manifest.ID, err)
	}
	return atCapacity(run, d.Capacity), nil
}

// reason says of each search that gives no supported rate what it came to.
func (c *CapacityResult) reason() string {
	var texts []string
	for _, s := range c.Searches {
		if s.Outcome.Verdict == capacity.Supported {
			continue
		}
		text := s.Text
		if len(c.Searches) > 1 {
			text = s.Scale + ": " + text
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// Judged is what the search says in the terms of objectives.
func (s CapacitySearch) Judged() Verdict {
	switch s.Verdict {
	case capacity.Supported:
		return Pass
	case capacity.Invalid:
		return InvalidResult
	}
	return Inconclusive
}

// capacityHeadlines say each search's outcome.
func capacityHeadlines(doc *Document) []string {
	if doc.Capacity == nil {
		return nil
	}
	var texts []string
	for _, s := range doc.Capacity.Searches {
		texts = append(texts, s.sentence(len(doc.Capacity.Searches) > 1))
	}
	return texts
}

// sentence is a search's outcome in words.
func (s CapacitySearch) sentence(several bool) string {
	text := s.Text
	if s.Estimate != nil {
		text += fmt.Sprintf("; estimate %s [%s, %s]", rateText(s.Estimate.Rate), rateText(s.Estimate.Low), rateText(s.Estimate.High))
	}
	text += fmt.Sprintf("; %s", plural(s.Trials, "trial"))
	if s.Void > 0 {
		text += fmt.Sprintf(", %d more do not count", s.Void)
	}
	if s.LimitedBy != "" && s.LimitedBy != capacity.Highest {
		text += "; limited by: " + s.Limit()
	}
	if several {
		text = s.Scale + ": " + text
	}
	return text + "."
}

// Limit says in words what the rate is limited by; "" if that is not known.
func (s CapacitySearch) Limit() string {
	if s.LimitedBy == capacity.Generator {
		return "load generator"
	}
	return string(s.LimitedBy)
}

// LatencyNames are the names of the latencies that have objectives, each once.
func (c *CapacityResult) LatencyNames() []string {
	var names []string
	for _, s := range c.Searches {
		for _, p := range s.Points {
			for _, l := range p.Latencies {
				names = append(names, l.Name)
			}
		}
	}
	return distinct(names)
}

func rateText(rate float64) string { return fmt.Sprintf("%g/s", capacity.Round(rate)) }
