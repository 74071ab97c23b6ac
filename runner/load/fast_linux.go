package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// maxBurst is how many requests are sent before answers are looked at.
const maxBurst = 64

// Fast is the transport for plain HTTP/1.1, and payloads over TCP, to IP addresses on Linux: one
// thread, which waits in epoll for all connections at once. It means the same
// by every number as General does, and keeps the same order of events: a
// connection is kept, looked at when it has rested, and left for the server
// to close in the same cases.
type Fast struct{}

// NewFast returns the fast transport. Its Run refuses jobs that it is not made
// for: those with a target that is https or has a name instead of an address.
func NewFast() *Fast { return &Fast{} }

// Name implements Transport.
func (f *Fast) Name() string { return FastName }

// Run implements Transport.
func (f *Fast) Run(ctx context.Context, job Job, begin time.Time, rec *Recorder) (err error) {
	b, err := draw(job)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if !job.plain() {
		return errors.New("load: the fast transport is for http:// or tcp:// and IP addresses: use the general one")
	}
	l := &loop{
		blueprint: b, begin: begin, rec: rec, names: &names{}, awaited: job.TCP == nil || job.TCP.awaited(),
		buffer: make([]byte, readBuffer), idle: make([][]*conn, len(b.targets)),
	}
	for _, target := range b.targets {
		l.addresses = append(l.addresses, addressOf(target.literal))
		l.urgent = l.urgent || !l.awaited || slices.ContainsFunc(target.mix, func(m message) bool { return len(m.bytes) > oneSegment })
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.poller.open(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer func() { err = errors.Join(err, l.poller.close()) }()
	over, listened := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(listened)
		l.listen(ctx, over)
	}()
	// The poller is closed when nobody tells it anything any more.
	defer func() {
		close(over)
		<-listened
	}()
	if err := l.run(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// listen wakes the loop when it has been ended, one way or the other.
func (l *loop) listen(ctx context.Context, over <-chan struct{}) {
	enough := l.job.Enough
	for {
		select {
		case <-over:
			return
		case <-ctx.Done():
			l.ended.Store(true)
			l.poller.tell()
			return
		case <-enough:
			enough = nil
			l.poller.tell()
		}
	}
}

// loop is one run of a job: it decides which connection sends what and when.
// What happens on a connection is conn's.
type loop struct {
	*blueprint
	begin     time.Time
	rec       *Recorder
	addresses []address
	// urgent requests must be told to the kernel: the end of a long one, or
	// one that follows another before that is answered, would be held back
	// until what was sent has been acknowledged (Nagle's algorithm).
	urgent  bool
	names   *names
	awaited bool // there are answers
	poller  poller
	buffer  []byte
	ended   atomic.Bool

	conns []*conn
	// idle connections of an open loop by target; the one that became idle
	// last is at the end.
	idle [][]*conn
	rest int     // how many are idle
	free []*conn // of a closed loop: those that want the next request
	busy int     // have a request in flight, or await the server's close
	next int64   // the next request
	// blocked is the instant up to which waits for a connection have been
	// recorded.
	blocked time.Duration

	answering, leaving line // in the order of their deadlines
	pauses             pauses
}

func (l *loop) since() time.Duration { return time.Since(l.begin) }

func (l *loop) run() error {
	defer func() {
		for _, c := range l.conns {
			l.hangUp(c)
		}
	}()
	for now := l.since(); now < 0 && !l.ended.Load(); now = l.since() {
		if err := l.await(-now); err != nil {
			return err
		}
	}
	if l.job.Concurrency > 0 && !l.ended.Load() {
		senders := int64(l.job.Concurrency)
		if l.job.Requests > 0 {
			senders = min(senders, l.job.Requests)
		}
		for i := range senders {
			l.free = append(l.free, l.newConn(l.target(i)))
		}
	}
	for !l.ended.Load() {
		if l.schedule != nil {
			l.sendDue()
		} else {
			l.sendFree()
		}
		patience, more := l.patience()
		if !more {
			return nil
		}
		if err := l.await(patience); err != nil {
			return err
		}
		l.expire()
	}
	l.cut()
	return nil
}

// patience says how long there is nothing to do but wait for events; more is
// false when all is done.
func (l *loop) patience() (wait time.Duration, more bool) {
	if len(l.free) > 0 {
		return 0, true
	}
	until := min(l.answering.next(), l.leaving.next(), l.pauses.next())
	if l.schedule != nil {
		due, ok := l.schedule.Due(l.next)
		more = ok && !l.enough()
		if more && (l.rest > 0 || len(l.conns) < l.job.Connections) {
			until = min(until, due)
		}
	} else {
		// Nobody thinks on when the last request has been taken.
		more = len(l.pauses) > 0 && !l.enough()
	}
	if !more && l.busy == 0 {
		return 0, false
	}
	if until == math.MaxInt64 {
		return until, true
	}
	return max(0, until-l.since()), true
}

// await waits for events, for at most the given time, and handles them.
func (l *loop) await(patience time.Duration) error {
	events, err := l.poller.wait(patience)
	if err != nil {
		return err
	}
	for i := range events {
		if e := &events[i]; e.Fd != waker {
			l.handle(l.conns[e.Fd], e.Events)
		}
	}
	return nil
}

// enough reports whether the loop has taken its last request, apart from what
// time and schedule say.
func (l *loop) enough() bool {
	return l.job.Requests > 0 && l.next >= l.job.Requests || l.job.stopped()
}

// sendFree gives each connection that is free its next request. Those that
// fail at once wait for the next turn, so that the others get theirs.
func (l *loop) sendFree() {
	n := len(l.free)
	for _, c := range l.free[:n] {
		l.sendNext(c)
	}
	l.free = append(l.free[:0], l.free[n:]...)
}

// sendNext sends the next request of a closed loop, if there is one.
func (l *loop) sendNext(c *conn) {
	now := l.since()
	if l.ended.Load() || l.enough() || l.job.Duration > 0 && now >= l.job.Duration {
		return
	}
	k := l.next
	l.next++
	l.send(c, k, atOnce, now)
}

// sendDue sends what is due and finds a connection.
func (l *loop) sendDue() {
	for range maxBurst {
		due, ok := l.schedule.Due(l.next)
		if !ok || l.enough() {
			return
		}
		now := l.since()
		if due > now {
			return
		}
		c := l.take(l.target(l.next))
		if c == nil {
			from := max(due, l.blocked)
			l.rec.Blocked(from, now)
			l.blocked = now
			return
		}
		k := l.next
		l.next++
		l.send(c, k, due, now)
	}
}

// take returns a connection for a request to a target, nil if there are as
// many as may be and all are busy.
func (l *loop) take(home int) *conn {
	if n := len(l.idle[home]); n > 0 {
		return l.pop(home)
	}
	if len(l.conns) < l.job.Connections {
		return l.newConn(home)
	}
	for other := range l.idle {
		if len(l.idle[other]) > 0 {
			c := l.pop(other)
			l.hangUp(c)
			c.home = home
			return c
		}
	}
	return nil
}

func (l *loop) pop(home int) *conn {
	n := len(l.idle[home]) - 1
	c := l.idle[home][n]
	l.idle[home] = l.idle[home][:n]
	l.rest--
	return c
}

func (l *loop) layBy(c *conn) {
	l.idle[c.home] = append(l.idle[c.home], c)
	l.rest++
}

// expire ends what has taken too long, and goes on with what has waited long
// enough.
func (l *loop) expire() {
	now := l.since()
	for c := l.pauses.over(now); c != nil; c = l.pauses.over(now) {
		l.resume(c)
	}
	for c := l.answering.first; c != nil && c.deadline <= now; c = l.answering.first {
		l.fail(c, Timeout)
	}
	for c := l.leaving.first; c != nil && c.deadline <= now; c = l.leaving.first {
		l.part(c)
	}
}

// cut ends a load early: what is in flight is cut off, what is due is not sent.
func (l *loop) cut() {
	for c := l.answering.first; c != nil; c = l.answering.first {
		l.fail(c, CutOff)
	}
	if l.schedule != nil && !l.job.stopped() {
		l.never(l.rec, l.next, l.since())
	}
}
