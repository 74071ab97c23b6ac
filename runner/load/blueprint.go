package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// userAgent is what requests call themselves unless the job says otherwise.
const userAgent = "plimsoll"

// maxConnections bounds how many requests of an open loop are in flight at
// once, unless the job has a bound of its own.
const maxConnections = 10_000

// blueprint is a job with everything worked out that does not depend on time:
// sending a request is one write of bytes that are here already.
type blueprint struct {
	// job is the part that is to be done here: its numbers of requests and
	// connections are those of the part.
	job      Job
	deck     Deck
	schedule Schedule // nil for a closed loop
	targets  []endpoint
}

// endpoint is one of a job's targets.
type endpoint struct {
	base    *url.URL
	address string         // host:port
	literal netip.AddrPort // the same, where the host is an IP address
	tls     *tls.Config    // nil: plain
	mix     []message      // by index in the mix
}

// message is a request as it goes over the wire.
type message struct {
	bytes []byte
	// request is what ReadResponse has to know about it; nil over TCP.
	request *http.Request
}

// request returns the index in the mix of request k.
func (b *blueprint) request(k int64) int { return b.deck.Draw(b.job.Share.number(k)) }

// target returns the target whose turn it is at request, or connection, k.
func (b *blueprint) target(k int64) int {
	return int(b.job.Share.number(k) % int64(len(b.targets)))
}

// trip returns the way of request k over the link.
func (b *blueprint) trip(k int64) trips {
	return b.job.Link.trips(b.job.Seed, b.job.Share.number(k))
}

// never records the requests from k on that were due before now as never
// sent.
func (b *blueprint) never(rec *Recorder, k int64, now time.Duration) {
	for due, ok := b.schedule.Due(k); ok && due <= now; due, ok = b.schedule.Due(k) {
		rec.Record(Shot{Request: b.request(k), Due: due, Sent: now, Connected: now, Done: now, Failure: NeverSent})
		k++
	}
}

// Validate says what is wrong with a job, if anything.
func (j Job) Validate() error {
	_, err := draw(j)
	return err
}

// draw works a job out.
func draw(j Job) (*blueprint, error) {
	if err := j.checkBounds(); err != nil {
		return nil, err
	}
	schedule, err := j.schedule()
	if err != nil {
		return nil, err
	}
	deck, err := NewDeck(j.Mix, j.Seed)
	if err != nil {
		return nil, err
	}
	b := &blueprint{job: j, deck: deck, schedule: schedule}
	b.job.Concurrency = int(j.Share.part(int64(j.Concurrency)))
	b.job.Requests = j.Share.part(j.Requests)
	b.job.Connections = maxConnections
	if j.Connections > 0 {
		b.job.Connections = int(j.Share.part(int64(j.Connections)))
	}
	for _, target := range j.Targets {
		e, err := newEndpoint(j, target)
		if err != nil {
			return nil, fmt.Errorf("target %q: %w", target, err)
		}
		b.targets = append(b.targets, e)
	}
	return b, nil
}

func (j Job) checkBounds() error {
	switch {
	case len(j.Targets) == 0:
		return errors.New("no target")
	case len(j.Mix) == 0:
		return errors.New("no request to send")
	case j.Timeout <= 0:
		return fmt.Errorf("timeout of %v: it must be above zero", j.Timeout)
	case j.Concurrency < 0 || j.Requests < 0 || j.Duration < 0 || j.Think < 0:
		return errors.New("concurrency, requests, duration and think time must not be negative")
	case j.Concurrency == 0 && j.RateCount == 0 && len(j.Stages) == 0:
		return errors.New("neither a concurrency (closed loop) nor a rate (open loop)")
	case j.Concurrency > 0 && (j.RateCount != 0 || len(j.Stages) > 0 || j.Sine != nil || j.Poisson):
		return errors.New("both a concurrency (closed loop) and a rate (open loop): one of them is too many")
	case j.Concurrency > 0 && j.Requests == 0 && j.Duration == 0:
		return errors.New("a closed loop needs a number of requests or a duration, or it would never end")
	case j.Concurrency == 0 && j.Requests != 0:
		return errors.New("an open loop ends after its duration, not after a number of requests")
	case j.Concurrency == 0 && j.Think != 0:
		return errors.New("an open loop has no think time: its requests are sent when they are due")
	case len(j.Stages) > 0 && j.Sine != nil:
		return errors.New("both stages and a sine: one of them is too many")
	case j.Connections < 0:
		return errors.New("the number of connections must not be negative")
	case j.Concurrency > 0 && j.Connections > 0:
		return errors.New("a closed loop has as many connections as its concurrency")
	}
	if j.Redirects < 0 {
		return errors.New("the number of redirects must not be negative")
	}
	if j.TCP != nil && (j.Redirects > 0 || j.Cookies || j.HTTP2) {
		return errors.New("redirects, cookies and HTTP/2 are HTTP's: over TCP there are none")
	}
	if j.TCP != nil {
		if err := j.TCP.check(j.KeepAlive); err != nil {
			return err
		}
	}
	return j.Link.check()
}

// schedule returns that of an open loop, or of the part of it that is to be
// done here; nil for a closed one.
func (j Job) schedule() (Schedule, error) {
	whole, err := j.wholeSchedule()
	if err == nil {
		err = j.Share.check(j, whole)
	}
	if err != nil || whole == nil || j.Share.Of < 2 {
		return whole, err
	}
	return shared{whole, j.Share}, nil
}

func (j Job) wholeSchedule() (Schedule, error) {
	switch {
	case j.Concurrency > 0:
		return nil, nil
	case len(j.Stages) == 0 && j.Sine == nil && !j.Poisson:
		return NewConstant(j.RateCount, j.RatePer, j.Duration)
	}
	ramp, err := j.ramp()
	switch {
	case err != nil:
		return nil, err
	case j.Poisson:
		return NewPoisson(ramp, j.Seed), nil
	}
	return ramp, nil
}

// ramp is how the rate of an open loop changes, if it does.
func (j Job) ramp() (*Ramp, error) {
	rate := Rate{j.RateCount, j.RatePer}
	switch {
	case j.Sine != nil:
		return NewSine(rate, *j.Sine, j.Duration)
	case len(j.Stages) == 0:
		return NewRamp(rate, []Stage{{To: rate, Over: j.Duration}})
	}
	ramp, err := NewRamp(rate, j.Stages)
	if err == nil && ramp.length != j.Duration {
		return nil, fmt.Errorf("stages that last %v together, and a duration of %v: they must be the same", ramp.length, j.Duration)
	}
	return ramp, err
}

// MeanRate is the mean rate of an open loop in requests per second: the
// integral of the rate over time divided by the duration, whatever the job's
// share. It is 0 for a closed loop.
func (j Job) MeanRate() (float64, error) {
	schedule, err := j.wholeSchedule()
	if err != nil {
		return 0, err
	}
	switch s := schedule.(type) {
	case nil:
		return 0, nil
	case *Ramp:
		return s.mean(), nil
	case *Poisson:
		return s.ramp.mean(), nil
	}
	return float64(j.RateCount) / j.RatePer.Seconds(), nil
}

func newEndpoint(j Job, target string) (endpoint, error) {
	base, err := url.Parse(target)
	switch {
	case err != nil:
		return endpoint{}, err
	case !slices.Contains([]string{"http", "https", "tcp"}, base.Scheme):
		return endpoint{}, fmt.Errorf("scheme %q: only http, https and tcp can be loaded", base.Scheme)
	case (base.Scheme == "tcp") != (j.TCP != nil):
		return endpoint{}, errors.New("tcp:// and payloads belong together, and so do http:// and requests")
	case base.Hostname() == "":
		return endpoint{}, errors.New("no host")
	case base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return endpoint{}, errors.New("a base URL has neither query, fragment nor user")
	}
	port := portOf(base)
	if j.TCP != nil && (port == "" || base.Path != "") {
		return endpoint{}, errors.New("over TCP a target is host and port, such as tcp://gateway:6000")
	}
	if base.Scheme != "https" && j.Trust != (Trust{}) {
		return endpoint{}, errors.New("TLS options are for https://")
	}
	e := endpoint{base: base, address: net.JoinHostPort(base.Hostname(), port)}
	// A name is no error here: it is looked up for each connection.
	e.literal, _ = netip.ParseAddrPort(e.address)
	if base.Scheme == "https" {
		if e.tls, err = j.Trust.Config(serverName(j, base)); err != nil {
			return endpoint{}, err
		}
		e.tls.NextProtos = []string{"http/1.1"}
		if j.HTTP2 {
			e.tls.NextProtos = []string{"h2"}
		}
	}
	for _, r := range j.Mix {
		m, err := newMessage(j, strings.TrimSuffix(base.String(), "/"), r)
		if err != nil {
			return endpoint{}, fmt.Errorf("request %q: %w", r.Name, err)
		}
		e.mix = append(e.mix, m)
	}
	return e, nil
}

// portOf is a URL's port, or that of its scheme; empty if it has none.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// serverName is the name that the target's certificate has to bear.
func serverName(j Job, base *url.URL) string {
	if j.Host == "" {
		return base.Hostname()
	}
	if host, _, err := net.SplitHostPort(j.Host); err == nil {
		return host
	}
	return j.Host
}

func newMessage(j Job, base string, r Request) (message, error) {
	if j.TCP != nil {
		return newPayload(r)
	}
	if len(r.Payload) > 0 {
		return message{}, errors.New("a payload is sent over TCP, not over HTTP")
	}
	if !strings.HasPrefix(r.Path, "/") {
		return message{}, fmt.Errorf("path %q does not begin with a slash", r.Path)
	}
	req, err := http.NewRequest(r.Method, base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return message{}, err
	}
	req.Close = !j.KeepAlive
	req.Host = j.Host
	req.Header.Set("User-Agent", userAgent)
	given := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := strings.TrimSpace(r.Headers[name])
		switch canonical := http.CanonicalHeaderKey(name); canonical {
		case "Connection", "Content-Length", "Transfer-Encoding", "Trailer":
			return message{}, fmt.Errorf("header %s cannot be given: it follows from the body and from keepalive", name)
		case "Host":
			req.Host = value
		default:
			if _, twice := given[canonical]; twice {
				return message{}, fmt.Errorf("header %s is given twice", name)
			}
			given[canonical] = value
			req.Header.Set(name, value)
		}
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return message{}, err
	}
	if err := checkArrival(wire.Bytes(), given); err != nil {
		return message{}, err
	}
	return message{bytes: wire.Bytes(), request: req}, nil
}

func newPayload(r Request) (message, error) {
	switch {
	case r.Method != "" || r.Path != "" || len(r.Headers) > 0 || len(r.Body) > 0:
		return message{}, errors.New("method, path, headers and body are HTTP's: over TCP there is a payload")
	case len(r.Payload) == 0:
		return message{}, errors.New("the payload is empty: there is nothing to send")
	}
	return message{bytes: r.Payload}, nil
}

// checkArrival reads a message back, because Request.Write leaves out headers
// that cannot be sent without a word.
func checkArrival(wire []byte, headers map[string]string) error {
	arrived, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return fmt.Errorf("cannot be sent: %w", err)
	}
	for name, value := range headers {
		if got := arrived.Header.Get(name); got != value {
			return fmt.Errorf("header %s: %q cannot be sent", name, value)
		}
	}
	return nil
}
