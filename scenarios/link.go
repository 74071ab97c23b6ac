package scenarios

import (
	"time"

	"plimsoll/internal/units"
)

// Link is an emulated distance between the load and a target: what every round
// trip takes longer than it really does, give or take the jitter.
type Link struct {
	RTT    time.Duration `json:"rtt_ns"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
}

// String is "190ms ± 5ms emulated", and empty without a link. It has to stand
// wherever a number is shown that holds the distance.
func (l Link) String() string {
	switch {
	case l == Link{}:
		return ""
	case l.Jitter == 0:
		return units.Duration(l.RTT) + " emulated"
	}
	return units.Duration(l.RTT) + " ± " + units.Duration(l.Jitter) + " emulated"
}

// Label is a name with the link that belongs to it: "cloud (190ms emulated)".
func (l Link) Label(name string) string {
	if text := l.String(); text != "" {
		return name + " (" + text + ")"
	}
	return name
}
