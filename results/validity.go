package results

import (
	"fmt"
	"time"

	"plimsoll/internal/units"
)

// Criterion names what of the load generation was not as it should be.
type Criterion string

// The criteria.
const (
	// NothingSent: there is nothing to judge.
	NothingSent Criterion = "nothing sent"
	// SendRate: the due requests were not sent, or not when they were due.
	SendRate Criterion = "rate"
	// SendLag: requests were sent so late that it matters for the p99.
	SendLag Criterion = "lag"
	// WorkerCPU: the worker had too little CPU.
	WorkerCPU Criterion = "cpu"
	// LocalLimits: ports, descriptors or the bound on connections.
	LocalLimits Criterion = "limits"
	// HostSteal: other virtual machines had the CPUs.
	HostSteal Criterion = "steal"
	// Calibrated: the generator failed against the null target.
	Calibrated Criterion = "calibration"
)

const (
	// minSent is the share of the due requests that must have been sent.
	minSent = 0.995
	// behindShare of the seconds, and in any case one, may have seen fewer
	// requests than were due.
	behindShare = 0.01
	// lagFloor is a send lag that is never held against a trial, lagShare how
	// much of the response time's p99 it may be.
	lagFloor = time.Millisecond
	lagShare = 0.10
	// lagDominates is the share of a p99 that, if it may be lag, leaves
	// nothing to believe.
	lagDominates = 0.50
	// forP999 is how many requests a p99.9 takes, forP99 how many a p99: ten
	// that lie above it.
	forP999 = 10_000
	forP99  = 1_000
	// busyShare is how much of its CPUs the load worker may use.
	busyShare = 0.80
	// oneThread is the share of the worker's CPU from which on one thread
	// does all the work, so that more CPUs would not help.
	oneThread = 0.90
	// busyFrom is how long a load lasts at least before its worker's CPU is
	// judged: what is metered includes the worker's preparations.
	busyFrom = 100 * time.Millisecond
	// heldShare of the time may pass throttled, waiting for a CPU or in
	// pauses of the collector.
	heldShare = 0.01
	// stealShare of a machine's CPU time may go to other virtual machines. It
	// is counted in hundredths of a second, so that it takes stealFrom to know.
	stealShare = 0.05
	stealFrom  = time.Second
	// waitFloor and waitShare: so much of a response time may be the worker's
	// own waiting for a CPU.
	waitFloor = 100 * time.Microsecond
	waitShare = 0.10
	// blockedShare of the time may all connections be taken.
	blockedShare = 0.001
)

// Judge says whether a trial may be believed, by how its load was generated:
// never by whether its latencies look good. c is the load's calibration, nil
// if there was none.
func Judge(t Trial, c *Calibration) Validity {
	v := Validity{Verdict: Valid, Reasons: []string{}}
	if c != nil && !c.Passed {
		v.worsen(Invalid, Calibrated, "%s", c.failure())
	}
	if t.Requests.Sent == 0 {
		v.worsen(Invalid, NothingSent, "no request was sent")
		return v
	}
	for _, judge := range []func(*Validity, Trial){
		judgeLimits, judgeRate, judgeLag, judgeCPU, judgeThrottling, judgeQueue, judgePauses, judgeSteal,
	} {
		judge(&v, t)
	}
	return v
}

func (v *Validity) worsen(to ValidityVerdict, broken Criterion, format string, args ...any) {
	if v.Verdict != Invalid {
		v.Verdict = to
	}
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	v.Broken = append(v.Broken, broken)
}

// judgeLimits: what this machine or the load itself did not let through says
// nothing about the stack.
func judgeLimits(v *Validity, t Trial) {
	if n := t.Requests.Errors["local limit"]; n > 0 {
		v.worsen(Invalid, LocalLimits, "%s of %s requests found no free port or file descriptor on the load generator's machine: keep connections, or raise ulimit -n and net.ipv4.ip_local_port_range",
			units.Count(n), units.Count(t.Requests.Sent))
	}
	if !t.capped() {
		return
	}
	// A bound of the load's own is what was asked for: the response times are
	// what its users would see.
	limit, verdict := "as many connections as the load generator can have", Invalid
	if t.Connections > 0 {
		limit, verdict = fmt.Sprintf("all %d connections", t.Connections), Suspect
	}
	v.worsen(verdict, LocalLimits, "%s were taken for %s of %s, so due requests waited for one (lag p99 %s): that is in the response times, and is the bound's doing, not lateness of the generator; allow more connections",
		limit, units.Latency(t.Blocked), units.Latency(t.Duration), units.Latency(t.Latency.Lag.P99))
}

// capped reports whether requests waited for a connection for longer than may
// be. What they waited is in the send lag then, and cannot be told apart.
func (t Trial) capped() bool { return float64(t.Blocked) > blockedShare*float64(t.Duration) }

func judgeRate(v *Validity, t Trial) {
	if t.Mode != "open" || t.capped() || t.EndedEarly != "" {
		return
	}
	const remedy = "send less, share the load among more workers, or use a less busy machine"
	if share := float64(t.Requests.Sent) / float64(max(t.Due, 1)); share < minSent {
		v.worsen(Invalid, SendRate, "only %.1f %% of the due requests were sent (at least %.1f %% needed): the generator did not keep up; %s", 100*share, 100*minSent, remedy)
		return
	}
	if allowed := max(1, int64(behindShare*float64(t.Seconds))); t.Behind > allowed {
		v.worsen(Invalid, SendRate, "in %d of %d seconds fewer than 98 %% of the due requests were sent (%d allowed): the generator did not keep up; %s", t.Behind, t.Seconds, allowed, remedy)
	}
}

// lagLimit is how late requests may be sent, and how much wider the bound on the
// p99 may be for that reason. Lags of some tens of microseconds are no matter
// even where the whole p99 is 200 µs, hence the floor.
func (t Trial) lagLimit() time.Duration {
	return max(lagFloor, time.Duration(lagShare*float64(max(t.Latency.Response.P99, t.Limit))))
}

// judgeLag: late requests make a trial suspect, and its bound says what they may
// have done. It is invalid when one in a hundred was late and half of the p99
// may be their doing, or, where there are too few requests for a p99, when half
// of them were late.
func judgeLag(v *Validity, t Trial) {
	if t.Mode != "open" || t.capped() {
		return
	}
	limit, lag, b := t.lagLimit(), t.Latency.Lag, t.SystemP99
	rank, tail := "p99.9", lag.P999
	if t.Requests.Sent < forP999 {
		rank, tail = "p99", lag.P99
	}
	wide := t.Requests.Sent >= forP99 && b != nil && b.ByLag > limit && b.High-b.Low > limit
	beside := "the p99"
	if t.Limit > t.Latency.Response.P99 {
		beside = "the objective"
	}
	allowed := fmt.Sprintf("at most %s: %s, or a tenth of %s", units.Latency(limit), units.Latency(lagFloor), beside)
	const late = "requests were sent late by the load generator"
	switch {
	case wide && lag.P99 > limit && float64(b.ByLag) > lagDominates*float64(b.High):
		v.worsen(Invalid, SendLag, "%s: lag p99 is %s (%s), so the stack's own p99 is only known to be between %s and %s",
			late, units.Latency(lag.P99), allowed, units.Latency(b.Low), units.Latency(b.High))
	case t.Requests.Sent < forP99 && lag.P50 > limit:
		v.worsen(Invalid, SendLag, "%s: lag p50 is %s (%s)", late, units.Latency(lag.P50), allowed)
	case wide:
		v.worsen(Suspect, SendLag, "some %s, by up to %s (lag %s %s): the stack's own p99 may be as low as %s, not %s",
			late, units.Latency(lag.Max), rank, units.Latency(tail), units.Latency(b.Low), units.Latency(b.High))
	case tail > limit:
		v.worsen(Suspect, SendLag, "some %s: lag %s is %s (%s)", late, rank, units.Latency(tail), allowed)
	}
}

func judgeCPU(v *Validity, t Trial) {
	w := t.Worker
	if t.Duration < busyFrom || w.CPUs == 0 {
		return
	}
	consequence := "its own work delays what it measures"
	if t.Mode != "open" {
		consequence = "the throughput is the generator's, not the stack's"
	}
	if busy := w.CPU.Seconds() / (t.Duration.Seconds() * w.CPUs); busy > busyShare {
		v.worsen(Invalid, WorkerCPU, "the load worker used %.0f %% of the %s it may use (at most %.0f %%): %s; give it more CPU or send less",
			100*busy, cpus(w.CPUs), 100*busyShare, consequence)
		return
	}
	if w.BusiestThread == nil || float64(*w.BusiestThread) < oneThread*float64(w.CPU) {
		return
	}
	if busy := w.BusiestThread.Seconds() / (t.Duration.Seconds() * min(1, w.CPUs)); busy > busyShare {
		v.worsen(Invalid, WorkerCPU, "the load worker's one busy thread used %.0f %% of a CPU (at most %.0f %%): %s; share the load among more workers or send less",
			100*busy, 100*busyShare, consequence)
	}
}

func cpus(n float64) string {
	if n == 1 {
		return "CPU"
	}
	return fmt.Sprintf("%.3g CPUs", n)
}

func judgeThrottling(v *Validity, t Trial) {
	if t.Worker.Throttled == nil || *t.Worker.Throttled <= 0 {
		return
	}
	held := *t.Worker.Throttled
	verdict := Suspect
	if float64(held) > heldShare*float64(t.Duration) {
		verdict = Invalid
	}
	v.worsen(verdict, WorkerCPU, "the CPU quota of the load worker's control group (%s) held it back for %s of %s: raise the quota or send less",
		cpus(t.Worker.CPUs), units.Latency(held), units.Latency(t.Duration))
}

// judgeSteal: what other machines took was taken from the stack as well, if it
// is on the same one.
func judgeSteal(v *Validity, t Trial) {
	if s := t.Worker.Steal; s != nil && *s > stealShare && t.Duration >= stealFrom {
		v.worsen(Suspect, HostSteal, "%.1f %% of the CPU time of the load generator's machine went to other virtual machines (at most %.0f %%): use a less busy host", 100**s, 100*stealShare)
	}
}

// judgeQueue: where stack and worker share a machine they wait for each other
// all the time. That is worth a word only if it is no small part of what was
// measured.
func judgeQueue(v *Validity, t Trial) {
	if t.Worker.QueueWait == nil || float64(*t.Worker.QueueWait) <= heldShare*float64(t.Duration) {
		return
	}
	each, mean := *t.Worker.QueueWait/time.Duration(t.Requests.Sent), t.Latency.Response.Mean
	if each > max(waitFloor, time.Duration(waitShare*float64(mean))) {
		v.worsen(Suspect, WorkerCPU, "the load worker waited %s a request for a CPU, and the mean response time is %s: other processes, or the stack, keep the CPUs busy",
			units.Latency(each), units.Latency(mean))
	}
}

func judgePauses(v *Validity, t Trial) {
	limit := t.lagLimit()
	if t.Worker.LongestGCPause <= limit {
		return
	}
	verdict := Suspect
	// In a load of less than a second a single pause would decide.
	if float64(t.Worker.GCPause) > heldShare*float64(max(t.Duration, time.Second)) {
		verdict = Invalid
	}
	v.worsen(verdict, WorkerCPU, "the load worker's garbage collector stopped it for up to %s at a time, %s in all (a pause of at most %s)",
		units.Latency(t.Worker.LongestGCPause), units.Latency(t.Worker.GCPause), units.Latency(limit))
}
