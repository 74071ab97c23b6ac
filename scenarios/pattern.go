package scenarios

import (
	"fmt"
	"strings"

	"plimsoll/internal/units"
)

// Pattern says in words all that an open loop of a constant rate is, but for
// its rate and its duration; empty for other loads. Loads of one pattern are
// steps of one ladder of rates.
func (l Load) Pattern() string {
	if l.Mode != Open || len(l.Stages) > 0 || l.Sine != nil {
		return ""
	}
	parts := []string{"open loop of a constant rate"}
	add := func(when bool, text string) {
		if when {
			parts = append(parts, text)
		}
	}
	add(l.Arrivals == Poisson, "Poisson arrivals")
	add(l.Connections > 0, fmt.Sprintf("at most %d at once", l.Connections))
	add(l.KeepAlive, "connections kept")
	add(!l.KeepAlive, "a new connection each")
	add(l.HTTP2, "HTTP/2")
	add(l.Timeout > 0, "timeout "+units.Duration(l.Timeout))
	add(l.Redirects > 0, fmt.Sprintf("up to %d redirects", l.Redirects))
	add(l.Cookies, "cookies")
	if l.TCP != nil {
		names := make([]string, 0, len(l.Payloads))
		for _, p := range l.Payloads {
			names = append(names, p.Name)
		}
		parts = append(parts, "over TCP "+strings.Join(names, " "))
	}
	add(l.Target != "", "to "+l.Target)
	return strings.Join(parts, ", ")
}
