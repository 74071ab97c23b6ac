package load

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
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
	reader *bufio.Reader // from the sender itself
	used   time.Time     // the end of the last exchange over conn

	// Of the current request:
	in, out   int64 // bytes on the wire
	firstByte time.Duration
	connErr   error // the connection's own error, as opposed to HTTP's
	headroom  int64 // bytes that may still come
}

func newSender(s *session, home int) *sender {
	out := &sender{session: s, home: home}
	out.reader = bufio.NewReader(out)
	return out
}

// atOnce is the due time of requests that are due when they are sent.
const atOnce time.Duration = -1

// send sends request k, which was due at due, and records what became of it.
func (s *sender) send(k int64, due time.Duration) {
	to := &s.targets[s.home]
	if !s.job.KeepAlive {
		to = &s.targets[k%int64(len(s.targets))]
	}
	shot := Shot{Request: s.deck.Draw(k), Due: due}
	s.in, s.out, s.firstByte, s.connErr = 0, 0, 0, nil
	if s.conn != nil && time.Since(s.used) > restful && stale(s.tcp) {
		s.close()
	}
	now := time.Now()
	shot.Sent = now.Sub(s.begin)
	if due == atOnce {
		shot.Due = shot.Sent
	}
	shot.Connected = shot.Sent
	keep, closing := s.exchange(to, &shot, now.Add(s.job.Timeout))
	shot.FirstByte, shot.BytesIn, shot.BytesOut = s.firstByte, s.in, s.out
	s.rec.Record(shot)
	switch {
	case keep:
		s.used = time.Now()
	case closing:
		s.awaitClose()
		fallthrough
	default:
		s.close()
	}
}

// exchange fills in the shot. keep says that the connection is good for
// another request, closing that the server is about to close it.
func (s *sender) exchange(to *endpoint, shot *Shot, deadline time.Time) (keep, closing bool) {
	fail := func(why Failure) (bool, bool) {
		shot.Done, shot.Failure = s.since(), why
		if why == Timeout && s.ctx.Err() != nil {
			shot.Failure = CutOff // woken by cut
		}
		return false, false
	}
	if s.conn == nil {
		if why := s.connect(to, deadline); why != None {
			return fail(why)
		}
		shot.Connected = s.since()
	}
	if !s.arm(deadline) {
		return fail(CutOff)
	}
	message := &to.mix[shot.Request]
	if _, err := s.conn.Write(message.bytes); err != nil {
		return fail(connectionFailure(err))
	}
	answer, err := s.readHead(message.request)
	if err != nil {
		return fail(s.readFailure())
	}
	shot.BodyIn, err = io.Copy(io.Discard, answer.Body)
	if err != nil {
		return fail(s.readFailure())
	}
	shot.Done = s.since()
	shot.Status = answer.StatusCode
	if shot.Status >= 400 {
		shot.Failure = BadStatus
	}
	shot.Server, shot.ServedBy = answer.Header.Get("Server"), answer.Header.Get("X-Served-By")
	whole := s.reader.Buffered() == 0 && shot.Status != http.StatusSwitchingProtocols
	return whole && s.job.KeepAlive && !answer.Close, whole && answer.Close
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
	if to.tls == nil {
		return None
	}
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
	s.conn, s.tcp = nil, nil
}

// countedConn counts the bytes on the wire, those of TLS included.
type countedConn struct {
	net.Conn
	sender *sender
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.sender.in += int64(n)
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sender.out += int64(n)
	return n, err
}
