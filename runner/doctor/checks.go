package doctor

import (
	"fmt"
	"time"

	"plimsoll/internal/units"
)

const (
	// notTold stands for what the system keeps to itself.
	notTold = "this system does not tell"
	// manyFiles is how many descriptors the transports may need.
	manyFiles = 10_000
	// timeWait is how long Linux keeps the port of a closed connection.
	timeWait = 60
)

func (f facts) checks() []Check {
	return []Check{
		f.cores(), f.quota(), f.neighbours(), f.stolen(), f.timer(), f.descriptors(), f.ports(), f.backlog(), f.kernelFeatures(), f.accounts(),
	}
}

func (f facts) cores() Check {
	c := Check{Name: "CPUs", Verdict: OK, Seen: fmt.Sprintf("%d usable", f.host.CPUs)}
	if f.host.CPU != "" {
		c.Seen += ", " + f.host.CPU
	}
	if f.host.CPUs < 2 {
		c.Verdict, c.Advice = Warn, "load generator and stack share one CPU and delay each other: use two or more"
	}
	return c
}

func (f facts) quota() Check {
	switch {
	case f.cgroup == 0:
		return Check{Name: "CPU quota", Verdict: Unknown, Seen: notTold}
	case f.limit == 0:
		return Check{Name: "CPU quota", Verdict: OK, Seen: "none"}
	}
	c := Check{Name: "CPU quota", Verdict: OK, Seen: fmt.Sprintf("%.3g CPUs", f.limit)}
	if f.limit < float64(f.host.CPUs) {
		c.Verdict, c.Advice = Warn, "a load generator that reaches its quota stops for the rest of each period: raise it, or stay far below"
	}
	return c
}

func (f facts) neighbours() Check {
	if f.busy == nil {
		return Check{Name: "other processes", Verdict: Unknown, Seen: notTold}
	}
	c := Check{Name: "other processes", Verdict: OK, Seen: fmt.Sprintf("%.0f %% of all CPU time", 100**f.busy)}
	if *f.busy > 0.2 {
		c.Verdict, c.Advice = Warn, "stop what else runs here: it delays load generator and stack at random"
	}
	return c
}

func (f facts) stolen() Check {
	if f.steal == nil {
		return Check{Name: "steal", Verdict: Unknown, Seen: notTold}
	}
	c := Check{Name: "steal", Verdict: OK, Seen: fmt.Sprintf("%.1f %% of the CPU time went to other virtual machines", 100**f.steal)}
	if *f.steal > 0.01 {
		c.Verdict, c.Advice = Warn, "measure at a quieter time, or on a machine with CPUs of its own"
	}
	return c
}

func (f facts) timer() Check {
	p50, p99 := f.lateAt(50), f.lateAt(99)
	c := Check{Name: "timer", Verdict: OK, Seen: fmt.Sprintf("a sleep of 1 ms ends %s late (p50), %s (p99)", units.Latency(p50), units.Latency(p99))}
	if p99 > time.Millisecond {
		c.Verdict, c.Advice = Warn, "requests will be sent that late, too"
	}
	return c
}

func (f facts) descriptors() Check {
	if f.files == 0 {
		return Check{Name: "open files", Verdict: Unknown, Seen: notTold}
	}
	c := Check{Name: "open files", Verdict: OK, Seen: fmt.Sprintf("at most %s", units.Count(int64(min(f.files, 1<<62))))}
	if f.files < manyFiles {
		c.Verdict, c.Advice = Warn, fmt.Sprintf("an open loop on a slow server needs up to %s connections: ulimit -n", units.Count(manyFiles))
	}
	return c
}

// ports judges loads without keep-alive, each of whose requests takes a port
// for a minute unless the server closes first, as it does when it was asked to.
func (f facts) ports() Check {
	if f.portRange == nil {
		return Check{Name: "ports", Verdict: Unknown, Seen: notTold}
	}
	p := *f.portRange
	free := max(0, p.high-p.low+1-p.waiting)
	c := Check{
		Name: "ports", Verdict: OK,
		Seen: fmt.Sprintf("%s for connections to one target, %s of them in TIME_WAIT (all targets)", units.Count(int64(p.high-p.low+1)), units.Count(int64(p.waiting))),
	}
	reuse := ""
	if p.reuse > 0 {
		reuse = "; tcp_tw_reuse gives them back after a second where it applies"
	}
	c.Seen += fmt.Sprintf(": without keep-alive at least %s/s can be kept up%s", units.Count(int64(free/timeWait)), reuse)
	if free < 10_000 {
		c.Verdict, c.Advice = Warn, "wait a minute, keep connections (-k), or widen net.ipv4.ip_local_port_range"
	}
	return c
}

func (f facts) backlog() Check {
	if f.somaxconn == 0 {
		return Check{Name: "somaxconn", Verdict: Unknown, Seen: notTold}
	}
	c := Check{Name: "somaxconn", Verdict: OK, Seen: units.Count(int64(f.somaxconn))}
	if f.somaxconn < 1024 {
		c.Verdict, c.Advice = Warn, "a burst of connections to a server on this machine is dropped and comes again after 1 s: sysctl net.core.somaxconn=4096"
	}
	return c
}

func (f facts) kernelFeatures() Check {
	if f.preciseEnd == nil {
		return Check{Name: "kernel", Verdict: Unknown, Seen: "not Linux: the general transport sends, with the runtime's timers", Advice: "generate load on Linux"}
	}
	if !*f.preciseEnd {
		return Check{Name: "kernel", Verdict: Warn, Seen: f.host.Kernel + ", without epoll_pwait2", Advice: "the fast transport is late by up to a millisecond: Linux 5.11 or later"}
	}
	return Check{Name: "kernel", Verdict: OK, Seen: f.host.Kernel + ", with epoll_pwait2"}
}

// accounts says what of the worker's own hardships can be seen.
func (f facts) accounts() Check {
	c := Check{Name: "accounts", Verdict: OK}
	told := func(known bool) string {
		if known {
			return "told"
		}
		c.Verdict, c.Advice = Warn, "what is not told cannot be held against a trial: a starved worker may go unnoticed"
		return "not told"
	}
	version := "no control group that can be read"
	if f.cgroup > 0 {
		version = fmt.Sprintf("control groups version %d", f.cgroup)
	}
	c.Seen = fmt.Sprintf("%s; throttling is %s, waiting for a CPU is %s", version, told(f.throttled), told(f.schedule))
	return c
}
