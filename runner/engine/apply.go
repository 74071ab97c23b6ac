package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
// done in any case; the error is an *OpError.
func Apply(ctx context.Context, eng Engine, ops []Op, opt ApplyOptions) ([]Done, error) {
	if opt.Parallel == 0 {
		opt.Parallel = 8
	}
	if opt.ReadyWithin == 0 {
		opt.ReadyWithin = time.Minute
	}
	done := make([]Done, len(ops))
	finished := make([]chan struct{}, len(ops))
	for i := range finished {
		finished[i] = make(chan struct{})
	}
	slots := make(chan struct{}, opt.Parallel)
	group, ctx := errgroup.WithContext(ctx)
	for i, op := range ops {
		group.Go(func() error {
			for _, need := range op.Needs {
				select {
				case <-finished[need]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			defer func() { <-slots }()
			begin := time.Now()
			if err := perform(ctx, eng, op, opt); err != nil {
				if ctx.Err() != nil && errors.Is(err, context.Canceled) {
					return ctx.Err() // another operation's failure is the cause
				}
				return &OpError{Op: op, Err: err}
			}
			done[i] = Done{Op: op, Begin: begin, End: time.Now()}
			close(finished[i])
			return nil
		})
	}
	err := group.Wait()
	var completed []Done
	for _, d := range done {
		if !d.End.IsZero() {
			completed = append(completed, d)
		}
	}
	return completed, err
}

func perform(ctx context.Context, eng Engine, op Op, opt ApplyOptions) error {
	switch op.Kind {
	case AwaitReady:
		return await(ctx, eng, op, opt.ReadyWithin, func(ctx context.Context, r Replica) (bool, string, error) {
			if r.Status == Exited {
				return false, "", exitError(ctx, eng, r)
			}
			return probe(ctx, eng, op.Service, r)
		})
	case AwaitExit:
		return await(ctx, eng, op, opt.ReadyWithin, func(ctx context.Context, r Replica) (bool, string, error) {
			if r.Status == Exited && r.ExitCode != 0 {
				return false, "", exitError(ctx, eng, r)
			}
			return r.Status == Exited, "still running", nil
		})
	}
	return eng.Do(ctx, op)
}

func exitError(ctx context.Context, eng Engine, r Replica) error {
	why := fmt.Sprintf("ended with exit code %d", r.ExitCode)
	if r.OOMKilled {
		why += " (killed for using more memory than its limit)"
	}
	if logs := lastLogs(ctx, eng, r); logs != "" {
		return fmt.Errorf("%s; its last lines:\n    %s", why, strings.ReplaceAll(logs, "\n", "\n    "))
	}
	return fmt.Errorf("%s; it printed nothing", why)
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
func await(ctx context.Context, eng Engine, op Op, within time.Duration, check func(context.Context, Replica) (bool, string, error)) error {
	const (
		firstPause = 10 * time.Millisecond
		lastPause  = 250 * time.Millisecond
		// Observing lists all of the stack's replicas; a probe is cheap.
		observeEvery = 500 * time.Millisecond
	)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var (
		replica  Replica
		observed time.Time
		last     = "never probed"
	)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if time.Since(observed) > observeEvery {
			state, err := eng.Observe(ctx, op.Stack)
			if err == nil {
				r, ok := find(state, op.Service.Name, op.Number)
				if !ok {
					return errors.New("it has vanished")
				}
				replica, observed = r, time.Now()
			} else if ctx.Err() == nil {
				return err
			}
		}
		if !observed.IsZero() {
			ok, answer, err := check(ctx, replica)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if ok {
				return nil
			}
			if answer != "" {
				last = answer
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ctx.Err()
			}
			return &NotReadyError{Waited: time.Since(begin), Last: last, Logs: lastLogs(ctx, eng, replica)}
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
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		code, output, err := execer.Exec(ctx, r, check.Test)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return false, fmt.Sprintf("its healthcheck did not answer within %v", timeout), nil
		case err != nil:
			return false, "its healthcheck could not be run: " + err.Error(), nil
		case code != 0:
			return false, fmt.Sprintf("its healthcheck ended with exit code %d: %s", code, strings.TrimSpace(output)), nil
		}
		return true, "", nil
	}
	for _, port := range s.Ports {
		if port.Protocol != "tcp" {
			continue
		}
		if err := dial(ctx, netip.AddrPortFrom(r.Address, port.Target)); err != nil {
			return false, fmt.Sprintf("port %d: %v", port.Target, err), nil
		}
	}
	return true, "", nil
}

func dial(ctx context.Context, addr netip.AddrPort) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(addr.Addr().String(), strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return err
	}
	return conn.Close()
}
