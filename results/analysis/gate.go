package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis/gate"
)

// GateResult is what a gate says of its candidate.
type GateResult struct {
	Baseline  string `json:"baseline"` // environments
	Candidate string `json:"candidate"`
	Load      string `json:"load"`
	Scale     string `json:"scale"`
	// Verdict is the worst of the metrics'.
	Verdict Verdict `json:"verdict"`
	// Metrics are what was judged, in the order in which they were asked for.
	Metrics []GateMetric `json:"metrics"`
	Rounds  []GateRound  `json:"rounds"`
	// Next is the number of counted rounds at which it is decided next, while a
	// gate goes on; 0 once it is.
	Next int `json:"-"`
}

// GateMetric is the verdict on one metric. Changes are fractions of the
// baseline: 0.05 is 5 % more, which is worse.
type GateMetric struct {
	Metric string `json:"metric"` // as it was asked for: "p(99)"
	Name   string `json:"name"`   // "p99"
	Unit   Unit   `json:"unit"`
	// Reason names what the verdict rests on, Text is it as a sentence.
	Verdict  Verdict     `json:"verdict"`
	Reason   gate.Reason `json:"reason"`
	Text     string      `json:"text"`
	Looks    []gate.Look `json:"looks"`
	Warnings []string    `json:"warnings"`
	// Baseline and Candidate are the medians of the rounds that count.
	Baseline  Value `json:"baseline"`
	Candidate Value `json:"candidate"`

	next int // rounds at which it is decided next; 0: it is
}

// Last is the last look; nil if there was none.
func (m GateMetric) Last() *gate.Look {
	if len(m.Looks) == 0 {
		return nil
	}
	return &m.Looks[len(m.Looks)-1]
}

// GateRound is one round: both sides, measured one after the other.
type GateRound struct {
	Round          int  `json:"round"` // from 1
	CandidateFirst bool `json:"candidate_first"`
	// Void are the reasons why the round does not count.
	Void []string `json:"void,omitempty"`
	// Baseline and Candidate are the values of each metric; NaN, null in JSON,
	// where a side was not measured.
	Baseline  []Value `json:"baseline"`
	Candidate []Value `json:"candidate"`
}

// Value is a figure that may be missing: NaN then, and null in JSON.
type Value float64

// MarshalJSON writes null for NaN.
func (v Value) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(v))
}

// Counted is how many rounds count.
func (g *GateResult) Counted() int {
	n := 0
	for _, r := range g.Rounds {
		if len(r.Void) == 0 {
			n++
		}
	}
	return n
}

// Enough reports whether the gate is decided: one metric failed, or all have a
// verdict.
func (g *GateResult) Enough() bool { return g.Next == 0 }

// JudgeGate holds the finished trials of a gate's rounds against each other.
// More says that further rounds can be had. A trial that failed makes its round
// void. An error means that the settings make no sense.
func JudgeGate(m results.Manifest, trials []results.Trial, more bool) (*GateResult, error) {
	g := *m.Gate
	measures := make([]GateMeasure, len(g.Metrics))
	for i, text := range g.Metrics {
		var err error
		if measures[i], err = ParseGateMeasure(text); err != nil {
			return nil, err
		}
		measures[i].request = g.Request
	}
	out := &GateResult{
		Baseline: g.Baseline, Candidate: g.Candidate, Load: g.Load, Scale: m.Plan.Trials[0].Scale.String(),
		Verdict: Pass, Metrics: []GateMetric{}, Rounds: []GateRound{},
	}
	pairs := pairsOf(m, trials)
	for n, p := range pairs {
		shown := GateRound{Round: n + 1, CandidateFirst: gate.CandidateFirst(m.Plan.Seed, n), Void: p.void()}
		for _, measure := range measures {
			shown.Baseline = append(shown.Baseline, Value(measure.of(p.baseline)))
			shown.Candidate = append(shown.Candidate, Value(measure.of(p.candidate)))
		}
		out.Rounds = append(out.Rounds, shown)
	}
	for i, measure := range measures {
		settings := gate.Settings{
			Metric: measure.Name, Percentile: measure.percentile,
			MinEffect: g.MinEffect, Tolerance: g.Tolerance,
			// Holm's procedure fails the first of several at its share of alpha,
			// and one that fails decides.
			Looks:       gate.Spread(g.Alpha/float64(len(measures)), g.Beta, g.Looks...),
			ErrorMargin: g.ErrorMargin, MaxErrors: g.MaxErrors, MaxVoid: g.MaxVoid, Seed: m.Plan.Seed,
		}
		rounds := make([]gate.Round, len(pairs))
		for n, p := range pairs {
			rounds[n] = gate.Round{Void: out.Rounds[n].Void, Baseline: measure.side(p.baseline), Candidate: measure.side(p.candidate)}
		}
		d, err := gate.Judge(rounds, settings, more)
		if err != nil {
			return nil, err
		}
		out.Metrics = append(out.Metrics, out.metric(measure, i, d))
	}
	out.conclude()
	return out, nil
}

// judgeGate adds what a gate's run says. What an objective demands, it demands
// of the candidate, under a load that it says something about.
func (d *Document) judgeGate(run *results.Run) error {
	if run.Manifest.Gate == nil {
		return nil
	}
	var trials []results.Trial
	for _, t := range run.Trials {
		trials = append(trials, t.Trial)
	}
	var err error
	if d.Gate, err = JudgeGate(run.Manifest, trials, false); err != nil {
		return fmt.Errorf("run %q: gate: %w", run.Manifest.ID, err)
	}
	candidate := d.Cell(d.Gate.Candidate, d.Gate.Scale, d.Gate.Load)
	d.Objectives = slices.DeleteFunc(d.Objectives, func(o ObjectiveResult) bool {
		return candidate == nil || o.Verdict == NotApplicable || o.Cell != "" && o.Cell != candidate.Name
	})
	return nil
}

// gateHeadlines say each metric's verdict.
func gateHeadlines(doc *Document) []Headline {
	if doc.Gate == nil {
		return nil
	}
	var list []Headline
	for _, m := range doc.Gate.Metrics {
		list = append(list, Headline{Topic: AboutGate, Verdict: m.Verdict, Text: fmt.Sprintf("%s: %s.", m.Verdict, m.Text)})
	}
	return list
}

// metric is a decision with what was measured.
func (g *GateResult) metric(measure GateMeasure, i int, d gate.Decision) GateMetric {
	var before, after []float64
	for _, r := range g.Rounds {
		if len(r.Void) == 0 {
			before, after = append(before, float64(r.Baseline[i])), append(after, float64(r.Candidate[i]))
		}
	}
	m := GateMetric{
		Metric: measure.Text, Name: measure.Name, Unit: measure.Unit,
		Verdict: gateVerdict(d.Verdict), Reason: d.Reason, Text: d.Text, Looks: d.Looks, Warnings: append([]string{}, d.Warnings...),
		next: d.Next,
	}
	if len(before) > 0 {
		m.Baseline, m.Candidate = Value(rangeOf(before).Median), Value(rangeOf(after).Median)
	}
	return m
}

// gateVerdict is a decision's verdict; one that is still open is undecided.
func gateVerdict(v gate.Verdict) Verdict {
	if v == gate.Continue {
		return Inconclusive
	}
	return Verdict(v)
}

// conclude makes one verdict of the metrics': a failure decides, whatever the
// others say.
func (g *GateResult) conclude() {
	for _, v := range []Verdict{Inconclusive, InvalidResult, Fail} {
		if slices.ContainsFunc(g.Metrics, func(m GateMetric) bool { return m.Verdict == v }) {
			g.Verdict = v
		}
	}
	if g.Verdict == Fail || g.Verdict == InvalidResult {
		return
	}
	for _, m := range g.Metrics {
		if m.next > 0 && (g.Next == 0 || m.next < g.Next) {
			g.Next = m.next
		}
	}
}

// pair is a round's two trials; nil: not finished.
type pair struct {
	baseline, candidate *results.Trial
	failed              []string
}

// pairsOf groups trials by round. A round that is under way is left out.
func pairsOf(m results.Manifest, trials []results.Trial) []pair {
	var pairs []pair
	round := map[int]int{} // of a trial, by index
	for _, t := range m.Plan.Trials {
		round[t.Index] = t.Repetition
		for len(pairs) < t.Repetition {
			pairs = append(pairs, pair{})
		}
	}
	for i, t := range trials {
		if n := round[t.Index]; n > 0 && t.Environment == m.Gate.Candidate {
			pairs[n-1].candidate = &trials[i]
		} else if n > 0 && t.Environment == m.Gate.Baseline {
			pairs[n-1].baseline = &trials[i]
		}
	}
	for _, f := range m.Failures {
		if n := round[f.Index]; n > 0 {
			pairs[n-1].failed = append(pairs[n-1].failed, fmt.Sprintf("%s: %s", f.Environment, f.Reason))
		}
	}
	return slices.DeleteFunc(pairs, func(p pair) bool {
		return (p.baseline == nil || p.candidate == nil) && len(p.void()) == 0
	})
}

// void says what spoiled a round. All of it is about how the load was
// generated, the environment, or a system that was not in a steady state; none
// about how long an answer took.
func (p pair) void() []string {
	list := slices.Clone(p.failed)
	for _, t := range []*results.Trial{p.baseline, p.candidate} {
		if t == nil {
			continue
		}
		for i, broken := range t.Validity.Broken {
			// A load's own bound on its connections is part of what is asked.
			if broken == results.LocalLimits && t.Validity.Verdict != results.Invalid {
				continue
			}
			list = append(list, fmt.Sprintf("%s: %s", t.Environment, t.Validity.Reasons[i]))
		}
		if t.Steady.Unsteady() {
			list = append(list, fmt.Sprintf("%s: %s: %s", t.Environment, t.Steady.Verdict, t.Steady.Why))
		}
	}
	return list
}

// GateMeasure is a figure of a trial that a gate can judge. More of it is worse.
type GateMeasure struct {
	Text string // "p(99)"
	Name string // "p99"
	Unit Unit
	// NeedsOpenLoop: a load that limits itself says nothing about it.
	// NeedsClosedLoop: an open loop's rate is given.
	NeedsOpenLoop, NeedsClosedLoop bool

	percentile float64
	request    string
	service    string // of CPU; empty: the whole stack
}

// ParseGateMeasure reads "p(99)", "throughput", "cpu" or "cpu(web)".
func ParseGateMeasure(text string) (GateMeasure, error) {
	m := GateMeasure{Text: text, Unit: Nanoseconds}
	name, argument, hasArgument := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	if hasArgument != strings.HasSuffix(text, ")") || hasArgument && argument == "" {
		name = text
	}
	switch {
	case name == "p" && hasArgument:
		rank, err := strconv.ParseFloat(argument, 64)
		if _, known := rankOf(results.Stats{}, rank); err != nil || !known || rank >= 100 {
			return m, fmt.Errorf("%q is no percentile that a gate judges; those are p(50), p(90), p(95), p(98), p(99) and p(99.9)", text)
		}
		m.Name, m.percentile, m.NeedsOpenLoop = fmt.Sprintf("p%g", rank), rank, true
	case name == "throughput" && !hasArgument:
		m.Name, m.NeedsClosedLoop = "time per good answer (1 ÷ throughput)", true
	case name == "cpu" && !hasArgument:
		m.Name = "CPU time per request"
	case name == "cpu":
		m.Name, m.service = "CPU time per request of "+argument, argument
	default:
		return m, fmt.Errorf("a gate cannot judge %q; it can judge p(99) and other percentiles, throughput, cpu and cpu(SERVICE)", text)
	}
	return m, nil
}

// of is the measure's value in a trial, NaN where there is none.
func (m GateMeasure) of(t *results.Trial) float64 {
	switch {
	case t == nil:
		return math.NaN()
	case m.percentile > 0:
		return m.latency(t)
	case m.NeedsClosedLoop:
		return positive(1e9 / t.Throughput)
	}
	var cpu time.Duration
	for _, u := range t.Usage {
		if m.service == "" || u.Service == m.service {
			cpu += u.CPUPerRequest
		}
	}
	return positive(float64(cpu))
}

func (m GateMeasure) latency(t *results.Trial) float64 {
	stats := t.Latency.Response
	if m.request != "" {
		named := t.ByName[m.request].Latency
		if named == nil {
			return math.NaN()
		}
		stats = named.Response
	}
	d, _ := rankOf(stats, m.percentile)
	return positive(float64(d))
}

// positive is v, or NaN for what has no logarithm.
func positive(v float64) float64 {
	if v > 0 && !math.IsInf(v, 0) {
		return v
	}
	return math.NaN()
}

// side is a trial as one start of its stack. Requests that were due and never
// sent count as failed.
func (m GateMeasure) side(t *results.Trial) gate.Side {
	if t == nil {
		return gate.Side{}
	}
	counts := t.Requests
	if m.request != "" && m.percentile > 0 {
		counts = t.ByName[m.request].Counts
	}
	unsent := max(0, t.Due-t.Requests.Sent)
	return gate.Side{
		// A stack's start comes before its trial's load.
		Started: t.Started, Ended: t.Started.Add(t.Duration),
		Blocks: []gate.Block{{
			Value: m.of(t), Requests: counts.OK + counts.Failed + unsent, Errors: counts.Failed + unsent, Timeouts: counts.Timeouts,
		}},
	}
}
