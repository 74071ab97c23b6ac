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

// Choose returns the transport of that name for some jobs. Auto, or no name,
// is the general one: the fast one has to be asked for until its figures have
// been compared. The error says why a transport cannot do the jobs.
func Choose(name string, jobs []Job) (Transport, error) {
	switch name {
	case "", AutoName, GeneralName:
		return NewGeneral(), nil
	case FastName:
		for _, job := range jobs {
			if !job.plain() {
				return nil, fmt.Errorf("transport %s: it is for http:// and IP addresses, and for senders that do not think: use %s", FastName, GeneralName)
			}
		}
		fast := newFast()
		if fast == nil {
			return nil, fmt.Errorf("transport %s: it needs Linux: use %s", FastName, GeneralName)
		}
		return fast, nil
	}
	return nil, fmt.Errorf("transport %q: there are %s, %s and %s", name, AutoName, FastName, GeneralName)
}

// plain reports whether the fast transport can do the job: all targets are
// http:// and have IP addresses, and nobody thinks.
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
	return j.Think == 0
}
