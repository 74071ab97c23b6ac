package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"plimsoll/internal/proc"
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
	// maxAhead is how far away a begin may be.
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
	usage, err := openUsage()
	if err != nil {
		return fmt.Errorf("read own usage: %w", err)
	}
	defer func() { _ = usage.close() }() // nothing is lost with it
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
	defer tuneRuntime(transport)()
	w := &station{lines: lines, out: results.NewEncoder(stdout), usage: usage, transport: transport}
	if err := proc.Trim(); err != nil {
		return fmt.Errorf("give memory back: %w", err)
	}
	for _, job := range plan.Jobs {
		if err := w.phase(ctx, job); err != nil {
			return fmt.Errorf("%s: %w", job.Phase, err)
		}
	}
	return nil
}

// tuneRuntime sets the Go runtime for a transport, and returns what undoes it.
//
// General makes garbage with each request: the heap may grow to five times of
// what is in use, up to a bound, because a collection costs the very latencies
// that are measured. Fast makes none, and what a report each second leaves
// behind is better cleared away soon: the worker stays small. Its thread waits
// in system calls; with a single processor in the runtime's sense that would
// be taken away from it in each of them, and have to be fought for afterwards.
func tuneRuntime(transport load.Transport) (undo func()) {
	const percent, smallPercent, limit, processors = 400, 50, 512 << 20, 2
	if transport.Name() == load.FastName {
		formerPercent := debug.SetGCPercent(smallPercent)
		formerProcessors := runtime.GOMAXPROCS(max(processors, runtime.GOMAXPROCS(0)))
		return func() {
			debug.SetGCPercent(formerPercent)
			runtime.GOMAXPROCS(formerProcessors)
		}
	}
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
	enough := make(chan struct{})
	job.Enough = enough
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
	var failed, unasked error
	finished, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		failed = w.transport.Run(loading, job, begin, recorder)
	}()
	go func() {
		defer close(heard)
		if unasked = w.awaitEnd(finished, enough); unasked != nil {
			stop()
		}
	}()
	broken := recorder.Emit(begin, finished, func(i results.Interval) (err error) {
		if i.Worker, err = w.usage.read(); err != nil {
			return err
		}
		return w.out.Encode(i)
	})
	stop() // without a reader the load is for nothing
	<-finished
	<-heard
	if err := errors.Join(failed, broken, unasked); err != nil {
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
	return w.out.Encode(results.Ready{Phase: job.Phase, Transport: w.transport.Name(), Worker: usage})
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
	for {
		text, err := next(ctx, w.lines)
		if err != nil {
			return time.Time{}, fmt.Errorf("wait for the start signal: %w", err)
		}
		if decodeEnd(text) == nil {
			continue // it was for the phase before, which had ended by itself
		}
		start, err := decodeStart(text)
		if err != nil {
			return time.Time{}, fmt.Errorf("start signal: %w", err)
		}
		return start.from(time.Now()), nil
	}
}

// awaitEnd closes enough when the runner asks for the end of the phase. It
// returns when the phase has finished, or when a line is no such request.
func (w *station) awaitEnd(finished <-chan struct{}, enough chan<- struct{}) error {
	for {
		select {
		case <-finished:
			return nil
		case text := <-w.lines:
			if err := decodeEnd(text); err != nil {
				return fmt.Errorf("a line that nobody asked for: %w", err)
			}
			if enough != nil {
				close(enough)
				enough = nil
			}
		}
	}
}

func decodeEnd(text []byte) error {
	var e End
	if err := decodeStrictly(text, &e); err != nil {
		return err
	}
	if !e.End {
		return errors.New(`"end" is not true`)
	}
	return nil
}

func decodeStart(text []byte) (Start, error) {
	var s Start
	if err := decodeStrictly(text, &s); err != nil {
		return Start{}, err
	}
	if s.Begin.IsZero() {
		return Start{}, errors.New(`no "begin"`)
	}
	if s.Ahead > maxAhead {
		return Start{}, fmt.Errorf(`"ahead_ns" is %v, which is more than %v`, s.Ahead, maxAhead)
	}
	return s, nil
}
