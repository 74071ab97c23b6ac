package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// loop is a closed loop of ten over three replicas that hinder each other in
// nothing, so that only what is told here makes it slow.
type loop struct {
	name     string
	requests int
	spread   float64 // sd of ln service time, whose median is 12 ms
	// heavy is the share of requests whose service time is multiplied by a
	// Pareto variable (shape 2.2) of at least heavyBy.
	heavy, heavyBy float64
	// cold of the three replicas answer nothing for coldFor.
	cold    int
	coldFor time.Duration
}

const loopConcurrency = 10

// run plays the loop: the response times and how long it took.
func (l loop) run(r *rand.Rand) (times []time.Duration, took time.Duration) {
	free := make([]time.Duration, loopConcurrency)
	for range l.requests {
		w := 0
		for i := range free {
			if free[i] < free[w] {
				w = i
			}
		}
		service := 12e6 * math.Exp(l.spread*r.NormFloat64())
		if r.Float64() < l.heavy {
			service *= l.heavyBy * math.Pow(1-r.Float64(), -1/2.2)
		}
		done := free[w] + time.Duration(service)
		if r.IntN(3) < l.cold && free[w] < l.coldFor {
			done = l.coldFor + time.Duration(service)
		}
		times = append(times, done-free[w])
		free[w] = done
		took = max(took, done)
	}
	return times, took
}

// printed is what ab would print of the times: its ranks, whole milliseconds.
func printed(times []time.Duration, took time.Duration) *observed {
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	ms := func(d time.Duration) time.Duration { return (d + time.Millisecond/2).Truncate(time.Millisecond) }
	at := func(p int) time.Duration { return ms(sorted[n*p/100]) }
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	o := &observed{response: latency.New()}
	o.Concurrency, o.Throughput, o.Duration = loopConcurrency, float64(n)/took.Seconds(), took
	o.Latency.Response = results.Stats{
		Count: int64(n), Min: ms(sorted[0]), Mean: ms(sum / time.Duration(n)), Max: ms(sorted[n-1]),
		P50: at(50), P66: at(66), P75: at(75), P80: at(80), P90: at(90), P95: at(95), P98: at(98), P99: at(99),
	}
	o.Foreign = &results.Foreign{Rounded: time.Millisecond, Told: []string{"concurrency", "throughput_rps"}}
	for _, name := range []string{"count", "mean", "max", "p50", "p66", "p75", "p80", "p90", "p95", "p98", "p99"} {
		o.Foreign.Told = append(o.Foreign.Told, "latency_ns.response."+name)
	}
	return o
}

// flags are the shares of loads in which the rules find something.
type flags struct{ stall, fromSummary, episode float64 }

func (l loop) play(t *testing.T, sessions int) flags {
	var f flags
	for i := range sessions {
		times, took := l.run(rand.New(rand.NewPCG(uint64(i), 400)))
		h := latency.New()
		for _, d := range times {
			h.Record(d)
		}
		exact := rankedHistogram(h)
		throughput := float64(len(times)) / took.Seconds()
		if _, is := stallOf(exact, loopConcurrency, 0, throughput); is {
			f.stall++
		}
		if _, is := coldEpisode(exact, loopConcurrency, 0); is {
			f.episode++
		}
		o := printed(times, took)
		summary, ok := o.ranked()
		if !ok {
			t.Fatal("the summary tells nothing")
		}
		if s, is := stallOf(summary, loopConcurrency, 0, throughput); is {
			f.fromSummary++
			checkBounds(t, fmt.Sprintf("%s, load %d", l.name, i), s, times)
		}
	}
	n := float64(sessions)
	return flags{f.stall / n, f.fromSummary / n, f.episode / n}
}

// checkBounds holds what was worked out from a summary against every request.
func checkBounds(t *testing.T, name string, s Stall, times []time.Duration) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(times))
	var all, slow time.Duration
	for i, d := range sorted {
		all += d
		if i >= len(sorted)-int(s.Requests) {
			slow += d
		}
	}
	if share := float64(slow) / float64(all); share < s.Share || share > s.ShareTo {
		t.Errorf("%s: the slowest %d hold %.4f, not %.4f to %.4f", name, s.Requests, share, s.Share, s.ShareTo)
	}
}

// TestSimulatedStalls: a tenth of the nightly size unless the environment says
// "nightly"; only then docs/findings.md is written.
func TestSimulatedStalls(t *testing.T) {
	sessions := 100
	nightly := os.Getenv("PLIMSOLL_SIMULATE") == "nightly"
	if nightly {
		sessions = 1000
	}
	const cold = 2200 * time.Millisecond
	type limits struct{ stall, episode [2]float64 } // least and most
	never, always := [2]float64{0, 0}, [2]float64{1, 1}
	var table strings.Builder
	table.WriteString("| load | stall | stall, from what ab prints | episode |\n|---|---|---|---|\n")
	for _, test := range []struct {
		loop loop
		want limits
	}{
		{loop{name: "warm", requests: 1000, spread: .45}, limits{never, never}},
		{loop{name: "warm, 3 % of the requests in a Pareto tail", requests: 1000, spread: .45, heavy: .03, heavyBy: 1}, limits{never, [2]float64{0, .10}}},
		{loop{name: "the same, 5 000 requests", requests: 5000, spread: .45, heavy: .03, heavyBy: 1}, limits{never, [2]float64{0, .01}}},
		{loop{name: "warm, 3 % of the requests at least five times as slow", requests: 1000, spread: .45, heavy: .03, heavyBy: 5}, limits{[2]float64{0, .05}, [2]float64{0, 1}}},
		{loop{name: "warm, service times that differ widely (sd of ln 0.8)", requests: 1000, spread: .8}, limits{never, [2]float64{0, 1}}},
		{loop{name: "one of three replicas cold for 2.2 s", requests: 1000, spread: .45, cold: 1, coldFor: cold}, limits{always, always}},
		{loop{name: "two of three cold for 2.2 s", requests: 1000, spread: .45, cold: 2, coldFor: cold}, limits{always, always}},
		{loop{name: "two of three cold for 0.3 s", requests: 1000, spread: .45, cold: 2, coldFor: 300 * time.Millisecond}, limits{[2]float64{0, 1}, always}},
		{loop{name: "two of three cold for 2.2 s, 5 000 requests", requests: 5000, spread: .45, cold: 2, coldFor: cold}, limits{[2]float64{0, 1}, always}},
	} {
		got := test.loop.play(t, sessions)
		fmt.Fprintf(&table, "| %s | %.1f %% | %.1f %% | %.1f %% |\n", test.loop.name, 100*got.stall, 100*got.fromSummary, 100*got.episode)
		slack := func(limit float64) float64 { return 3 * math.Sqrt(limit*(1-limit)/float64(sessions)) }
		for _, c := range []struct {
			what string
			got  float64
			want [2]float64
		}{{"stall", got.stall, test.want.stall}, {"episode", got.episode, test.want.episode}} {
			if c.got < c.want[0]-slack(c.want[0]) || c.got > c.want[1]+slack(c.want[1]) {
				t.Errorf("%s: %s in %.1f %% of the loads, want %g to %g %%", test.loop.name, c.what, 100*c.got, 100*c.want[0], 100*c.want[1])
			}
		}
		if got.fromSummary > got.stall {
			t.Errorf("%s: a summary told more stalls (%.3f) than every request (%.3f)", test.loop.name, got.fromSummary, got.stall)
		}
	}
	t.Logf("%d loads each\n%s", sessions, table.String())
	if nightly {
		writeSimulated(t, fmt.Sprintf("%d loads each:\n\n%s", sessions, table.String()))
	}
}

func writeSimulated(t *testing.T, table string) {
	t.Helper()
	const from, to = "<!-- simulated stalls -->\n", "<!-- end of simulated stalls -->"
	file := filepath.Join("..", "..", "docs", "findings.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), from)
	_, after, closed := strings.Cut(rest, to)
	if !ok || !closed {
		t.Fatalf("%s has no marks to write between", file)
	}
	if err := os.WriteFile(file, []byte(before+from+table+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
