package size

import (
	"flag"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"plimsoll/internal/testenv"
)

// simulate is how many sessions each cell has: a tenth of the nightly size
// unless the environment says "nightly". Only then docs/method.md is written.
func simulate() (sessions int, nightly bool) {
	if os.Getenv("PLIMSOLL_SIMULATE") == "nightly" {
		return 300, true
	}
	return 30, false
}

// system is a true curve.
type system struct {
	name  string
	curve Curve
}

var systems = []system{{"mild", mild}, {"nearly linear", linear}, {"strong", strong}}

// cell is one way to measure a system, and a rate as a multiple of what it
// truly carries with the most replicas that are measured.
type cell struct {
	system   int
	replicas string // "1 2 3"
	starts   int
	cv       float64
	// step is the ratio of a ladder's rates; 0: rates are measured exactly.
	step   float64
	target float64
}

func (c cell) levels(r *rand.Rand) []Level {
	// A system's scale has nothing to do with the ladder's.
	curve := systems[c.system].curve
	curve.Rate *= math.Exp(r.Float64())
	var levels []Level
	for _, f := range strings.Fields(c.replicas) {
		var n int
		fmt.Sscan(f, &n)
		l := Level{Replicas: n}
		for range c.starts {
			x := curve.At(float64(n)) * math.Exp(c.cv*r.NormFloat64())
			s := Start{x, x}
			if c.step > 0 {
				rung := math.Floor(math.Log(x) / math.Log(c.step))
				s = Start{math.Pow(c.step, rung), math.Pow(c.step, rung+1)}
			}
			l.Starts = append(l.Starts, s)
		}
		levels = append(levels, l)
	}
	return levels
}

// truth is the true rate of the target for a session's scale, and the true
// number of replicas; ok is false if none carries it.
func (c cell) truth(scale float64) (rate float64, n int, ok bool) {
	curve := systems[c.system].curve
	curve.Rate *= scale
	fields := strings.Fields(c.replicas)
	var last int
	fmt.Sscan(fields[len(fields)-1], &last)
	rate = c.target * curve.At(float64(last))
	n, ok = curve.Replicas(rate)
	return rate, n, ok
}

// outcome counts what a cell's sessions said.
type outcome struct {
	sessions, answered, rejected, covered, unbounded, wide int
	right                                                  int // answers that hold the true number

	lows, highs []int
}

func (c cell) play(sessions int) (outcome, error) {
	o := outcome{sessions: sessions}
	for i := range sessions {
		seed := uint64(i)
		scale := math.Exp(rand.New(rand.NewPCG(seed, 1)).Float64())
		rate, n, ok := c.truth(scale)
		levels := c.levels(rand.New(rand.NewPCG(seed, 1)))
		a, err := Decide(levels, rate, seed)
		if err != nil {
			return o, err
		}
		low, high := a.Low, a.High
		if a.Verdict == Answered {
			o.answered++
		} else {
			low, high = a.AtLeast, a.AtMost
		}
		if a.Reason == Rejected {
			o.rejected++
			continue
		}
		if low == 0 {
			low = math.MaxInt // all curves of the interval never reach the rate
			if a.Reason == TooFew {
				low = 1
			}
		}
		if high == 0 {
			high = math.MaxInt
			o.unbounded++
		}
		if !ok {
			n = math.MaxInt
		}
		if low <= n && n <= high {
			o.covered++
			if a.Verdict == Answered {
				o.right++
			}
		}
		if high-low > 1 {
			o.wide++
		}
		o.lows, o.highs = append(o.lows, low), append(o.highs, high)
	}
	return o, nil
}

func middleOf(values []int) string {
	if len(values) == 0 {
		return "–"
	}
	slices.Sort(values)
	if v := values[len(values)/2]; v != math.MaxInt {
		return fmt.Sprint(v)
	}
	return "∞"
}

// judged is how many sessions said something of an interval.
func (o outcome) judged() int { return o.sessions - o.rejected }

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// slack is three standard errors of a share.
func slack(share float64, n int) float64 { return 3 * math.Sqrt(share*(1-share)/float64(n)) }

func cells() []cell {
	var list []cell
	for s := range systems {
		for _, replicas := range []string{"1 2 3", "1 2 3 4", "1 2 4 8"} {
			for _, cv := range []float64{.03, .08} {
				for _, target := range []float64{.9, 1.3, 2} {
					list = append(list, cell{s, replicas, 3, cv, 0, target})
				}
			}
		}
		list = append(list, cell{s, "1 2 3", 1, .03, 0, .9}, cell{s, "1 2 3", 1, .03, 0, 1.3}, cell{s, "1 2 4 8", 5, .03, 0, .9},
			cell{s, "1 2 4 8", 3, .03, 1.1, .9}, cell{s, "1 2 4 8", 3, .03, 1.25, .9})
	}
	return list
}

// playAll plays every cell, side by side.
func playAll(t *testing.T, list []cell, sessions int) map[cell]outcome {
	t.Helper()
	played := make([]outcome, len(list))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range list {
		group.Go(func() (err error) {
			played[i], err = c.play(sessions)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	outcomes := map[cell]outcome{}
	for i, c := range list {
		outcomes[c] = played[i]
	}
	return outcomes
}

func TestIntervals(t *testing.T) {
	sessions, nightly := simulate()
	list := cells()
	outcomes := playAll(t, list, sessions)
	for _, c := range list {
		o := outcomes[c]
		name := fmt.Sprintf("%s, {%s} × %d, cv %v, step %v, %v×", systems[c.system].name, c.replicas, c.starts, c.cv, c.step, c.target)
		if got, want := share(o.covered, o.judged()), .90-slack(.90, max(1, o.judged())); o.judged() > 0 && got < want {
			t.Errorf("%s: covered %.1f %%", name, 100*got)
		}
		if got, want := share(o.right, o.answered), .90-slack(.90, max(1, o.answered)); o.answered > 0 && got < want {
			t.Errorf("%s: %.1f %% of the answers hold the true number", name, 100*got)
		}
		if c.target < 1 && c.cv < .05 && c.step == 0 && c.starts >= Starts && share(o.wide, o.judged()) > .01+slack(.01, o.judged()) {
			t.Errorf("%s: %d of %d intervals are wider than one replica", name, o.wide, o.sessions)
		}
		if (c.starts == 1 || c.target > stretch+1e-9) && o.unbounded < o.judged() {
			t.Errorf("%s: %d of %d sessions have an upper limit", name, o.judged()-o.unbounded, o.sessions)
		}
		if c.target >= stretch && o.answered > 0 {
			t.Errorf("%s: %d of %d sessions have an answer", name, o.answered, o.sessions)
		}
	}
	table := table(list, outcomes, sessions)
	t.Log("\n" + table)
	if nightly {
		write(t, "intervals of plimsoll size", table)
	}
}

func table(list []cell, outcomes map[cell]outcome, sessions int) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%d sessions in each cell. Of those in which the curve was not rejected: how often the interval holds the true number (and, of those that are answers, how often), the median interval, how often it is wider than one replica, how often it has no upper limit.\n\n", sessions)
	w.WriteString("| system | levels × starts, cv | target | true | answered | rejected | covered (answers) | interval | wide | no upper limit |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range list {
		o := outcomes[c]
		_, n, ok := c.truth(1)
		truth := fmt.Sprint(n)
		if !ok {
			truth = "never"
		}
		right := "–"
		if o.answered > 0 {
			right = fmt.Sprintf("%.1f %%", 100*share(o.right, o.answered))
		}
		ladder := ""
		if c.step > 0 {
			ladder = fmt.Sprintf(", rates ×%v", c.step)
		}
		fmt.Fprintf(&w, "| %s | {%s} × %d, %.2f%s | %.1f× | %s | %.0f %% | %.1f %% | %.1f %% (%s) | [%s, %s] | %.0f %% | %.0f %% |\n",
			systems[c.system].name, strings.ReplaceAll(c.replicas, " ", ","), c.starts, c.cv, ladder, c.target, truth,
			100*share(o.answered, o.sessions), 100*share(o.rejected, o.sessions), 100*share(o.covered, o.judged()), right,
			middleOf(o.lows), middleOf(o.highs), 100*share(o.wide, o.judged()), 100*share(o.unbounded, o.judged()))
	}
	return w.String()
}

var doc = flag.String("doc", "../../../docs/method.md", "where the nightly simulation writes its tables")

// write replaces what stands between the marks of that name in the document.
func write(t *testing.T, name, text string) {
	t.Helper()
	testenv.WriteBetween(t, *doc, "<!-- "+name+" -->\n", "<!-- end of "+name+" -->", text)
}

// scaling is one way in which rates change with the replicas, measured with so
// many starts of each.
type scaling struct {
	name   string
	rates  []float64 // with 1, 2, 4, 8 replicas
	starts int
	cv     float64
	// lastCV is that of the starts with the most replicas.
	lastCV float64
}

func (s scaling) decided(sessions int) float64 {
	n := 0
	for i := range sessions {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		var levels []Level
		for j, x := range s.rates {
			l := Level{Replicas: 1 << j}
			cv := s.cv
			if j == len(s.rates)-1 {
				cv = s.lastCV
			}
			for range s.starts {
				y := x * math.Exp(cv*r.NormFloat64())
				l.Starts = append(l.Starts, Start{y, y})
			}
			levels = append(levels, l)
		}
		if d := Retrograde(levels); d != nil && d.Decided {
			n++
		}
	}
	return share(n, sessions)
}

func TestRetrogradeErrorRates(t *testing.T) {
	sessions, nightly := simulate()
	sessions *= 33
	rising := []float64{100, 190, 350, 600}
	with := func(last float64) []float64 { return append(slices.Clone(rising[:3]), last*rising[2]) }
	var w strings.Builder
	fmt.Fprintf(&w, "%d sessions in each cell, 5 starts of each of four levels: how often retrograde scaling is said.\n\n", sessions)
	w.WriteString("| cv of a start | linear | flat | flat, last level twice as noisy | 10 % less | 20 % less | 60 % less | 60 % less, 3 starts |\n|---|---|---|---|---|---|---|---|\n")
	for _, cv := range []float64{.03, .06, .10} {
		fmt.Fprintf(&w, "| %.2f |", cv)
		for _, c := range []struct {
			scaling
			least, most float64
		}{
			{scaling{"linear", []float64{100, 200, 400, 800}, 5, cv, cv}, 0, .012},
			{scaling{"flat", []float64{100, 100, 100, 100}, 5, cv, cv}, 0, .012},
			{scaling{"flat, last level twice as noisy", []float64{100, 100, 100, 100}, 5, cv, 2 * cv}, 0, .04},
			{scaling{"10 % less", with(.9), 5, cv, cv}, 0, 1},
			{scaling{"20 % less", with(.8), 5, cv, cv}, map[float64]float64{.03: .99, .06: .97, .10: 0}[cv], 1},
			{scaling{"60 % less", with(.4), 5, cv, cv}, .99, 1},
			{scaling{"60 % less, 3 starts", with(.4), 3, cv, cv}, 0, 0},
		} {
			got := c.decided(sessions)
			if got < c.least-slack(c.least, sessions) || got > c.most+slack(c.most, sessions) {
				t.Errorf("%s, cv %v: said in %.2f %%, want %v to %v", c.name, cv, 100*got, c.least, c.most)
			}
			fmt.Fprintf(&w, " %.1f %% |", 100*got)
		}
		w.WriteString("\n")
	}
	t.Log("\n" + w.String())
	if nightly {
		write(t, "error rates of retrograde scaling", w.String())
	}
}

// closed is a closed loop of ten on three replicas, some of which answer
// nothing for a while after they started.
type closed struct {
	name     string
	requests int
	cold     int // replicas
	during   time.Duration
	tail     float64 // share of Pareto requests
}

// times are the response times of one load, for Unsettled.
func (c closed) times(r *rand.Rand) iter.Seq2[time.Duration, int64] {
	const senders = 10
	var free [senders]time.Duration
	var times []time.Duration
	for k := range c.requests {
		w := 0
		for i := range free {
			if free[i] < free[w] {
				w = i
			}
		}
		took := 14e6 * math.Exp(.45*r.NormFloat64())
		if r.Float64() < c.tail {
			took = 14e6 * math.Pow(1-r.Float64(), -1/2.2)
		}
		end := free[w] + time.Duration(took)
		if k%3 < c.cold && free[w] < c.during {
			end = c.during + time.Duration(took)
		}
		times = append(times, end-free[w])
		free[w] = end
	}
	return func(yield func(time.Duration, int64) bool) {
		for _, d := range times {
			if !yield(d, 1) {
				return
			}
		}
	}
}

// The rule has to find cold starts by how the time is spread alone: the loads
// count as long enough here.
func TestColdStartsAreFound(t *testing.T) {
	sessions, nightly := simulate()
	var w strings.Builder
	fmt.Fprintf(&w, "%d loads of each kind, closed loop of 10 on 3 replicas: how often a scaling verdict is withheld though the load is long enough.\n\n| load | withheld |\n|---|---|\n", sessions)
	for _, tt := range []struct {
		closed
		least, most float64
	}{
		{closed{"warm, 1 000 requests", 1000, 0, 0, 0}, 0, 0},
		{closed{"warm, 3 % Pareto tail", 1000, 0, 0, .03}, 0, .10},
		{closed{"1 of 3 cold for 2.2 s", 1000, 1, 2200 * time.Millisecond, 0}, 1, 1},
		{closed{"2 of 3 cold for 2.2 s", 1000, 2, 2200 * time.Millisecond, 0}, 1, 1},
		{closed{"2 of 3 cold for 0.3 s", 1000, 2, 300 * time.Millisecond, 0}, 1, 1},
		{closed{"2 of 3 cold for 2.2 s, 5 000 requests", 5000, 2, 2200 * time.Millisecond, 0}, 1, 1},
		{closed{"warm, 200 requests", 200, 0, 0, 0}, 1, 1},
	} {
		n := 0
		for i := range sessions {
			if Unsettled(tt.times(rand.New(rand.NewPCG(uint64(i), 3))), 10, time.Minute) != "" {
				n++
			}
		}
		got := share(n, sessions)
		if got < tt.least-slack(tt.least, sessions) || got > tt.most+slack(tt.most, sessions) {
			t.Errorf("%s: withheld in %.1f %%, want %v to %v", tt.name, 100*got, tt.least, tt.most)
		}
		fmt.Fprintf(&w, "| %s | %.0f %% |\n", tt.name, 100*got)
	}
	t.Log("\n" + w.String())
	if nightly {
		write(t, "cold starts that withhold a scaling verdict", w.String())
	}
}
