package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/runner"
	"plimsoll/scenarios/plan"
)

// progress shows how a run goes on: a bar on a terminal, a line per trial
// elsewhere.
type progress interface {
	runner.Progress
	close()
}

func newProgress(w io.Writer, p plan.Plan, quiet bool) progress {
	file, ok := w.(*os.File)
	switch {
	case quiet:
		return quietProgress{}
	case ok && term.IsTerminal(int(file.Fd())):
		return newBarProgress(w, p)
	}
	return &lineProgress{w: w, trials: len(p.Trials)}
}

// title names a trial in progress.
func title(t plan.Trial, of int) string {
	number := fmt.Sprintf("%d/%d", t.Index, of)
	if t.Index > of { // a search has as many as it takes
		number = fmt.Sprint(t.Index)
	}
	return fmt.Sprintf("%s %s", number, strings.Join([]string{t.Link.Label(t.Environment), t.Scale.String(), t.LoadText()}, " · "))
}

// outcome is one line on how a trial went.
func outcome(summary *results.Trial, err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	text := fmt.Sprintf("%s requests/s, p99 %s", units.Rate(summary.Throughput), units.Latency(summary.Latency.Response.P99))
	if summary.EndedEarly != "" { // what was in flight failed by that
		return text + ", ended early: " + summary.EndedEarly
	}
	if summary.Requests.Failed > 0 {
		text += fmt.Sprintf(", %d of %d failed", summary.Requests.Failed, summary.Requests.Sent)
	}
	if v := summary.Validity; v.Verdict != results.Valid {
		text += fmt.Sprintf(" (%s: %s)", v.Verdict, strings.Join(v.Reasons, "; "))
	}
	if s := summary.Steady; s.Unsteady() {
		text += fmt.Sprintf(" (%s: %s)", s.Verdict, s.Why)
	}
	return text
}

type quietProgress struct{}

func (quietProgress) TrialBegan(plan.Trial)                        {}
func (quietProgress) Doing(string)                                 {}
func (quietProgress) Fetching(string)                              {}
func (quietProgress) Second(results.Interval)                      {}
func (quietProgress) TrialEnded(plan.Trial, *results.Trial, error) {}
func (quietProgress) close()                                       {}

// lineProgress writes one plain line per trial, and what is fetched for it.
type lineProgress struct {
	w      io.Writer
	trials int
}

func (*lineProgress) TrialBegan(plan.Trial)   {}
func (*lineProgress) Doing(string)            {}
func (*lineProgress) Second(results.Interval) {}

func (p *lineProgress) Fetching(line string) { fmt.Fprintln(p.w, line) }

func (p *lineProgress) TrialEnded(t plan.Trial, summary *results.Trial, err error) {
	fmt.Fprintf(p.w, "%s: %s\n", title(t, p.trials), outcome(summary, err))
}

func (*lineProgress) close() {}

// barProgress shows one bar for the run, with the current trial and what the
// load worker saw in the last second.
type barProgress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	trials    int
	stop      chan struct{}
	stopped   sync.WaitGroup

	mu       sync.Mutex
	current  plan.Trial
	began    time.Time
	finished time.Duration // estimates of the finished trials
	step     string
	live     string
}

func newBarProgress(w io.Writer, p plan.Plan) *barProgress {
	b := &barProgress{
		container: mpb.New(mpb.WithOutput(w), mpb.WithWidth(24), mpb.WithRefreshRate(200*time.Millisecond)),
		trials:    len(p.Trials), stop: make(chan struct{}), step: "preparing",
	}
	var total time.Duration
	for _, t := range p.Trials {
		total += t.Estimate
	}
	b.bar = b.container.New(int64(total), mpb.BarStyle().Lbound("▕").Filler("█").Tip("").Padding("░").Rbound("▏"),
		mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.text() })),
	)
	b.stopped.Go(b.advance)
	return b
}

// advance moves the bar with the clock, within what the current trial was
// estimated to take.
func (b *barProgress) advance() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
		}
		b.mu.Lock()
		at := b.finished
		if !b.began.IsZero() {
			at += min(time.Since(b.began), b.current.Estimate)
		}
		b.mu.Unlock()
		b.bar.SetCurrent(int64(at))
	}
}

func (b *barProgress) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.began.IsZero() {
		return " " + b.step
	}
	text := " " + title(b.current, b.trials) + "  " + b.step
	if b.live != "" {
		text += "  " + b.live
	}
	return text
}

func (b *barProgress) TrialBegan(t plan.Trial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.began, b.step, b.live = t, time.Now(), "", ""
}

func (b *barProgress) Doing(step string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step, b.live = step, ""
}

func (b *barProgress) Fetching(line string) { b.Doing(line) }

func (b *barProgress) Second(i results.Interval) {
	done := i.Requests.OK + i.Requests.Failed
	live := fmt.Sprintf("%s/s", units.Rate(float64(done)/max(i.Length.Seconds(), 1e-9)))
	if i.Latencies.Response != nil {
		live += "  p99 " + units.Latency(i.Latencies.Response.Percentile(99))
	}
	live += fmt.Sprintf("  %d errors", i.Requests.Failed)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live = live
}

func (b *barProgress) TrialEnded(t plan.Trial, summary *results.Trial, err error) {
	b.mu.Lock()
	b.finished += t.Estimate
	b.began = time.Time{}
	b.mu.Unlock()
	fmt.Fprintf(b.container, "%s: %s\n", title(t, b.trials), outcome(summary, err))
}

func (b *barProgress) close() {
	close(b.stop)
	b.stopped.Wait()
	b.bar.Abort(true)
	b.container.Wait()
}
