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
	"plimsoll/results/analysis/size"
	"plimsoll/scenarios"
)

// addNeeds says what the services need for the rate, from the trials at the
// limit of that level which is nearest to the planned number of replicas.
func (s *sizer) addNeeds(doc *Sizing) {
	plan := doc.Answer.Plan
	level, distance := 0, math.MaxInt
	for _, n := range slices.Sorted(maps.Keys(s.atLimit)) {
		d := -n // without a plan, the highest
		if plan > 0 {
			d = max(n-plan, plan-n)
		}
		if d < distance {
			level, distance = n, d
		}
	}
	trials := s.atLimit[level]
	if slices.ContainsFunc(trials, func(o *observed) bool { return len(o.Usage) == 0 }) || len(trials) == 0 {
		return
	}
	perRequest, peak, count := map[string][]float64{}, map[string]float64{}, map[string]int{}
	for _, o := range trials {
		for _, u := range o.services() {
			perRequest[u.name] = append(perRequest[u.name], float64(u.perReq))
			peak[u.name] = max(peak[u.name], float64(u.peak))
			count[u.name] = len(u.replicas)
		}
	}
	var cpus, memory float64
	for _, name := range slices.Sorted(maps.Keys(perRequest)) {
		n := Need{Service: name, CPUPerRequest: rangeOf(perRequest[name]).Median, ReplicaMemory: peak[name]}
		n.VCPUs = doc.Rate * n.CPUPerRequest / float64(time.Second)
		if plan > 0 {
			n.Replicas = count[name]
			if name == doc.Service {
				n.Replicas = plan
			}
			n.Memory = float64(n.Replicas) * n.ReplicaMemory
		}
		cpus, memory = cpus+n.VCPUs, memory+n.Memory
		doc.Needs = append(doc.Needs, n)
	}
	doc.NeedsFrom = level
	if plan > 0 && s.Prices != nil {
		hour := s.Prices.PerHour(cpus, memory)
		doc.Cost = &Cost{Prices: *s.Prices, PerHour: hour, PerMillionRequests: hour / (doc.Rate * 3600) * 1e6}
	}
}

// closedScaling is what the first of the closed loops reached; nil if there is
// none.
func (s *sizer) closedScaling() *ClosedScaling {
	chosen := func(t sized) bool { return len(s.Loads) == 0 || slices.Contains(s.Loads, t.Trial.Load) }
	first := slices.IndexFunc(s.plain, chosen)
	if first < 0 {
		return nil
	}
	c := &ClosedScaling{Load: s.plain[first].Trial.Load, Levels: []SizedLevel{}}
	byReplicas := map[int]*SizedLevel{}
	for _, t := range s.plain {
		if ok, _ := t.Trial.MayBeCompared(); t.Trial.Load != c.Load || !ok || t.Trial.Throughput <= 0 {
			continue
		}
		n := t.Trial.Scale[s.Service]
		l := byReplicas[n]
		if l == nil {
			l = &SizedLevel{Level: size.Level{Replicas: n}, Scale: scenarios.Scale(t.Trial.Scale).String()}
			byReplicas[n] = l
		}
		o, _ := observe(t.StoredTrial)
		l.Trials++
		l.Starts = append(l.Starts, size.Start{Met: o.Throughput, Failed: o.Throughput})
		l.Unsettled = cmp.Or(l.Unsettled, size.Unsettled(o.response.Buckets(), t.load.Concurrency, o.Duration))
	}
	var levels []size.Level
	for _, n := range slices.Sorted(maps.Keys(byReplicas)) {
		l := byReplicas[n]
		l.summarize()
		levels = append(levels, l.Level)
		c.Levels = append(c.Levels, *l)
	}
	c.Curve = size.Fit(levels)
	c.Retrograde = size.Retrograde(levels)
	c.Text = fmt.Sprintf("%s: closed loop, not a capacity: the load limits itself, and its throughput depends on how many requests were sent and how many at a time.", c.Load)
	return c
}

// noLadder is the answer where no load has a constant rate.
func noLadder(rate float64, c *ClosedScaling) size.Answer {
	a := size.Answer{
		Rate: rate, Verdict: size.Inconclusive, Reason: size.NoLadder, Notes: []string{},
		Text: fmt.Sprintf("%s: not determined: no load has a constant rate.", throughput.Text(rate)),
		Next: "Add open-loop loads at several rates to the scenario, such as {rate: 100/s, duration: 60s}, from where the objective holds up to where it fails, and run them at each scale; or run plimsoll capacity.",
	}
	if c != nil {
		a.Text += " The throughput of a closed loop is not used: such a load waits for the stack, so it does not say at which rate of arrivals an objective still holds."
	}
	return a
}

// notes are what has to be known besides.
func (s *sizer) notes() []string {
	var list []string
	if s.shared {
		list = append(list, "All replicas ran on one machine, with the load generator: they share its CPUs, and this curve says nothing about more machines.")
	}
	if s.shortest > 0 && s.shortest < steadyAfter {
		list = append(list, fmt.Sprintf("Loads lasted only %s: above what a stack supports its queue grows, and in a short load not long enough to be seen. What is called supported may be too much; let loads last %v or more.",
			units.Latency(s.shortest), steadyAfter))
	}
	if len(s.others) > 0 {
		list = append(list, fmt.Sprintf("The number of %s replicas differs, too: what is said of %s holds together with it.", strings.Join(s.others, ", "), s.Service))
	}
	for i, run := range s.runs {
		if run.Manifest.Provenance.Attached {
			list = append(list, fmt.Sprintf("Run %s was measured on stacks that had been brought up by hand: all its trials at a scale are one start.", run.Manifest.ID))
		}
		if i > 0 {
			if differs := differences(s.runs[0].Manifest, run.Manifest); len(differs) > 0 {
				list = append(list, fmt.Sprintf("Runs %s and %s differ in %s.", s.runs[0].Manifest.ID, run.Manifest.ID, strings.Join(differs, ", ")))
			}
		}
	}
	if s.suspect > 0 {
		list = append(list, fmt.Sprintf("%s of those that count are suspect, such as: %s.", plural(s.suspect, "trial"), s.suspected))
	}
	if s.leftOut > 0 {
		list = append(list, fmt.Sprintf("%s decide nothing, such as %s.", plural(s.leftOut, "more trial"), s.whyLeftOut))
	}
	return append(list, distinct(s.doubts)...)
}

// differences names what of two runs' circumstances is not the same.
func differences(a, b results.Manifest) []string {
	var list []string
	for _, part := range []struct{ name, a, b string }{
		{"their scenarios", a.Scenario, b.Scenario},
		{"their hosts", a.Provenance.Host, b.Provenance.Host},
		{"their CPUs", fmt.Sprint(a.Provenance.CPU, a.Provenance.CPUs), fmt.Sprint(b.Provenance.CPU, b.Provenance.CPUs)},
		{"their kernels", a.Provenance.Kernel, b.Provenance.Kernel},
		{"their engines", fmt.Sprint(a.Provenance.Engines), fmt.Sprint(b.Provenance.Engines)},
		{"their images", fmt.Sprint(a.Provenance.Images), fmt.Sprint(b.Provenance.Images)},
		{"the program's version", a.Provenance.Version, b.Provenance.Version},
		{"the warm-up", a.Provenance.Warmup, b.Provenance.Warmup},
	} {
		if part.a != part.b {
			list = append(list, fmt.Sprintf("%s (%s, %s)", part.name, part.a, part.b))
		}
	}
	return list
}
