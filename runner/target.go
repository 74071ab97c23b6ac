package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// awaitTarget resolves the environment's target to the URLs that the worker
// is to use and waits until each of them answers. It returns them and the
// Host header that goes with them.
func (t *trial) awaitTarget(ctx context.Context) (targets []string, host string, err error) {
	t.Progress.Doing("waiting for the target")
	target, err := url.Parse(t.env.Target)
	if err != nil {
		return nil, "", fmt.Errorf("target: %w", err)
	}
	if targets, err = t.resolve(ctx, target); err != nil {
		return nil, "", err
	}
	for _, each := range targets {
		if err := awaitAnswer(ctx, each+t.probePath(), target.Host, t.ReadyWithin); err != nil {
			return nil, "", fmt.Errorf("target %s: %w", t.env.Target, err)
		}
	}
	return targets, target.Host, nil
}

// resolve replaces the name of a service by the addresses of its replicas.
func (t *trial) resolve(ctx context.Context, target *url.URL) ([]string, error) {
	if _, ok := t.stack.Topology.Service(target.Hostname()); !ok {
		return []string{target.Scheme + "://" + target.Host}, nil
	}
	port, err := portOf(target)
	if err != nil {
		return nil, err
	}
	addrs, err := t.eng.Endpoint(ctx, t.stack.Name, target.Hostname(), port)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("target %s: service %s has no running replica", t.env.Target, target.Hostname())
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

// probePath is the path of the first request of the mix that changes nothing.
func (t *trial) probePath() string {
	for _, req := range t.Scenario.Requests {
		if req.Method == http.MethodGet || req.Method == http.MethodHead {
			return req.Path
		}
	}
	return "/"
}

// awaitAnswer asks for url until the answer's status is below 500.
func awaitAnswer(ctx context.Context, url, host string, within time.Duration) error {
	const pause = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	last := errors.New("not asked yet")
	for begin := time.Now(); ; {
		answer := ask(ctx, client, url, host)
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
			return fmt.Errorf("no good answer from %s within %v: %w", url, time.Since(begin).Round(100*time.Millisecond), last)
		}
	}
}

// ask returns nil when the target answers as it should.
func ask(ctx context.Context, client *http.Client, url, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Host = host
	resp, err := client.Do(req)
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused: nothing listens there")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer")
	case err != nil:
		return err
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
