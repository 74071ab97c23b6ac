package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
)

// orderFindings puts the gravest kinds first and keeps the cells' order within
// a kind.
func orderFindings(list []Finding) []Finding {
	ordered := append([]Finding{}, list...)
	place := map[string]int{}
	for i, k := range Kinds() {
		place[k.Name] = i
	}
	slices.SortStableFunc(ordered, func(a, b Finding) int { return cmp.Compare(place[a.Kind], place[b.Kind]) })
	return ordered
}

// findings are what a reader of one cell's numbers has to know.
func findings(c *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, find := range []func(*Cell, *cellGroup) []Finding{
		findInvalid, findUnsteady, findKilled, findErrors, findCounts, findBehind, findCold, findBalance, findUnreached,
		findThrottled, findMemory, findFew, findEpisode, findDistance, findLost, findInFlight,
	} {
		for _, f := range find(c, g) {
			f.Cell = c.Name
			list = append(list, f)
		}
	}
	return list
}

// inTrials makes a finding of the first trial's evidence, and says in how many
// trials there was some.
func inTrials(kind string, trials []*observed, evidence func(*observed) string) []Finding {
	first, found := "", 0
	for _, o := range trials {
		if e := evidence(o); e != "" {
			if found++; found == 1 {
				first = e
			}
		}
	}
	switch {
	case found == 0:
		return nil
	case len(trials) > 1:
		first = fmt.Sprintf("%s (%d of %d trials)", first, found, len(trials))
	}
	return []Finding{finding(kind, first)}
}

// findInvalid tells why trials are not to be believed. That no imported one is
// quite is said once for all, not as a finding of each.
func findInvalid(_ *Cell, g *cellGroup) []Finding {
	var list []Finding
	for _, o := range g.trials {
		kind := "invalid"
		switch {
		case o.Validity.Verdict == results.Valid, o.Foreign != nil:
			continue
		case o.Validity.Verdict == results.Suspect:
			kind = "suspect"
		case slices.ContainsFunc(o.Validity.Broken, func(c results.Criterion) bool { return c != results.NothingSent }):
			kind = "generator"
		}
		list = append(list, finding(kind, fmt.Sprintf("trial %d of %d: %s", o.Trial.Trial, g.planned, strings.Join(o.Validity.Reasons, "; "))))
	}
	return list
}

// findKilled looks at all trials: one that lost a replica may be invalid for it.
func findKilled(_ *Cell, g *cellGroup) []Finding {
	return inTrials("killed", g.trials, func(o *observed) string {
		var parts []string
		for _, u := range o.Usage {
			if u.OOMKilled {
				parts = append(parts, u.Replica+limitText(u))
			}
		}
		return strings.Join(parts, ", ")
	})
}

// limitText says what memory a replica had at most, if that is known.
func limitText(u results.UsageTotal) string {
	if u.MemoryLimitBytes == nil {
		return ""
	}
	return fmt.Sprintf(" (%s at its highest reading, the limit is %s)", units.Bytes(u.MemoryPeakBytes), units.Bytes(*u.MemoryLimitBytes))
}

func findMemory(_ *Cell, g *cellGroup) []Finding {
	return inTrials("memory", g.shown(), func(o *observed) string {
		var parts []string
		for _, u := range o.Usage {
			if u.MemoryLimitBytes == nil || u.OOMKilled || float64(u.MemoryPeakBytes) < memoryNear*float64(*u.MemoryLimitBytes) {
				continue
			}
			parts = append(parts, fmt.Sprintf("%s used %s of its %s (%s)", u.Replica, units.Bytes(u.MemoryPeakBytes),
				units.Bytes(*u.MemoryLimitBytes), percent(float64(u.MemoryPeakBytes)/float64(*u.MemoryLimitBytes))))
		}
		return strings.Join(parts, ", ")
	})
}

func findErrors(c *Cell, g *cellGroup) []Finding {
	if c.Failed == 0 {
		return nil
	}
	var all results.Counts
	for _, o := range g.shown() {
		all.Add(o.Requests)
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(all.Status)) {
		if status >= "400" {
			parts = append(parts, fmt.Sprintf("status %s: %s", status, units.Count(all.Status[status])))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(all.Errors)) {
		if kind != "status" {
			parts = append(parts, fmt.Sprintf("%s: %s", kind, units.Count(all.Errors[kind])))
		}
	}
	if len(all.Status) == 0 && all.Errors["status"] > 0 { // imported: which ones is not told
		parts = append(parts, "bad status: "+units.Count(all.Errors["status"]))
	}
	return []Finding{finding("errors", fmt.Sprintf("%s of %s requests (%s): %s",
		units.Count(c.Failed), units.Count(c.Requests), percent(c.ErrorRate), strings.Join(parts, ", ")))}
}

func findBehind(c *Cell, g *cellGroup) []Finding {
	return inTrials("behind", g.valid(), func(o *observed) string {
		if o.RequestedRate == 0 || o.Throughput >= keptUp*o.RequestedRate {
			return ""
		}
		return fmt.Sprintf("%s good answers/s of %s/s requested", units.Rate(o.Throughput), units.Rate(o.RequestedRate))
	})
}

func findFew(c *Cell, _ *cellGroup) []Finding {
	if !c.RestsOnFew() || c.Stall != nil || c.imported() {
		return nil
	}
	return []Finding{finding("few", fmt.Sprintf("p99 rests on %s of %s", plural(int(c.Tail), "request"), units.Count(c.Requests)))}
}

func findEpisode(c *Cell, g *cellGroup) []Finding {
	if closed(c.Mode) {
		return nil
	}
	return inTrials("episode", g.valid(), func(o *observed) string {
		var all, most int64
		at := 0
		for i, n := range o.slow {
			all += n
			if n > most {
				most, at = n, i
			}
		}
		if len(o.slow) < 5 || all < resolved || float64(most) <= episodeShare*float64(all) {
			return ""
		}
		return fmt.Sprintf("%d of the %d requests above p99 ended in one second, at %s", most, all,
			units.Duration(o.over[at].At.Truncate(time.Second)))
	})
}

func findThrottled(_ *Cell, g *cellGroup) []Finding {
	return inTrials("throttled", g.shown(), func(o *observed) string {
		var parts []string
		for _, u := range o.Usage {
			if u.Throttled == nil || cores(*u.Throttled, o.Duration) < throttledShare {
				continue
			}
			parts = append(parts, fmt.Sprintf("%s was throttled for %s of %s", u.Replica,
				units.Latency(*u.Throttled), units.Latency(o.Duration)))
		}
		return strings.Join(parts, ", ")
	})
}

// findInFlight checks a closed loop against Little's law. A sender that thinks
// is taken to be busy with a request then, and none thinks after its last one.
func findInFlight(c *Cell, g *cellGroup) []Finding {
	if !closed(c.Mode) {
		return nil
	}
	for _, place := range []string{"requests.ok", "requests.failed", "latency_ns.response.mean", "duration_ns", "concurrency"} {
		if !tell(g.shown(), place) {
			return nil
		}
	}
	return inTrials("inflight", g.shown(), func(o *observed) string {
		thoughts := float64(max(o.done()-int64(o.Concurrency), 0)) * o.Think.Seconds()
		inFlight := (float64(o.done())*o.Latency.Response.Mean.Seconds() + thoughts) / o.Duration.Seconds()
		if o.Duration <= 0 || inFlight >= (1-balance)*float64(o.Concurrency) {
			return ""
		}
		return fmt.Sprintf("throughput × mean latency gives %.1f requests in flight, not %d", inFlight, o.Concurrency)
	})
}
