package within

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"plimsoll/internal/latency"
)

const ms = time.Millisecond

// even makes a run of n requests, spread evenly over the seconds, that took
// 10 ms and up.
func even(n, seconds int) *Run {
	r := &Run{seconds: seconds}
	x := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		r.add(10*ms+time.Duration(x.ExpFloat64()*float64(ms)), i*seconds/n, 1)
	}
	r.sort()
	return r
}

// TestMissing: what is said where there is no upper limit, or none at all
// (method B2).
func TestMissing(t *testing.T) {
	// All that is slow happened in a few seconds.
	episodes := func(count int) *Run {
		r := &Run{seconds: 60}
		for second := range 60 {
			for i := range 400 {
				d := 10 * ms
				if second%4 == 0 && second/4 < count && i < 40 {
					d = 100*ms + time.Duration(i)*ms
				}
				r.add(d, second, 1)
			}
		}
		r.sort()
		return r
	}
	clustered := &Run{seconds: 200}
	for second := range 200 {
		for i := range 100 {
			d := 10 * ms
			if second < 16 && i < 13 {
				d = 100*ms + time.Duration(i)*ms
			}
			clustered.add(d, second, 1)
		}
	}
	clustered.sort()
	stands := even(60_000, 60)
	stands.batch[3] = 0
	for _, test := range []struct {
		name       string
		run        *Run
		percentile float64
		want       Missing
		low        bool
	}{
		{"nothing", &Run{}, 99, NoData, false},
		{"a load of less than ten seconds", even(10_000, 9), 99, TooShort, false},
		{"a tenth of the run stands still", stands, 99, TooShort, false},
		{"367 requests, p99", even(367, 60), 99, TooFew, true},
		{"368 requests, p99", even(368, 60), 99, NotResolved, true},
		{"3 687 requests, p99.9", even(3687, 60), 99.9, TooFew, true},
		{"3 688 requests, p99.9", even(3688, 60), 99.9, NotResolved, true},
		{"99 requests above", even(9_949, 60), 99, NotResolved, true},
		{"100 requests above", even(10_000, 60), 99, "", true},
		{"14 episodes", episodes(14), 99, NotResolved, true},
		{"15 episodes", episodes(15), 99, "", true},
		{"16 episodes in a tenth of the run", clustered, 99, Unbounded, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := test.run.Estimate(test.percentile)
			if e.Missing != test.want {
				t.Errorf("missing %q, want %q (%+v)", e.Missing, test.want, e)
			}
			if (e.Low != nil) != test.low || (e.High != nil) != (test.want == "") {
				t.Errorf("low %v, high %v", e.Low, e.High)
			}
			if e.Low != nil && *e.Low > e.Value || e.High != nil && *e.High < e.Value {
				t.Errorf("%v lies outside of its interval, %v to %v", e.Value, e.Low, e.High)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	for percentile, want := range map[float64]int64{50: 6, 90: 36, 99: 368, 99.9: 3688} {
		if got := Requests(percentile); got != want {
			t.Errorf("p%v takes %d requests, want %d", percentile, got, want)
		}
	}
}

// Whatever a short or few-episode run holds, it never has an upper limit
// (method B2, in all runs).
func TestNeverLimitedByFew(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for i := range 1000 {
		seconds := 1 + r.IntN(100)
		few := &Run{seconds: seconds}
		slow := 1 + r.IntN(14) // seconds that hold the tail
		spread := math.Exp(r.NormFloat64())
		for second := range seconds {
			for k := range 50 + r.IntN(300) {
				d := 5*ms + time.Duration(r.IntN(int(ms)))
				if second < slow && k < 50 {
					d = 100*ms + time.Duration(spread*r.ExpFloat64()*float64(ms))
				}
				few.add(d, second, 1)
			}
		}
		few.sort()
		// The percentile lies inside of the tail.
		percentile := 100 * (1 - 0.9*float64(50*min(slow, seconds))/float64(few.total))
		if e := few.Estimate(percentile); e.High != nil || e.Resolved {
			t.Fatalf("run %d, %d slow of %d seconds: %+v", i, slow, seconds, e)
		}
		n := int(Requests(99)) - 1
		if e := even(1+r.IntN(n), 1+r.IntN(60)).Estimate(99); e.High != nil {
			t.Fatalf("run %d, %d requests: %+v", i, e.Requests, e)
		}
	}
}

// By hand: batches of 100 requests, of which b+1 lie above 10 ms in batch b.
func TestWoodruffByHand(t *testing.T) {
	r := &Run{seconds: 10}
	above := 0
	for b := range 10 {
		for i := range 100 {
			d := time.Duration(i+1) * 100 * time.Microsecond // .1 to 10 ms
			if i <= b {
				d = 20*ms + time.Duration(above)*ms
				above++
			}
			r.add(d, b, 1)
		}
	}
	r.sort()
	p := 1 - 0.055 // 55 of 1000 lie above
	q := r.at(p)
	if q != 10*ms {
		t.Fatalf("quantile %v, want 10ms", q)
	}
	low, high, bounded := r.woodruff(p, r.above(p, q))
	// sd of .01 … .10 is .030277; over root ten .0095743, times t .021659.
	// So ranks 945-21.66 and 945+21.66: the 923rd, and the 22nd of those above.
	if want := 41 * ms; !bounded || high != want {
		t.Errorf("upper limit %v, want %v", high, want)
	}
	if low >= q || low < 9*ms {
		t.Errorf("lower limit %v", low)
	}
}

// Sectioning by hand: batches whose medians are 1 to 10 ms.
func TestSectioningByHand(t *testing.T) {
	r := &Run{seconds: 10}
	for b := range 10 {
		r.add(time.Duration(b+1)*ms, b, 9)
	}
	r.sort()
	q := r.at(.5)
	if q != 5*ms {
		t.Fatalf("median %v", q)
	}
	// Squares around 5: 16+9+4+1+0+1+4+9+16+25 = 85; root of 85/90 times t.
	want := time.Duration(student * math.Sqrt(85.0/90) * float64(ms))
	if got := r.sectioning(.5, q); got-want > time.Microsecond || want-got > time.Microsecond {
		t.Errorf("half width %v, want %v", got, want)
	}
}

// Requests that took the same time as the percentile count by the part of them
// that ranks above, wherever they fall.
func TestTies(t *testing.T) {
	r := &Run{seconds: 20}
	for second := range 20 {
		r.add(10*ms, second, 1000)
	}
	r.sort()
	e := r.Estimate(99)
	if e.Value != 10*ms || e.Above != 200 || math.Abs(e.Episodes-20) > 1e-9 || !e.Resolved {
		t.Errorf("%+v, want p99 of 10ms with 200 above in 20 episodes", e)
	}
	if e.Low == nil || e.High == nil || *e.Low != 10*ms || *e.High != 10*ms {
		t.Errorf("limits %v, %v; want 10ms", e.Low, e.High)
	}
}

// From histograms the same comes out as from the latencies themselves, but for
// the histograms' own rounding.
func TestFromHistograms(t *testing.T) {
	for i, p := range processes {
		const seconds = 60
		exact := &Run{seconds: seconds}
		histograms := make([]*latency.Histogram, seconds)
		p.run(rand.New(rand.NewPCG(9, uint64(i))), seconds, func(second int, took float64) {
			d := time.Duration(took * float64(ms))
			exact.add(d, second, 1)
			if histograms[second] == nil {
				histograms[second] = latency.New()
			}
			histograms[second].Record(d)
		})
		exact.sort()
		rounded := New(histograms)
		for _, percentile := range []float64{50, 90, 99} {
			want, got := exact.Estimate(percentile), rounded.Estimate(percentile)
			if got.Requests != want.Requests || got.Above != want.Above || got.Missing != want.Missing {
				t.Errorf("%s p%v: %+v, want %+v", p.name, percentile, got, want)
			}
			near(t, p.name, got.Value, want.Value)
			if want.Low != nil {
				near(t, p.name+", lower limit", *got.Low, *want.Low)
			}
			if want.High != nil {
				near(t, p.name+", upper limit", *got.High, *want.High)
			}
		}
	}
}

// near allows for a hundredth: the limits hang on what lies near the quantile.
func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if d := math.Abs(float64(got - want)); d > 0.01*float64(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestWords(t *testing.T) {
	low, high := 16900*time.Microsecond, 18200*time.Microsecond
	for want, e := range map[string]Estimate{
		"no data": {Missing: NoData},
		"no limits within this run; they take 10 seconds, with requests in each tenth of them":                                         {Missing: TooShort},
		"16.9 ms to 18.2 ms within this run, given the events that occurred in it":                                                     {Low: &low, High: &high},
		"at least 16.9 ms within this run, given the events that occurred in it; tail not resolved: 9 episodes, 20 requests above":     {Low: &low, Missing: NotResolved, Episodes: 8.7, Above: 20},
		"at least 16.9 ms within this run, given the events that occurred in it; no upper limit: it takes 368 requests, there are 367": {Low: &low, Missing: TooFew, Percentile: 99, Requests: 367},
		"at least 16.9 ms within this run, given the events that occurred in it; no upper limit: it lies beyond the slowest request":   {Low: &low, Missing: Unbounded, Resolved: true},
	} {
		if got := e.Limits(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
