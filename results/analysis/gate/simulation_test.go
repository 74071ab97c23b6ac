package gate

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

	"golang.org/x/sync/errgroup"

	"plimsoll/internal/testenv"
)

// simulate is how many sessions each cell has: a tenth of the nightly size
// unless the environment says "nightly". Only then docs/method.md is written.
func simulate() (sessions int, nightly bool) {
	if os.Getenv("PLIMSOLL_SIMULATE") == "nightly" {
		return 10_000, true
	}
	return 1_000, false
}

// cell is one machine with one true effect.
type cell struct {
	machine string
	effect  float64
	within  float64
}

// outcome counts the verdicts of a cell's sessions.
type outcome struct {
	sessions, fail, pass, rounds int
}

func (o outcome) String() string {
	n := float64(o.sessions) / 100
	return fmt.Sprintf("%.1f/%.1f/%.0f (%.1f)", float64(o.fail)/n, float64(o.pass)/n,
		float64(o.sessions-o.fail-o.pass)/n, float64(o.rounds)/float64(o.sessions))
}

// play runs sessions of a cell. Each has its own seed, so that neither their
// order nor the other cells matter.
func (c cell) play(sessions int) (outcome, error) {
	o := outcome{sessions: sessions}
	m := machineNamed(c.machine)
	// The same noise for every effect: curves over the effect are smoother.
	stream := uint64(slices.IndexFunc(machines, func(other machine) bool { return other.name == c.machine }))
	for i := range sessions {
		r := rand.New(rand.NewPCG(uint64(i), stream))
		rounds, s := m.session(r, 20, 1, c.within, c.effect)
		d, err := Judge(rounds, s, false)
		if err != nil {
			return o, err
		}
		switch d.Verdict {
		case Fail:
			o.fail++
		case Pass:
			o.pass++
		case Inconclusive:
		default:
			return o, fmt.Errorf("%+v, session %d: %s: %s", c, i, d.Verdict, d.Text)
		}
		o.rounds += d.Counted
	}
	return o, nil
}

// bound is one acceptance measure: a share (or mean) and where it has to lie.
type bound struct {
	measure string
	cell    cell
	of      func(outcome) float64
	most    bool // of is at most the limit; else at least
	limit   float64
	rounds  bool // of is a number of rounds, with no binomial error
}

func failed(o outcome) float64     { return float64(o.fail) / float64(o.sessions) }
func passed(o outcome) float64     { return float64(o.pass) / float64(o.sessions) }
func meanRounds(o outcome) float64 { return float64(o.rounds) / float64(o.sessions) }

// slack is three standard errors of a share.
func slack(share float64, n int) float64 {
	return 3 * math.Sqrt(share*(1-share)/float64(n))
}

func (b bound) holds(o outcome) bool {
	by := 0.0
	if !b.rounds {
		by = slack(b.limit, o.sessions)
	}
	if b.most {
		return b.of(o) <= b.limit+by
	}
	return b.of(o) >= b.limit-by
}

// bounds are what the gate has to reach, measure by measure.
func bounds() []bound {
	var list []bound
	at := func(name string, effect float64) cell { return cell{name, effect, within30s} }
	for _, m := range machines {
		falseFail := bound{measure: "false fail", cell: at(m.name, 0), of: failed, most: true, limit: .010}
		if m.name == "unequal" {
			falseFail.limit = .013
		}
		list = append(list, falseFail,
			bound{measure: "false pass at +10 %", cell: at(m.name, .10), of: passed, most: true, limit: .05},
			bound{measure: "false pass at +20 %", cell: at(m.name, .20), of: passed, most: true, limit: .005})
	}
	for _, b := range []struct {
		name   string
		effect float64
		limit  float64
	}{
		{"quiet", .20, .995}, {"ci", .20, .95}, {"noisy", .20, .60}, {"lindrift", .20, .99}, {"step", .20, .99},
		{"quiet", .10, .92}, {"ci", .10, .45}, {"lindrift", .10, .70}, {"step", .10, .70},
	} {
		list = append(list, bound{measure: fmt.Sprintf("found, +%.0f %%", 100*b.effect), cell: at(b.name, b.effect), of: failed, limit: b.limit})
	}
	list = append(list,
		bound{measure: "found, +10 %, 60 s", cell: cell{"ci", .10, within60s}, of: failed, limit: .60},
		bound{measure: "mean rounds at +20 %", cell: at("ci", .20), of: meanRounds, most: true, limit: 11.5, rounds: true})
	for _, b := range []struct {
		name  string
		limit float64
	}{{"quiet", .98}, {"ci", .78}, {"lindrift", .92}, {"step", .92}} {
		list = append(list, bound{measure: "pass on equal images", cell: at(b.name, 0), of: passed, limit: b.limit})
	}
	return list
}

// published are the outcomes of the study that the procedure comes from, by
// another implementation with other random numbers: 0, 5, 10, 15, 20, 30 %.
var published = map[string][]string{
	"quiet":    {"0.4/99.3/0 (8.2)", "29.4/59.1/12 (13.3)", "94.2/3.1/3 (11.3)", "99.9/0.1/0 (7.8)", "100.0/0.0/0 (6.2)", "100.0/0.0/0 (5.3)"},
	"ci":       {"0.5/81.3/18 (13.1)", "10.3/30.0/60 (17.2)", "50.0/3.7/46 (16.7)", "85.9/0.3/14 (13.3)", "97.4/0.0/3 (10.4)", "99.9/0.0/0 (7.6)"},
	"noisy":    {"0.5/45.1/54 (16.6)", "4.2/15.8/80 (18.5)", "16.2/3.0/81 (18.7)", "41.2/0.8/58 (17.4)", "65.6/0.1/34 (15.5)", "92.8/0.0/7 (11.9)"},
	"lindrift": {"0.5/95.6/4 (10.0)", "16.9/44.1/39 (15.6)", "77.4/3.0/20 (14.4)", "99.0/0.1/1 (9.7)", "100.0/0.0/0 (7.2)", "100.0/0.0/0 (5.5)"},
	"step":     {"0.5/94.3/5 (10.8)", "15.9/42.6/41 (15.9)", "73.7/3.6/23 (14.6)", "97.9/0.2/2 (10.5)", "99.9/0.0/0 (8.2)", "100.0/0.0/0 (6.3)"},
	"regime":   {"0.5/42.9/57 (16.8)", "4.2/16.2/80 (18.4)", "15.9/4.1/80 (18.5)", "35.8/0.8/63 (17.5)", "54.4/0.3/45 (16.1)", "76.7/0.1/23 (14.2)"},
	"unequal":  {"1.0/75.5/24 (13.9)", "9.4/28.6/62 (17.1)", "43.5/4.7/52 (16.9)", "82.1/0.4/17 (14.1)", "97.8/0.1/2 (10.7)", "100.0/0.0/0 (7.1)"},
	"bimodal":  {"0.6/66.2/33 (14.9)", "8.2/26.1/66 (17.6)", "35.1/4.2/61 (17.5)", "58.4/0.5/41 (16.1)", "71.7/0.1/28 (14.9)", "92.5/0.0/8 (13.3)"},
}

func TestErrorRates(t *testing.T) {
	sessions, nightly := simulate()
	effects := []float64{0, .10, .20}
	if nightly {
		effects = []float64{0, .05, .10, .15, .20, .30}
	}
	var cells []cell
	for _, m := range machines {
		for _, effect := range effects {
			cells = append(cells, cell{m.name, effect, within30s})
		}
	}
	cells = append(cells, cell{"ci", .10, within60s})
	played := make([]outcome, len(cells))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range cells {
		group.Go(func() (err error) {
			played[i], err = c.play(sessions)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	outcomes := map[cell]outcome{}
	for i, c := range cells {
		outcomes[c] = played[i]
	}
	for _, b := range bounds() {
		if o, ok := outcomes[b.cell]; !ok {
			t.Errorf("%s: %+v was not played", b.measure, b.cell)
		} else if !b.holds(o) {
			t.Errorf("%s, %s: %.4g, limit %.4g; fail/pass/inconclusive %% (rounds) %s", b.measure, b.cell.machine, b.of(o), b.limit, o)
		}
	}
	tables := tables(outcomes, effects, sessions)
	t.Log("\n" + tables)
	if nightly {
		write(t, "<!-- tables of make simulate -->\n", "<!-- end of tables -->", tables)
	}
}

func tables(outcomes map[cell]outcome, effects []float64, sessions int) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%d sessions in each cell. Fail/pass/inconclusive in percent (mean rounds); below each line what the method's own study found.\n\n| machine |", sessions)
	for _, e := range effects {
		fmt.Fprintf(&w, " %+.0f %% |", 100*e)
	}
	w.WriteString("\n|---|" + strings.Repeat("---|", len(effects)) + "\n")
	all := []float64{0, .05, .10, .15, .20, .30}
	for _, m := range machines {
		w.WriteString("| **" + m.name + "** |")
		for _, e := range effects {
			w.WriteString(" " + outcomes[cell{m.name, e, within30s}].String() + " |")
		}
		w.WriteString("\n| the study |")
		for _, e := range effects {
			w.WriteString(" " + published[m.name][slices.Index(all, e)] + " |")
		}
		w.WriteString("\n")
	}
	w.WriteString("\n| bound | machine | limit | found |\n|---|---|---|---|\n")
	for _, b := range bounds() {
		than := "≥"
		if b.most {
			than = "≤"
		}
		o := outcomes[b.cell]
		if b.rounds {
			fmt.Fprintf(&w, "| %s | %s | %s %.1f | %.1f |\n", b.measure, b.cell.machine, than, b.limit, b.of(o))
		} else {
			fmt.Fprintf(&w, "| %s | %s | %s %.1f %% | %.2f %% |\n", b.measure, b.cell.machine, than, 100*b.limit, 100*b.of(o))
		}
	}
	return w.String()
}

var doc = flag.String("doc", "../../../docs/method.md", "where the nightly simulation writes its tables")

// write replaces what stands between the marks of the document.
func write(t *testing.T, from, to, tables string) {
	t.Helper()
	testenv.WriteBetween(t, *doc, from, to, tables)
}

// Blocks of one start share the noise of that start. Given as what they are
// they count once.
func TestBlocksOfAStartAreOneValue(t *testing.T) {
	sessions, _ := simulate()
	m := machine{run: .06}
	within := within30s * math.Sqrt2 // 15 s
	fail, naive := 0, 0
	for i := range sessions {
		r := rand.New(rand.NewPCG(uint64(i), 100))
		rounds, s := m.session(r, 20, 4, within, 0)
		if d, err := Judge(rounds, s, false); err != nil || d.Verdict == Invalid {
			t.Fatal(d, err)
		} else if d.Verdict == Fail {
			fail++
		}
		// One start of each side, its twenty blocks taken for rounds.
		one, _ := m.session(r, 1, 20, within, 0)
		var a, b []float64
		for j := range 20 {
			a = append(a, math.Log(one[0].Baseline.Blocks[j].Value))
			b = append(b, math.Log(one[0].Candidate.Blocks[j].Value))
		}
		if e := shift(a, b, .01, .02); e.lower > 0 && e.shift >= math.Log(1.05) {
			naive++
		}
		var as []Round
		for j := range 20 {
			as = append(as, Round{
				Baseline:  Side{Started: one[0].Baseline.Started, Ended: one[0].Baseline.Ended, Blocks: one[0].Baseline.Blocks[j : j+1]},
				Candidate: Side{Started: one[0].Candidate.Started, Ended: one[0].Candidate.Ended, Blocks: one[0].Candidate.Blocks[j : j+1]},
			})
		}
		if d, err := Judge(as, s, false); err != nil || d.Verdict != Invalid || d.Reason != Design {
			t.Fatalf("blocks of one start as rounds: %+v, %v", d, err)
		}
	}
	share := func(n int) float64 { return float64(n) / float64(sessions) }
	t.Logf("false fail %.2f %%; of blocks taken for rounds %.1f %%", 100*share(fail), 100*share(naive))
	if share(fail) > .01+slack(.01, sessions) {
		t.Errorf("false fail in %.2f %% of sessions", 100*share(fail))
	}
	// Else the simulation does not hold what the rule is there for.
	if share(naive) < .10 {
		t.Errorf("blocks taken for rounds fail in %.2f %% only", 100*share(naive))
	}
}

// At the rise that is printed as detectable, four of five sessions have to
// fail, more or less: the sessions' own outcome decides how much is printed.
func TestDetectableIsDetected(t *testing.T) {
	sessions, _ := simulate()
	sessions /= 2
	for _, name := range []string{"quiet", "ci", "noisy", "step"} {
		for look, k := range map[int]int{1: 10, 3: 20} {
			spend := Default().Looks[look]
			m := machineNamed(name)
			taken := func(i int, effect float64) Look {
				// The session is always twenty rounds long, so that drift and
				// step are the machine's.
				rounds, s := m.session(rand.New(rand.NewPCG(uint64(i), 200)), 20, 1, within30s, effect)
				var a, b []float64
				for _, r := range rounds[:k] {
					a, b = append(a, r.Baseline.value()), append(b, r.Candidate.value())
				}
				l, _, _, _ := s.look(rounds[:k], a, b, spend)
				return l
			}
			var printed []float64
			for i := range sessions {
				printed = append(printed, *taken(i, 0).Detectable)
			}
			effect := median(printed)
			found := 0
			for i := range sessions {
				if l := taken(sessions+i, effect); *l.Lower > 0 && *l.Estimate >= .05 {
					found++
				}
			}
			power := float64(found) / float64(sessions)
			t.Logf("%s, %d rounds: +%.1f %% is detectable, and found in %.0f %%", name, k, 100*effect, 100*power)
			if power < .65-slack(.65, sessions) || power > .90+slack(.90, sessions) {
				t.Errorf("%s, %d rounds: +%.1f %% found in %.0f %%, want 65 to 90", name, k, 100*effect, 100*power)
			}
		}
	}
}

// Errors come in bursts. Equal sides must not fail by them; a candidate that
// fails one request in a hundred more must.
func TestErrorBursts(t *testing.T) {
	sessions, _ := simulate()
	for _, tt := range []struct {
		name        string
		often, more float64
		least, most float64
	}{
		{"rare bursts", .1, 0, 0, .01},
		{"bursts in every other start", .5, 0, 0, .01},
		{"bursts in every start", 1, 0, 0, .01},
		{"no bursts, 1 % more", 0, .01, 1, 1},
		{"rare bursts, 5 % more", .1, .05, .99, 1},
	} {
		fail := 0
		for i := range sessions {
			r := rand.New(rand.NewPCG(uint64(i), 300))
			rounds, s := machineNamed("quiet").session(r, 20, 1, within30s, 0)
			for j := range rounds {
				for _, side := range []struct {
					blocks []Block
					more   float64
				}{{rounds[j].Baseline.Blocks, 0}, {rounds[j].Candidate.Blocks, tt.more}} {
					share := side.more
					if r.Float64() < tt.often {
						share += .05 * r.Float64()
					}
					side.blocks[0].Errors = int64(share * float64(side.blocks[0].Requests))
				}
			}
			d, err := Judge(rounds, s, false)
			if err != nil {
				t.Fatal(err)
			}
			if d.Verdict == Fail && d.Reason == Failures {
				fail++
			}
		}
		got := float64(fail) / float64(sessions)
		t.Logf("%s: %.2f %% fail by errors", tt.name, 100*got)
		if got < tt.least-slack(tt.least, sessions) || got > tt.most+slack(tt.most, sessions) {
			t.Errorf("%s: %.2f %% fail by errors, want %v to %v", tt.name, 100*got, tt.least, tt.most)
		}
	}
}

// Three metrics that know nothing of each other, each with its share of alpha:
// one that fails decides, and that must not be more often than with one metric.
func TestThreeMetrics(t *testing.T) {
	sessions, _ := simulate()
	fail, naive := 0, 0
	for i := range sessions {
		any := func(alpha float64) bool {
			for metric := range 3 {
				r := rand.New(rand.NewPCG(uint64(i), 400+uint64(metric)))
				rounds, s := machineNamed("ci").session(r, 20, 1, within30s, 0)
				s.Looks = Spread(alpha, Beta, 5, 10, 15, 20)
				d, err := Judge(rounds, s, false)
				if err != nil {
					t.Fatal(err)
				}
				if d.Verdict == Fail {
					return true
				}
			}
			return false
		}
		if any(Alpha / 3) {
			fail++
		}
		if any(Alpha) {
			naive++
		}
	}
	share := func(n int) float64 { return float64(n) / float64(sessions) }
	t.Logf("one of three metrics fails equal sides in %.2f %% of sessions, with all of alpha for each in %.2f %%", 100*share(fail), 100*share(naive))
	if share(fail) > .01+slack(.01, sessions) {
		t.Errorf("false fail in %.2f %% of sessions", 100*share(fail))
	}
	if share(naive) <= share(fail) {
		t.Error("sharing alpha makes no difference: the simulation does not hold what the rule is there for")
	}
}
