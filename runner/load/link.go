package load

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Link is an emulated distance between load and target: every round trip takes
// RTT more than the real one, give or take up to Jitter, all values in between
// being equally likely. To connect is one round trip (a TLS handshake one more,
// before TLS 1.3 two), a request with its answer one. Half of it passes on the way
// there and half on the way back, so that the target sees requests when it would.
// What depends on the size of a message, such as bandwidth or TCP's slow
// start, is not emulated.
type Link struct {
	RTT    time.Duration `json:"rtt_ns"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
}

// check says what is wrong with a link, if anything.
func (l Link) check() error {
	if l.RTT < 0 || l.Jitter < 0 || l.Jitter > l.RTT {
		return fmt.Errorf("link with a round trip of %v ± %v: the jitter must be between nothing and the round trip", l.RTT, l.Jitter)
	}
	return nil
}

// trips are the one-way times of one request's round trips.
type trips struct{ connect, exchange time.Duration }

// linkStreams keeps the random numbers apart from those of the mix and the
// arrivals, which have the same seed.
const linkStreams = 1 << 62

// trips draws those of request k.
func (l Link) trips(seed uint64, k int64) trips {
	if l.Jitter == 0 {
		return trips{l.RTT / 2, l.RTT / 2}
	}
	var source rand.PCG
	source.Seed(seed, linkStreams|uint64(k))
	random := rand.New(&source)
	draw := func() time.Duration {
		return (l.RTT - l.Jitter + time.Duration(random.Int64N(int64(2*l.Jitter)+1))) / 2
	}
	return trips{draw(), draw()}
}
