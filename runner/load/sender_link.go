package load

import (
	"crypto/tls"
	"time"

	"plimsoll/internal/precise"
)

// hold lets time pass that the link takes.
func (s *sender) hold(until time.Duration, deadline time.Time) Failure {
	at := s.begin.Add(until)
	late := at.After(deadline)
	if late {
		at = deadline
	}
	switch err := precise.SleepUntil(s.ctx, at); {
	case s.ctx.Err() != nil:
		return CutOff
	case err != nil:
		return OtherError // no timer
	case late:
		return Timeout
	}
	return None
}

// depart connects, if need be, and lets the request travel to the target.
func (s *sender) depart(to *endpoint, shot *Shot, deadline time.Time) Failure {
	if s.conn == nil {
		s.setting = true
		if why := s.hold(shot.Sent+s.trips.connect, deadline); why != None {
			return why
		}
		if why := s.connect(to, deadline); why != None {
			return why
		}
		s.setting = false
		shot.Connected = s.since() + s.trips.connect + s.handshake()
	}
	return s.hold(shot.Connected+s.trips.exchange, deadline)
}

// handshake is what the round trips of a TLS handshake take on the link.
func (s *sender) handshake() time.Duration {
	secure, ok := s.conn.(*tls.Conn)
	switch {
	case !ok:
		return 0
	case secure.ConnectionState().Version < tls.VersionTLS13:
		return 4 * s.trips.connect
	}
	return 2 * s.trips.connect
}

// arrive lets the end of a request, whatever it is, come back over the link. It
// reports whether it came in time.
func (s *sender) arrive(shot *Shot, deadline time.Time) bool {
	if shot.Failure == Timeout || shot.Failure == CutOff {
		return false // nothing comes back
	}
	if shot.Failure == None && s.reply != nil && !s.job.TCP.awaited() {
		return true // nor here
	}
	back := s.trips.exchange
	if s.setting {
		back = s.trips.connect
	}
	if s.firstByte > 0 {
		s.firstByte += back
	}
	shot.Done += back
	if why := s.hold(shot.Done, deadline); why != None {
		shot.Done, shot.Failure = s.since(), why
		return false
	}
	return true
}
