package load

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readBuffer takes most answers whole, so that one read is enough.
	readBuffer = 64 << 10
	// incoming are the events that an answer causes. That the server has
	// closed behind it is good to know at once: it saves a wait.
	incoming = unix.EPOLLIN | unix.EPOLLRDHUP
	// oneSegment fits into one segment on every path.
	oneSegment = 500
)

// conn is a place for a connection and the request on it.
type conn struct {
	slot, home int
	fd         int // none: not connected
	events     uint32
	state      state
	used       time.Duration // the end of the last exchange

	shot    Shot
	message *message
	to      int // the target of the request
	written int
	answer  answerReader
	trips   trips
	// after is what comes after the answer, which the link still holds.
	after after

	line        *line
	before, aft *conn
	deadline    time.Duration

	paused int // its place among the pauses, from 1
	resume time.Duration
}

type state uint8

const (
	idling     state = iota
	setting          // out: the link holds the connect
	connecting       // the target has to accept
	travelling       // the link holds the request
	exchanging       // the request is sent, or being sent
	returning        // the link holds the answer, or the failure
	parting          // the server has promised to close
)

func (l *loop) newConn(home int) *conn {
	c := &conn{slot: len(l.conns), home: home, fd: none}
	if l.job.TCP != nil {
		c.answer = l.job.TCP.reader()
	} else {
		c.answer = &answer{names: l.names}
	}
	l.conns = append(l.conns, c)
	return c
}

// send sends request k, or begins to.
func (l *loop) send(c *conn, k int64, due, now time.Duration) {
	c.to = c.home
	if !l.job.KeepAlive {
		c.to = l.target(k)
	}
	which := l.request(k)
	c.message = &l.targets[c.to].mix[which]
	c.written = 0
	c.answer.reset(c.message)
	// Over TCP nothing but its place tells whose answer it is.
	if c.fd != none && (now-c.used > restful || l.job.TCP != nil) && !quiet(c.fd) {
		l.hangUp(c)
		now = l.since()
	}
	c.shot = Shot{Request: which, Due: due, Sent: now, Connected: now}
	if due == atOnce {
		c.shot.Due = now
	}
	l.busy++
	l.answering.join(c, now+l.job.Timeout)
	if l.job.Link.RTT > 0 {
		c.trips = l.trip(k)
	}
	if c.fd != none {
		l.embark(c, now)
		return
	}
	if c.trips.connect > 0 {
		c.state = setting
		l.pauses.hold(c, now+c.trips.connect)
		return
	}
	l.connect(c)
}

// connect begins a connection.
func (l *loop) connect(c *conn) {
	c.state = connecting
	if err := l.dial(c, &l.addresses[c.to]); err != nil {
		l.fail(c, connectionFailure(err))
		return
	}
	if c.trips.connect > 0 {
		l.watch(c, unix.EPOLLOUT)
		return
	}
	// On loopback and within a host the connection is mostly there by now,
	// although connect says that it is in progress. To write at once saves
	// three system calls; it fails without harm where it is too early.
	c.shot.Connected = l.since()
	l.write(c)
}

func (l *loop) dial(c *conn, to *address) (err error) {
	c.events = 0
	if c.fd, err = unix.Socket(to.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		c.fd = none
		return err
	}
	if l.urgent {
		if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	return to.connect(c.fd)
}

// connected goes on to send the request when the connection is there.
func (l *loop) connected(c *conn) {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	if err != nil {
		l.fail(c, connectionFailure(err))
		return
	}
	now := l.since() + c.trips.connect
	c.shot.Connected = now
	if l.watch(c, incoming) {
		l.embark(c, now)
	}
}

// embark sends the request at an instant, on its way over the link.
func (l *loop) embark(c *conn, at time.Duration) {
	if c.trips.exchange > 0 {
		c.state = travelling
		l.pauses.hold(c, at+c.trips.exchange)
		return
	}
	c.state = exchanging
	l.write(c)
}

// resume goes on after a pause.
func (l *loop) resume(c *conn) {
	switch c.state {
	case setting:
		l.connect(c)
	case travelling:
		c.state = exchanging
		l.write(c)
	case returning:
		l.settle(c)
	case idling: // has thought enough
		l.sendNext(c)
	}
}

// watch says which events of a connection matter. They change only if the
// connect takes time or the request does not fit.
func (l *loop) watch(c *conn, events uint32) bool {
	var err error
	switch c.events {
	case events:
	case 0:
		err = l.poller.add(c.fd, events, c.slot)
	default:
		err = l.poller.modify(c.fd, events, c.slot)
	}
	if err != nil {
		l.fail(c, connectionFailure(err))
		return false
	}
	c.events = events
	return true
}

// handle does what a connection's events ask for.
func (l *loop) handle(c *conn, events uint32) {
	switch c.state {
	case idling, returning:
		l.hangUp(c) // closed by the server, or something unasked
	case parting:
		l.part(c)
	case connecting:
		l.connected(c)
	case travelling:
		l.fail(c, Reset) // the request will find nobody
	case exchanging:
		if c.written < len(c.message.bytes) && events&unix.EPOLLOUT != 0 {
			l.write(c)
		}
		if c.state == exchanging && events&^unix.EPOLLOUT != 0 {
			l.read(c, events&unix.EPOLLRDHUP != 0)
		}
	}
}

// write sends (the rest of) the request, on a connection that is there, or may
// be.
func (l *loop) write(c *conn) {
	n, code := writeSocket(c.fd, c.message.bytes[c.written:])
	switch {
	case code == 0:
		c.state = exchanging
		c.written += n
	case code == unix.EAGAIN && c.state == connecting:
		l.watch(c, unix.EPOLLOUT)
		return
	case code == unix.EAGAIN || code == unix.EINTR:
	default:
		l.fail(c, connectionFailure(code))
		return
	}
	wanted := uint32(incoming)
	if c.written < len(c.message.bytes) {
		wanted |= unix.EPOLLOUT
	}
	if l.watch(c, wanted) && !l.awaited && c.written == len(c.message.bytes) {
		l.sent(c)
	}
}

// sent ends a request that no answer is awaited to. Where no other follows, the
// server is told so, and left to close the connection when it has read all.
func (l *loop) sent(c *conn) {
	if !l.job.KeepAlive {
		if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
			l.fail(c, connectionFailure(err))
			return
		}
		c.after = leaving
	} else {
		c.after = keeping
	}
	c.shot.Done = l.since()
	c.shot.FirstByte = c.shot.Done
	l.settle(c)
}

// read takes in what has come of the answer; closed says that nothing follows
// what is there. If there is more than one buffer, the next wait says so: a
// large answer does not hold up the others.
func (l *loop) read(c *conn, closed bool) {
	n, code := readSocket(c.fd, l.buffer)
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
		l.succeed(c, false, true, l.since())
		return
	}
	c.shot.BytesIn += int64(n)
	now := l.since()
	if c.shot.FirstByte == 0 {
		c.shot.FirstByte = now + c.trips.exchange
	}
	used, err := c.answer.feed(l.buffer[:n])
	switch {
	case err != nil:
		l.fail(c, Malformed)
	case c.answer.answered():
		l.succeed(c, used < n, closed && n < len(l.buffer), now)
	}
}

// succeed takes an answer that was complete at now. surplus says that more came
// than belongs to it, gone that the server has closed the connection.
func (l *loop) succeed(c *conn, surplus, gone bool, now time.Duration) {
	c.after = c.answer.result(&c.shot)
	whole := !surplus && !gone && c.written == len(c.message.bytes)
	if !whole || c.after == keeping && !l.job.KeepAlive {
		c.after = dropping
	}
	l.land(c, now)
}

// fail ends a request that has no complete answer.
func (l *loop) fail(c *conn, why Failure) {
	c.shot.Failure, c.shot.BodyIn = why, c.answer.received()
	c.after = dropping
	if why == Timeout || why == CutOff {
		// Nothing comes back over the link.
		l.pauses.drop(c)
		c.shot.Done = l.since()
		l.settle(c)
		return
	}
	l.land(c, l.since())
}

// land lets the end of a request, at now, come back over the link.
func (l *loop) land(c *conn, now time.Duration) {
	back := c.trips.exchange
	if c.state == setting || c.state == connecting {
		back = c.trips.connect
	}
	c.shot.Done = now + back
	if back == 0 {
		l.settle(c)
		return
	}
	l.pauses.drop(c)
	c.state = returning
	l.pauses.hold(c, c.shot.Done)
}

// settle records a request that is over, and goes on with the connection.
func (l *loop) settle(c *conn) {
	c.leaveLine()
	c.shot.BytesOut = int64(c.written)
	l.rec.Record(c.shot)
	c.used = c.shot.Done
	switch {
	case c.fd == none:
	case c.after == leaving:
		c.state = parting
		l.leaving.join(c, c.shot.Done+farewell)
		return
	case c.after == dropping:
		l.hangUp(c)
	}
	l.release(c)
}

// part ends a connection that the server has closed, or should have.
func (l *loop) part(c *conn) {
	c.leaveLine()
	l.hangUp(c)
	l.release(c)
}

// release makes a connection ready for the next request; in a closed loop that
// is sent at once, when the sender has thought, or, after a failure, in its turn:
// a target that refuses all must not keep the answers of others waiting. The
// same holds for requests that do not wait for an answer.
func (l *loop) release(c *conn) {
	c.state = idling
	l.busy--
	switch {
	case l.schedule != nil:
		l.layBy(c)
	case l.job.Think > 0:
		if next := c.used + l.job.Think; l.job.Duration == 0 || next < l.job.Duration {
			l.pauses.hold(c, next)
		}
	case c.shot.Failure.complete() && l.awaited:
		l.sendNext(c)
	default:
		l.free = append(l.free, c)
	}
}

// hangUp drops the connection, if there is one.
func (l *loop) hangUp(c *conn) {
	if c.fd == none {
		return
	}
	closeSocket(c.fd)
	c.fd = none
}
