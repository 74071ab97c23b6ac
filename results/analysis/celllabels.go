package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis/within"
)

// Labels are what the numbers of a cell have to be read with.
type Labels struct {
	// Mode is "open(200/s)" or "closed(10)".
	Mode string `json:"mode"`
	// Requests, Above and Episodes are those of the trial with the fewest of
	// each: requests, how many of them rank above the p99, and in how many
	// episodes these came; nil where a trial's seconds are not known. Resolved
	// says that the tail is in every trial.
	Requests int64    `json:"requests"`
	Above    int64    `json:"above_p99"`
	Episodes *float64 `json:"episodes"`
	Resolved bool     `json:"tail_resolved"`
	// Interval says what the limits of the cell's values are: between runs, a
	// range, or of one trial within this run.
	Interval string `json:"interval"`
	// Steady says whether the stack was in a steady state while measured.
	Steady string `json:"steady"`
	// Generator is "ok", or "limited" with the broken criteria.
	Generator string `json:"generator"`
	// Environment is where load and stack ran, and what the stack was.
	Environment string `json:"environment"`
}

// notTold stands for what a record does not say.
const notTold = "not told"

// labels collects the labels of the trials shown.
func labels(shown []*observed, load results.LoadSummary, p results.Provenance) Labels {
	l := Labels{
		Mode: modeLabel(load), Resolved: true, Requests: math.MaxInt64, Above: math.MaxInt64,
		Generator: generatorLabel(shown), Environment: environmentLabel(shown, p), Steady: steadyLabel(shown),
	}
	episodes := math.Inf(1)
	for _, o := range shown {
		e := o.estimate(99)
		l.Requests = min(l.Requests, o.Latency.Response.Count)
		l.Above = min(l.Above, above(o.Latency.Response.Count, 99))
		l.Resolved = l.Resolved && e.Resolved
		episodes = min(episodes, e.Episodes)
	}
	if !slices.ContainsFunc(shown, func(o *observed) bool { return o.run == nil }) {
		l.Episodes = &episodes
	}
	l.Interval = rangeOf(make([]float64, len(shown))).Kind(len(shown))
	if len(shown) == 1 {
		l.Interval += ": " + shown[0].estimate(99).Limits()
	}
	return l
}

func modeLabel(load results.LoadSummary) string {
	switch {
	case closed(load.Mode):
		return fmt.Sprintf("closed(%d)", load.Concurrency)
	case load.Mode == "open":
		return "open(" + strings.TrimSuffix(units.Rate(load.Rate), ".0") + "/s)"
	}
	return notTold
}

// generatorLabel names the criteria that any of the trials broke.
func generatorLabel(shown []*observed) string {
	var broken []string
	for _, o := range shown {
		if o.Foreign != nil {
			return notTold
		}
		for _, c := range o.Validity.Broken {
			broken = append(broken, string(c))
		}
	}
	if len(broken) == 0 {
		return "ok"
	}
	slices.Sort(broken)
	return "limited(" + strings.Join(slices.Compact(broken), ", ") + ")"
}

// environmentLabel says where the stack ran, on what, and which images.
func environmentLabel(shown []*observed, p results.Provenance) string {
	first := shown[0]
	if first.Foreign != nil {
		return "where it ran is not told"
	}
	limits := ""
	parts := []string{"load from elsewhere than the stack, or not told"}
	if len(first.Usage) > 0 {
		parts[0] = "load and stack on the same host"
	}
	for _, name := range slices.Sorted(maps.Keys(p.Engines)) {
		if first.Link.Label(name) == first.Environment {
			parts = append(parts, p.Engines[name])
			limits = cpuLimits(p.CPULimits, name)
		}
	}
	if p.Kernel != "" {
		parts = append(parts, "kernel "+p.Kernel)
	}
	if p.CPUs > 0 {
		parts = append(parts, plural(p.CPUs, "CPU"))
	}
	if limits != "" {
		parts = append(parts, "CPU limits "+limits)
	}
	var images []string
	for user, image := range usersOf(first.Images) {
		images = append(images, image+" "+user)
	}
	if len(images) > 0 {
		parts = append(parts, "images "+strings.Join(images, ", "))
	}
	return strings.Join(parts, "; ")
}

// cpuLimits prints those of an environment: "static 0.5, web 2".
func cpuLimits(limits map[string]float64, environment string) string {
	var parts []string
	for _, user := range slices.Sorted(maps.Keys(limits)) {
		if service, ok := strings.CutPrefix(user, environment+"/"); ok {
			parts = append(parts, fmt.Sprintf("%s %g", service, limits[user]))
		}
	}
	return strings.Join(parts, ", ")
}

// estimate is the trial's percentile with its limits within this run. Of a
// trial without a log it has none.
func (o *observed) estimate(percentile float64) within.Estimate {
	if o.run == nil {
		return within.Estimate{Percentile: percentile, Requests: o.Latency.Response.Count, Missing: within.NoData}
	}
	return o.run.Estimate(percentile)
}

// estimates are the trial's percentiles that are shown. A p99.9 of a closed
// loop is none of them: it says nothing of those who arrive.
func (o *observed) estimates() []within.Estimate {
	list := []within.Estimate{}
	if o.run == nil {
		return list
	}
	ranks := []float64{50, 90, 99}
	if !closed(o.Mode) {
		ranks = append(ranks, 99.9)
	}
	for _, rank := range ranks {
		list = append(list, o.run.Estimate(rank))
	}
	return list
}

// markResolved says of each point of a curve of all trials whether the tail is
// resolved there and everywhere before.
func markResolved(points []Point, trials []*observed) {
	var runs []*within.Run
	for _, o := range trials {
		if o.run != nil {
			runs = append(runs, o.run)
		}
	}
	all := within.Join(runs...)
	for i := 1; i < len(points) && all.Estimate(points[i].Percentile).Resolved; i++ {
		points[i].Resolved = true
		points[0].Resolved = true // the fastest request, which has no tail of its own
	}
}

// One is the only trial whose figures the cell shows; nil where there are
// several, or none.
func (c *Cell) One() *TrialDetail {
	var one *TrialDetail
	for i := range c.Detail {
		if t := &c.Detail[i]; c.shows(t) {
			if one != nil {
				return nil
			}
			one = t
		}
	}
	return one
}

// At is the estimate of a percentile, nil where the trial has none.
func (t *TrialDetail) At(percentile float64) *within.Estimate {
	for i := range t.Within {
		if t.Within[i].Percentile == percentile {
			return &t.Within[i]
		}
	}
	return nil
}
