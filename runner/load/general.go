package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/internal/precise"
)

// General is the transport for everything that speaks HTTP/1.1, with and
// without TLS, on every system. Requests and answers are net/http's; the
// connections are its own, one goroutine for each, so that every instant and
// every byte is known. It follows redirects and keeps cookies only where the
// job says so, asks no proxy, asks for no compression and sends no request
// twice.
//
// A closed loop keeps Concurrency senders busy. In an open loop the senders
// relay: one waits for the next due instant, and when it has come passes the
// watch on to an idle sender (or a new one) and sends. Nothing has to be
// handed over between the instant and the send.
type General struct{}

// NewGeneral returns the general transport.
func NewGeneral() *General { return &General{} }

// Name implements Transport.
func (g *General) Name() string { return GeneralName }

// Run implements Transport.
func (g *General) Run(ctx context.Context, job Job, begin time.Time, rec *Recorder) error {
	b, err := draw(job)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	s := &session{blueprint: b, begin: begin, rec: rec, conns: map[net.Conn]struct{}{}}
	// The session's context is done when the caller's is, or when the load
	// cannot go on for a reason of its own.
	var abort context.CancelCauseFunc
	s.ctx, abort = context.WithCancelCause(ctx)
	defer abort(nil)
	var enough context.CancelFunc
	s.sending, enough = context.WithCancel(s.ctx)
	defer enough()
	defer context.AfterFunc(s.ctx, func() {
		enough() // whoever is woken must not send again
		s.cut()
	})()
	go func() {
		select {
		case <-job.Enough:
			enough()
		case <-s.sending.Done():
		}
	}()
	if err := precise.SleepUntil(s.sending, begin); err != nil && !job.stopped() {
		return ignoreEnd(ctx, err)
	}
	if job.Concurrency > 0 {
		s.closedLoop(abort)
		return ignoreEnd(ctx, context.Cause(s.ctx))
	}
	r := &relay{session: s, abort: abort, idle: make([][]*runner, len(b.targets)), unwatched: none}
	r.run()
	return ignoreEnd(ctx, context.Cause(s.ctx))
}

// ignoreEnd drops the error that a done context left behind: a load ended
// early is still a load.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// session is one run of a job.
type session struct {
	*blueprint
	ctx context.Context
	// sending is done when nothing new is to be sent: with ctx, or before.
	sending context.Context
	begin   time.Time
	rec     *Recorder

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// since is the time since the begin of the phase.
func (s *session) since() time.Duration { return time.Since(s.begin) }

// cut wakes everyone who waits for an answer.
func (s *session) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		// An error means that it is closed already.
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
}

func (s *session) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = struct{}{}
}

func (s *session) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// closedLoop keeps Concurrency requests in flight until there have been enough
// or time is up. Between two requests each sender thinks, if the job says so.
func (s *session) closedLoop(abort context.CancelCauseFunc) {
	var (
		taken atomic.Int64
		wg    sync.WaitGroup
	)
	// Nobody thinks on when the last request has been taken.
	thinking, enough := context.WithCancel(s.sending)
	defer enough()
	senders := int64(s.job.Concurrency)
	if s.job.Requests > 0 {
		senders = min(senders, s.job.Requests)
	}
	for i := range senders {
		wg.Go(func() {
			out := newSender(s, s.target(i))
			defer out.close()
			for s.sending.Err() == nil && (s.job.Duration == 0 || s.since() < s.job.Duration) {
				k := taken.Add(1) - 1
				if s.job.Requests > 0 && k >= s.job.Requests {
					return
				}
				if k == s.job.Requests-1 {
					enough()
				}
				out.send(k, atOnce)
				if s.job.Think == 0 {
					continue
				}
				next := s.since() + s.job.Think
				if s.job.Duration > 0 && next >= s.job.Duration {
					return
				}
				if err := precise.SleepUntil(thinking, s.begin.Add(next)); thinking.Err() != nil {
					return
				} else if err != nil {
					abort(fmt.Errorf("load: %w", err))
				}
			}
		})
	}
	wg.Wait()
}

// none stands for no request.
const none = -1

// relay runs an open loop. At any time at most one runner watches the clock
// for the next request; all others have one in flight or are idle.
type relay struct {
	*session
	abort context.CancelCauseFunc
	wg    sync.WaitGroup

	lock sync.Mutex
	// idle runners by the target that they are connected to, the one that
	// became idle last at the end: few connections, and warm ones.
	idle    [][]*runner
	runners int
	// unwatched is the next request while every runner is busy, else none.
	unwatched int64
	// blocked is the instant up to which waits for a runner have been
	// recorded.
	blocked time.Duration
	ended   bool
}

// runner is a sender with a place to wait for its turn.
type runner struct {
	*sender
	turn chan int64
}

func (r *relay) run() {
	r.pass(0)
	r.wg.Wait()
}

// pass gives the watch for request k to an idle runner or to a new one; if all
// are busy, to the first that is done.
func (r *relay) pass(k int64) {
	r.lock.Lock()
	defer r.lock.Unlock()
	home := r.target(k)
	if n := len(r.idle[home]); n > 0 {
		next := r.idle[home][n-1]
		r.idle[home] = r.idle[home][:n-1]
		next.turn <- k
		return
	}
	if r.runners == r.job.Connections {
		r.unwatched = k
		return
	}
	r.runners++
	next := &runner{sender: newSender(r.session, home), turn: make(chan int64, 1)}
	next.turn <- k
	r.wg.Go(func() { r.follow(next) })
}

// follow is the life of a runner.
func (r *relay) follow(me *runner) {
	defer me.close()
	for k := range me.turn {
		for k != none {
			due, ok := r.await(k)
			if !ok {
				r.end()
				return
			}
			r.pass(k + 1)
			me.send(k, due)
			k = r.rest(me)
		}
	}
}

// await watches the clock for request k. It is not ok when there is no such
// request or the load has been ended; unless that was by Enough, requests that
// were due by then are recorded as never sent.
func (r *relay) await(k int64) (due time.Duration, ok bool) {
	due, ok = r.schedule.Due(k)
	if !ok {
		return 0, false
	}
	err := precise.SleepUntil(r.sending, r.begin.Add(due))
	switch {
	case err == nil:
		return due, true
	case r.job.stopped():
		return 0, false
	case r.ctx.Err() == nil:
		r.abort(fmt.Errorf("load: %w", err))
	}
	r.never(r.rec, k, r.since())
	return 0, false
}

// rest returns the request that waits for a runner, or lays the runner by.
func (r *relay) rest(me *runner) int64 {
	r.lock.Lock()
	defer r.lock.Unlock()
	k := r.unwatched
	r.unwatched = none
	switch {
	case k != none:
		if due, ok := r.schedule.Due(k); ok {
			now := r.since()
			r.rec.Blocked(max(due, r.blocked), now)
			r.blocked = now
		}
	case r.ended:
		close(me.turn)
	default:
		r.idle[me.home] = append(r.idle[me.home], me)
	}
	return k
}

// end sends the idle runners home; the others go when they are done.
func (r *relay) end() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.ended = true
	for _, idle := range r.idle {
		for _, me := range idle {
			close(me.turn)
		}
	}
	r.idle = make([][]*runner, len(r.targets))
}
