package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// readBuffer takes most answers whole, so that one read is enough.
	readBuffer = 64 << 10
	// maxEvents is how many are taken from the kernel at once.
	maxEvents = 256
	// maxBurst is how many requests are sent before answers are looked at.
	maxBurst = 64
	// waker is the number of the event that says that the load has been ended.
	waker = -1
)

// Fast is the transport for plain HTTP/1.1 to IP addresses on Linux: one
// thread, which waits in epoll for all connections at once. It means the same
// by every number as General does, and keeps the same order of events: a
// connection is kept, looked at when it has rested, and left for the server
// to close in the same cases.
type Fast struct{ maxConns int }

// NewFast returns the fast transport. Its Run refuses jobs that it is not made
// for: those with a target that is https or has a name instead of an address.
func NewFast() *Fast { return &Fast{maxConns: maxSenders} }

// Run implements Transport.
func (f *Fast) Run(ctx context.Context, job Job, begin time.Time, rec *Recorder) (err error) {
	b, err := draw(job)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if !job.plain() {
		return errors.New("load: the fast transport is for http:// and IP addresses: use the general one")
	}
	l := &loop{
		blueprint: b, begin: begin, rec: rec, limit: f.maxConns, names: &names{},
		buffer: make([]byte, readBuffer), events: make([]unix.EpollEvent, maxEvents), idle: make([][]*conn, len(b.targets)),
	}
	for _, target := range b.targets {
		l.addresses = append(l.addresses, address(target))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.open(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	// The one that waits is told by a write to the eventfd. It is closed only
	// when the function has run or will not.
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		l.ended.Store(true)
		one := [8]byte{1}
		// It cannot fail: the counter is far from its end.
		_, _ = unix.Write(l.wake, one[:])
	})
	defer func() {
		if !stop() {
			<-told
		}
	}()
	if err := l.run(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

func address(e endpoint) unix.Sockaddr {
	port := int(e.literal.Port())
	if ip := e.literal.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: e.literal.Addr().As16()}
}

// loop is one run of a job.
type loop struct {
	*blueprint
	begin     time.Time
	rec       *Recorder
	limit     int // connections of an open loop
	addresses []unix.Sockaddr
	names     *names

	epoll, wake int
	coarse      bool // the kernel lacks epoll_pwait2
	ended       atomic.Bool
	events      []unix.EpollEvent
	buffer      []byte

	conns []*conn
	// idle connections of an open loop by target; the one that became idle
	// last is at the end.
	idle [][]*conn
	rest int     // how many are idle
	free []*conn // of a closed loop: those that want the next request
	busy int     // have a request in flight, or await the server's close
	next int64   // the next request

	answering, leaving line // in the order of their deadlines
}

// conn is a place for a connection and the request on it.
type conn struct {
	slot, home int
	fd         int // none: not connected
	events     uint32
	state      state
	used       time.Duration // the end of the last exchange

	shot    Shot
	message *message
	written int
	answer  answer

	line        *line
	before, aft *conn
	deadline    time.Duration
}

type state uint8

const (
	idling state = iota
	connecting
	exchanging
	parting // the server has promised to close
)

// line is a queue of connections whose deadlines are all equally far away
// when they join, so that the first is always the next.
type line struct{ first, last *conn }

func (q *line) join(c *conn, deadline time.Duration) {
	c.line, c.deadline, c.before, c.aft = q, deadline, q.last, nil
	if q.last != nil {
		q.last.aft = c
	} else {
		q.first = c
	}
	q.last = c
}

func (c *conn) leaveLine() {
	q := c.line
	if q == nil {
		return
	}
	if c.before != nil {
		c.before.aft = c.aft
	} else {
		q.first = c.aft
	}
	if c.aft != nil {
		c.aft.before = c.before
	} else {
		q.last = c.before
	}
	c.line, c.before, c.aft = nil, nil, nil
}

func (l *loop) since() time.Duration { return time.Since(l.begin) }

// open makes what the loop waits with.
func (l *loop) open() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("create an epoll instance: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return errors.Join(fmt.Errorf("create an eventfd: %w", err), unix.Close(l.epoll))
	}
	err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: waker})
	if err == nil {
		// By default the kernel may be 50 µs late to save wakeups.
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("prepare to wait: %w", err), l.close())
	}
	return nil
}

// close ends all connections and gives the thread back as it was.
func (l *loop) close() error {
	for _, c := range l.conns {
		l.hangUp(c)
	}
	return errors.Join(unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0), unix.Close(l.wake), unix.Close(l.epoll))
}

func (l *loop) run() error {
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
			l.free = append(l.free, l.newConn(int(i%int64(len(l.targets)))))
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
	now := l.since()
	until := time.Duration(math.MaxInt64)
	if l.schedule != nil {
		due, ok := l.schedule.Due(l.next)
		more = ok
		if ok && (l.rest > 0 || len(l.conns) < l.limit) {
			until = due
		}
	}
	for _, q := range []*line{&l.answering, &l.leaving} {
		if q.first != nil {
			until = min(until, q.first.deadline)
		}
	}
	return max(0, until-now), more || l.busy > 0
}

// await waits for events, for at most the given time, and handles them.
func (l *loop) await(patience time.Duration) error {
	n, err := l.wait(patience)
	if err != nil {
		return err
	}
	for i := range l.events[:n] {
		e := &l.events[i]
		if e.Fd == waker {
			continue
		}
		l.handle(l.conns[e.Fd], e.Events)
	}
	return nil
}

// wait is epoll_pwait2, through a system call that lets the runtime have the
// processor meanwhile. Where the kernel is older than 5.11, waits are rounded
// up to the millisecond.
func (l *loop) wait(patience time.Duration) (int, error) {
	if !l.coarse {
		limit := unix.NsecToTimespec(int64(patience))
		n, _, code := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), maxEvents,
			uintptr(unsafe.Pointer(&limit)), 0, 0)
		switch code {
		case 0:
			return int(n), nil
		case unix.EINTR:
			return 0, nil
		case unix.ENOSYS, unix.EPERM: // the latter from older containers
			l.coarse = true
		default:
			return 0, fmt.Errorf("wait for events: %w", code)
		}
	}
	const most = time.Hour // more overflows the milliseconds
	n, err := unix.EpollWait(l.epoll, l.events, int((min(patience, most)+time.Millisecond-1)/time.Millisecond))
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("wait for events: %w", err)
	}
	return n, nil
}

func (l *loop) newConn(home int) *conn {
	c := &conn{slot: len(l.conns), home: home, fd: none, answer: answer{names: l.names}}
	l.conns = append(l.conns, c)
	return c
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
	if l.ended.Load() || l.job.Requests > 0 && l.next >= l.job.Requests || l.job.Duration > 0 && l.since() >= l.job.Duration {
		return
	}
	k := l.next
	l.next++
	l.send(c, k, atOnce)
}

// sendDue sends what is due and finds a connection.
func (l *loop) sendDue() {
	for range maxBurst {
		due, ok := l.schedule.Due(l.next)
		if !ok || due > l.since() {
			return
		}
		c := l.take(int(l.next % int64(len(l.targets))))
		if c == nil {
			return
		}
		k := l.next
		l.next++
		l.send(c, k, due)
	}
}

// take returns a connection for a request to a target, nil if there are as
// many as may be and all are busy.
func (l *loop) take(home int) *conn {
	if n := len(l.idle[home]); n > 0 {
		return l.pop(home)
	}
	if len(l.conns) < l.limit {
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

// send sends request k, or begins to.
func (l *loop) send(c *conn, k int64, due time.Duration) {
	to := c.home
	if !l.job.KeepAlive {
		to = int(k % int64(len(l.targets)))
	}
	which := l.deck.Draw(k)
	c.message = &l.targets[to].mix[which]
	c.written = 0
	c.answer.reset(c.message.request.Method == "HEAD")
	now := l.since()
	if c.fd != none && now-c.used > restful && !quiet(c.fd) {
		l.hangUp(c)
		now = l.since()
	}
	c.shot = Shot{Request: which, Due: due, Sent: now, Connected: now}
	if due == atOnce {
		c.shot.Due = now
	}
	l.busy++
	l.answering.join(c, now+l.job.Timeout)
	if c.fd != none {
		c.state = exchanging
		l.write(c)
		return
	}
	c.state = connecting
	if err := l.connect(c, l.addresses[to]); err != nil {
		l.fail(c, connectionFailure(err))
		return
	}
	if c.state == exchanging {
		c.shot.Connected = l.since()
		l.write(c)
	}
}

// quiet reports whether nothing has come on an idle connection, not even its end.
func quiet(fd int) bool {
	var one [1]byte
	_, _, code := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&one)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return code == unix.EAGAIN
}

// connect begins a connection, which on loopback is mostly there at once.
func (l *loop) connect(c *conn, to unix.Sockaddr) error {
	family := unix.AF_INET
	if _, six := to.(*unix.SockaddrInet6); six {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd = fd
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	switch err := unix.Connect(fd, to); err {
	case nil:
		c.state, c.events = exchanging, unix.EPOLLIN
	case unix.EINPROGRESS, unix.EINTR:
		c.events = unix.EPOLLOUT
	default:
		return err
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: c.events, Fd: int32(c.slot)})
}

// listen changes what a connection waits for, which is needed only if the
// connect took time or the request did not fit.
func (l *loop) listen(c *conn, events uint32) bool {
	if c.events == events {
		return true
	}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.slot)}); err != nil {
		l.fail(c, connectionFailure(err))
		return false
	}
	c.events = events
	return true
}

// handle does what a connection's events ask for.
func (l *loop) handle(c *conn, events uint32) {
	switch c.state {
	case idling:
		l.hangUp(c) // closed by the server, or something unasked
	case parting:
		l.part(c)
	case connecting:
		code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = syscall.Errno(code)
		}
		if err != nil {
			l.fail(c, connectionFailure(err))
			return
		}
		c.state, c.shot.Connected = exchanging, l.since()
		l.write(c)
	case exchanging:
		if c.written < len(c.message.bytes) && events&unix.EPOLLOUT != 0 {
			l.write(c)
		}
		if c.state == exchanging && events&^unix.EPOLLOUT != 0 {
			l.read(c)
		}
	}
}

// write sends (the rest of) the request.
func (l *loop) write(c *conn) {
	rest := c.message.bytes[c.written:]
	n, _, code := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)))
	switch code {
	case 0:
		c.written += int(n)
	case unix.EAGAIN, unix.EINTR:
	default:
		l.fail(c, connectionFailure(code))
		return
	}
	wanted := uint32(unix.EPOLLIN)
	if c.written < len(c.message.bytes) {
		wanted |= unix.EPOLLOUT
	}
	l.listen(c, wanted)
}

// read takes in what has come of the answer. If there is more, the next wait
// says so: a large answer does not hold up the others.
func (l *loop) read(c *conn) {
	n, _, code := syscall.RawSyscall(syscall.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&l.buffer[0])), uintptr(len(l.buffer)))
	switch {
	case code == unix.EAGAIN || code == unix.EINTR:
		return
	case code != 0:
		l.fail(c, connectionFailure(code))
		return
	case n == 0:
		if !c.answer.end() {
			l.fail(c, ShortRead)
			return
		}
		l.succeed(c, false, true)
		return
	}
	c.shot.BytesIn += int64(n)
	if c.shot.FirstByte == 0 {
		c.shot.FirstByte = l.since()
	}
	used, err := c.answer.feed(l.buffer[:n])
	switch {
	case err != nil:
		l.fail(c, Malformed)
	case c.answer.part == answered:
		l.succeed(c, used < int(n), false)
	}
}

// succeed records a complete answer. surplus says that more came than belongs
// to it, gone that the server has closed the connection.
func (l *loop) succeed(c *conn, surplus, gone bool) {
	a := &c.answer
	c.shot.Done = l.since()
	c.shot.Status, c.shot.BodyIn, c.shot.Server, c.shot.ServedBy = a.status, a.body, a.server, a.servedBy
	if a.status >= 400 {
		c.shot.Failure = BadStatus
	}
	l.record(c)
	const switching = 101
	whole := !surplus && !gone && a.status != switching && c.written == len(c.message.bytes)
	switch {
	case whole && a.closing():
		c.state = parting
		l.leaving.join(c, c.shot.Done+farewell)
		return
	case !whole || !l.job.KeepAlive:
		l.hangUp(c)
	}
	c.used = c.shot.Done
	l.release(c)
}

// fail records a request that has no complete answer.
func (l *loop) fail(c *conn, why Failure) {
	c.shot.Done, c.shot.Failure, c.shot.BodyIn = l.since(), why, c.answer.body
	l.record(c)
	l.hangUp(c)
	// The next request waits for its turn: a target that refuses all must not
	// keep the answers of others waiting.
	c.state = idling
	l.busy--
	if l.schedule == nil {
		l.free = append(l.free, c)
		return
	}
	l.layBy(c)
}

func (l *loop) record(c *conn) {
	c.leaveLine()
	c.shot.BytesOut = int64(c.written)
	l.rec.Record(c.shot)
}

// release makes a connection ready for the next request; in a closed loop that
// is sent at once.
func (l *loop) release(c *conn) {
	c.state = idling
	l.busy--
	if l.schedule == nil {
		l.sendNext(c)
		return
	}
	l.layBy(c)
}

func (l *loop) layBy(c *conn) {
	l.idle[c.home] = append(l.idle[c.home], c)
	l.rest++
}

// part ends a connection that the server has closed, or should have.
func (l *loop) part(c *conn) {
	c.leaveLine()
	l.hangUp(c)
	l.release(c)
}

// hangUp drops the connection, if there is one.
func (l *loop) hangUp(c *conn) {
	if c.fd == none {
		return
	}
	// Nothing that matters can go wrong: all answers have been read. It also
	// leaves the epoll instance.
	_ = unix.Close(c.fd)
	c.fd = none
}

// expire ends what has taken too long.
func (l *loop) expire() {
	now := l.since()
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
	if l.schedule == nil {
		return
	}
	now := l.since()
	for due, ok := l.schedule.Due(l.next); ok && due <= now; due, ok = l.schedule.Due(l.next) {
		l.rec.Record(Shot{Request: l.deck.Draw(l.next), Due: due, Sent: now, Connected: now, Done: now, Failure: NeverSent})
		l.next++
	}
}
