package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"plimsoll/runner/engine"
	"plimsoll/runner/load"
	"plimsoll/scenarios"
)

// Door is what load is put on, and how to ask it whether it is open.
type Door struct {
	// Target is a URL whose host may be a service of the stack.
	Target string
	// Path is asked for; it changes nothing.
	Path string
	// Trust is whose certificates an https target may have.
	Trust load.Trust
	// HTTP2 asks over HTTP/2.
	HTTP2 bool
}

// DoorFor is the door of one environment to the load l of a scenario.
func DoorFor(s *scenarios.Scenario, env scenarios.Environment, l scenarios.Load) Door {
	d := Door{Target: l.TargetIn(env), Path: "/", HTTP2: l.HTTP2}
	// A load's own target that is not encrypted has no certificate.
	if strings.HasPrefix(d.Target, "https:") {
		d.Trust = load.Trust(env.TLS)
	}
	for _, req := range s.Requests {
		if req.Method == http.MethodGet || req.Method == http.MethodHead {
			d.Path = req.Path
			break
		}
	}
	return d
}

// Way leads through a door.
type Way struct {
	// Targets are the URLs that a worker is to use, one of each replica of a
	// service.
	Targets []string
	// Host is the Host header that goes with them.
	Host string
	// Answered is when each target gave its first good answer.
	Answered []time.Time
}

// Reach resolves a door and waits until everything behind it answers.
func (s *Site) Reach(ctx context.Context, door Door) (Way, error) {
	target, err := url.Parse(door.Target)
	if err != nil {
		return Way{}, fmt.Errorf("target: %w", err)
	}
	targets, err := s.resolve(ctx, target)
	if err != nil {
		return Way{}, err
	}
	way := Way{Targets: targets, Host: target.Host, Answered: make([]time.Time, len(targets))}
	if target.Scheme == "tcp" {
		way.Host = "" // it has no headers
	}
	secure, err := door.Trust.Config(target.Hostname())
	if err != nil {
		return Way{}, fmt.Errorf("target %s: %w", target, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, each := range targets {
		group.Go(func() error {
			what := each + door.Path
			ask := func(ctx context.Context) error { return ask(ctx, s.dial, what, way.Host, secure, door.HTTP2) }
			if target.Scheme == "tcp" {
				what = each
				ask = func(ctx context.Context) error { return connect(ctx, s.dial, strings.TrimPrefix(each, "tcp://")) }
			}
			err := awaitAnswer(ctx, what, ask, s.ReadyWithin)
			way.Answered[i] = time.Now()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Way{}, fmt.Errorf("target %s: %w", target, err)
	}
	return way, nil
}

// dial connects to a target from where the load is going to come.
func (s *Site) dial(ctx context.Context, _, address string) (net.Conn, error) {
	return engine.Dial(ctx, s.Engine, address, once)
}

// resolve replaces the name of a service by the addresses of its replicas.
func (s *Site) resolve(ctx context.Context, target *url.URL) ([]string, error) {
	if _, ok := s.Stack.Topology.Service(target.Hostname()); !ok {
		return []string{target.Scheme + "://" + target.Host}, nil
	}
	port, err := portOf(target)
	if err != nil {
		return nil, err
	}
	addrs, err := s.Engine.Endpoint(ctx, s.Stack.Name, target.Hostname(), port)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("target %s: service %s has no running replica", target, target.Hostname())
	}
	var targets []string
	for _, addr := range addrs {
		targets = append(targets, baseURL(target.Scheme, addr))
	}
	return targets, nil
}

func baseURL(scheme string, addr netip.AddrPort) string {
	return (&url.URL{Scheme: scheme, Host: addr.String()}).String()
}

func portOf(target *url.URL) (uint16, error) {
	text := target.Port()
	switch {
	case text != "":
	case target.Scheme == "https":
		text = "443"
	default:
		text = "80"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("target %s: port %q is not a number from 1 to 65535", target, text)
	}
	return uint16(port), nil
}

// awaitAnswer asks a target, which messages call what, until there is no error.
func awaitAnswer(ctx context.Context, what string, ask func(context.Context) error, within time.Duration) error {
	const pause = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	last := errors.New("not asked yet")
	for begin := time.Now(); ; {
		answer := ask(ctx)
		if answer == nil {
			return nil
		}
		if ctx.Err() == nil { // else it is our own deadline that speaks
			last = answer
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ctx.Err()
			}
			return fmt.Errorf("no good answer from %s within %v: %w", what, time.Since(begin).Round(100*time.Millisecond), last)
		}
	}
}

// once bounds one question.
const once = 5 * time.Second

// dialFunc connects to a target, as net.Dialer's DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// connect returns nil when the target takes a connection.
func connect(ctx context.Context, dial dialFunc, address string) error {
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return unanswered(err)
	}
	return conn.Close()
}

// unanswered says what an error means for who waits.
func unanswered(err error) error {
	var (
		timeout   net.Error
		untrusted *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("its certificate is not trusted: %w; give the environment tls: {ca: FILE}, a server_name, or insecure: true", untrusted.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused: nothing listens there")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer")
	}
	return err
}

// ask returns nil when the answer's status is below 500.
func ask(ctx context.Context, dial dialFunc, url, host string, secure *tls.Config, http2 bool) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(http2)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: secure, Protocols: protocols, DialContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, cancel := context.WithTimeout(ctx, once)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("cut answer: %w", err)
	}
	if resp.StatusCode >= 500 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
