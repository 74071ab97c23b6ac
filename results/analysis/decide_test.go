package analysis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/scenarios"
)

func TestRequestsFor(t *testing.T) {
	for percentile, want := range map[float64]int64{50: 20, 90: 100, 99: 1000, 99.9: 10_000, 99.99: 100_000, 100: 1} {
		if got := RequestsFor(percentile); got != want {
			t.Errorf("RequestsFor(%v) = %d, want %d", percentile, got, want)
		}
	}
}

// repeated makes n trials, slow of which are slow.
func repeated(n int, fast, slow []time.Duration, slowOnes int) []*observed {
	var trials []*observed
	for i := range n {
		if i < slowOnes {
			trials = append(trials, made(slow))
		} else {
			trials = append(trials, made(fast))
		}
	}
	return trials
}

func TestJudgeCell(t *testing.T) {
	ms := time.Millisecond
	fast, slow := around(10*ms, 2000), around(2*time.Second, 2000)
	// 20 of 2000 requests, the slowest hundredth, take 2 s.
	tailed := append(around(10*ms, 1979), around(2*time.Second, 21)...)
	for _, test := range []struct {
		name, objective, mode string
		trials                []*observed
		want                  Verdict
		why                   string // a part of it
	}{
		{"fast", "p(99) < 1s", "open", []*observed{made(fast)}, Pass, "seen once"},
		{"slow", "p(99) < 1s", "open", []*observed{made(slow)}, Fail, ""},
		{"a slow tail", "p(99) < 1s", "open", []*observed{made(tailed)}, Fail, ""},
		{"the same tail below the percentile", "p(98) < 1s", "open", []*observed{made(tailed)}, Pass, ""},
		{"median of the trials", "p(99) < 1s", "open", []*observed{made(fast), made(slow), made(fast)}, Pass, "seen 3 times"},
		{"median of the trials, other way", "p(99) < 1s", "open", []*observed{made(fast), made(slow), made(slow)}, Fail, ""},
		{"five trials need no words", "p(99) < 1s", "open", []*observed{made(fast), made(fast), made(fast), made(fast), made(fast)}, Pass, ""},
		{"all of seven", "p(99) < 1s", "open", repeated(7, fast, slow, 0), Pass, ""},
		{"one of seven starts is slow", "p(99) < 1s", "open", repeated(7, fast, slow, 1), Inconclusive, "98.4 % interval"},
		{"one of nine is an outlier", "p(99) < 1s", "open", repeated(9, fast, slow, 1), Pass, ""},
		{"four of five are slow", "p(99) < 1s", "open", repeated(5, fast, slow, 4), Inconclusive, "starts differ on both sides of the limit"},
		{"five of five are slow", "p(99) < 1s", "open", repeated(5, fast, slow, 5), Fail, ""},
		{"throughput on both sides", "throughput > 190/s", "open", repeated(5, fast, slow[:1000], 2), Inconclusive, "starts differ"},
		{"an invalid trial never decides", "p(99) < 1s", "open", []*observed{made(slow, invalid), made(fast)}, Pass, ""},
		{"only invalid trials", "p(99) < 1s", "open", []*observed{made(fast, invalid)}, InvalidResult, "did not keep up"},
		{"no trial", "p(99) < 1s", "open", nil, Inconclusive, "no trial was finished"},
		{"too few requests", "p(99.9) < 1s", "open", []*observed{made(fast)}, Inconclusive, "needs 10\u202f000 requests"},
		{"too few requests, but surely broken", "p(99.9) < 1s", "open", []*observed{made(slow)}, Fail, "already p99"},
		{"far too few requests", "p(99) < 1s", "open", []*observed{made(around(5*ms, 10))}, Inconclusive, "needs 1\u202f000"},
		{"the most failed at once", "p(99) < 1s", "open", []*observed{made(fast, failing(1000))}, Fail, "fewer than 99 %"},
		{"failures take the place of the slowest", "p(99) < 1s", "open", []*observed{made(append(around(10*ms, 1985), around(2*time.Second, 15)...), failing(10))}, Fail, "10 failed requests as too slow"},
		{"a few failures are no matter", "p(99) < 1s", "open", []*observed{made(fast, failing(1))}, Pass, "1 failed request as too slow"},
		{"latency of a closed loop", "p(99) < 1s", "closed", []*observed{made(fast)}, NotApplicable, "closed loop"},
		{"mean of a closed loop", "mean < 1s", "closed", []*observed{made(fast)}, NotApplicable, "closed loop"},
		{"max of a closed loop", "max < 1s", "closed", []*observed{made(fast)}, NotApplicable, "closed loop"},
		{"errors of a closed loop", "errors < 0.1%", "closed", []*observed{made(fast)}, Pass, ""},
		{"throughput of a closed loop", "throughput > 100/s", "closed", []*observed{made(fast)}, Pass, ""},
		{"throughput too low", "throughput > 300/s", "open", []*observed{made(fast)}, Fail, ""},
		{"mean", "mean < 11ms", "open", []*observed{made(fast)}, Pass, ""},
		{"mean of fast failures", "mean < 11ms", "open", []*observed{made(fast, failing(100))}, Inconclusive, "failure"},
		{"the longest of all trials", "max < 1s", "open", []*observed{made(fast), made(fast), made(tailed)}, Fail, ""},
		{"one bad trial of three cannot hide its errors", "errors < 0.1%", "open", []*observed{made(fast), made(fast), made(fast, failing(100))}, Fail, ""},
		{"suspect trials are named", "mean < 11ms", "open", []*observed{made(fast, func(o *observed) { o.Validity.Verdict = results.Suspect })}, Pass, "suspect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := scenarios.ParseObjective(test.objective)
			if err != nil {
				t.Fatal(err)
			}
			g, c := madeGroup(test.mode, test.trials...)
			got := judgeCell(o, g, c)
			if got.Verdict != test.want {
				t.Errorf("verdict %q, want %q (%+v)", got.Verdict, test.want, got)
			}
			if !strings.Contains(got.Why, test.why) {
				t.Errorf("why is %q, want it to say %q", got.Why, test.why)
			}
		})
	}
}

func TestDocumentVerdict(t *testing.T) {
	with := func(verdicts ...Verdict) *Document {
		doc := new(Document)
		for i, v := range verdicts {
			doc.Objectives = append(doc.Objectives, ObjectiveResult{Objective: fmt.Sprint("objective ", i), Verdict: v})
		}
		return doc
	}
	voided := with(Pass)
	voided.Cells = []Cell{{Trials: 1, Counted: 0}}
	partly := with(Pass)
	partly.Cells = []Cell{{Trials: 5, Counted: 4}}
	sameObjective := with(NotApplicable, Pass)
	sameObjective.Objectives[0].Objective = sameObjective.Objectives[1].Objective
	for name, test := range map[string]struct {
		doc  *Document
		want Verdict
	}{
		"no objectives":                  {with(), Pass},
		"all hold":                       {with(Pass, Pass), Pass},
		"a failure is the worst":         {with(Pass, InvalidResult, Inconclusive, Fail), Fail},
		"invalid comes before undecided": {with(Inconclusive, InvalidResult), InvalidResult},
		"undecided":                      {with(Pass, Inconclusive), Inconclusive},
		"stated and judged nowhere":      {with(Pass, NotApplicable), Inconclusive},
		"judged elsewhere":               {sameObjective, Pass},
		"a cell of invalid trials":       {voided, InvalidResult},
		"one invalid trial of five":      {partly, Pass},
	} {
		if got := test.doc.Verdict(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// side makes a cell whose trials had these p99s, in ms.
func side(environment string, edit func(*Cell), p99s ...float64) *Cell {
	c := &Cell{Environment: environment, Counted: len(p99s), Trials: len(p99s), Requests: 10_000, Tail: 100}
	for i := range p99s {
		p99s[i] *= 1e6
		t := TrialDetail{Trial: results.Trial{Trial: i + 1, Index: i + 1}}
		t.Latency.Response.P99 = time.Duration(p99s[i])
		c.Detail = append(c.Detail, t)
	}
	c.P99 = rangeOf(p99s)
	if edit != nil {
		edit(c)
	}
	return c
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name  string
		cells []*Cell
		order []string
		ratio float64
		want  Standing
		why   string
	}{
		{"seen once", []*Cell{side("a", nil, 20), side("b", nil, 10)}, []string{"b", "a"}, 2, TooFewTrials, "seen once, 5 trials"},
		{"four trials apart", []*Cell{side("a", nil, 1, 1, 1, 1), side("b", nil, 9, 9, 9, 9)}, []string{"a", "b"}, 9, TooFewTrials, "seen 4 times"},
		{"five trials apart", []*Cell{side("a", nil, 1, 2, 3, 4, 5), side("b", nil, 6, 7, 8, 9, 10)}, []string{"a", "b"}, 8.0 / 3, Decided, "5 trials of each"},
		{"five against four", []*Cell{side("a", nil, 1, 2, 3, 4, 5), side("b", nil, 6, 7, 8, 9)}, []string{"a", "b"}, 2.5, TooFewTrials, "seen 4 times"},
		{"overlap", []*Cell{side("a", nil, 1, 2, 3, 4, 7), side("b", nil, 6, 7, 8, 9, 10)}, []string{"a", "b"}, 8.0 / 3, NotToldApart, "overlap"},
		{"touching", []*Cell{side("a", nil, 1, 2, 3, 4, 6), side("b", nil, 6, 7, 8, 9, 10)}, []string{"a", "b"}, 8.0 / 3, NotToldApart, "overlap"},
		{"the best must beat all", []*Cell{side("a", nil, 1, 1, 1, 1, 1), side("b", nil, 9, 9, 9, 9, 9), side("c", nil, 1, 1, 1, 1, 2)}, []string{"a", "c", "b"}, 9, NotToldApart, ""},
		{"few in the tail", []*Cell{side("a", nil, 1, 1, 1, 1, 1), side("b", func(c *Cell) { c.Tail = 10 }, 9, 9, 9, 9, 9)}, []string{"a", "b"}, 9, InDoubt, "rests on 10 requests"},
		{"errors", []*Cell{side("a", func(c *Cell) { c.ErrorRate = 0.5 }, 1, 1, 1, 1, 1), side("b", nil, 9, 9, 9, 9, 9)}, []string{"a", "b"}, 9, InDoubt, "50 % of the requests to a failed"},
		{"a stall", []*Cell{side("a", nil, 1, 1, 1, 1, 1), side("b", func(c *Cell) { c.Stall = &Stall{Requests: 10, Without: 600} }, 9, 9, 9, 9, 9)}, []string{"a", "b"}, 9, InDoubt, "one stall"},
		{"nothing to divide by", []*Cell{side("a", nil, 0), side("b", nil, 10)}, []string{"a", "b"}, 0, TooFewTrials, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := compare(tail, test.cells)
			var order []string
			for _, s := range got.Sides {
				order = append(order, s.Environment)
			}
			if diff := cmp.Diff(test.order, order); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
			if got.Standing != test.want || !strings.Contains(got.Why, test.why) {
				t.Errorf("standing %q because %q, want %q because %q", got.Standing, got.Why, test.want, test.why)
			}
			if diff := got.Ratio - test.ratio; diff > 1e-9 || diff < -1e-9 {
				t.Errorf("ratio %v, want %v", got.Ratio, test.ratio)
			}
		})
	}
}

// Throughput is better when higher, and in an open loop it is the scenario's
// own unless somebody did not keep up.
func TestMetricsFor(t *testing.T) {
	_, kept := madeGroup("open", made(around(time.Millisecond, 2000), func(o *observed) { o.RequestedRate = 200 }))
	_, behind := madeGroup("open", made(around(time.Millisecond, 2000), func(o *observed) { o.RequestedRate = 300 }))
	for name, test := range map[string]struct {
		mode  string
		cells []*Cell
		want  []Metric
	}{
		"closed":            {"closed", []*Cell{kept, kept}, []Metric{throughput, median, tail}},
		"open, kept up":     {"open", []*Cell{kept, kept}, []Metric{median, tail}},
		"open, one did not": {"open", []*Cell{kept, behind}, []Metric{throughput, median, tail}},
	} {
		if diff := cmp.Diff(test.want, metricsFor(test.mode, test.cells)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	slow, fast := &Cell{Environment: "slow", Throughput: Range{Median: 10}}, &Cell{Environment: "fast", Throughput: Range{Median: 20}}
	if c := compare(throughput, []*Cell{slow, fast}); c.Sides[0].Environment != "fast" {
		t.Errorf("more requests/s is not taken for better: %+v", c.Sides)
	}
}
