package report

import (
	"strings"
	"testing"
	"time"

	"plimsoll/report/plot"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/analysis/within"
)

func TestFoldFindings(t *testing.T) {
	for n, want := range map[int][2]int{0: {0, 0}, 5: {5, 0}, 6: {6, 0}, 7: {5, 2}, 20: {5, 15}} {
		first, rest := foldFindings(make([]findingGroup, n))
		if len(first) != want[0] || len(rest) != want[1] {
			t.Errorf("of %d findings %d are shown and %d folded, want %v", n, len(first), len(rest), want)
		}
	}
}

// The line goes on faintly from the last point whose tail is resolved.
func TestCurveLines(t *testing.T) {
	points := func(resolved ...bool) *analysis.Cell {
		c := new(analysis.Cell)
		for i, r := range resolved {
			c.Curve = append(c.Curve, analysis.Point{Percentile: float64(10 * i), Latency: time.Second, Resolved: r})
		}
		return c
	}
	for name, test := range map[string]struct {
		cell        *analysis.Cell
		clear, fade int // points
	}{
		"all resolved":  {points(true, true, true), 3, 0},
		"the end not":   {points(true, true, false, false), 2, 3},
		"none resolved": {points(false, false), 0, 2},
		"no curve":      {points(), 0, 0},
	} {
		lines := curveLines(test.cell, plot.Line{Colour: 1, Dash: 2})
		clear, fade := 0, 0
		for _, l := range lines {
			if l.Colour != 1 || l.Dash != 2 {
				t.Errorf("%s: line %+v", name, l)
			}
			if l.Faint {
				fade = len(l.Points)
			} else {
				clear = len(l.Points)
			}
		}
		if clear != test.clear || fade != test.fade || (len(faintKeys(lines)) == 1) != (test.fade > 0) {
			t.Errorf("%s: %d clear and %d faint points, want %d and %d", name, clear, fade, test.clear, test.fade)
		}
	}
}

func TestLabelLine(t *testing.T) {
	low, high, episodes := 9*time.Millisecond, 12*time.Millisecond, 21.4
	cell := func(trials int, edit func(*analysis.Cell)) *analysis.Cell {
		c := &analysis.Cell{
			Environment: "web", Scale: "as written", Mode: "open", Trials: trials, Counted: trials,
			P50:    analysis.Range{Median: 5e6, Low: 4e6, High: 6e6, Level: .9375},
			P99:    analysis.Range{Median: 10e6, Low: 9e6, High: 12e6, Level: .9375},
			Labels: analysis.Labels{Mode: "open(200/s)", Requests: 60_000, Above: 600, Episodes: &episodes, Resolved: true, Steady: "steady", Generator: "ok"},
		}
		for range trials {
			c.Detail = append(c.Detail, analysis.TrialDetail{
				Trial:  results.Trial{Validity: results.Validity{Verdict: results.Valid}},
				Within: []within.Estimate{{Percentile: 99, Requests: 60_000, Above: 600, Episodes: 21.4, Resolved: true, Low: &low, High: &high}},
			})
		}
		if edit != nil {
			edit(c)
		}
		return c
	}
	for name, test := range map[string]struct {
		cell *analysis.Cell
		want string
	}{
		"five trials": {cell(5, nil),
			"open(200/s); 93.8 % interval between 5 runs: p50 4.00 ms to 6.00 ms, p99 9.00 ms to 12.0 ms; n 60 000, 600 above p99, tail resolved: 21 episodes; state steady; generator ok"},
		"one trial": {cell(1, nil),
			"open(200/s); one trial: p99 9.00 ms to 12.0 ms within this run, given the events that occurred in it; n 60 000, 600 above p99, tail resolved: 21 episodes; state steady; generator ok"},
		"a range, with a bound": {cell(3, func(c *analysis.Cell) {
			c.P50.Level, c.P99.Level = 0, 0
			c.SystemP99 = &results.Bound{Low: 9 * time.Millisecond, High: 10 * time.Millisecond}
			c.Labels.Episodes = nil
		}),
			"open(200/s); range of 3 trials: p50 4.00 ms to 6.00 ms, p99 9.00 ms to 12.0 ms; n 60 000, 600 above p99, episodes not told; state steady; generator ok; system p99 9.00 ms to 10.0 ms"},
	} {
		// Numbers are grouped by a narrow space.
		got := strings.ReplaceAll(labelOf(test.cell).line(), "\u202f", " ")
		if got != "web, as written: "+test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}
