package load

import (
	"bytes"
	"net/http"
	"net/url"
	"time"
)

// leg is one exchange of a request: the only one, or one between redirects. It
// returns what exchange does.
func (s *sender) leg(to *endpoint, message *message, shot *Shot, deadline time.Time) (keep, closing bool) {
	s.location, s.setting, s.firstByte = nil, false, 0
	keep, closing = s.exchange(to, message, shot, deadline)
	if s.job.Link.RTT > 0 && !s.arrive(shot, deadline) {
		return false, false
	}
	return keep, closing
}

// follow goes on from an answer as long as it is a redirect. The shot gets the
// last answer, the time up to its end, and the bytes of all. keep and closing
// are as from exchange.
func (s *sender) follow(to *endpoint, message *message, shot *Shot, deadline time.Time, keep, closing bool) (bool, bool) {
	home := to
	for shot.Failure == None && s.location != nil {
		s.leave(keep, closing)
		next := s.endpointOf(s.location, to, message)
		if next == nil || shot.Redirects == s.job.Redirects {
			shot.Status, shot.Failure = 0, Redirect
			return false, false
		}
		if next != to {
			s.close()
		}
		var err error
		if message, err = redirected(message.request, s.location, shot.Status, next == to); err != nil {
			shot.Status, shot.Failure = 0, Redirect
			return false, false
		}
		to = next
		shot.Redirects++
		now := s.since()
		leg := Shot{Request: shot.Request, Sent: now, Connected: now}
		keep, closing = s.leg(to, message, &leg, deadline)
		shot.Done, shot.Status, shot.Failure = leg.Done, leg.Status, leg.Failure
		shot.Server, shot.ServedBy = leg.Server, leg.ServedBy
		shot.BodyIn += leg.BodyIn
	}
	return keep && to == home, closing
}

// leave gives the connection up unless it is kept.
func (s *sender) leave(keep, closing bool) {
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

// endpointOf returns the target that a location is at: the one that answered,
// or another of the job's; nil if it is none of them.
func (s *sender) endpointOf(location *url.URL, to *endpoint, message *message) *endpoint {
	if sameOrigin(location, asked(message.request)) {
		return to
	}
	for i := range s.targets {
		if sameOrigin(location, s.targets[i].base) {
			return &s.targets[i]
		}
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && portOf(a) == portOf(b)
}

// asked is the URL that a request is for as the server sees it.
func asked(req *http.Request) *url.URL {
	u := *req.URL
	if req.Host != "" {
		u.Host = req.Host
	}
	return &u
}

// locationOf is where an answer redirects to; nil if it does not.
func locationOf(answer *http.Response, req *http.Request) *url.URL {
	switch answer.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	location, err := asked(req).Parse(answer.Header.Get("Location"))
	if err != nil || answer.Header.Get("Location") == "" {
		return nil // says nowhere to go: a final answer
	}
	return location
}

// redirected is the request that follows a redirect, by RFC 9110, 15.4: after
// 303, and a POST after 301 and 302, it is a GET without a body, else the same
// again. Another target is not told what was for the first one.
func redirected(from *http.Request, location *url.URL, status int, sameTarget bool) (*message, error) {
	req := from.Clone(from.Context())
	req.URL, req.Host = location, location.Host
	if status == http.StatusSeeOther && req.Method != http.MethodHead ||
		status <= http.StatusFound && req.Method == http.MethodPost {
		req.Method, req.Body, req.GetBody, req.ContentLength = http.MethodGet, http.NoBody, nil, 0
		req.Header.Del("Content-Type")
	}
	if !sameTarget {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
	}
	return encode(req)
}

// encode writes a request out, whose body may have been read before.
func encode(req *http.Request) (*message, error) {
	if req.GetBody != nil {
		var err error
		if req.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	return &message{bytes: wire.Bytes(), request: req}, nil
}

// withCookies is a message with what the sender's jar has for it.
func (s *sender) withCookies(m *message) (*message, error) {
	cookies := s.jar.Cookies(asked(m.request))
	if len(cookies) == 0 {
		return m, nil
	}
	req := m.request.Clone(m.request.Context())
	for _, c := range cookies {
		req.AddCookie(c)
	}
	out, err := encode(req)
	if err == nil {
		out.request = m.request // a redirect takes its own from the jar
	}
	return out, err
}
