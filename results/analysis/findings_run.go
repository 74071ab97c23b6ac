package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
)

// runFindings are those that concern more than one cell.
func runFindings(doc *Document, groups cellGroups, m results.Manifest) []Finding {
	var list []Finding
	list = append(list, findStalls(doc, groups)...)
	list = append(list, findMasked(doc, groups)...)
	list = append(list, findUnequal(doc)...)
	list = append(list, findBusy(doc, m.Provenance.CPUs)...)
	list = append(list, findShort(doc)...)
	return list
}

// findStalls tells of each stall what speaks for a cold start. What else is to
// be known of its cell's figures is said with it, as they are shaped by it.
func findStalls(doc *Document, groups cellGroups) []Finding {
	var list []Finding
	for i := range doc.Cells {
		c := &doc.Cells[i]
		if c.Stall == nil {
			continue
		}
		f := finding("stall", "")
		small := smallest(doc, c)
		if coldScale(small, c) {
			f = finding("coldscale", "")
		}
		f.Cell, f.Evidence = c.Name, stallEvidence(c, small, groups[i])
		list = append(list, f)
	}
	return list
}

// smallest is the environment's cell of the smallest scale under the same load
// that has trials which count; nil if it is c itself.
func smallest(doc *Document, c *Cell) *Cell {
	for _, scale := range doc.Scales {
		other := doc.Cell(c.Environment, scale, c.Load)
		if other != nil && other.Counted > 0 {
			if other.Name == c.Name {
				return nil
			}
			return other
		}
	}
	return nil
}

// coldScale reports whether a stall makes a scale look slower than the smallest
// one, which had none.
func coldScale(small, c *Cell) bool {
	return small != nil && c.Stall != nil && small.Stall == nil && !small.Throughput.Untold && c.Throughput.Median < small.Throughput.Median
}

func stallEvidence(c, small *Cell, g *cellGroup) string {
	s := c.Stall
	batch := fmt.Sprintf("where the loop keeps %d in flight", c.Concurrency)
	if s.Requests == int64(c.Concurrency) {
		batch = "as many as the loop keeps in flight"
	}
	first := fmt.Sprintf("%s of %s requests, %s, took %s and hold %s of all request time", units.Count(s.Requests), units.Count(s.Of),
		batch, span(units.Latency(s.Shortest), units.Latency(s.Longest)), s.shareText())
	if s.Summary {
		first += " (worked out from the ranks, the mean and the longest that were printed, and their rounding)"
	}
	if c.Trials > 1 {
		first = fmt.Sprintf("trial %d: %s (%d of %d trials)", s.Trial, first, s.Trials, c.Counted)
	}
	said := []string{first, fmt.Sprintf("Without them the throughput would be about %s, not %s/s", s.WithoutText(), units.Rate(s.Throughput))}
	if coldScale(small, c) {
		before := fmt.Sprintf("%s it was %s/s, without such a stall", sentence(at(small.Scale)), units.Rate(small.Throughput.Median))
		if !c.P50.Untold && !small.P50.Untold {
			before += fmt.Sprintf("; the p50 is %s here and was %s there", units.Latency(time.Duration(c.P50.Median)), units.Latency(time.Duration(small.P50.Median)))
		}
		said = append(said, before)
	}
	if s.Early {
		said = append(said, "They were sent as the load began")
	}
	if late := lateServers(g); late != "" {
		said = append(said, late)
	}
	if c.RestsOnFew() {
		said = append(said, fmt.Sprintf("The p99 rests on %s", plural(int(c.Tail), "request")))
	}
	if c.imported() && c.Duration.Max < float64(steadyAfter) && !c.Duration.Untold {
		said = append(said, fmt.Sprintf("A load of %s cannot show a steady state", units.Latency(time.Duration(c.Duration.Median))))
	}
	return strings.Join(said, ". ") + "."
}

// sentence begins one.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// span joins two values to a range; one where both are the same.
func span(from, to string) string {
	if from == to {
		return from
	}
	return from + " to " + to
}

func (s *Stall) shareText() string {
	if s.ShareTo <= s.Share {
		return percent(s.Share)
	}
	return fmt.Sprintf("%.0f to %.0f %%", math.Floor(100*s.Share), math.Ceil(100*s.ShareTo))
}

// WithoutText says about what the throughput would have been without the stall:
// "about" has to stand before it.
func (s *Stall) WithoutText() string { return span(about(s.Without), about(s.WithoutTo)) }

// findMasked compares a cell that has failures with those that have hardly any:
// at the same load and scale, and at the environment's other scales.
func findMasked(doc *Document, groups cellGroups) []Finding {
	var list []Finding
	for i := range doc.Cells {
		c := &doc.Cells[i]
		if c.Counted == 0 || c.ErrorRate <= tolerated {
			continue
		}
		var parts []string
		for j := range doc.Cells {
			other := &doc.Cells[j]
			same := other.Load == c.Load && (other.Scale == c.Scale) != (other.Environment == c.Environment)
			if same && other.Counted > 0 && !other.Untold && other.ErrorRate <= tolerated {
				if e := masked(groups[i], c, other); e != "" {
					parts = append(parts, e)
				}
			}
		}
		if len(parts) > 0 {
			f := finding("masked", strings.Join(parts, "; "))
			f.Cell = c.Name
			list = append(list, f)
		}
	}
	return list
}

// masked holds c's latency against another's: as it was measured, and with its
// failed requests counted as the slowest. Taking them for the fastest that were
// measured puts a percentile as far up as requests failed.
func masked(g *cellGroup, c, other *Cell) string {
	m, rank := tail, 99.0
	if c.Tail < fewInTail || other.Tail < fewInTail {
		m, rank = median, 50
	}
	mine, theirs := m.value(c), m.value(other)
	if mine.Untold || theirs.Untold || mine.Median > (1-lower)*theirs.Median {
		return ""
	}
	counted := "beyond every answer"
	if rank += 100 * c.ErrorRate; rank < 100 {
		var values []float64
		for _, o := range g.counted() {
			v, ok := o.percentile(rank)
			if !ok {
				return ""
			}
			values = append(values, float64(v))
		}
		v := rangeOf(values).Median
		if v < theirs.Median {
			return ""
		}
		counted = "at " + m.Text(v)
	}
	return fmt.Sprintf("%s is %s with %s failed, against %s with %s at %s · %s; with the failed requests as the slowest it is %s",
		m.Name, m.Text(mine.Median), percent(c.ErrorRate), m.Text(theirs.Median), percent(other.ErrorRate), other.Environment, other.Scale, counted)
}

// findUnequal names scales at which the environments do not have the same
// replicas, because the scale leaves a service as the topology has it.
func findUnequal(doc *Document) []Finding {
	var list []Finding
	for _, scale := range doc.Scales {
		counts := map[string]map[string]int{} // by environment
		for _, c := range doc.Cells {
			if c.Scale == scale && c.Trials > 0 {
				counts[c.Environment] = c.ScaleCounts
			}
		}
		var parts []string
		differ := false
		for _, environment := range doc.Environments {
			if counts[environment] == nil {
				continue
			}
			parts = append(parts, environment+": "+scaleText(counts[environment]))
			differ = differ || !sharedEqual(counts, environment)
		}
		if differ {
			list = append(list, finding("unequal", scale+": "+strings.Join(parts, "; ")))
		}
	}
	return list
}

// sharedEqual reports whether an environment has as many replicas as every
// other one of each service that both have.
func sharedEqual(counts map[string]map[string]int, environment string) bool {
	for _, other := range counts {
		for service, n := range counts[environment] {
			if k, ok := other[service]; ok && k != n {
				return false
			}
		}
	}
	return true
}

func findBusy(doc *Document, cpus int) []Finding {
	if cpus == 0 {
		return nil
	}
	var list []Finding
	for _, c := range doc.Cells {
		busy := c.Worker.Cores + sum(c.Services, func(s ServiceUsage) float64 { return s.Cores })
		if busy < hostBusy*float64(cpus) {
			continue
		}
		f := finding("busy", fmt.Sprintf("stack %.2f and load generator %.2f CPUs, of %d that this machine has",
			busy-c.Worker.Cores, c.Worker.Cores, cpus))
		f.Cell = c.Name
		list = append(list, f)
	}
	return list
}

func findShort(doc *Document) []Finding {
	var shortest, longest float64
	for _, c := range doc.Cells {
		if c.Trials == 0 || c.imported() || c.Duration.Untold || c.Duration.Min >= float64(steadyAfter) || c.knownSteady() {
			continue
		}
		if shortest == 0 || c.Duration.Min < shortest {
			shortest = c.Duration.Min
		}
		longest = max(longest, c.Duration.Max)
	}
	if longest == 0 {
		return nil
	}
	return []Finding{finding("short", fmt.Sprintf("trials of %s; below %v nothing shows that the numbers had settled",
		span(units.Latency(time.Duration(shortest)), units.Latency(time.Duration(longest))), steadyAfter))}
}

// imported reports whether another tool measured the cell. Such a cell decides
// nothing, which is said once: what would keep it from deciding is not said for
// each.
func (c *Cell) imported() bool {
	return slices.ContainsFunc(c.Detail, func(t TrialDetail) bool { return t.Foreign != nil })
}
