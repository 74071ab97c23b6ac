package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// openHTTP2 lets package net/http speak HTTP/2 over the connection that is
// there: over TLS because the handshake has agreed on it, else because it is
// known beforehand that the target does.
func (s *sender) openHTTP2(to *endpoint) Failure {
	given := func(context.Context, string, string) (net.Conn, error) { return s.conn, nil }
	t := &http.Transport{DialContext: given, DialTLSContext: given, DisableCompression: true, Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP2(true)
	t.Protocols.SetUnencryptedHTTP2(true)
	// It reads in the background from now on: requests have deadlines, the
	// connection has none.
	if !s.arm(time.Time{}) {
		return CutOff
	}
	var err error
	if s.http2, err = t.NewClientConn(s.ctx, to.base.Scheme, to.address); err != nil {
		return s.http2Failure(s.ctx, err)
	}
	return None
}

// roundTrip sends a request over HTTP/2 and takes in its answer; it returns
// what exchange does.
func (s *sender) roundTrip(message *message, shot *Shot, deadline time.Time) (keep, closing bool) {
	ctx, cancel := context.WithDeadline(s.ctx, deadline)
	defer cancel()
	// The background may note it when nobody waits for it any more.
	var firstByte atomic.Int64
	req := message.request.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { firstByte.Store(int64(s.since())) },
	}))
	req.Close = false // it is closed with the connection
	var err error
	if req.GetBody != nil {
		if req.Body, err = req.GetBody(); err != nil {
			return s.fail(shot, OtherError)
		}
	}
	if s.jar != nil {
		for _, c := range s.jar.Cookies(asked(req)) {
			req.AddCookie(c)
		}
	}
	answer, err := s.http2.RoundTrip(req)
	if err == nil {
		shot.BodyIn, err = io.Copy(io.Discard, answer.Body)
		err = errors.Join(err, answer.Body.Close())
	}
	s.firstByte = time.Duration(firstByte.Load())
	if err != nil {
		return s.fail(shot, s.http2Failure(ctx, err))
	}
	if answer.StatusCode > 999 {
		return s.fail(shot, Malformed)
	}
	s.take(answer, message, shot)
	return s.job.KeepAlive && s.http2.Available() > 0, false
}

// brokenOff are the words of package net/http, which has no types for them, of
// a target that ended a stream or the connection under it.
var brokenOff = []string{"stream error", "GOAWAY", "client connection lost", "client conn is closed", "client conn not usable"}

// http2Failure is the kind of an error of package net/http.
func (s *sender) http2Failure(ctx context.Context, err error) Failure {
	switch {
	case s.ctx.Err() != nil:
		return CutOff
	case ctx.Err() != nil:
		return Timeout
	case slices.ContainsFunc(brokenOff, func(words string) bool { return strings.Contains(err.Error(), words) }):
		return Reset
	}
	if why := connectionFailure(err); why != OtherError {
		return why
	}
	return Malformed
}
