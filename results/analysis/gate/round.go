package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Round is one attempt to measure both sides, one after the other, each on a
// freshly started stack.
type Round struct {
	// Void are the reasons why the round does not count. They come from the
	// environment alone (the generator, the host, a stack that did not become
	// steady), are the same for both sides, and never rest on how large a
	// latency was. A void round is repeated as a new round.
	Void                []string
	Baseline, Candidate Side
}

// Side is what one start of a stack showed.
type Side struct {
	// Started is when its start began, Ended when its last load was over.
	Started, Ended time.Time
	// Blocks are the loads on this one start. However many, they count as one
	// value: what differs from start to start is the same in all of them.
	Blocks []Block
}

// Block is one load.
type Block struct {
	// Value is the judged metric, in any one unit.
	Value float64
	// Requests that were due; Errors those of them that failed in any way, the
	// Timeouts included.
	Requests, Errors, Timeouts int64
}

// CandidateFirst draws, for the round with the given index (from 0, void ones
// counted), which side goes first. Each round is drawn on its own: that is what
// makes the paired test exact whatever the machine does meanwhile.
func CandidateFirst(seed uint64, round int) bool {
	return rand.New(rand.NewPCG(seed, uint64(round))).Uint64()>>63 == 1
}

// value reduces the blocks of one start to the median of their logarithms.
func (s Side) value() float64 {
	logs := make([]float64, len(s.Blocks))
	for i, b := range s.Blocks {
		logs[i] = math.Log(b.Value)
	}
	slices.Sort(logs)
	n := len(logs)
	return (logs[(n-1)/2] + logs[n/2]) / 2
}

func (s Side) requests() (all, failed int64) {
	for _, b := range s.Blocks {
		all += b.Requests
		failed += b.Errors
	}
	return all, failed
}

// censored reports whether so many requests timed out that the percentile is
// no more than "at least the timeout".
func (s Side) censored(percentile float64) bool {
	return percentile > 0 && slices.ContainsFunc(s.Blocks, func(b Block) bool {
		return float64(b.Timeouts) > above(percentile, b.Requests)
	})
}

// above is how many of n requests lie above a percentile.
func above(percentile float64, n int64) float64 { return float64(n) * (100 - percentile) / 100 }

const (
	// enoughAbove a percentile make it a value, fewAbove leave doubts.
	enoughAbove, fewAbove = 20, 100
	// rounding of a percentile such as 99.9 must not make 20 into 19.99….
	rounding = 1e-6
)

// few is the smallest number of requests above the percentile in any block.
func (r Round) few(percentile float64) float64 {
	least := math.Inf(1)
	if percentile == 0 {
		return least
	}
	for _, s := range []Side{r.Baseline, r.Candidate} {
		for _, b := range s.Blocks {
			least = min(least, above(percentile, b.Requests)+rounding)
		}
	}
	return least
}

// fault says what keeps a round from being judged, "" if nothing does.
// end is when the round before it was over.
func (r Round) fault(candidateFirst bool, end time.Time) string {
	first, second := r.Baseline, r.Candidate
	names := [2]string{"baseline", "candidate"}
	if r.Candidate.Started.Before(r.Baseline.Started) {
		first, second = second, first
		names[0], names[1] = names[1], names[0]
	}
	for i, s := range []Side{first, second} {
		switch {
		case s.Started.IsZero() || s.Ended.Before(s.Started):
			return fmt.Sprintf("the %s has no times of its start and end", names[i])
		case len(s.Blocks) == 0:
			return fmt.Sprintf("the %s has no measurement", names[i])
		}
		for _, b := range s.Blocks {
			if b.Requests < b.Errors || b.Errors < b.Timeouts || b.Timeouts < 0 {
				return fmt.Sprintf("the %s has %d requests, %d errors, %d timeouts, which cannot be", names[i], b.Requests, b.Errors, b.Timeouts)
			}
		}
	}
	switch {
	case first.Started.Before(end):
		return fmt.Sprintf("the %s was started before the round before was over: sides measured earlier, or one after the other as a whole, differ in what the machine did meanwhile", names[0])
	case second.Started.Before(first.Ended):
		return "baseline and candidate ran at the same time, and in each other's way"
	case candidateFirst != (names[0] == "candidate"):
		return fmt.Sprintf("the %s went first, which is not what the seed draws: only rounds that were measured one by one, each in the order drawn for it, can be judged", names[0])
	}
	return ""
}
