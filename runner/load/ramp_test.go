package load_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/runner/load"
)

func perSecond(n int) load.Rate { return load.Rate{Count: n, Per: time.Second} }

func TestRampTotal(t *testing.T) {
	second, hour := time.Second, time.Hour
	for name, c := range map[string]struct {
		from   load.Rate
		stages []load.Stage
		want   int64
	}{
		"level":                {perSecond(500), []load.Stage{{perSecond(500), 10 * second}}, 5000},
		"up from nothing":      {load.Rate{}, []load.Stage{{perSecond(500), 30 * second}}, 7500},
		"up and on":            {load.Rate{}, []load.Stage{{perSecond(500), 30 * second}, {perSecond(500), 60 * second}}, 37_500},
		"down to nothing":      {perSecond(100), []load.Stage{{load.Rate{}, 4 * second}}, 200},
		"up and down":          {load.Rate{}, []load.Stage{{perSecond(9), second}, {load.Rate{}, second}}, 9},
		"half a request":       {load.Rate{}, []load.Stage{{perSecond(3), second}}, 2},
		"jumps":                {load.Rate{}, []load.Stage{{perSecond(10), 0}, {perSecond(10), second}, {perSecond(50), 0}, {perSecond(50), second}}, 60},
		"a pause":              {perSecond(10), []load.Stage{{perSecond(10), second}, {load.Rate{}, 0}, {load.Rate{}, 5 * second}, {perSecond(10), 0}, {perSecond(10), second}}, 20},
		"periods that differ":  {load.Rate{Count: 50, Per: 7 * second}, []load.Stage{{load.Rate{Count: 3, Per: 11 * second}, 77 * second}}, 286}, // (550+21)/2 = 285.5
		"fast and for long":    {perSecond(100_000), []load.Stage{{load.Rate{Count: 300_000_000, Per: hour}, 24 * hour}}, 7_920_000_000},
		"an odd rate for days": {perSecond(99_999), []load.Stage{{perSecond(99_999), 100 * hour}}, 35_999_640_000},
		"a moment":             {perSecond(1), []load.Stage{{perSecond(1), 1}}, 1},
	} {
		r, err := load.NewRamp(c.from, c.stages)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Total() != c.want {
			t.Errorf("%s: %d requests, want %d", name, r.Total(), c.want)
		}
	}
}

func TestRampRefusesNonsense(t *testing.T) {
	for name, c := range map[string]struct {
		from   load.Rate
		stages []load.Stage
	}{
		"no stage":         {perSecond(1), nil},
		"only a jump":      {perSecond(1), []load.Stage{{perSecond(2), 0}}},
		"nothing at all":   {load.Rate{}, []load.Stage{{load.Rate{}, time.Hour}}},
		"negative rate":    {perSecond(-1), []load.Stage{{perSecond(2), time.Second}}},
		"negative length":  {perSecond(1), []load.Stage{{perSecond(2), -1}}},
		"no period":        {perSecond(1), []load.Stage{{load.Rate{Count: 1}, time.Second}}},
		"too many":         {load.Rate{Count: math.MaxInt, Per: 1}, []load.Stage{{perSecond(1), time.Hour}}},
		"too long":         {perSecond(1), []load.Stage{{perSecond(1), math.MaxInt64}, {perSecond(1), math.MaxInt64}}},
		"odd for too long": {perSecond(99_999), []load.Stage{{perSecond(1), 100 * time.Hour}}},
		"nothing common":   {load.Rate{Count: 1, Per: 999_999_999_989}, []load.Stage{{load.Rate{Count: 1, Per: 999_999_999_961}, time.Second}}},
	} {
		if _, err := load.NewRamp(c.from, c.stages); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// integral computes exactly how many requests there should have been until t.
func integral(from load.Rate, stages []load.Stage, t time.Duration) *big.Rat {
	value := func(r load.Rate) *big.Rat {
		if r.Count == 0 {
			return new(big.Rat)
		}
		return big.NewRat(int64(r.Count), int64(r.Per))
	}
	sum, rate := new(big.Rat), value(from)
	for _, s := range stages {
		if s.Over > 0 && t > 0 {
			// The mean of the rate at the begin and at the end, times the time.
			within := min(t, s.Over)
			share := big.NewRat(int64(within), int64(s.Over))
			slope := new(big.Rat).Sub(value(s.To), rate)
			end := slope.Mul(slope, share)
			end.Add(end, rate)
			area := new(big.Rat).Add(rate, end)
			area.Mul(area, big.NewRat(int64(within), 2))
			sum.Add(sum, area)
			t -= within
		}
		rate = value(s.To)
	}
	return sum
}

// checkInverse holds request k to the definition: it is due at the last
// nanosecond at which the integral is not above k.
func checkInverse(t *testing.T, r *load.Ramp, from load.Rate, stages []load.Stage, k int64) {
	t.Helper()
	due, ok := r.Due(k)
	if !ok {
		t.Fatalf("request %d of %d has no due time", k, r.Total())
	}
	want := new(big.Rat).SetInt64(k)
	if now, next := integral(from, stages, due), integral(from, stages, due+1); now.Cmp(want) > 0 || next.Cmp(want) <= 0 {
		t.Fatalf("request %d is due at %d ns, where the integral is %s and then %s", k, due, now.FloatString(12), next.FloatString(12))
	}
}

// FuzzRamp compares with the integral in fractions of big integers.
func FuzzRamp(f *testing.F) {
	second, hour := int64(time.Second), int64(time.Hour)
	f.Add(uint32(0), second, uint32(500), second, 30*second, uint32(500), second, 60*second, uint64(7499))
	f.Add(uint32(0), second, uint32(1000), second, 30*second, uint32(0), second, int64(0), uint64(2187))
	f.Add(uint32(100), second, uint32(0), second, 4*second, uint32(0), second, second, uint64(199))
	f.Add(uint32(3), hour, uint32(50), 7*second, 77*second, uint32(70_000), second, hour, uint64(1_000_000))
	f.Add(uint32(1), int64(1), uint32(0), int64(1), int64(2), uint32(7), int64(3), int64(0), uint64(1))
	f.Add(uint32(100_000), second, uint32(1), second, 24*hour, uint32(100_000), second, 24*hour, uint64(4_320_043_199))
	f.Fuzz(func(t *testing.T, count uint32, per int64, to1 uint32, per1, over1 int64, to2 uint32, per2, over2 int64, pick uint64) {
		rate := func(count uint32, per int64) load.Rate {
			return load.Rate{Count: int(count >> 1), Per: time.Duration(per)}
		}
		from := rate(count, per)
		stages := []load.Stage{{rate(to1, per1), time.Duration(over1)}, {rate(to2, per2), time.Duration(over2)}}
		r, err := load.NewRamp(from, stages)
		if err != nil {
			return
		}
		end := integral(from, stages, math.MaxInt64)
		total := new(big.Int).Add(end.Num(), new(big.Int).Sub(end.Denom(), big.NewInt(1)))
		if total.Quo(total, end.Denom()); total.Cmp(big.NewInt(r.Total())) != 0 {
			t.Fatalf("%d requests, want %s rounded up", r.Total(), end.FloatString(12))
		}
		if _, ok := r.Due(r.Total()); ok {
			t.Fatal("one request too many")
		}
		k := int64(pick % uint64(r.Total()))
		for _, k := range []int64{0, k, r.Total() - 1} {
			checkInverse(t, r, from, stages, k)
		}
	})
}

// TestRampInverts looks at every request of a load with everything in it.
func TestRampInverts(t *testing.T) {
	from := load.Rate{Count: 7, Per: time.Minute}
	stages := []load.Stage{
		{perSecond(500), 3 * time.Second}, {perSecond(500), 777 * time.Millisecond}, {load.Rate{}, 1_234_567_891},
		{load.Rate{}, time.Second}, {perSecond(1000), 0}, {perSecond(333), time.Second}, {load.Rate{}, 0},
	}
	r, err := load.NewRamp(from, stages)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Duration(-1)
	for k := range r.Total() {
		checkInverse(t, r, from, stages, k)
		due, _ := r.Due(k)
		if due < last {
			t.Fatalf("request %d is due at %v, the one before at %v", k, due, last)
		}
		last = due
	}
	for _, k := range []int64{-1, r.Total(), math.MaxInt64} {
		if _, ok := r.Due(k); ok {
			t.Errorf("there is a request %d", k)
		}
	}
}

// TestLevelRampIsConstant: both have the same requests at the same instants.
func TestLevelRampIsConstant(t *testing.T) {
	for _, rate := range []load.Rate{perSecond(1), perSecond(500), perSecond(30_000), {Count: 90, Per: time.Minute}, {Count: 7, Per: 3 * time.Second}} {
		const duration = 20*time.Second + 1
		constant, err := load.NewConstant(rate.Count, rate.Per, duration)
		if err != nil {
			t.Fatal(err)
		}
		ramp, err := load.NewRamp(rate, []load.Stage{{rate, 3 * time.Second}, {rate, duration - 3*time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		for k := int64(-1); k <= constant.Total(); k++ {
			want, wantOK := constant.Due(k)
			if got, ok := ramp.Due(k); got != want || ok != wantOK {
				t.Fatalf("%+v: request %d is due at %v, %v; constant: %v, %v", rate, k, got, ok, want, wantOK)
			}
		}
	}
}

// agrees asks a pacer of vegeta, just before each request is due by the
// schedule, how long to wait for it. The pacer goes by its rate at that
// instant, which changes little in a microsecond. tolerance is in requests.
func agrees(t *testing.T, s load.Schedule, pacer vegeta.Pacer, tolerance float64) {
	t.Helper()
	const before = time.Microsecond
	for k := int64(2); k < s.Total(); k++ {
		due, _ := s.Due(k)
		wait, stop := pacer.Pace(due-before, uint64(k-1))
		allowed := tolerance/pacer.Rate(due)*1e9 + 3
		if off := float64(wait - before); stop || math.Abs(off) > allowed {
			t.Fatalf("%v: request %d is due at %v; the pacer is %v ns off (allowed %.1f)", pacer, k, due, off, allowed)
		}
	}
}

func TestRampAgreesWithVegeta(t *testing.T) {
	for _, c := range []struct {
		from, to int
		over     time.Duration
	}{{100, 500, 10 * time.Second}, {500, 100, 10 * time.Second}, {1, 2000, 5 * time.Second}, {200, 200, 3 * time.Second}} {
		r, err := load.NewRamp(perSecond(c.from), []load.Stage{{perSecond(c.to), c.over}})
		if err != nil {
			t.Fatal(err)
		}
		pacer := vegeta.LinearPacer{
			StartAt: vegeta.Rate{Freq: c.from, Per: time.Second},
			Slope:   float64(c.to-c.from) / c.over.Seconds(),
		}
		agrees(t, r, pacer, 1e-6)
	}
}

func TestSineAgreesWithVegeta(t *testing.T) {
	starts := []float64{vegeta.MeanUp, vegeta.Peak, vegeta.MeanDown, vegeta.Trough}
	for quarter, start := range starts {
		for _, c := range []struct {
			mean, amplitude  int
			period, duration time.Duration
		}{
			{200, 100, 10 * time.Second, 20 * time.Second},
			{1000, 900, 3 * time.Second, 7 * time.Second},
			{50, 1, 7777777777, 10 * time.Second},
			{100, 50, time.Minute, 11 * time.Second},
		} {
			s, err := load.NewSine(perSecond(c.mean), load.Sine{Amplitude: perSecond(c.amplitude), Period: c.period, Quarter: quarter}, c.duration)
			if err != nil {
				t.Fatal(err)
			}
			pacer := vegeta.SinePacer{
				Period: c.period, Mean: vegeta.Rate{Freq: c.mean, Per: time.Second},
				Amp: vegeta.Rate{Freq: c.amplitude, Per: time.Second}, StartAt: start,
			}
			// Within a chord the integral is off by what the documentation
			// says; 1e-3 more is the tolerance of the pacer's own search.
			chord := c.period.Seconds() / 64
			agrees(t, s, pacer, 2e-4*float64(c.amplitude)*chord+1e-3)
		}
	}
}

// TestSineTotal: whole periods have exactly the mean, wherever they begin;
// half of one has what the integral says.
func TestSineTotal(t *testing.T) {
	for quarter := range 4 {
		for _, c := range []struct {
			mean, amplitude load.Rate
			period          time.Duration
			periods         int
			want            int64
		}{
			{perSecond(200), perSecond(100), time.Minute, 5, 60_000},
			{perSecond(200), perSecond(200), 10 * time.Second, 60, 120_000},
			{perSecond(3), perSecond(1), 999_999_937, 1, 3},
			{load.Rate{Count: 3000, Per: time.Minute}, load.Rate{Count: 7, Per: time.Second}, 7 * time.Second, 1000, 350_000},
			{load.Rate{Count: 36_000, Per: time.Hour}, load.Rate{Count: 9000, Per: time.Hour}, 24 * time.Hour, 2, 1_728_000},
			{perSecond(10_000), perSecond(9_999), time.Second, 9_999, 99_990_000},
			// Periods that cannot be cut into whole nanoseconds.
			{load.Rate{Count: 999, Per: 7*time.Second + 1}, load.Rate{Count: 500, Per: 7*time.Second + 1}, 7*time.Second + 1, 500, 499_500},
			{load.Rate{Count: 20_000, Per: 10*time.Second - 1}, load.Rate{Count: 10_000, Per: 10*time.Second - 1}, 10*time.Second - 1, 500, 10_000_000},
		} {
			s, err := load.NewSine(c.mean, load.Sine{Amplitude: c.amplitude, Period: c.period, Quarter: quarter}, time.Duration(c.periods)*c.period)
			if err != nil {
				t.Fatal(err)
			}
			if s.Total() != c.want {
				t.Errorf("%+v from quarter %d: %d requests, want %d", c, quarter, s.Total(), c.want)
			}
		}
	}
	// 200·30 ± 100·60/π
	for quarter, want := range []int64{7910, 6000, 4091, 6000} {
		s, err := load.NewSine(perSecond(200), load.Sine{Amplitude: perSecond(100), Period: time.Minute, Quarter: quarter}, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if s.Total() != want {
			t.Errorf("half a period from quarter %d: %d requests, want %d", quarter, s.Total(), want)
		}
	}
}

func TestSineRefusesNonsense(t *testing.T) {
	good := load.Sine{Amplitude: perSecond(1), Period: time.Second}
	for name, c := range map[string]struct {
		mean     load.Rate
		change   func(*load.Sine)
		duration time.Duration
	}{
		"amplitude":    {perSecond(1), func(s *load.Sine) { s.Amplitude.Count = 2 }, time.Second},
		"no period":    {perSecond(1), func(s *load.Sine) { s.Period = 0 }, time.Second},
		"no duration":  {perSecond(1), func(*load.Sine) {}, 0},
		"many periods": {perSecond(1), func(s *load.Sine) { s.Period = time.Millisecond }, time.Hour},
		"quarter":      {perSecond(1), func(s *load.Sine) { s.Quarter = 4 }, time.Second},
		"no mean":      {load.Rate{}, func(s *load.Sine) { s.Amplitude.Count = 0 }, time.Second},
	} {
		s := good
		c.change(&s)
		if _, err := load.NewSine(c.mean, s, c.duration); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkDue(b *testing.B) {
	const duration = 100 * time.Hour
	level := []load.Stage{{perSecond(1000), duration}}
	ramp, err := load.NewRamp(perSecond(10), append([]load.Stage{{perSecond(1000), time.Hour}}, level...))
	if err != nil {
		b.Fatal(err)
	}
	sine, err := load.NewSine(perSecond(1000), load.Sine{Amplitude: perSecond(500), Period: time.Hour}, duration)
	if err != nil {
		b.Fatal(err)
	}
	constant, err := load.NewConstant(1000, time.Second, duration)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		of   load.Schedule
	}{{"constant", constant}, {"ramp", ramp}, {"sine", sine}, {"poisson", load.NewPoisson(ramp, 1)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for k := range int64(b.N) {
				if _, ok := c.of.Due(k); !ok {
					b.Fatalf("no request %d", k)
				}
			}
		})
	}
}
