package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// none stands for a figure that there is not. It is never written as 0.
const none = "–"

// mark is a verdict's sign. It always stands beside the word: nobody has to
// know it, or to see its colour.
func mark(v analysis.Verdict) string {
	switch v {
	case analysis.Pass:
		return "✓"
	case analysis.Fail:
		return "✗"
	case analysis.Inconclusive:
		return "?"
	case analysis.InvalidResult:
		return "!"
	}
	return none
}

// verdictLine says in a few words how the run came out.
func verdictLine(doc *analysis.Document) string {
	measured := slices.ContainsFunc(doc.Cells, func(c analysis.Cell) bool { return c.Trials > 0 })
	switch v := doc.Verdict(); {
	case !measured:
		return "Nothing was measured"
	case doc.Capacity != nil:
		return capacityLine(doc.Capacity)
	case doc.Gate != nil:
		return gateLine(doc.Gate, v)
	case v == analysis.Fail:
		return "An objective failed"
	case v == analysis.InvalidResult:
		return "Part of the measurement is invalid"
	case v == analysis.Inconclusive:
		return "Not every objective could be decided"
	case len(doc.Objectives) == 0:
		return "Measured; no objectives were set"
	case slices.ContainsFunc(doc.Cells, func(c analysis.Cell) bool { return c.Counted < analysis.DecidingTrials }):
		return "Every objective held in what was seen"
	}
	return "All objectives hold"
}

// gateLine says in a few words what a gate's run came to.
func gateLine(g *analysis.GateResult, v analysis.Verdict) string {
	switch {
	case g.Verdict == analysis.Fail:
		return g.Candidate + " is worse than " + g.Baseline
	case v == analysis.Fail:
		return g.Candidate + " misses an objective"
	case v == analysis.InvalidResult:
		return "The gate cannot be judged"
	case v == analysis.Inconclusive:
		return "Inconclusive: these rounds cannot tell"
	}
	return g.Candidate + " is not worse than " + g.Baseline
}

// subtitle says what was run, when and for how long.
func subtitle(doc *analysis.Document) string {
	parts := []string{
		strings.Join(doc.Environments, ", "),
		count(len(doc.Scales), "scale"), count(len(doc.Loads), "load"),
		fmt.Sprintf("%d of %s", doc.Finished, count(doc.Planned, "trial")),
		doc.Started.UTC().Format("2 January 2006 15:04 UTC"),
	}
	if doc.Took > 0 {
		parts = append(parts, "took "+units.Duration(doc.Took.Round(time.Second)))
	}
	switch doc.Outcome {
	case "complete":
	case "":
		parts = append(parts, "cut off before its end")
	default:
		parts = append(parts, doc.Outcome)
	}
	return strings.Join(parts, " · ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// topics are the headings of headlines.
func topicName(t analysis.Topic) string {
	switch t {
	case analysis.AboutCapacity:
		return "Capacity"
	case analysis.AboutGate:
		return "Gate"
	case analysis.AboutComparison:
		return "Which is faster"
	case analysis.AboutObjectives:
		return "Objectives"
	case analysis.AboutScaling:
		return "Scaling"
	case analysis.AboutTrust:
		return "How sure"
	}
	return string(t)
}

// trialsText says how many trials a cell's figures rest on.
func trialsText(c *analysis.Cell) string {
	invalid := c.Trials - c.Counted - c.Unsteady
	switch {
	case c.Trials == 0:
		return "none finished"
	case c.Counted == 0 && c.Unsteady > 0:
		return count(c.Unsteady, "trial") + ", not steady"
	case c.Counted == 0:
		return count(invalid, "trial") + ", invalid"
	case c.Unsteady > 0:
		return fmt.Sprintf("%d, %d more not steady", c.Counted, c.Unsteady)
	case invalid > 0:
		return fmt.Sprintf("%d, %d more invalid", c.Counted, invalid)
	case c.Validity.Verdict == results.Suspect:
		return fmt.Sprintf("%d, suspect", c.Counted)
	}
	return strconv.Itoa(c.Counted)
}

func errorText(c *analysis.Cell) string {
	switch p := 100 * c.ErrorRate; {
	case c.Trials == 0 || c.Untold:
		return none
	case p == 0:
		return "0"
	case p < 0.01:
		return "< 0.01"
	default:
		return strconv.FormatFloat(p, 'f', 2, 64)
	}
}

// scaleCounts prints what a scale means in an environment.
func scaleCounts(c *analysis.Cell) string {
	parts := make([]string, 0, len(c.ScaleCounts))
	for service, n := range c.ScaleCounts {
		parts = append(parts, fmt.Sprintf("%s=%d", service, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// column prints values that stand below each other: all with the same number
// of decimals, so that three digits of the smallest can be seen. NaN is none.
func column(values []float64) []string {
	smallest := math.Inf(1)
	for _, v := range values {
		if v != 0 && !math.IsNaN(v) {
			smallest = min(smallest, math.Abs(v))
		}
	}
	decimals := 0
	switch {
	case math.IsInf(smallest, 1):
	case smallest < 0.1:
		decimals = 3
	case smallest < 10:
		decimals = 2
	case smallest < 100:
		decimals = 1
	}
	texts := make([]string, 0, len(values))
	for _, v := range values {
		if math.IsNaN(v) {
			texts = append(texts, none)
			continue
		}
		texts = append(texts, strconv.FormatFloat(v, 'f', decimals, 64))
	}
	return texts
}

// requestRow is what became of the requests of one name, as it is shown.
type requestRow struct{ Name, Sent, Failed, P50, P90, P99 string }

// requestRows are those of a cell's mix.
func requestRows(mix []analysis.RequestSummary) []requestRow {
	ms := func(ns *float64) string {
		if ns == nil {
			return "–"
		}
		return fixed(*ns/1e6, 2)
	}
	var rows []requestRow
	for _, r := range mix {
		rows = append(rows, requestRow{r.Name, units.Count(r.Sent), units.Count(r.Failed), ms(r.P50), ms(r.P90), ms(r.P99)})
	}
	return rows
}

// replicaShare prints what a replica served; none where nothing says.
func replicaShare(r analysis.ReplicaUsage) (served, share string) {
	if r.Requests == nil {
		return none, none
	}
	return units.Count(*r.Requests), fixed(100*r.Share, 1)
}

func fixed(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

// apart prints a ratio ≥ 1: "1.87×".
func apart(ratio float64) string {
	if ratio < 10 {
		return fixed(ratio, 2) + "×"
	}
	return fixed(ratio, 0) + "×"
}

// standing says what a comparison is worth, in a word or two.
func standing(c analysis.Comparison) string {
	if c.Standing == analysis.TooFewTrials {
		fewest := slices.MinFunc(c.Sides, func(a, b analysis.Side) int { return a.Trials - b.Trials }).Trials
		if fewest == 1 {
			return "seen once"
		}
		return fmt.Sprintf("seen %d times", fewest)
	}
	return string(c.Standing)
}

// noInterval says why a ratio has no interval; empty: it has one.
func noInterval(c analysis.Comparison) string {
	if c.Interval.None == "" {
		return ""
	}
	return fmt.Sprintf("No interval: %s.", c.Interval.None)
}

// confidence heads a column of intervals.
func confidence() string { return fixed(100*analysis.Confidence, 0) + " % interval" }

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}
