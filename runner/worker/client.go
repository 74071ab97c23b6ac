package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/runner/engine"
)

const (
	// drainWithin is how long a worker that was told to end may take to
	// report the rest.
	drainWithin = 3 * time.Second
	// reapWithin is how long the exit code of a worker that has ended, or
	// its forced end, is waited for.
	reapWithin = 10 * time.Second
)

// EndedError says that a worker ended before its plan was done.
type EndedError struct {
	Code   int    // exit code
	Stderr string // the end of what it printed there
}

func (e *EndedError) Error() string {
	text := fmt.Sprintf("the load worker ended early with exit code %d", e.Code)
	if said := strings.TrimSpace(e.Stderr); said != "" {
		return text + ": " + said
	}
	return text + "; it said nothing"
}

// Client is the runner's end of a worker. Its methods must not be called
// concurrently.
type Client struct {
	worker engine.Worker
	lines  *results.Decoder
}

// NewClient returns the client of a worker that has just been launched. The
// worker remains the caller's to stop.
func NewClient(w engine.Worker) *Client {
	return &Client{worker: w, lines: results.NewDecoder(w)}
}

// Begin gives the worker its plan. What the worker does not like about it
// shows as an *EndedError of the first Run.
func (c *Client) Begin(ctx context.Context, p Plan) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.tell(ctx, p)
}

// Run has the worker carry out its next job, which must be of that phase. When
// the worker is ready, begin is asked for the instant at which the load is to
// begin. Every line that the worker reports goes to each, its Ready and its
// Final included.
//
// A done ctx ends the load early: the worker is told to finish, what it still
// reports goes to each as well, and after three seconds it is stopped by force;
// the error then has ctx's in its chain. An error of begin or each tells the
// worker to finish and is returned. A worker that ends by itself is an
// *EndedError.
func (c *Client) Run(ctx context.Context, phase results.Phase, begin func() (time.Time, error), each func(results.Line) error) (results.Final, error) {
	drain := c.drainWhenDone(ctx)
	final, err := c.converse(ctx, phase, begin, each)
	if err != nil && ctx.Err() == nil {
		// Nobody listens any more: the load has to end.
		err = errors.Join(err, c.worker.CloseWrite())
	}
	if failed := drain(); failed != nil {
		err = errors.Join(err, failed)
	}
	if ctx.Err() == nil {
		return final, err
	}
	var ended *EndedError
	if errors.As(err, &ended) {
		err = nil // it was told to
	}
	return final, errors.Join(fmt.Errorf("load ended early: %w", ctx.Err()), err)
}

// End asks for an early end of the job that is under way: what is in flight
// comes to its end, and its Final follows. It is for the each of Run.
func (c *Client) End(ctx context.Context) error { return c.tell(ctx, End{End: true}) }

// drainWhenDone makes the worker end when ctx is done: stdin first, so that it
// reports the rest, by force when it does not. The returned function ends the
// watch and says what went wrong with it.
func (c *Client) drainWhenDone(ctx context.Context) (release func() error) {
	var failed error
	over, drained := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		failed = c.worker.CloseWrite()
		select {
		case <-over:
			return
		case <-time.After(drainWithin):
		}
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), reapWithin)
		defer cancel()
		failed = errors.Join(failed, c.worker.Stop(stopping))
	})
	return func() error {
		if stop() {
			return nil
		}
		close(over)
		<-drained
		return failed
	}
}

func (c *Client) converse(ctx context.Context, phase results.Phase, begin func() (time.Time, error), each func(results.Line) error) (results.Final, error) {
	for {
		line, err := c.lines.Next()
		if err != nil {
			return results.Final{}, c.unreadable(ctx, err)
		}
		if of, ok := phaseOf(line); !ok || of != phase {
			return results.Final{}, fmt.Errorf("the load worker reported %T of phase %q in the phase %q", line, of, phase)
		}
		if err := each(line); err != nil {
			return results.Final{}, err
		}
		switch line := line.(type) {
		case results.Final:
			return line, nil
		case results.Ready:
			at, err := begin()
			if err != nil {
				return results.Final{}, err
			}
			if err := c.tell(ctx, Start{Begin: at, Ahead: time.Until(at)}); err != nil {
				return results.Final{}, err
			}
		}
	}
}

// phaseOf is not ok for a line that is not a worker's.
func phaseOf(l results.Line) (phase results.Phase, ok bool) {
	switch l := l.(type) {
	case results.Ready:
		return l.Phase, true
	case results.Interval:
		return l.Phase, true
	case results.Final:
		return l.Phase, true
	}
	return "", false
}

// tell writes one line to the worker.
func (c *Client) tell(ctx context.Context, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := c.worker.Write(append(text, '\n')); err != nil {
		return c.ended(ctx)
	}
	return nil
}

// unreadable says what an error of reading means.
func (c *Client) unreadable(ctx context.Context, err error) error {
	var cut *results.CutError
	if errors.Is(err, io.EOF) || errors.As(err, &cut) {
		return c.ended(ctx)
	}
	return fmt.Errorf("the load worker printed something that is no report: %w", err)
}

// ended waits for the end of a worker that does not read or does not write any
// more, and returns how it ended.
func (c *Client) ended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reapWithin)
	defer cancel()
	// One that is not at its end yet is helped along.
	defer time.AfterFunc(drainWithin, func() { _ = c.worker.Stop(ctx) }).Stop()
	closing := c.worker.CloseWrite()
	// What it has printed stands between it and its end.
	if _, err := io.Copy(io.Discard, c.worker); err != nil {
		closing = errors.Join(closing, err)
	}
	code, stderr, err := c.worker.Wait(ctx)
	if err != nil {
		return errors.Join(errors.New("the load worker cannot be talked to and does not end"), err, closing)
	}
	return &EndedError{Code: code, Stderr: stderr}
}
