package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios"
	"plimsoll/scenarios/yamlfile"
)

// What a trial takes besides its load, roughly: a stack's start and its end do
// not depend on the scenario alone, and the estimate is for whoever waits.
const (
	startStack   = 1500 * time.Millisecond
	startReplica = 300 * time.Millisecond
	stopStack    = time.Second
	// A closed loop is taken to complete this many requests per second, and
	// to last at least leastLoad.
	closedRate = 1000
	leastLoad  = time.Second
)

// Compile expands a scenario. Repetitions follow one another, and each has all
// cells in an order of its own that depends on the seed, so that a slow drift
// of the machine meets all cells alike. An environment is measured at the
// scales that fit it; one without a topology cannot be scaled and has one scale,
// the empty one. Options that do not fit
// the scenario are a *scenarios.Error.
func Compile(s *scenarios.Scenario, opt Options) (*Plan, error) {
	c := &compiler{scenario: s}
	environments := chosen(c, "environment", s.Environments, opt.Environments,
		func(e scenarios.Environment) string { return e.Name })
	loads := chosen(c, "load", s.Loads, opt.Loads,
		func(l scenarios.Load) string { return l.Name })
	scales := c.scales(environments, opt.Scales)
	repetitions := s.Trials
	if opt.Trials != 0 {
		repetitions = opt.Trials
	}
	if repetitions < 1 {
		c.fault("%d trials: at least 1", repetitions)
	}
	if len(c.problems) > 0 {
		return nil, yamlfile.NewError(c.problems...)
	}

	cells := cells(environments, scales, loads)
	random := rand.New(rand.NewPCG(opt.Seed, 0))
	p := &Plan{Scenario: s.Name, Seed: opt.Seed, Trials: make([]Trial, 0, repetitions*len(cells))}
	for repetition := 1; repetition <= repetitions; repetition++ {
		random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		for _, cell := range cells {
			cell.Index, cell.Repetition = len(p.Trials)+1, repetition
			cell.Estimate += s.Warmup.For
			p.Trials = append(p.Trials, cell)
		}
	}
	return p, nil
}

// cells makes one trial of each cell, in the order of the scenario. Warm-up
// is not in the estimates yet.
func cells(environments []scenarios.Environment, scales []scenarios.Scale, loads []scenarios.Load) []Trial {
	var cells []Trial
	for _, e := range environments {
		fitting := slices.DeleteFunc(slices.Clone(scales), func(s scenarios.Scale) bool { return !e.Fits(s) })
		if e.Topology == nil {
			fitting = []scenarios.Scale{{}}
		}
		for _, scale := range fitting {
			for _, load := range loads {
				cells = append(cells, Trial{
					Environment: e.Name, Scale: scale, Load: load.Name, Link: e.Link, Engine: e.Engine.String(),
					Estimate: stackTime(e, scale) + loadTime(load),
				})
			}
		}
	}
	return cells
}

// stackTime is about how long a stack takes to start and to stop; nothing for
// one that runs already.
func stackTime(e scenarios.Environment, scale scenarios.Scale) time.Duration {
	if e.Topology == nil {
		return 0
	}
	replicas := 0
	for _, n := range e.Topology.WithScale(scale).Scale() {
		replicas += n
	}
	return startStack + time.Duration(replicas)*startReplica + stopStack
}

func loadTime(l scenarios.Load) time.Duration {
	if l.Duration > 0 {
		return l.Duration
	}
	return max(leastLoad, time.Duration(l.Requests)*time.Second/closedRate)
}

type compiler struct {
	scenario *scenarios.Scenario
	problems []scenarios.Problem
}

func (c *compiler) fault(format string, args ...any) {
	c.problems = append(c.problems, scenarios.Problem{Message: fmt.Sprintf(format, args...)})
}

// chosen picks what is wanted by name, in the order of the scenario; all if
// nothing is wanted in particular.
func chosen[T any](c *compiler, what string, all []T, wanted []string, name func(T) string) []T {
	if len(wanted) == 0 {
		return all
	}
	names := make([]string, len(all))
	for i, each := range all {
		names[i] = name(each)
	}
	for _, w := range wanted {
		if !slices.Contains(names, w) {
			c.fault("the scenario %s has no %s %q%s (it has %s)",
				c.scenario.Name, what, w, yamlfile.DidYouMean(w, names), strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(each T) bool { return !slices.Contains(wanted, name(each)) })
}

// scales returns the scales to measure: those that are wanted, each once, or
// else the scenario's.
func (c *compiler) scales(environments []scenarios.Environment, wanted []scenarios.Scale) []scenarios.Scale {
	if len(wanted) == 0 {
		return c.scenario.Scales
	}
	if len(environments) > 0 && !slices.ContainsFunc(environments, func(e scenarios.Environment) bool { return e.Topology != nil }) {
		c.fault("no chosen environment has a topology that could be scaled")
	}
	var scales []scenarios.Scale
	seen := map[string]bool{}
	for _, scale := range wanted {
		if seen[scale.String()] {
			continue
		}
		seen[scale.String()] = true
		scales = append(scales, scale)
		c.checkScale(environments, scale)
	}
	return scales
}

func (c *compiler) checkScale(environments []scenarios.Environment, scale scenarios.Scale) {
	before := len(c.problems)
	for _, service := range scale.Services() {
		for _, err := range scenarios.CheckReplicas(environments, service, scale[service]) {
			c.fault("scale %s: %s: %v", scale, service, err)
		}
	}
	if len(c.problems) == before && len(environments) > 0 &&
		!slices.ContainsFunc(environments, func(e scenarios.Environment) bool { return e.Fits(scale) }) {
		c.fault("scale %s: no chosen environment has all of these services", scale)
	}
}

// Estimate is about how long the whole plan takes.
func (p *Plan) Estimate() time.Duration {
	var total time.Duration
	for _, t := range p.Trials {
		total += t.Estimate
	}
	return total
}

// String renders the plan as a table with a line for each trial, and a last
// line that sums it up.
func (p *Plan) String() string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	engine, named := func(string) string { return "" }, slices.ContainsFunc(p.Trials, func(t Trial) bool { return t.Engine != "" })
	if named {
		engine = func(name string) string { return cmp.Or(name, "default") + "\t" }
	}
	fmt.Fprintln(table, "#\tENVIRONMENT\t"+engine("ENGINE")+"SCALE\tLOAD\tTRIAL\tESTIMATED")
	for _, t := range p.Trials {
		fmt.Fprintf(table, "%d\t%s\t%s%s\t%s\t%d\t%s\n", t.Index, t.Link.Label(t.Environment), engine(t.Engine), t.Scale, t.LoadText(), t.Repetition, about(t.Estimate))
	}
	table.Flush() // a strings.Builder takes everything
	noun := "trials"
	if len(p.Trials) == 1 {
		noun = "trial"
	}
	fmt.Fprintf(&b, "%d %s, about %s\n", len(p.Trials), noun, about(p.Estimate()))
	return b.String()
}

func about(d time.Duration) string { return units.Duration(d.Round(time.Second)) }
