package results

import (
	"fmt"
	"time"
)

const (
	// minSent is the share of the due requests that must have been sent.
	minSent = 0.995
	// lagFloor is a send lag that is never held against a trial.
	lagFloor = time.Millisecond
	// forP999 is how many requests a p99.9 takes: ten that lie above it.
	forP999 = 10_000
	// lagShare is how much of the response time the send lag may be.
	lagShare = 0.10
	// busyShare is how much of the host the load worker may use.
	busyShare = 0.80
	// busyFrom is how long a load lasts at least before its worker's CPU is
	// judged: what is metered includes the worker's preparations.
	busyFrom = 100 * time.Millisecond
)

// Judge says whether a trial may be believed, by how its load was generated:
// never by whether its latencies look good. cpus is how many CPU cores the
// worker could use.
func Judge(t Trial, cpus int) Validity {
	v := Validity{Verdict: Valid, Reasons: []string{}}
	worsen := func(to ValidityVerdict, format string, args ...any) {
		if v.Verdict != Invalid {
			v.Verdict = to
		}
		v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	}
	if t.Requests.Sent == 0 {
		worsen(Invalid, "no request was sent")
		return v
	}
	if t.Mode == "open" {
		if share := float64(t.Requests.Sent) / float64(max(t.Due, 1)); share < minSent {
			worsen(Invalid, "only %.1f %% of the due requests were sent (at least %.1f %% needed): the generator did not keep up", 100*share, 100*minSent)
		}
		limit := max(lagFloor, time.Duration(lagShare*float64(t.Latency.Response.P99)))
		rank, lag := "p99.9", t.Latency.Lag.P999
		if t.Requests.Sent < forP999 {
			rank, lag = "p99", t.Latency.Lag.P99
		}
		if lag > limit {
			worsen(Suspect, "requests were sent late: lag %s is %v, above %v (the larger of %v and %.0f %% of p99)",
				rank, lag.Round(10*time.Microsecond), limit.Round(10*time.Microsecond), lagFloor, 100*lagShare)
		}
	}
	if available := t.Duration.Seconds() * float64(cpus); t.Duration >= busyFrom && available > 0 {
		if busy := t.Worker.CPU.Seconds() / available; busy > busyShare {
			worsen(Suspect, "the load worker used %.0f %% of the host's CPU: it may be what was measured", 100*busy)
		}
	}
	return v
}
