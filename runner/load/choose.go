package load

import (
	"fmt"
	"net/netip"
	"net/url"
)

// The names of the transports.
const (
	AutoName    = "auto"
	FastName    = "fast"
	GeneralName = "general"
)

// Choose returns the transport of that name for some jobs, and the name of
// what was chosen. Auto (or no name) is the fast one where all jobs can have
// it: on Linux, for http:// and IP addresses.
func Choose(name string, jobs []Job) (Transport, string, error) {
	fast := newFast()
	switch name {
	case "", AutoName:
		for _, job := range jobs {
			if fast != nil && !job.plain() {
				fast = nil
			}
		}
		if fast == nil {
			return NewGeneral(), GeneralName, nil
		}
		return fast, FastName, nil
	case GeneralName:
		return NewGeneral(), GeneralName, nil
	case FastName:
		if fast == nil {
			return nil, "", fmt.Errorf("transport %q needs Linux: use %q", FastName, GeneralName)
		}
		return fast, FastName, nil
	}
	return nil, "", fmt.Errorf("transport %q: there are %s, %s and %s", name, AutoName, FastName, GeneralName)
}

// plain reports whether all targets are http:// and have IP addresses.
func (j Job) plain() bool {
	for _, target := range j.Targets {
		base, err := url.Parse(target)
		if err != nil || base.Scheme != "http" {
			return false
		}
		ip, err := netip.ParseAddr(base.Hostname())
		if err != nil || ip.Zone() != "" {
			return false
		}
	}
	return true
}
