package within

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat/distuv"

	"plimsoll/internal/testenv"
)

// simulate is how many runs each case has: a tenth of the nightly size unless
// the environment says "nightly". Only then docs/method.md is written.
func simulate() (runs int, nightly bool) {
	if os.Getenv("PLIMSOLL_SIMULATE") == "nightly" {
		return 1_000, true
	}
	return 100, false
}

// process makes latencies at a rate of 200/s, as a stack of some kind has them
// in its steady state. Its true percentiles are computed, not measured.
type process struct {
	name string
	// run plays a run: record is told each request's second and its latency
	// in ms.
	run func(r *rand.Rand, seconds int, record func(second int, ms float64))
	// quantile is the true one, in ms, at 0–1.
	quantile func(p float64) float64
}

const perSecond = 200

// lognormal is a latency of 10 ms in the median, with an sd of .45 in its
// logarithm.
var lognormal = distuv.LogNormal{Mu: math.Log(10), Sigma: 0.45}

var processes = []process{
	{
		name: "iid",
		run: func(r *rand.Rand, seconds int, record func(int, float64)) {
			for i := range seconds * perSecond {
				record(i/perSecond, 10*math.Exp(0.45*r.NormFloat64()))
			}
		},
		quantile: lognormal.Quantile,
	},
	autoregressive("AR, tau 1 s", 1),
	autoregressive("AR, tau 5 s", 5),
	queue("queue, rho .7", .70),
	queue("queue, rho .85", .85),
	{
		// In one second of fifty, drawn anew for each, the stack stands still
		// and answers everything at the second's end.
		name: "rare stalls",
		run: func(r *rand.Rand, seconds int, record func(int, float64)) {
			stalled := false
			for i := range seconds * perSecond {
				if i%perSecond == 0 {
					stalled = r.Float64() < stallShare
				}
				ms := 10 * math.Exp(0.45*r.NormFloat64())
				if stalled {
					ms += 1000 * (1 - float64(i%perSecond)/perSecond)
				}
				record(i/perSecond, ms)
			}
		},
		quantile: func(p float64) float64 {
			share := func(ms float64) float64 { // of requests that take longer
				waits := 0.0
				for i := range perSecond {
					waits += lognormal.Survival(max(1e-9, ms-1000*(1-float64(i)/perSecond))) / perSecond
				}
				return (1-stallShare)*lognormal.Survival(ms) + stallShare*waits
			}
			low, high := 0.0, 10_000.0
			for range 100 {
				if middle := (low + high) / 2; share(middle) > 1-p {
					low = middle
				} else {
					high = middle
				}
			}
			return low
		},
	},
}

const stallShare = 0.02

// autoregressive is iid's distribution with a logarithm that wanders: its
// correlation falls to 1/e in tau seconds.
func autoregressive(name string, tau float64) process {
	rho := math.Exp(-1 / (perSecond * tau))
	return process{
		name: name,
		run: func(r *rand.Rand, seconds int, record func(int, float64)) {
			x := r.NormFloat64()
			for i := range seconds * perSecond {
				// Half of the variance wanders, half is each request's own.
				record(i/perSecond, 10*math.Exp(0.45*(x+r.NormFloat64())/math.Sqrt2))
				x = rho*x + math.Sqrt(1-rho*rho)*r.NormFloat64()
			}
		},
		quantile: lognormal.Quantile,
	}
}

// queue is one server with Poisson arrivals and exponential service times, at a
// utilisation rho; waiting times by Lindley's recursion, begun in the steady
// state. The time in the system is exponential.
func queue(name string, rho float64) process {
	service := 1000 * rho / perSecond // ms, mean
	mean := service / (1 - rho)
	return process{
		name: name,
		run: func(r *rand.Rand, seconds int, record func(int, float64)) {
			wait, at := 0.0, 0.0
			if r.Float64() < rho {
				wait = mean * r.ExpFloat64()
			}
			for at < 1000*float64(seconds) {
				ms := wait + service*r.ExpFloat64()
				record(int(at/1000), ms)
				gap := 1000 / perSecond * r.ExpFloat64()
				wait, at = max(0, ms-gap), at+gap
			}
		},
		quantile: func(p float64) float64 { return -mean * math.Log(1-p) },
	}
}

// situation is a process, watched for some seconds.
type situation struct {
	process    string
	seconds    int
	percentile float64
}

// outcome counts what the runs of a situation came to.
type outcome struct {
	runs int
	// covered intervals hold the true percentile, as they are printed: without
	// an upper limit where there is none. hull are those of the bare method,
	// whatever is said about the tail; textbook takes requests for independent.
	covered, hull, textbook int
	unlimited, unresolved   int
	widths                  []float64 // relative to the truth, of those with both limits
}

func (o *outcome) add(other outcome) {
	o.runs += other.runs
	o.covered += other.covered
	o.hull += other.hull
	o.textbook += other.textbook
	o.unlimited += other.unlimited
	o.unresolved += other.unresolved
	o.widths = append(o.widths, other.widths...)
}

// play simulates one run, and looks at it at several percentiles.
func (p process) play(seed uint64, stream uint64, seconds int, percentiles []float64) []outcome {
	run := &Run{seconds: seconds}
	p.run(rand.New(rand.NewPCG(seed, stream)), seconds, func(second int, ms float64) {
		run.add(time.Duration(ms*float64(time.Millisecond)), second, 1)
	})
	run.sort()
	var list []outcome
	for _, percentile := range percentiles {
		share := percentile / 100
		truth := time.Duration(p.quantile(share) * float64(time.Millisecond))
		e := run.Estimate(percentile)
		o := outcome{runs: 1}
		if e.Low != nil && *e.Low <= truth && (e.High == nil || truth <= *e.High) {
			o.covered++
		}
		if low, high, bounded := run.hull(share, e.Value, run.above(share, e.Value)); low <= truth && (!bounded || truth <= high) {
			o.hull++
		}
		by := 1.959964 * math.Sqrt(share*(1-share)/float64(run.total))
		if run.at(share-by) <= truth && share+by < 1 && truth <= run.at(share+by) {
			o.textbook++
		}
		switch {
		case !e.Resolved:
			o.unresolved++
		case e.High == nil:
			o.unlimited++
		default:
			o.widths = append(o.widths, float64(*e.High-*e.Low)/float64(truth))
		}
		list = append(list, o)
	}
	return list
}

// bounds are what has to be reached: method B1. The shares are of covering
// intervals, as they are printed and by the bare method.
func bounds() map[situation][2]float64 {
	return map[situation][2]float64{
		{"iid", 60, 99}:               {.93, 1},
		{"iid", 300, 99}:              {.93, 1},
		{"iid", 300, 99.9}:            {.93, 1},
		{"AR, tau 1 s", 60, 99}:       {.92, 1},
		{"AR, tau 1 s", 300, 99}:      {.92, 1},
		{"queue, rho .7", 300, 99}:    {.92, 1},
		{"queue, rho .7", 300, 99.9}:  {.88, 1},
		{"queue, rho .85", 300, 99}:   {.92, 1},
		{"queue, rho .85", 300, 99.9}: {.88, 1},
	}
}

func TestCoverage(t *testing.T) {
	runs, nightly := simulate()
	percentiles := []float64{99, 99.9}
	outcomes := map[situation]outcome{}
	for stream, p := range processes {
		for _, seconds := range []int{60, 300} {
			if _, wanted := bounds()[situation{p.name, seconds, 99}]; !wanted && !nightly {
				continue
			}
			played := make([][]outcome, runs)
			var group errgroup.Group
			group.SetLimit(runtime.GOMAXPROCS(0))
			for i := range runs {
				group.Go(func() error {
					played[i] = p.play(uint64(i), uint64(stream), seconds, percentiles)
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			for i, percentile := range percentiles {
				var sum outcome
				for _, o := range played {
					sum.add(o[i])
				}
				outcomes[situation{p.name, seconds, percentile}] = sum
			}
		}
	}
	for s, limits := range bounds() {
		o := outcomes[s]
		for what, n := range map[string]int{"printed": o.covered, "of the bare method": o.hull} {
			share := float64(n) / float64(o.runs)
			if share < limits[0]-slack(limits[0], o.runs) || share > limits[1] {
				t.Errorf("%s, %d s, p%v: %.1f %% of the intervals %s hold the true one, want %.0f to %.0f", s.process, s.seconds, s.percentile,
					100*share, what, 100*limits[0], 100*limits[1])
			}
		}
	}
	// Else the processes are too tame to show what the method is there for.
	tame := outcomes[situation{"queue, rho .85", 300, 99}]
	if share := float64(tame.textbook) / float64(tame.runs); share > .5 {
		t.Errorf("queue: the textbook interval holds the true p99 in %.0f %% of runs", 100*share)
	}
	if !nightly {
		return
	}
	table := table(outcomes, percentiles, runs)
	t.Log("\n" + table)
	write(t, table)
}

// slack is three standard errors of a share.
func slack(share float64, n int) float64 { return 3 * math.Sqrt(share*(1-share)/float64(n)) }

func table(outcomes map[situation]outcome, percentiles []float64, runs int) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%d runs of 200 requests a second in each line; percent of all runs.\n\n", runs)
	w.WriteString("| requests | run | percentile | textbook holds it | hull holds it | printed holds it | must | not resolved | no upper limit | width of the others |\n|---|---|---|---|---|---|---|---|---|---|\n")
	limits := bounds()
	for _, p := range processes {
		for _, seconds := range []int{60, 300} {
			for _, percentile := range percentiles {
				s := situation{p.name, seconds, percentile}
				o := outcomes[s]
				must, width := "", "–"
				if l, ok := limits[s]; ok {
					must = fmt.Sprintf("≥ %.0f", 100*l[0])
				}
				if n := len(o.widths); n > 0 {
					slices.Sort(o.widths)
					width = fmt.Sprintf("%.0f %%", 100*o.widths[n/2])
				}
				of := func(n int) string { return fmt.Sprintf("%.1f", 100*float64(n)/float64(o.runs)) }
				fmt.Fprintf(&w, "| %s | %d s | p%v | %s | %s | %s | %s | %s | %s | %s |\n", p.name, seconds, percentile,
					of(o.textbook), of(o.hull), of(o.covered), must, of(o.unresolved), of(o.unlimited), width)
			}
		}
	}
	return w.String()
}

var doc = flag.String("doc", "../../../docs/method.md", "where the nightly simulation writes its table")

// write replaces what stands between the marks of the document.
func write(t *testing.T, table string) {
	t.Helper()
	const from, to = "<!-- table of intervals within a run -->\n", "<!-- end of intervals within a run -->"
	testenv.WriteBetween(t, *doc, from, to, table)
}
