package analysis

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

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
	return s.pattern != "" && t.load.Pattern == s.pattern && (len(s.Loads) == 0 || slices.Contains(s.Loads, t.Trial.Load))
}

// start names an independent start: a repetition of a run at a number of
// replicas. Stacks that were brought up by hand are one start for all of a
// run's trials.
type start struct{ replicas, run, repetition int }

// ladder is what one start showed.
type ladder struct {
	steps []step
	scale string
}

// step is one rate, measured on one start.
type step struct {
	rate    float64
	verdict Verdict
	trial   *observed
	cpus    int // of the machine; 0: unknown, or the stack's is another
}

// read judges the trials.
func (s *sizer) read() {
	s.starts = map[start]*ladder{}
	for t := range s.trials() {
		switch {
		case s.isStep(t):
			s.addStep(t)
		case s.pattern == "" && closed(t.Trial.Mode):
			s.plain = append(s.plain, t)
		}
	}
}

func (s *sizer) addStep(t sized) {
	m := s.runs[t.run].Manifest
	o, _ := observe(t.StoredTrial)
	at := start{replicas: o.Scale[s.Service], run: t.run, repetition: o.Trial.Trial}
	if m.Provenance.Attached {
		at.repetition = 0
	}
	one := s.starts[at]
	if one == nil {
		one = &ladder{scale: scenarios.Scale(o.Scale).String()}
		s.starts[at] = one
	}
	verdict, why := s.judge(o, t.load, m.Provenance)
	if verdict != Pass && verdict != Fail {
		s.doubts = append(s.doubts, fmt.Sprintf("%s at %s with %s: %s", o.Load, throughput.Text(t.load.Rate), replicaCount(at.replicas), why))
	}
	cpus := m.Provenance.CPUs
	if len(o.Usage) == 0 || strings.Contains(m.Provenance.Engines[s.Environment], " at ") {
		cpus = 0
	}
	one.steps = append(one.steps, step{t.load.Rate, verdict, o, cpus})
}

// judge holds one trial against all objectives: the worst verdict counts.
func (s *sizer) judge(o *observed, load results.LoadSummary, p results.Provenance) (Verdict, string) {
	g := &cellGroup{environment: o.Environment, load: o.Load, planned: 1, trials: []*observed{o}}
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
	return verdict, why
}

// levels are the supported rates by number of replicas.
func (s *sizer) levels() []SizedLevel {
	byReplicas := map[int]*SizedLevel{}
	hosts := map[int][]float64{}
	s.atLimit = map[int][]*observed{}
	for _, at := range slices.SortedFunc(maps.Keys(s.starts), func(a, b start) int {
		return cmp.Or(cmp.Compare(a.replicas, b.replicas), cmp.Compare(a.run, b.run), cmp.Compare(a.repetition, b.repetition))
	}) {
		one := s.starts[at]
		l := byReplicas[at.replicas]
		if l == nil {
			l = &SizedLevel{Level: size.Level{Replicas: at.replicas, Starts: []size.Start{}}, Scale: one.scale}
			byReplicas[at.replicas] = l
		}
		found := one.climb()
		l.Trials += found.decided
		if found.decided == 0 {
			continue
		}
		l.Starts = append(l.Starts, found.Start)
		for _, st := range found.edge {
			if st.verdict == Pass {
				s.atLimit[at.replicas] = append(s.atLimit[at.replicas], st.trial)
			}
		}
		l.Limited = l.Limited || found.limited
		l.Unsettled = cmp.Or(l.Unsettled, found.unsettled)
		if found.host > 0 {
			hosts[at.replicas] = append(hosts[at.replicas], found.host)
		}
		if found.Failed > 0 && (l.NextFailed == 0 || found.Failed < l.NextFailed) {
			l.NextFailed = found.Failed
		}
		if found.above > 0 {
			s.doubts = append(s.doubts, fmt.Sprintf("with %s, %s met the objectives though %s, which is lower, did not: it does not count",
				replicaCount(at.replicas), throughput.Text(found.above), throughput.Text(found.Failed)))
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

// found is what a start's ladder of rates comes to.
type found struct {
	size.Start
	decided   int     // steps that count
	limited   bool    // by the load generator, before a rate failed
	above     float64 // a rate that met the objectives above one that did not
	host      float64 // share of the machine's CPUs that were in use
	unsettled string
	edge      []step // at the limit: the last that met, the first that failed
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
		switch {
		case st.verdict == Fail && f.Failed == 0:
			f.decided++
			f.Failed = st.rate
			f.edge = append(f.edge, st)
		case st.verdict == Pass && f.Failed == 0:
			f.decided++
			f.Met = st.rate
			f.edge = []step{st}
		case st.verdict == Pass && st.rate > f.Failed:
			f.decided++
			f.above = st.rate
		case st.verdict == Fail || st.verdict == Pass:
			f.decided++
		case st.verdict == InvalidResult && f.Failed == 0:
			f.limited = true
		}
	}
	f.limited = f.limited && f.Failed == 0
	for _, st := range f.edge {
		if st.cpus > 0 {
			used := st.trial.Worker.CPU.Seconds() + sum(st.trial.Usage, func(u results.UsageTotal) float64 { return u.CPU.Seconds() })
			f.host = max(f.host, used/st.trial.Duration.Seconds()/float64(st.cpus))
		}
		if why := size.Unsettled(st.trial.response.Buckets(), 0, st.trial.Duration); why != "" && f.unsettled == "" {
			f.unsettled = why
		}
	}
	return f
}

func replicaCount(n int) string { return plural(n, "replica") }
