package analysis

import (
	"time"
)

// stallOf looks for a batch of requests of a closed loop that waited together,
// as when containers answer for the first time: hardly more of them than the
// loop keeps in flight, and yet much of the time. Its throughput is then a
// matter of how many requests were sent in all, not of how fast the stack is.
func stallOf(r ranked, concurrency int, think time.Duration, throughput float64) (Stall, bool) {
	limit := stallFactor * r.p50
	least, most := r.atLeast(limit)
	if least == 0 || least == r.n || limit == 0 || most > stallBatch*int64(concurrency) {
		return Stall{}, false
	}
	share, shareTo := r.shares(least, think)
	if share <= stallShare || shareTo >= 1 {
		return Stall{}, false
	}
	s := Stall{
		Requests: least, Share: share, ShareTo: shareTo, Throughput: throughput,
		Without: r.without(least, share, throughput), WithoutTo: r.without(least, shareTo, throughput),
	}
	for _, b := range r.bands {
		if b.low < limit {
			continue
		}
		if s.Shortest == 0 {
			s.Shortest = b.low + r.off
		}
		s.Longest = b.high - r.off
	}
	return s, true
}

// without is what the throughput would have been without the k slowest, which
// hold that share of the time. With c requests in flight or thought about all
// the time, the loop lasts as long as all senders' time divided by c.
func (r ranked) without(k int64, share, throughput float64) float64 {
	return throughput * float64(r.n-k) / float64(r.n) / (1 - share)
}

// worstStall is the stall that weighed most in any of the trials.
func worstStall(trials []*observed) *Stall {
	var worst *Stall
	stalled := 0
	for _, o := range trials {
		r, ok := o.ranked()
		if !ok || !o.Tells("concurrency") || !o.Tells("throughput_rps") {
			continue
		}
		s, found := stallOf(r, o.Concurrency, o.Think, o.Throughput)
		if !found {
			continue
		}
		stalled++
		if worst == nil || s.Share > worst.Share {
			s.Trial, s.Of, s.Summary = o.Trial.Trial, r.n, !r.exact
			// Seconds say when a request ended.
			s.Early = o.stalledUntil > 0 && o.stalledUntil <= s.Longest+2*time.Second
			worst = &s
		}
	}
	if worst != nil {
		worst.Trials = stalled
	}
	return worst
}

// coldEpisode tells whether a few requests decide what the throughput of a
// closed loop is: without the slowest 2·c of them it would be more than
// episodeGain higher, or the slowest 2 % hold more than half of all time. With
// fewer than episodeRequests any healthy tail looks so.
func coldEpisode(r ranked, concurrency int, think time.Duration) (ColdEpisode, bool) {
	if r.n < episodeRequests || concurrency == 0 {
		return ColdEpisode{}, false
	}
	k := min(stallBatch*int64(concurrency), r.n/2)
	share, _ := r.shares(k, think)
	tail, _ := r.shares(r.n/50, think)
	e := ColdEpisode{Requests: k, Gain: r.without(k, share, 1) - 1, Tail: tail}
	return e, e.Gain > episodeGain || e.Tail > episodeTail
}

// coldEpisodes is that of the middle one of the trials with one, where at least
// half of the trials have one: a healthy heavy tail looks so now and then.
func coldEpisodes(trials []*observed) *ColdEpisode {
	var found []ColdEpisode
	for _, o := range trials {
		if r, ok := o.ranked(); ok && o.Tells("concurrency") {
			if e, is := coldEpisode(r, o.Concurrency, o.Think); is {
				found = append(found, e)
			}
		}
	}
	if len(found) == 0 || 2*len(found) < len(trials) {
		return nil
	}
	return &found[len(found)/2]
}
