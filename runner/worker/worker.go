package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

const (
	// maxLine bounds a line on stdin, in bytes; a plan carries the bodies of
	// its requests.
	maxLine = 16 << 20
	// maxUnread is how many lines may wait on stdin: a runner speaks only
	// when it is asked.
	maxUnread = 16
	// maxAhead is how far away a begin may be. More means that the clocks of
	// the two machines disagree.
	maxAhead = time.Minute
)

// ErrCutShort is in the chain of the error that says that stdin ended before
// the plan was done. Everything up to then has been reported, the Final of a
// phase that was under way included.
var ErrCutShort = errors.New("stdin ended before the plan was done")

// Main is a worker's whole life: it carries out the plan that comes on stdin
// and reports on stdout, as the package's documentation tells. The end of
// stdin or a done ctx ends the load early. Unless the plan is carried out,
// stdin is still being read when Main returns: it is for one use in a process.
func Main(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	defer relaxCollector()()
	usage, err := openUsage()
	if err != nil {
		return fmt.Errorf("read own usage: %w", err)
	}
	defer usage.close()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	lines := make(chan []byte, maxUnread)
	go func() { end(listen(stdin, lines)) }()

	text, err := next(ctx, lines)
	if err != nil {
		return fmt.Errorf("wait for the plan: %w", err)
	}
	plan, err := decodePlan(text)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	transport, err := load.Choose(plan.Transport, plan.Jobs)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	w := &station{lines: lines, out: results.NewEncoder(stdout), usage: usage, transport: transport}
	for _, job := range plan.Jobs {
		if err := w.phase(ctx, job); err != nil {
			return fmt.Errorf("%s: %w", job.Phase, err)
		}
	}
	return nil
}

// relaxCollector lets the heap grow to five times of what is in use, up to a
// bound: a collection costs the very latencies that are measured. It returns
// what undoes it.
func relaxCollector() (undo func()) {
	const percent, limit = 400, 512 << 20
	formerPercent, formerLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	return func() {
		debug.SetGCPercent(formerPercent)
		debug.SetMemoryLimit(formerLimit)
	}
}

// listen passes on the lines of stdin until it ends, and says why it did.
func listen(stdin io.Reader, lines chan<- []byte) error {
	scanner := bufio.NewScanner(stdin)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		select {
		case lines <- bytes.Clone(scanner.Bytes()):
		default:
			// Waiting here would make stdin's end go unnoticed.
			return fmt.Errorf("more than %d lines on stdin that nobody asked for", maxUnread)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	return ErrCutShort
}

// next returns the next line of stdin. One that came before stdin ended is
// returned even if both are seen at the same time.
func next(ctx context.Context, lines <-chan []byte) ([]byte, error) {
	select {
	case line := <-lines:
		return line, nil
	case <-ctx.Done():
	}
	select {
	case line := <-lines:
		return line, nil
	default:
		return nil, context.Cause(ctx)
	}
}

func decodePlan(text []byte) (Plan, error) {
	var p Plan
	if err := decodeStrictly(text, &p); err != nil {
		return Plan{}, err
	}
	if p.Schema != PlanSchema {
		return Plan{}, fmt.Errorf("schema %q: this worker understands %q; runner and worker have to be of one version", p.Schema, PlanSchema)
	}
	if len(p.Jobs) == 0 {
		return Plan{}, errors.New("no jobs")
	}
	for i, job := range p.Jobs {
		if err := job.Validate(); err != nil {
			return Plan{}, fmt.Errorf("job %d (%s): %w", i+1, job.Phase, err)
		}
	}
	return p, nil
}

// decodeStrictly decodes exactly one JSON value without unknown keys.
func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// station is a worker with everything that its phases share.
type station struct {
	lines     <-chan []byte
	out       *results.Encoder
	usage     *ownUsage
	transport load.Transport
}

// phase carries out one job. Its Final has been written when it returns nil,
// or when it returns the cause for which the load was ended early.
func (w *station) phase(ctx context.Context, job load.Job) error {
	recorder := load.NewRecorder(job)
	if err := w.sayReady(job); err != nil {
		return err
	}
	begin, err := w.awaitStart(ctx)
	if err != nil {
		return err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		failed = w.transport.Run(loading, job, begin, recorder)
	}()
	broken := recorder.Emit(begin, finished, func(i results.Interval) (err error) {
		if i.Worker, err = w.usage.read(); err != nil {
			return err
		}
		return w.out.Encode(i)
	})
	stop() // without a reader the load is for nothing
	<-finished
	if err := errors.Join(failed, broken); err != nil {
		return err
	}
	cause := context.Cause(ctx)
	if err := w.sayFinal(recorder, begin); err != nil {
		return err
	}
	return cause
}

func (w *station) sayReady(job load.Job) error {
	usage, err := w.usage.read()
	if err != nil {
		return err
	}
	return w.out.Encode(results.Ready{Phase: job.Phase, Worker: usage})
}

func (w *station) sayFinal(recorder *load.Recorder, begin time.Time) error {
	final, err := recorder.Final(begin)
	if err != nil {
		return err
	}
	if final.Worker, err = w.usage.read(); err != nil {
		return err
	}
	return w.out.Encode(final)
}

// awaitStart waits for the start signal and returns the begin of the phase by
// the monotonic clock, so that a step of the wall clock moves nothing.
func (w *station) awaitStart(ctx context.Context) (time.Time, error) {
	text, err := next(ctx, w.lines)
	if err != nil {
		return time.Time{}, fmt.Errorf("wait for the start signal: %w", err)
	}
	begin, err := decodeStart(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("start signal: %w", err)
	}
	now := time.Now()
	ahead := begin.Sub(now)
	if ahead > maxAhead {
		return time.Time{}, fmt.Errorf("start signal: begin %v is %v ahead of this machine's clock: set both clocks", begin, ahead.Round(time.Second))
	}
	return now.Add(max(0, ahead)), nil
}

func decodeStart(text []byte) (time.Time, error) {
	var s Start
	if err := decodeStrictly(text, &s); err != nil {
		return time.Time{}, err
	}
	if s.Begin.IsZero() {
		return time.Time{}, errors.New(`no "begin"`)
	}
	return s.Begin, nil
}
