package load

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
)

// The names of the transports.
const (
	AutoName    = "auto"
	FastName    = "fast"
	GeneralName = "general"
)

// Choose returns the transport of that name for some jobs. Auto, or no name,
// is the fast one where it can do the jobs, and the general one else. The
// error says why a transport cannot do them.
func Choose(name string, jobs []Job) (Transport, error) {
	fast := newFast()
	var reason error
	switch plain := !slices.ContainsFunc(jobs, func(j Job) bool { return !j.plain() }); {
	case fast == nil:
		reason = errors.New("it needs Linux")
	case !plain:
		reason = errors.New("it is for http:// or tcp:// and IP addresses, without redirects, cookies and HTTP/2")
	}
	switch name {
	case GeneralName:
		return NewGeneral(), nil
	case "", AutoName:
		if reason != nil {
			return NewGeneral(), nil
		}
		return fast, nil
	case FastName:
		if reason != nil {
			return nil, fmt.Errorf("transport %s: %w: use %s", FastName, reason, GeneralName)
		}
		return fast, nil
	}
	return nil, fmt.Errorf("transport %q: there are %s, %s and %s", name, AutoName, FastName, GeneralName)
}

// plain reports whether the fast transport can do the job: all targets are
// http:// or tcp:// and have IP addresses, and every answer stands alone.
func (j Job) plain() bool {
	if j.Redirects > 0 || j.Cookies || j.HTTP2 {
		return false
	}
	return !slices.ContainsFunc(j.Targets, func(target string) bool {
		base, err := url.Parse(target)
		if err != nil || base.Scheme != "http" && base.Scheme != "tcp" {
			return true
		}
		ip, err := netip.ParseAddr(base.Hostname())
		return err != nil || ip.Zone() != ""
	})
}
