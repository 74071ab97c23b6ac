package load

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// maxHead bounds the head of an answer, in bytes.
	maxHead = 1 << 20
	// restful is how long a kept connection may idle before it is looked at
	// again: servers do not close one sooner.
	restful = 10 * time.Millisecond
	// farewell is how long a server that has promised to close a connection
	// is waited for. Whoever closes first has its port blocked for a minute.
	farewell = time.Second
)

var errHeadTooLong = errors.New("the head of the answer is too long")

// sender sends one request after the other over a connection of its own. It
// is not safe for concurrent use, except that the session may cut it off.
type sender struct {
	*session
	home int // the target that it keeps a connection to

	conn   net.Conn // nil: none; plain or TLS
	tcp    *net.TCPConn
	reader *bufio.Reader    // from the sender itself
	reply  *replyReader     // nil: HTTP
	http2  *http.ClientConn // over conn; nil: HTTP/1.1
	jar    http.CookieJar   // nil: cookies are not kept
	used   time.Time        // the end of the last exchange over conn

	// Of the current request:
	trips     trips        // over the link
	setting   bool         // it is not connected yet
	in, out   atomic.Int64 // bytes on the wire
	firstByte time.Duration
	location  *url.URL // where the answer redirects to; nil: nowhere
	connErr   error    // the connection's own error, as opposed to HTTP's
	headroom  int64    // bytes that may still come
}

func newSender(s *session, home int) *sender {
	out := &sender{session: s, home: home, headroom: math.MaxInt64}
	if s.job.TCP != nil {
		out.reply = s.job.TCP.reader()
	}
	if s.job.Cookies {
		// Without options there is nothing that could go wrong.
		out.jar, _ = cookiejar.New(nil)
	}
	out.reader = bufio.NewReader(out)
	return out
}

// atOnce is the due time of requests that are due when they are sent.
const atOnce time.Duration = -1

// send sends request k, which was due at due, and records what became of it.
func (s *sender) send(k int64, due time.Duration) {
	to := &s.targets[s.home]
	if !s.job.KeepAlive {
		to = &s.targets[s.target(k)]
	}
	shot := Shot{Request: s.request(k), Due: due}
	s.firstByte, s.connErr = 0, nil
	if !s.job.HTTP2 { // what it says between requests counts with the next one
		s.in.Store(0)
		s.out.Store(0)
	}
	if s.conn != nil && s.ended() {
		s.close()
	}
	now := time.Now()
	shot.Sent = now.Sub(s.begin)
	if due == atOnce {
		shot.Due = shot.Sent
	}
	shot.Connected = shot.Sent
	deadline := now.Add(s.job.Timeout)
	if s.job.Link.RTT > 0 {
		s.trips = s.trip(k)
	}
	message := &to.mix[shot.Request]
	keep, closing := s.leg(to, message, &shot, deadline)
	if s.job.Redirects > 0 {
		keep, closing = s.follow(to, message, &shot, deadline, keep, closing)
	}
	shot.FirstByte, shot.BytesIn, shot.BytesOut = s.firstByte, s.in.Swap(0), s.out.Swap(0)
	s.rec.Record(shot)
	s.leave(keep, closing)
}

// ended reports whether a kept connection is no good any more.
func (s *sender) ended() bool {
	if s.http2 != nil {
		return s.http2.Available() == 0
	}
	// Over TCP nothing but its place tells whose answer it is.
	return (s.reply != nil || time.Since(s.used) > restful) && stale(s.tcp)
}

// exchange fills in the shot. keep says that the connection is good for
// another request, closing that the server is about to close it.
func (s *sender) exchange(to *endpoint, message *message, shot *Shot, deadline time.Time) (keep, closing bool) {
	switch {
	case s.job.Link.RTT > 0:
		if why := s.depart(to, shot, deadline); why != None {
			return s.fail(shot, why)
		}
	case s.conn == nil:
		if why := s.connect(to, deadline); why != None {
			return s.fail(shot, why)
		}
		shot.Connected = s.since()
	}
	if s.http2 != nil {
		return s.roundTrip(message, shot, deadline)
	}
	if !s.arm(deadline) {
		return s.fail(shot, CutOff)
	}
	if s.jar != nil {
		var err error
		if message, err = s.withCookies(message); err != nil {
			return s.fail(shot, OtherError)
		}
	}
	if _, err := s.conn.Write(message.bytes); err != nil {
		return s.fail(shot, connectionFailure(err))
	}
	if s.reply != nil {
		return s.awaitReply(shot)
	}
	return s.readAnswer(shot, message)
}

// fail ends a request that has no complete answer.
func (s *sender) fail(shot *Shot, why Failure) (keep, closing bool) {
	shot.Done, shot.Failure = s.since(), why
	if why == Timeout && s.ctx.Err() != nil {
		shot.Failure = CutOff // woken by cut
	}
	return false, false
}

// readAnswer reads an answer over HTTP; it returns what exchange does.
func (s *sender) readAnswer(shot *Shot, message *message) (keep, closing bool) {
	answer, err := s.readHead(message.request)
	if err != nil {
		return s.fail(shot, s.readFailure())
	}
	shot.BodyIn, err = io.Copy(io.Discard, answer.Body)
	if err != nil {
		return s.fail(shot, s.readFailure())
	}
	s.take(answer, message, shot)
	whole := s.reader.Buffered() == 0 && shot.Status != http.StatusSwitchingProtocols
	return whole && s.job.KeepAlive && !answer.Close, whole && answer.Close
}

// take notes what a complete answer says.
func (s *sender) take(answer *http.Response, message *message, shot *Shot) {
	shot.Done = s.since()
	shot.Status = answer.StatusCode
	if shot.Status >= 400 {
		shot.Failure = BadStatus
	}
	shot.Server, shot.ServedBy = answer.Header.Get("Server"), answer.Header.Get("X-Served-By")
	if s.job.Redirects > 0 {
		s.location = locationOf(answer, message.request)
	}
	if s.jar != nil {
		s.jar.SetCookies(asked(message.request), answer.Cookies())
	}
}

// arm sets the deadline of what follows. It is false when the load has been
// ended: cut either came before, and the context shows it, or comes after and
// replaces the deadline.
func (s *sender) arm(deadline time.Time) bool {
	// An error means that the connection is broken, which what follows shows.
	_ = s.conn.SetDeadline(deadline)
	return s.ctx.Err() == nil
}

func (s *sender) connect(to *endpoint, deadline time.Time) Failure {
	// Keep-alive probes (not HTTP's) would cost three system calls.
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	var (
		conn net.Conn
		err  error
	)
	if to.literal.IsValid() {
		conn, err = dialer.DialTCP(s.ctx, "tcp", netip.AddrPort{}, to.literal)
	} else {
		conn, err = dialer.DialContext(s.ctx, "tcp", to.address)
	}
	if err != nil {
		return dialFailure(err)
	}
	s.tcp = conn.(*net.TCPConn)
	counted := &countedConn{Conn: conn, sender: s}
	s.conn = counted
	s.keep(conn)
	s.reader.Reset(s)
	if to.tls != nil {
		if why := s.shakeHands(counted, to, deadline); why != None {
			return why
		}
	}
	if s.job.HTTP2 {
		return s.openHTTP2(to)
	}
	return None
}

// shakeHands makes the connection one over TLS.
func (s *sender) shakeHands(counted *countedConn, to *endpoint, deadline time.Time) Failure {
	if !s.arm(deadline) {
		return CutOff
	}
	secure := tls.Client(counted, to.tls)
	if err := secure.HandshakeContext(s.ctx); err != nil {
		if why := connectionFailure(err); why != OtherError {
			return why
		}
		return TLS
	}
	if s.job.HTTP2 && secure.ConnectionState().NegotiatedProtocol != "h2" {
		return TLS // it has agreed on nothing
	}
	s.conn = secure
	return None
}

// readHead reads the head of the final answer, past those that only say that
// it will come.
func (s *sender) readHead(req *http.Request) (*http.Response, error) {
	s.headroom = maxHead
	defer func() { s.headroom = math.MaxInt64 }()
	for {
		answer, err := http.ReadResponse(s.reader, req)
		if err != nil {
			return nil, err
		}
		if answer.ProtoMajor != 1 {
			return nil, fmt.Errorf("an answer in %s", answer.Proto)
		}
		if answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			return answer, nil
		}
	}
}

// readFailure says why an answer could not be read: by the connection's own
// error, or, if it has none, because what came was not HTTP.
func (s *sender) readFailure() Failure {
	if s.connErr == nil {
		return Malformed
	}
	return connectionFailure(s.connErr)
}

// Read reads from the connection for the sender's own reader, and notes when
// an answer began and why it ended.
func (s *sender) Read(p []byte) (int, error) {
	if s.headroom <= 0 {
		return 0, errHeadTooLong
	}
	n, err := s.conn.Read(p)
	s.headroom -= int64(n)
	if n > 0 && s.firstByte == 0 {
		s.firstByte = s.since()
	}
	if err != nil {
		s.connErr = err
	}
	return n, err
}

func (s *sender) awaitClose() {
	if s.arm(time.Now().Add(farewell)) {
		// End of file, or whatever else: the connection is closed next.
		_, _ = s.conn.Read(make([]byte, 1))
	}
}

// close drops the connection, if there is one.
func (s *sender) close() {
	if s.conn == nil {
		return
	}
	s.forget(s.tcp)
	// Nothing that matters can go wrong: all answers have been read.
	_ = s.tcp.Close()
	if s.http2 != nil {
		_ = s.http2.Close()
	}
	s.conn, s.tcp, s.http2 = nil, nil, nil
}

// countedConn counts the bytes on the wire, those of TLS included.
type countedConn struct {
	net.Conn
	sender *sender
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.sender.in.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sender.out.Add(int64(n))
	return n, err
}
