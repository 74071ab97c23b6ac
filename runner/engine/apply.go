package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"plimsoll/scenarios/topology"
)

// ErrUnreachable is in the chain of an error that says that the engine itself
// did not answer.
var ErrUnreachable = errors.New("engine unreachable")

// logLines is how much of a failing replica's output goes into the error.
const logLines = 12

// ApplyOptions bound how operations are carried out.
type ApplyOptions struct {
	// Parallel is how many operations run at once; 0: 8.
	Parallel int
	// ReadyWithin is how long a replica may take from its start until it is
	// ready; 0: one minute.
	ReadyWithin time.Duration
	// Report is told how far an operation has come that takes long, by an
	// engine that is a Reporter. Calls do not overlap. nil: nobody is told.
	Report func(op Op, line string)
}

// Done is an operation with the instants between which it ran.
type Done struct {
	Op         Op
	Begin, End time.Time
}

// OpError says which operation failed.
type OpError struct {
	Op  Op
	Err error
}

func (e *OpError) Error() string { return fmt.Sprintf("%s %s: %v", e.Op.Kind, e.Op.Target(), e.Err) }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// NotReadyError says that a replica did not become ready.
type NotReadyError struct {
	Waited time.Duration
	Last   string // the answer to the last probe
	Logs   string // the last lines it printed
}

func (e *NotReadyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "not ready after %v: %s", e.Waited.Round(100*time.Millisecond), e.Last)
	if e.Logs == "" {
		b.WriteString("; it printed nothing")
	} else {
		b.WriteString("; its last lines:\n    ")
		b.WriteString(strings.ReplaceAll(strings.TrimRight(e.Logs, "\n"), "\n", "\n    "))
	}
	return b.String()
}

// Apply carries out operations made by Diff, each as soon as those it needs
// are done. After the first failure nothing new is begun. It returns what was
// done in any case; the error is an *OpError, or that of ctx when ctx was
// cancelled first.
func Apply(ctx context.Context, eng Engine, ops []Op, opt ApplyOptions) ([]Done, error) {
	if opt.Parallel == 0 {
		opt.Parallel = 8
	}
	if opt.ReadyWithin == 0 {
		opt.ReadyWithin = time.Minute
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	a := applier{Engine: eng, opt: opt, slots: make(chan struct{}, opt.Parallel), cancel: cancel}
	done := make([]Done, len(ops))
	finished := make([]chan struct{}, len(ops))
	for i := range finished {
		finished[i] = make(chan struct{})
	}
	var group sync.WaitGroup
	for i, op := range ops {
		group.Go(func() {
			for _, need := range op.Needs {
				select {
				case <-finished[need]:
				case <-inner.Done():
					return
				}
			}
			if d, ok := a.perform(inner, op); ok {
				done[i] = d
				close(finished[i])
			}
		})
	}
	group.Wait()
	completed := slices.DeleteFunc(done, func(d Done) bool { return d.End.IsZero() })
	switch {
	case a.failure != nil:
		return completed, a.failure
	case len(completed) < len(ops):
		return completed, ctx.Err()
	}
	return completed, nil
}

// applier is one Apply under way.
type applier struct {
	Engine
	opt ApplyOptions
	// slots bounds what the engine is asked at once. Between two probes an
	// awaiting operation holds none: what it waits for may need one.
	slots  chan struct{}
	cancel context.CancelFunc

	once      sync.Once
	failure   error
	reporting sync.Mutex
}

// acquire waits for a slot; it says no when ctx is done.
func (a *applier) acquire(ctx context.Context) bool {
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil { // select chooses freely when both are possible
		a.release()
		return false
	}
	return true
}

func (a *applier) release() { <-a.slots }

// perform does one operation and reports whether it succeeded. The first
// failure is kept and ends all others.
func (a *applier) perform(ctx context.Context, op Op) (Done, bool) {
	var check func(context.Context, Replica) (bool, string, error)
	switch op.Kind {
	case AwaitReady:
		begin := time.Now()
		service, err := a.checked(ctx, op.Service)
		if err != nil {
			return Done{Op: op, Begin: begin, End: time.Now()}, a.succeeded(ctx, op, err)
		}
		check = func(ctx context.Context, r Replica) (bool, string, error) {
			if r.Status == Exited {
				return false, "", exitError(ctx, a.Engine, op.Stack, r)
			}
			return probe(ctx, a.Engine, service, r)
		}
	case AwaitExit:
		check = func(ctx context.Context, r Replica) (bool, string, error) {
			if r.Status == Exited && r.ExitCode != 0 {
				return false, "", exitError(ctx, a.Engine, op.Stack, r)
			}
			return r.Status == Exited, "still running", nil
		}
	}
	if check != nil {
		begin := time.Now()
		err := a.await(ctx, op, check)
		return Done{Op: op, Begin: begin, End: time.Now()}, a.succeeded(ctx, op, err)
	}
	if !a.acquire(ctx) {
		return Done{}, false
	}
	defer a.release()
	begin := time.Now()
	err := a.do(ctx, op)
	return Done{Op: op, Begin: begin, End: time.Now()}, a.succeeded(ctx, op, err)
}

func (a *applier) do(ctx context.Context, op Op) error {
	reporter, ok := a.Engine.(Reporter)
	if !ok || a.opt.Report == nil {
		return a.Do(ctx, op)
	}
	return reporter.DoReporting(ctx, op, func(line string) {
		a.reporting.Lock()
		defer a.reporting.Unlock()
		a.opt.Report(op, line)
	})
}

// checked returns a service with the healthcheck that its image has, where it
// takes that one.
func (a *applier) checked(ctx context.Context, s topology.Service) (topology.Service, error) {
	given := s.Healthcheck
	checker, ok := a.Engine.(Checker)
	if s.NoHealthcheck || given != nil && len(given.Test) > 0 {
		return s, nil
	}
	s.Healthcheck = nil
	if !ok {
		return s, nil
	}
	own, err := checker.ImageCheck(ctx, s.Image)
	if own == nil || err != nil {
		return s, err
	}
	if given != nil && given.Timeout != 0 {
		own.Timeout = given.Timeout
	}
	s.Healthcheck = own
	return s, nil
}

func (a *applier) succeeded(ctx context.Context, op Op, err error) bool {
	if err == nil {
		return true
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else another failure, or the caller, is the cause
		a.once.Do(func() { a.failure = &OpError{Op: op, Err: err} })
		a.cancel()
	}
	return false
}

func exitError(ctx context.Context, eng Engine, stack string, r Replica) error {
	r = WhyKilled(ctx, eng, stack, r)
	why := fmt.Sprintf("ended with exit code %d", r.ExitCode)
	if r.OOMKilled {
		why += " (killed for using more memory than its limit)"
	}
	if logs := lastLogs(ctx, eng, r); logs != "" {
		return fmt.Errorf("%s; its last lines:\n    %s", why, strings.ReplaceAll(logs, "\n", "\n    "))
	}
	return fmt.Errorf("%s; it printed nothing", why)
}

// WhyKilled looks again at a replica that was killed: an engine may learn a
// moment after the end that it was for its memory. It returns what is known of
// the replica then.
func WhyKilled(ctx context.Context, eng Engine, stack string, r Replica) Replica {
	const (
		killed = 128 + 9 // SIGKILL
		looks  = 5
		pause  = 100 * time.Millisecond
	)
	for range looks {
		if r.ExitCode != killed || r.OOMKilled {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return r
		}
		state, err := eng.Observe(ctx, stack)
		again, ok := find(state, r.Service, r.Number)
		if err != nil || !ok {
			break // what is known is enough
		}
		r = again
	}
	return r
}

func lastLogs(ctx context.Context, eng Engine, r Replica) string {
	logger, ok := eng.(Logger)
	if !ok {
		return ""
	}
	// The deadline that brought us here may have passed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	logs, err := logger.Logs(ctx, r, logLines)
	if err != nil {
		return "(cannot read its output: " + err.Error() + ")"
	}
	return strings.TrimRight(logs, "\n")
}

// await polls a replica until check says yes, fails, or time is up.
func (a *applier) await(ctx context.Context, op Op, check func(context.Context, Replica) (bool, string, error)) error {
	const (
		firstPause = 10 * time.Millisecond
		lastPause  = 250 * time.Millisecond
		// Observing lists all of the stack's replicas; a probe is cheap.
		observeEvery = 500 * time.Millisecond
	)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, a.opt.ReadyWithin)
	defer cancel()
	var (
		replica  Replica
		observed time.Time
		last     = "no probe was answered"
	)
	poll := func() (bool, error) {
		if !a.acquire(ctx) {
			return false, nil
		}
		defer a.release()
		if observed.IsZero() || time.Since(observed) > observeEvery {
			state, err := a.Observe(ctx, op.Stack)
			if err != nil {
				return false, err
			}
			r, ok := find(state, op.Service.Name, op.Number)
			if !ok {
				return false, errors.New("it has vanished")
			}
			replica, observed = r, time.Now()
		}
		ok, answer, err := check(ctx, replica)
		if answer != "" {
			last = answer
		}
		return ok, err
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ok, err := poll()
		if ok {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ctx.Err()
			}
			notReady := &NotReadyError{Waited: time.Since(begin), Last: last}
			if !observed.IsZero() {
				notReady.Logs = lastLogs(ctx, a.Engine, replica)
			}
			return notReady
		}
	}
}

func find(s State, service string, number int) (Replica, bool) {
	for _, r := range s.Replicas {
		if r.Service == service && r.Number == number {
			return r, true
		}
	}
	return Replica{}, false
}

// probe asks a replica once whether it is ready: by its Compose healthcheck if
// it has one, else by connecting to every TCP port that it is known to have. A
// replica without either is ready when it runs.
func probe(ctx context.Context, eng Engine, s topology.Service, r Replica) (ok bool, answer string, err error) {
	if r.Status != Running {
		return false, "not running yet", nil
	}
	if check := s.Healthcheck; check != nil {
		execer, can := eng.(Execer)
		if !can {
			return false, "", errors.New("this engine cannot run a healthcheck")
		}
		timeout := check.Timeout
		if timeout == 0 {
			timeout = 5 * time.Second
		}
		inner, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		code, output, err := execer.Exec(inner, r, check.Test)
		switch {
		case err != nil && ctx.Err() != nil:
			return false, "", nil // cut off, it says nothing
		case errors.Is(err, context.DeadlineExceeded):
			return false, fmt.Sprintf("its healthcheck did not answer within %v", timeout), nil
		case err != nil:
			return false, "its healthcheck could not be run: " + err.Error(), nil
		case code != 0:
			return false, fmt.Sprintf("its healthcheck ended with exit code %d: %s", code, strings.TrimSpace(output)), nil
		}
		return true, "", nil
	}
	if s.NetworkMode == topology.NoneMode {
		return true, "", nil // its ports are its own affair
	}
	if len(s.Ports) > 0 && !r.Address.IsValid() {
		return false, "it has no known address", nil
	}
	for _, port := range s.Ports {
		if port.Protocol != "tcp" {
			continue
		}
		if err := dial(ctx, eng, netip.AddrPortFrom(r.Address, port.Target)); err != nil {
			return false, fmt.Sprintf("port %d: %v", port.Target, err), nil
		}
	}
	return true, "", nil
}

func dial(ctx context.Context, eng Engine, addr netip.AddrPort) error {
	conn, err := Dial(ctx, eng, addr.String(), time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
