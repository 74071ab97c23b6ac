package capacity

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"plimsoll/internal/testenv"
)

// simulate is how many searches each noise has: a tenth of the nightly size
// unless the environment says "nightly". Only then docs/method.md is written.
func simulate() (searches int, nightly bool) {
	if os.Getenv("PLIMSOLL_SIMULATE") == "nightly" {
		return 2000, true
	}
	return 200, false
}

// noises are the sizes of noise from run to run, sd of ln p99.
var noises = []float64{.05, .10, .20}

// tally adds up what searches found. Errors are fractions of the truth.
type tally struct {
	searches, answered int
	bias, square       float64
	above, below       int // by more than 5 %, 15 %
	covered            int
	widths             []float64
	runs               int
	verdicts           map[Verdict]int
}

func (t *tally) add(answer, truth float64) {
	t.searches++
	if answer == 0 {
		return
	}
	t.answered++
	e := answer/truth - 1
	t.bias += e
	t.square += e * e
	if e > .05 {
		t.above++
	}
	if e < -.15 {
		t.below++
	}
}

func (t *tally) rmse() float64       { return math.Sqrt(t.square / float64(t.answered)) }
func (t *tally) meanRuns() float64   { return float64(t.runs) / float64(t.searches) }
func (t *tally) share(n int) float64 { return float64(n) / float64(t.searches) }
func (t *tally) coverage() float64   { return float64(t.covered) / float64(t.answered) }
func (t *tally) row(what string) string {
	return fmt.Sprintf("| %s | %+.1f %% | %.1f %% | %.1f %% | %.1f %% | %.1f |", what,
		100*t.bias/float64(t.answered), 100*t.rmse(), 100*t.share(t.above), 100*t.share(t.below), t.meanRuns())
}

// found is what was found at one noise.
type found struct {
	binary, quick, estimate, supported tally
}

func play(sd float64, searches int) (*found, error) {
	f := &found{}
	f.supported.verdicts = map[Verdict]int{}
	for i := range searches {
		seed := uint64(i)
		st := newStack(sd, seed)
		rate, runs := binary(st)
		f.binary.add(rate, st.capacity)
		f.binary.runs += runs

		st = newStack(sd, seed)
		o := searchOn(Settings{From: 100, To: 20_000, Quick: true, Seed: seed}, st.run)
		f.quick.runs += o.Trials
		if o.Verdict == Rough {
			f.quick.add(math.Sqrt(o.Passing*o.Failing), st.capacity)
		} else {
			f.quick.add(0, st.capacity)
		}

		st = newStack(sd, seed)
		o = searchOn(Settings{From: 100, To: 20_000, Seed: seed}, st.run)
		f.supported.verdicts[o.Verdict]++
		f.supported.runs += o.Trials
		f.estimate.runs += o.Trials
		f.supported.add(o.Supported, st.capacity)
		if o.Verdict == Supported && o.Met < needed {
			return nil, fmt.Errorf("sd %v, search %d: %d of %d met: %s", sd, i, o.Met, o.Fresh, o.Text)
		}
		if o.Estimate == nil {
			f.estimate.add(0, st.capacity)
			continue
		}
		f.estimate.add(o.Estimate.Rate, st.capacity)
		f.estimate.widths = append(f.estimate.widths, (o.Estimate.High-o.Estimate.Low)/o.Estimate.Rate)
		if o.Estimate.Low <= st.capacity && st.capacity <= o.Estimate.High {
			f.estimate.covered++
		}
	}
	return f, nil
}

// binary is what is mostly done: halve until the bracket is 2 % wide, one run
// at each rate, and believe it.
func binary(st *stack) (rate float64, runs int) {
	low, high := 100.0, 3000.0
	for high/low > 1.02 {
		rate = math.Sqrt(low * high)
		runs++
		if st.run(rate).Passed {
			low = rate
		} else {
			high = rate
		}
	}
	return math.Sqrt(low * high), runs
}

// bound is one acceptance measure at each noise.
type bound struct {
	measure string
	limits  [3]float64
	of      func(*found) float64
	least   bool // at least the limit; else at most
	share   bool // of all searches: a binomial error
	format  string
}

var bounds = []bound{
	{measure: "supported > truth + 5 %", limits: [3]float64{.01, .01, .01}, share: true, format: "%.1f %%",
		of: func(f *found) float64 { return f.supported.share(f.supported.above) }},
	{measure: "RMSE of the estimate", limits: [3]float64{.025, .045, .12}, format: "%.1f %%",
		of: func(f *found) float64 { return f.estimate.rmse() }},
	{measure: "its interval holds the truth", limits: [3]float64{.90, .87, .84}, share: true, least: true, format: "%.0f %%",
		of: func(f *found) float64 { return f.estimate.coverage() }},
	{measure: "mean trials", limits: [3]float64{42, 42, 42}, format: "%.1f",
		of: func(f *found) float64 { return f.supported.meanRuns() }},
}

func (b bound) holds(value, limit float64, searches int) bool {
	by := 0.0
	if b.share {
		by = 3 * math.Sqrt(limit*(1-limit)/float64(searches))
	}
	if b.least {
		return value >= limit-by
	}
	return value <= limit+by
}

func (b bound) text(value float64) string {
	if strings.Contains(b.format, "%%") {
		value *= 100
	}
	return fmt.Sprintf(b.format, value)
}

func TestErrorRates(t *testing.T) {
	searches, nightly := simulate()
	all := make([]*found, len(noises))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, sd := range noises {
		group.Go(func() (err error) {
			all[i], err = play(sd, searches)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, b := range bounds {
		for i, sd := range noises {
			if v := b.of(all[i]); !b.holds(v, b.limits[i], searches) {
				t.Errorf("%s at sd %.2f: %s, limit %s", b.measure, sd, b.text(v), b.text(b.limits[i]))
			}
		}
	}
	// Else the model is kinder than the study's, and the bounds say nothing.
	for i, least := range []float64{.004, .05, .15} {
		if f := all[i].binary; f.share(f.above) < least-3*math.Sqrt(least*(1-least)/float64(searches)) {
			t.Errorf("sd %.2f: a plain binary search is > 5 %% too high in %.1f %% only", noises[i], 100*f.share(f.above))
		}
	}
	text := tables(all, searches)
	t.Log("\n" + text)
	if nightly {
		write(t, text)
	}
}

// published is what the study found: bias, RMSE, P(> +5 %), P(< -15 %), runs.
var published = map[float64][4]string{
	.05: {"-1.2 % | 4.5 % | 1.5 % | 2 % | 11.1", "-.9 % | 2.8 % | .5 % | 0 | 33", "-.9 % | 1.9 % | .2 % | 0 | 38", "-3.5 % | 4.6 % | 0 | 0 | 38"},
	.10: {"-.9 % | 6.5 % | 11 % | 3 % | 11", "-1.0 % | 4.2 % | 6.5 % | 0 | 33", "-1.4 % | 3.4 % | 4.0 % | 0 | 39", "-6.8 % | 9.0 % | 0 | 3.5 % | 39"},
	.20: {"-.3 % | 9.9 % | 26 % | 8 % | 11", "-1.7 % | 7.9 % | 21 % | 5 % | 33", "-1.8 % | 10.7 % | 16 % | 2 % | 40", "-12 % | 20 % | 0 | 36 % | 40"},
}

func tables(all []*found, searches int) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%d searches at each noise. Below each line what the method's own study found; its quick search has three trials at every rate.\n\n", searches)
	w.WriteString("| noise | answer | bias | RMSE | > truth + 5 % | < truth - 15 % | trials |\n|---|---|---|---|---|---|---|\n")
	for i, f := range all {
		for j, line := range []struct {
			what string
			of   *tally
		}{{"binary, one trial a rate, 2 %", &f.binary}, {"`--quick`", &f.quick}, {"estimate", &f.estimate}, {"**supported**", &f.supported}} {
			fmt.Fprintf(&w, "| %.2f %s\n| | the study | %s |\n", noises[i], line.of.row(line.what), published[noises[i]][j])
		}
	}
	w.WriteString("\n| noise | supported | no rate confirmed | non-monotone | median width of the interval |\n|---|---|---|---|---|\n")
	for i, f := range all {
		s := &f.supported
		slices.Sort(f.estimate.widths)
		fmt.Fprintf(&w, "| %.2f | %.1f %% | %.1f %% | %.1f %% | %.0f %% |\n", noises[i], 100*s.share(s.verdicts[Supported]),
			100*s.share(s.verdicts[None]), 100*s.share(s.verdicts[NonMonotone]), 100*f.estimate.widths[len(f.estimate.widths)/2])
	}
	w.WriteString("\n| bound | noise | limit | found |\n|---|---|---|---|\n")
	for _, b := range bounds {
		than := "≤"
		if b.least {
			than = "≥"
		}
		for i, f := range all {
			fmt.Fprintf(&w, "| %s | %.2f | %s %s | %s |\n", b.measure, noises[i], than, b.text(b.limits[i]), b.text(b.of(f)))
		}
	}
	return w.String()
}

var doc = flag.String("doc", "../../../docs/method.md", "where the nightly simulation writes its tables")

// write replaces what stands between the marks of the document.
func write(t *testing.T, tables string) {
	t.Helper()
	const from, to = "<!-- capacity tables of make simulate -->\n", "<!-- end of capacity tables -->"
	testenv.WriteBetween(t, *doc, from, to, tables)
}

// No search of a stack without a single capacity, or with a generator that is
// slower than the stack, may give a number.
func TestNoSingleNumber(t *testing.T) {
	searches, _ := simulate()
	systems := []struct {
		name string
		run  func(st *stack, n int, rate float64) Trial
		want []Verdict
	}{
		{"fails from 400 to 700/s and passes above", func(st *stack, _ int, rate float64) Trial {
			st.capacity = 1500
			if rate > 400 && rate < 700 {
				return Trial{Rate: rate, Excess: .5 + st.sd*st.random.NormFloat64(), Cause: Objective}
			}
			return st.run(rate)
		}, []Verdict{NonMonotone}},
		{"passes until its credit is used up", func(st *stack, n int, rate float64) Trial {
			if n >= 14 && rate > .3*st.capacity {
				return Trial{Rate: rate, Excess: 2, Cause: Objective}
			}
			return st.run(rate)
		}, []Verdict{NonMonotone, None}},
		{"scales out once it was overloaded", func(st *stack, n int, rate float64) Trial {
			if n < 4 || rate > 300 {
				return st.run(rate)
			}
			return Trial{Rate: rate, Excess: 2, Cause: Objective}
		}, []Verdict{NonMonotone, None}},
		{"a generator that ends at half of the capacity", func(st *stack, _ int, rate float64) Trial {
			if rate > st.capacity/2 {
				return Trial{Rate: rate, Limited: true}
			}
			return st.run(rate)
		}, []Verdict{AtLeast}},
	}
	for _, sys := range systems {
		numbers, otherwise := 0, map[Verdict]int{}
		for i := range searches {
			st, n := newStack(.05, uint64(i)), 0
			o := searchOn(Settings{From: 100, To: 20_000, Seed: uint64(i)}, func(rate float64) Trial {
				n++
				return sys.run(st, n, rate)
			})
			if o.Supported > 0 || o.Estimate != nil {
				numbers++
			}
			if !slices.Contains(sys.want, o.Verdict) {
				otherwise[o.Verdict]++
			}
			if o.Verdict == AtLeast && (o.AtLeast > st.capacity/2 || o.LimitedBy != Generator) {
				t.Errorf("%s: at least %v/s, limited by %s", sys.name, o.AtLeast, o.LimitedBy)
			}
		}
		if numbers > 0 || len(otherwise) > 0 {
			t.Errorf("%s: %d of %d searches give a number; verdicts other than %s: %v", sys.name, numbers, searches, sys.want, otherwise)
		}
	}
}

// A generous objective is not approached but jumped over: the latency is far
// below it until the stack is full, and far above from there on. No line fits
// that, and the answer has to be the better for it.
func TestCliff(t *testing.T) {
	searches, _ := simulate()
	searches /= 4
	for _, steep := range []float64{10, 25, 50} {
		for _, sd := range noises {
			cliff(t, steep, sd, searches)
		}
	}
}

func cliff(t *testing.T, steep, sd float64, searches int) {
	var estimates, supported tally
	for i := range searches {
		st := newStack(sd, uint64(i))
		st.steep = steep
		o := searchOn(Settings{From: 100, To: 20_000, Seed: uint64(i)}, st.run)
		supported.add(o.Supported, st.capacity)
		if o.Estimate == nil {
			estimates.add(0, st.capacity)
			continue
		}
		estimates.add(o.Estimate.Rate, st.capacity)
		if o.Estimate.Low <= st.capacity && st.capacity <= o.Estimate.High {
			estimates.covered++
		}
	}
	t.Logf("steep %v, sd %.2f: estimate off by %.1f %%, covers %.0f %%; supported %.1f %% low, off by %.1f %%", steep, sd,
		100*estimates.rmse(), 100*estimates.coverage(), -100*supported.bias/float64(supported.answered), 100*supported.rmse())
	if estimates.rmse() > .03 || estimates.coverage() < .90-3*math.Sqrt(.9*.1/float64(searches)) {
		t.Errorf("steep %v, sd %.2f: RMSE %.1f %%, coverage %.0f %%", steep, sd, 100*estimates.rmse(), 100*estimates.coverage())
	}
	if supported.answered < searches*98/100 || supported.above > 0 || supported.below > searches/50 {
		t.Errorf("steep %v, sd %.2f: %d of %d have a supported rate, %d of them too high, %d too low",
			steep, sd, supported.answered, searches, supported.above, supported.below)
	}
}
