package within

import (
	"fmt"
	"math"

	"plimsoll/internal/units"
)

// Given is what every limit within a run is said with.
const Given = "within this run, given the events that occurred in it"

// Limits says in words between which limits the percentile lies, and why one is
// missing.
func (e Estimate) Limits() string {
	if why := e.why(); why != "" {
		return e.Bounds() + "; " + why
	}
	return e.Bounds()
}

// Bounds is Limits without the reason.
func (e Estimate) Bounds() string {
	switch {
	case e.Missing == NoData:
		return "no data"
	case e.Low == nil:
		return "no limits within this run"
	case e.High == nil:
		return fmt.Sprintf("at least %s %s", units.Latency(*e.Low), Given)
	}
	return fmt.Sprintf("%s to %s %s", units.Latency(*e.Low), units.Latency(*e.High), Given)
}

// why says why a limit is missing.
func (e Estimate) why() string {
	switch e.Missing {
	case TooShort:
		return fmt.Sprintf("they take %d seconds, with requests in each tenth of them", batches)
	case TooFew:
		return fmt.Sprintf("no upper limit: it takes %s requests, there are %s", units.Count(Requests(e.Percentile)), units.Count(e.Requests))
	case NotResolved:
		return e.Tail()
	case Unbounded:
		return "no upper limit: it lies beyond the slowest request"
	}
	return ""
}

// Tail says how many requests in how many episodes the percentile rests on, and
// whether that resolves it: "tail not resolved: 9 episodes, 20 requests above".
func (e Estimate) Tail() string {
	text := fmt.Sprintf("%s, %s above", plural(int64(math.Round(e.Episodes)), "episode"), plural(e.Above, "request"))
	if e.Resolved {
		return "tail resolved: " + text
	}
	return "tail not resolved: " + text
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return units.Count(n) + " " + noun + "s"
}
