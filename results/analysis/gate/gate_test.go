package gate

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// block is a load of 10 000 requests, none of which failed.
func block(ms float64) Block { return Block{Value: ms * 1e6, Requests: 10_000} }

// steadily measures n rounds in the order that seed 0 draws, one start a
// minute. sides gives what the round with an index shows.
func steadily(n int, sides func(i int) (baseline, candidate Block)) []Round {
	rounds := make([]Round, n)
	for i := range rounds {
		b, c := sides(i)
		first, second := Side{Blocks: []Block{b}}, Side{Blocks: []Block{c}}
		begin := noon.Add(time.Duration(2*i) * time.Minute)
		early, late := &first, &second
		if CandidateFirst(0, i) {
			early, late = late, early
		}
		early.Started, early.Ended = begin, begin.Add(time.Minute)
		late.Started, late.Ended = begin.Add(time.Minute), begin.Add(2*time.Minute)
		rounds[i] = Round{Baseline: first, Candidate: second}
	}
	return rounds
}

// scattered is 100 ms and a spread of ±4 % that is the same for everybody.
func scattered(i int) float64 { return 100 * (1 + .02*float64(i*7%5-2)) }

func slower(by float64) func(int) (Block, Block) {
	return func(i int) (Block, Block) { return block(scattered(i)), block(scattered(i+2) * (1 + by)) }
}

func with(b Block, change func(*Block)) Block {
	change(&b)
	return b
}

func TestJudge(t *testing.T) {
	loosely := func(s *Settings) { s.MaxErrors = .10 }
	tests := []struct {
		name     string
		rounds   []Round
		settings func(*Settings)
		more     bool
		verdict  Verdict
		reason   Reason
		counted  int
		next     int
		says     string
	}{
		{name: "nothing yet", more: true, verdict: Continue, reason: TooFew, next: 5},
		{name: "nothing at all", verdict: Inconclusive, reason: TooFew, says: "before 5"},
		{name: "ten times slower, four rounds", rounds: steadily(4, slower(9)), verdict: Inconclusive, reason: TooFew, counted: 4, says: "4 rounds count, and nothing can be decided before 5"},
		{name: "four rounds of more", rounds: steadily(4, slower(9)), more: true, verdict: Continue, reason: TooFew, counted: 4, next: 5},
		{name: "slower", rounds: steadily(5, slower(.30)), more: true, verdict: Fail, reason: Latency, counted: 5, says: "the p99 rose by 30 % (99 % sure that it rose by more than"},
		{name: "equal", rounds: steadily(5, slower(0)), more: true, verdict: Pass, reason: Latency, counted: 5, says: "a rise of the p99 by 10 % or more is excluded"},
		{name: "faster", rounds: steadily(5, slower(-.30)), more: true, verdict: Pass, reason: Latency, counted: 5},
		{name: "surely slower, but hardly", rounds: steadily(5, constant(103)), verdict: Pass, reason: Latency, counted: 5},
		{name: "surely slower and below the tolerance", rounds: steadily(5, constant(107)), verdict: Fail, reason: Latency, counted: 5},
		{name: "not told apart yet", rounds: steadily(7, slower(.07)), more: true, verdict: Continue, reason: Latency, counted: 7, next: 10, says: "after 5 rounds"},
		{name: "stopped early", rounds: steadily(7, slower(.07)), verdict: Inconclusive, reason: Latency, counted: 7, says: "after 5 rounds"},
		{name: "never told apart", rounds: steadily(20, widely), more: true, verdict: Inconclusive, reason: Latency, counted: 20, says: "the smallest rise these rounds could show is"},
		{name: "one void round", rounds: voided(steadily(6, slower(.30)), 2), verdict: Fail, reason: Latency, counted: 5},
		{name: "two void rounds of seven", rounds: voided(steadily(7, slower(.30)), 2, 3), more: true, verdict: Continue, reason: Latency, counted: 5, next: 10},
		{name: "two void rounds of twelve", rounds: voided(steadily(12, slower(.30)), 2, 3), more: true, verdict: Fail, reason: Latency, counted: 10},
		{name: "void rounds only", rounds: voided(steadily(3, slower(0)), 0, 1, 2), more: true, verdict: Continue, reason: TooFew, next: 5},
		{name: "too many void rounds", rounds: voided(steadily(7, slower(0)), 0, 1, 2, 3, 4, 5, 6), more: true, verdict: Invalid, reason: Environment, says: "7 rounds were void, of which at most 25 % may be, the last for: the host stole CPU"},
		{name: "void rounds after the verdict", rounds: voided(steadily(9, slower(.30)), 5, 6, 7, 8), verdict: Fail, reason: Latency, counted: 5},
		{name: "a void round need not be whole", rounds: append(steadily(4, slower(.30)), Round{Void: []string{"did not start"}}), more: true, verdict: Continue, reason: TooFew, counted: 4, next: 5},
		{name: "too few requests", rounds: steadily(5, requests(1_999)), verdict: Invalid, reason: Unresolved, says: "a p99 needs 2000 requests"},
		{name: "requests enough", rounds: steadily(5, requests(2_000)), verdict: Fail, reason: Latency, counted: 5},
		{name: "too few for a p99.9", rounds: steadily(5, requests(19_999)), settings: func(s *Settings) { s.Metric, s.Percentile = "p99.9", 99.9 }, verdict: Invalid, reason: Unresolved, says: "a p99.9 needs 20000 requests"},
		{name: "enough for a p99.9", rounds: steadily(5, requests(20_000)), settings: func(s *Settings) { s.Percentile = 99.9 }, verdict: Fail, reason: Latency, counted: 5},
		{name: "no percentile needs no number of requests", rounds: steadily(5, requests(10)), settings: func(s *Settings) { s.Metric, s.Percentile = "CPU per request", 0 }, verdict: Fail, reason: Latency, counted: 5, says: "the CPU per request rose by 100 %"},
		{name: "no value", rounds: steadily(5, constant(0)), verdict: Invalid, reason: Unresolved, counted: 5, says: "no p99"},

		{name: "everything fails at once", rounds: steadily(5, failing(10_000, 1)), verdict: Fail, reason: Failures, counted: 5, says: "100 % of the candidate's requests failed, 0 % of the baseline's, more in 5 rounds and fewer in 0"},
		{name: "everything fails, and there is no value", rounds: steadily(5, failing(10_000, 0)), verdict: Fail, reason: Failures, counted: 5},
		{name: "everything fails, one round short", rounds: steadily(4, failing(10_000, 1)), verdict: Inconclusive, reason: TooFew, counted: 4},
		{name: "one in a thousand may fail", rounds: steadily(5, failing(10, 100)), verdict: Pass, reason: Latency, counted: 5},
		{name: "eleven in ten thousand may not", rounds: steadily(5, failing(11, 100)), verdict: Fail, reason: Failures, counted: 5},
		{name: "unless an objective allows it", rounds: steadily(5, failing(1_000, 100)), settings: loosely, verdict: Pass, reason: Latency, counted: 5},
		{name: "an objective that is missed", rounds: steadily(5, failing(1_001, 100)), settings: loosely, verdict: Fail, reason: Failures, counted: 5},
		{name: "one bad round proves nothing and excuses nothing", rounds: steadily(20, badRound), verdict: Inconclusive, reason: Failures, counted: 20, says: "too few for proof, too many for a pass"},
		{name: "in all but one of fifteen rounds", rounds: steadily(15, badBut(4)), verdict: Fail, reason: Failures, counted: 15},

		{name: "candidate times out", rounds: steadily(5, timingOut(0, 101)), settings: loosely, verdict: Fail, reason: Latency, counted: 5, says: "is at least the timeout"},
		{name: "candidate nearly times out", rounds: steadily(5, timingOut(0, 100)), settings: loosely, verdict: Fail, reason: Latency, counted: 5, says: "rose by 200 %"},
		{name: "candidate times out at a lower value", rounds: steadily(20, func(int) (Block, Block) {
			return block(300), with(block(100), func(b *Block) { b.Errors, b.Timeouts = 500, 500 })
		}), settings: loosely, verdict: Inconclusive, reason: Latency, counted: 20},
		{name: "both time out", rounds: steadily(20, timingOut(101, 101)), settings: loosely, verdict: Inconclusive, reason: Latency, counted: 20, says: "cannot be estimated"},
		{name: "baseline times out, candidate faster", rounds: steadily(5, func(int) (Block, Block) {
			return with(block(300), func(b *Block) { b.Errors, b.Timeouts = 500, 500 }), block(100)
		}), verdict: Pass, reason: Latency, counted: 5},
		{name: "baseline times out, candidate slower", rounds: steadily(20, func(int) (Block, Block) {
			return with(block(100), func(b *Block) { b.Errors, b.Timeouts = 500, 500 }), block(300)
		}), verdict: Inconclusive, reason: Latency, counted: 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Default()
			if tt.settings != nil {
				tt.settings(&s)
			}
			d, err := Judge(tt.rounds, s, tt.more)
			if err != nil {
				t.Fatal(err)
			}
			if d.Verdict != tt.verdict || d.Reason != tt.reason || d.Next != tt.next {
				t.Errorf("%s by %s, next %d; want %s by %s, next %d", d.Verdict, d.Reason, d.Next, tt.verdict, tt.reason, tt.next)
			}
			if tt.verdict != Invalid && d.Counted != tt.counted {
				t.Errorf("%d rounds count, want %d", d.Counted, tt.counted)
			}
			if d.Text == "" || !strings.Contains(d.Text, tt.says) {
				t.Errorf("says %q, want %q in it", d.Text, tt.says)
			}
			t.Log(d.Text)
		})
	}
}

func constant(candidate float64) func(int) (Block, Block) {
	return func(int) (Block, Block) { return block(100), block(candidate) }
}

// widely scatters the candidate over a factor of four, around the baseline.
func widely(i int) (Block, Block) {
	return block(scattered(i)), block(100 * math.Exp2(float64(i*7%5-2)))
}

func voided(rounds []Round, indices ...int) []Round {
	for _, i := range indices {
		rounds[i].Void = []string{"the host stole CPU"}
	}
	return rounds
}

func requests(n int64) func(int) (Block, Block) {
	return func(int) (Block, Block) { return Block{100, n, 0, 0}, Block{200, n, 0, 0} }
}

// failing is a candidate of whose 10 000 requests so many fail.
func failing(n int64, ms float64) func(int) (Block, Block) {
	return func(int) (Block, Block) {
		return block(100), with(block(ms), func(b *Block) { b.Errors = n })
	}
}

func badRound(i int) (Block, Block) {
	if i == 3 {
		return failing(5_000, 100)(i)
	}
	return block(100), block(100)
}

func badBut(round int) func(int) (Block, Block) {
	return func(i int) (Block, Block) {
		if i == round {
			return with(block(100), func(b *Block) { b.Errors = 1 }), block(100)
		}
		return failing(200, 100)(i)
	}
}

func timingOut(baseline, candidate int64) func(int) (Block, Block) {
	return func(int) (Block, Block) {
		return with(block(100), func(b *Block) { b.Errors, b.Timeouts = baseline, baseline }),
			with(block(300), func(b *Block) { b.Errors, b.Timeouts = candidate, candidate })
	}
}

// A comparison that was not measured in fresh, interleaved rounds of drawn
// order never passes or fails, whatever it shows.
func TestDesign(t *testing.T) {
	tests := []struct {
		name   string
		change func([]Round)
		says   string
	}{
		{"baseline of another day", func(rounds []Round) {
			for i := range rounds {
				rounds[i].Baseline = moved(rounds[i].Baseline, -24*time.Hour)
			}
		}, "which is not what the seed draws|before the round before was over"},
		{"one side, then the other", func(rounds []Round) {
			for i := range rounds {
				at := noon.Add(time.Duration(i) * time.Minute)
				rounds[i].Baseline.Started, rounds[i].Baseline.Ended = at, at.Add(time.Minute)
				at = at.Add(time.Hour)
				rounds[i].Candidate.Started, rounds[i].Candidate.Ended = at, at.Add(time.Minute)
			}
		}, "which is not what the seed draws|before the round before was over"},
		{"both at once", func(rounds []Round) {
			first := rounds[0]
			first.Baseline.Started, first.Baseline.Ended = noon, noon.Add(2*time.Minute)
			first.Candidate.Started, first.Candidate.Ended = noon.Add(time.Second), noon.Add(2*time.Minute)
			rounds[0] = first
		}, "ran at the same time"},
		{"one start for all rounds", func(rounds []Round) {
			for i := range rounds {
				rounds[i].Baseline.Started, rounds[i].Baseline.Ended = rounds[0].Baseline.Started, rounds[0].Baseline.Ended
				rounds[i].Candidate.Started, rounds[i].Candidate.Ended = rounds[0].Candidate.Started, rounds[0].Candidate.Ended
			}
		}, "before the round before was over"},
		{"another order", func(rounds []Round) {
			r := &rounds[2]
			r.Baseline.Started, r.Candidate.Started = r.Candidate.Started, r.Baseline.Started
			r.Baseline.Ended, r.Candidate.Ended = r.Candidate.Ended, r.Baseline.Ended
		}, "round 3: the"},
		{"no times", func(rounds []Round) { rounds[1].Candidate.Started = time.Time{} }, "round 2: the candidate has no times"},
		{"no blocks", func(rounds []Round) { rounds[1].Baseline.Blocks = nil }, "round 2: the baseline has no measurement"},
		{"more errors than requests", func(rounds []Round) { rounds[4].Baseline.Blocks[0].Errors = 10_001 }, "cannot be"},
	}
	for _, tt := range tests {
		for _, by := range []float64{0, 9} {
			rounds := steadily(20, slower(by))
			tt.change(rounds)
			d, err := Judge(rounds, Default(), false)
			if err != nil || d.Verdict != Invalid || d.Reason != Design || d.Next != 0 {
				t.Errorf("%s: %+v, %v", tt.name, d, err)
			}
			found := false
			for _, says := range strings.Split(tt.says, "|") {
				found = found || strings.Contains(d.Text, says)
			}
			if !found {
				t.Errorf("%s: says %q, want %q", tt.name, d.Text, tt.says)
			}
		}
	}
}

func moved(s Side, by time.Duration) Side {
	s.Started, s.Ended = s.Started.Add(by), s.Ended.Add(by)
	return s
}

// With 0, 1, 2, 3, 4 and 10, 11, 12, 13, 14 in steps of .03 of the logarithm the
// differences are .18, .21 (2), … .42: the estimate is .30, the lower limit at
// .004 the smallest, .18, the upper one at .02 the third largest, .39. The
// half-width of .12 stands for z(.996) = 2.65207 standard errors; z(.8) =
// .841621 more make .158081, and (.158081 / .095310)² of 5 rounds are 13.8.
// Differences of the pairs are all .30: no spread.
func TestLookByHand(t *testing.T) {
	rounds := steadily(5, func(i int) (Block, Block) {
		return block(math.Exp(.03 * float64(i))), block(math.Exp(.03 * float64(i+10)))
	})
	d, err := Judge(rounds, Default(), false)
	if err != nil || len(d.Looks) != 1 {
		t.Fatal(d, err)
	}
	l := d.Looks[0]
	for _, v := range []struct {
		name      string
		got, want float64
	}{
		{"estimate", *l.Estimate, math.Expm1(.30)},
		{"lower", *l.Lower, math.Expm1(.18)},
		{"upper", *l.Upper, math.Expm1(.39)},
		{"detectable", *l.Detectable, math.Expm1(.158081)},
		{"spread", l.Spread, 0},
		{"needed", float64(l.Needed), 14},
		{"alpha", l.Alpha, .004},
		{"beta", l.Beta, .02},
	} {
		if math.Abs(v.got-v.want) > 2e-6 {
			t.Errorf("%s %v, want %v", v.name, v.got, v.want)
		}
	}
}

func TestSpread(t *testing.T) {
	// Differences 0, 1, 2, 3, 100: deviations from 2 are 2, 1, 0, 1, 98.
	if got := spread(make([]float64, 5), []float64{3, 0, 100, 1, 2}); got != 1.4826 {
		t.Errorf("spread %v, want 1.4826", got)
	}
}

func TestErrorsByHand(t *testing.T) {
	tests := []struct {
		name                string
		baseline, candidate []int64
		p                   float64
		worse, better       int
		apart, proven       bool
	}{
		{"none", []int64{0, 0}, []int64{0, 0}, 1, 0, 0, false, false},
		{"five of five", []int64{0, 0}, []int64{2, 3}, 1. / 32, 2, 0, true, false},
		{"three of four", []int64{1, 0}, []int64{0, 3}, 5. / 16, 1, 1, false, false},
		{"none of four", []int64{2, 2}, []int64{0, 0}, 1, 0, 2, false, false},
	}
	for _, tt := range tests {
		rounds := steadily(len(tt.baseline), func(i int) (Block, Block) {
			return with(block(1), func(b *Block) { b.Errors = tt.baseline[i] }),
				with(block(1), func(b *Block) { b.Errors = tt.candidate[i] })
		})
		e := Default().errors(rounds, .004)
		if math.Abs(e.P-tt.p) > 1e-12 || e.Worse != tt.worse || e.Better != tt.better || e.Apart != tt.apart || e.Proven != tt.proven {
			t.Errorf("%s: %+v", tt.name, e)
		}
	}
	// Twice as many requests on the candidate's side: each of 3 errors is its
	// own with 2/3.
	r := steadily(1, func(int) (Block, Block) {
		return Block{1, 1_000, 0, 0}, Block{1, 2_000, 3, 0}
	})
	if e := Default().errors(r, .004); math.Abs(e.P-8./27) > 1e-12 {
		t.Errorf("unequal numbers of requests: P = %v, want 8/27", e.P)
	}
	for _, v := range []struct {
		worse, better int
		want          float64
	}{{0, 0, 1}, {0, 3, 1}, {5, 0, 1. / 32}, {9, 1, 11. / 1024}, {1, 1, 3. / 4}} {
		if got := signs(v.worse, v.better); math.Abs(got-v.want) > 1e-12 {
			t.Errorf("signs(%d, %d) = %v, want %v", v.worse, v.better, got, v.want)
		}
	}
}

// Asking after every round and asking once is the same, and so is asking again.
func TestAskedEarlyOrLate(t *testing.T) {
	verdicts := map[Verdict]int{}
	for i := range 200 {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		rounds, s := machineNamed("noisy").session(r, 20, 1, within30s, .20)
		if i%3 == 0 {
			voided(rounds, r.IntN(5), 5+r.IntN(15), 5+r.IntN(15))
		}
		once, err := Judge(rounds, s, true)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= len(rounds); n++ {
			d, err := Judge(rounds[:n], s, true)
			if err != nil {
				t.Fatal(err)
			}
			if d.Verdict != Continue || n == len(rounds) {
				one, _ := json.Marshal(d)
				other, _ := json.Marshal(once)
				if string(one) != string(other) {
					t.Fatalf("session %d after %d rounds: %s, once %s", i, n, one, other)
				}
				verdicts[d.Verdict]++
				break
			}
		}
	}
	if verdicts[Fail] == 0 || verdicts[Inconclusive]+verdicts[Continue] == 0 {
		t.Errorf("verdicts %v leave something untried", verdicts)
	}
}

func TestBlocksOfASide(t *testing.T) {
	s := Side{Blocks: []Block{block(9), block(1), block(4)}}
	if got := s.value(); got != math.Log(4e6) {
		t.Errorf("of three: %v", got)
	}
	s.Blocks = append(s.Blocks, block(2))
	if got, want := s.value(), (math.Log(2e6)+math.Log(4e6))/2; got != want {
		t.Errorf("of four: %v, want %v", got, want)
	}
}

func TestWarnsOfFewRequests(t *testing.T) {
	for n, want := range map[int64]int{9_999: 1, 10_000: 0} {
		d, err := Judge(steadily(5, requests(n)), Default(), false)
		if err != nil || len(d.Warnings) != want {
			t.Errorf("%d requests: %v, %v", n, d.Warnings, err)
		}
	}
}

// The draws are fair from seed to seed and from round to round, and never
// change: a stored session has to stay what its seed drew.
func TestCandidateFirst(t *testing.T) {
	const n = 100
	first, repeated := 0, 0
	for seed := range uint64(n) {
		for round := range n {
			now := CandidateFirst(seed, round)
			if now {
				first++
			}
			if now == CandidateFirst(seed, round+1) {
				repeated++
			}
		}
	}
	for _, count := range []int{first, repeated} {
		if share := float64(count) / (n * n); math.Abs(share-.5) > slack(.5, n*n) {
			t.Errorf("%.4f of the draws, want about half", share)
		}
	}
	var got strings.Builder
	for round := range 16 {
		if CandidateFirst(1, round) {
			got.WriteByte('C')
		} else {
			got.WriteByte('B')
		}
	}
	if want := "CCCCBCCCCCCCBBCB"; got.String() != want {
		t.Errorf("seed 1 draws %s, drew %s", got.String(), want)
	}
}

func TestSettings(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"no name":            func(s *Settings) { s.Metric = "" },
		"percentile":         func(s *Settings) { s.Percentile = 100 },
		"smallest rise":      func(s *Settings) { s.MinEffect = 0 },
		"tolerance":          func(s *Settings) { s.Tolerance = .04 },
		"no number":          func(s *Settings) { s.Tolerance = math.NaN() },
		"error margin":       func(s *Settings) { s.ErrorMargin = -1 },
		"void":               func(s *Settings) { s.MaxVoid = 1 },
		"no look":            func(s *Settings) { s.Looks = nil },
		"at least 5":         func(s *Settings) { s.Looks = Spread(.01, .08, 4, 10) },
		"at most 25":         func(s *Settings) { s.Looks = Spread(.01, .08, 5, 26) },
		"looks ascend":       func(s *Settings) { s.Looks = Spread(.01, .08, 10, 5) },
		"spends alpha 0 and": func(s *Settings) { s.Looks = Spread(0, .08, 5) },
	} {
		s := Default()
		change(&s)
		if _, err := Judge(nil, s, true); err == nil {
			t.Errorf("%s: no error", name)
		} else if name != "no number" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := []Spend{{5, .004, .02}, {10, .002, .02}, {15, .002, .02}, {20, .002, .02}}
	if got := Default().Looks; !reflect.DeepEqual(rounded(got), want) {
		t.Errorf("default looks %v, want %v", got, want)
	}
	if got, want := Spread(.01, .02, 5), []Spend{{5, .01, .02}}; !reflect.DeepEqual(got, want) {
		t.Errorf("one look %v, want %v", got, want)
	}
}

// rounded drops what dividing left behind the fifteenth digit.
func rounded(looks []Spend) []Spend {
	for i := range looks {
		looks[i].Alpha = math.Round(looks[i].Alpha*1e12) / 1e12
	}
	return looks
}

func BenchmarkJudge20Rounds(b *testing.B) {
	rounds := steadily(20, widely)
	for b.Loop() {
		if _, err := Judge(rounds, Default(), false); err != nil {
			b.Fatal(err)
		}
	}
}
