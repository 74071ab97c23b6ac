package analysis

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/results/analysis/size"
	"plimsoll/scenarios"
)

// sized is a stored trial with the run that it is of.
type sized struct {
	results.StoredTrial
	run  int
	load results.LoadSummary
}

// trials are those of the environment, in the order of the runs.
func (s *sizer) trials() iter.Seq[sized] {
	return func(yield func(sized) bool) {
		for i, run := range s.runs {
			for _, t := range run.Trials {
				if t.Trial.Environment == s.Environment && !yield(sized{t, i, run.Manifest.Loads[t.Trial.Load]}) {
					return
				}
			}
		}
	}
}

// isStep reports whether a trial is a step of the ladder.
func (s *sizer) isStep(t sized) bool {
	return s.runs[t.run].Manifest.Capacity == nil && s.pattern != "" && t.load.Pattern == s.pattern && (len(s.Loads) == 0 || slices.Contains(s.Loads, t.Trial.Load))
}

// start names an independent start: a repetition of a run at a number of
// replicas. Stacks that were brought up by hand are one start for all of a
// run's trials, and a capacity search is one however many trials it took.
type start struct{ replicas, run, repetition int }

// ladder is what one start showed, at one rate after the other.
type ladder struct{ steps []step }

// step is one rate, measured on one start.
type step struct {
	rate    float64
	verdict Verdict
	trial   *observed // without its log, which is large
	host    float64   // share of the machine's CPUs that were in use; 0: unknown
	limited bool      // it is invalid, by the load generator's doing
	// unsettled is why it may not show what replicas do in the long run.
	unsettled string
}

// read judges the trials.
func (s *sizer) read() error {
	s.starts = map[start]*ladder{}
	for t := range s.trials() {
		switch {
		case s.isStep(t):
			s.addStep(t)
		case s.pattern == "" && closed(t.Trial.Mode):
			s.plain = append(s.plain, t)
		}
	}
	for i := range s.runs {
		if err := s.addSearches(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *sizer) addStep(t sized) {
	m := s.runs[t.run].Manifest
	at := start{replicas: t.Trial.Scale[s.Service], run: t.run, repetition: t.Trial.Trial}
	if m.Provenance.Attached {
		at.repetition = 0
	}
	if s.starts[at] == nil {
		s.starts[at] = new(ladder)
	}
	o, _ := observe(t.StoredTrial)
	verdict, why := s.judge(o, t.load, m.Provenance)
	if verdict != Pass && verdict != Fail {
		s.leftOut++
		s.whyLeftOut = cmp.Or(s.whyLeftOut, fmt.Sprintf("%s with %s: %s", o.Load, replicaCount(at.replicas), why))
	}
	if o.Validity.Verdict == results.Suspect && (verdict == Pass || verdict == Fail) {
		s.suspect++
		s.suspected = cmp.Or(s.suspected, firstOf(o.Validity.Reasons))
	}
	s.starts[at].steps = append(s.starts[at].steps, s.step(t.load.Rate, verdict, o, m.Provenance))
}

func (s *sizer) step(rate float64, verdict Verdict, o *observed, p results.Provenance) step {
	st := step{
		rate: rate, verdict: verdict, trial: &observed{Trial: o.Trial},
		limited:   verdict == InvalidResult && !slices.Contains(o.Validity.Broken, results.HostSteal),
		unsettled: size.Unsettled(o.response.Buckets(), 0, o.Duration),
	}
	// Of an engine elsewhere the CPUs are not known.
	if p.CPUs > 0 && len(o.Usage) > 0 && o.Duration > 0 && !strings.Contains(p.Engines[s.Environment], " at ") {
		used := o.Worker.CPU + time.Duration(sum(o.Usage, func(u results.UsageTotal) float64 { return float64(u.CPU) }))
		st.host = cores(used, o.Duration) / float64(p.CPUs)
	}
	return st
}

// judge holds one trial against all objectives: the worst verdict counts. A
// rate above what a stack supports is rarely steady, since its queue grows: that
// it misses an objective counts all the same, but not that it meets them.
func (s *sizer) judge(o *observed, load results.LoadSummary, p results.Provenance) (Verdict, string) {
	judged := *o
	judged.Steady = nil
	g := &cellGroup{environment: o.Environment, load: o.Load, planned: 1, trials: []*observed{&judged}}
	c := summarize(g, load, p)
	verdict, why := Pass, ""
	for _, objective := range s.Objectives {
		r := judgeCell(objective, g, &c)
		switch {
		case r.Verdict == InvalidResult:
			return InvalidResult, r.Why
		case r.Verdict == Fail:
			verdict, why = Fail, r.Why
		case r.Verdict == Inconclusive && verdict == Pass:
			verdict, why = Inconclusive, r.Why
		}
	}
	if ok, unsteady := o.MayBeCompared(); verdict == Pass && !ok {
		return Inconclusive, "it met the objectives, but was not steady (" + unsteady + ")"
	}
	return verdict, why
}

// found is what a start comes to.
type found struct {
	size.Start
	decided int     // trials that count
	limited bool    // by the load generator, before a rate failed
	above   float64 // a rate that met the objectives above one that did not
	edge    []step  // at the limit: those that met, the first that failed
}

// climb goes up the rates: the highest that met the objectives, with all lower
// ones meeting them, and the lowest that did not. Of trials at the same rate
// all have to meet them.
func (l *ladder) climb() found {
	worstFirst := []Verdict{Fail, Pass, Inconclusive, InvalidResult}
	steps := slices.SortedStableFunc(slices.Values(l.steps), func(a, b step) int {
		return cmp.Or(cmp.Compare(a.rate, b.rate), cmp.Compare(slices.Index(worstFirst, a.verdict), slices.Index(worstFirst, b.verdict)))
	})
	var f found
	for _, st := range steps {
		if st.verdict == Fail || st.verdict == Pass {
			f.decided++
		}
		switch {
		case st.verdict == Fail && f.Failed == 0:
			f.Failed = st.rate
			f.edge = append(f.edge, st)
		case st.verdict == Pass && f.Failed == 0:
			f.Met = st.rate
			f.edge = []step{st}
		case st.verdict == Pass && st.rate > f.Failed:
			f.above = st.rate
		case st.limited && f.Failed == 0:
			f.limited = true
		}
	}
	f.limited = f.limited && f.Failed == 0
	return f
}

// levels are the supported rates by number of replicas.
func (s *sizer) levels() []SizedLevel {
	all := maps.Clone(s.searches)
	for at, l := range s.starts {
		all[at] = l.climb()
	}
	byReplicas := map[int]*SizedLevel{}
	hosts := map[int][]float64{}
	s.atLimit = map[int][]*observed{}
	for _, at := range slices.SortedFunc(maps.Keys(all), func(a, b start) int {
		return cmp.Or(cmp.Compare(a.replicas, b.replicas), cmp.Compare(a.run, b.run), cmp.Compare(a.repetition, b.repetition))
	}) {
		f := all[at]
		l := byReplicas[at.replicas]
		if l == nil {
			l = &SizedLevel{Level: size.Level{Replicas: at.replicas, Starts: []size.Start{}}}
			byReplicas[at.replicas] = l
		}
		l.Trials += f.decided
		if f.decided == 0 {
			continue
		}
		l.Starts = append(l.Starts, f.Start)
		l.Limited = l.Limited || f.limited
		if f.Failed > f.Met && (l.NextFailed == 0 || f.Failed < l.NextFailed) {
			l.NextFailed = f.Failed
		}
		host := 0.0
		for _, st := range f.edge {
			l.Unsettled = cmp.Or(l.Unsettled, st.unsettled)
			host = max(host, st.host)
			if st.verdict == Pass {
				l.Scale = scenarios.Scale(st.trial.Scale).String()
				if s.shortest == 0 || st.trial.Duration < s.shortest {
					s.shortest = st.trial.Duration
				}
				s.atLimit[at.replicas] = append(s.atLimit[at.replicas], st.trial)
			}
		}
		if host > 0 {
			hosts[at.replicas] = append(hosts[at.replicas], host)
			s.shared = true
		}
		if f.above > 0 {
			s.doubts = append(s.doubts, fmt.Sprintf("with %s, %s met the objectives though %s, which is lower, did not: it does not count",
				replicaCount(at.replicas), throughput.Text(f.above), throughput.Text(f.Failed)))
		}
	}
	list := []SizedLevel{}
	for _, n := range slices.Sorted(maps.Keys(byReplicas)) {
		l := byReplicas[n]
		l.HostShare = rangeOf(hosts[n]).Median
		l.summarize()
		list = append(list, *l)
	}
	return list
}

func replicaCount(n int) string { return plural(n, "replica") }
