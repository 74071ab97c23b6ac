package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/scenarios/yamlfile"
)

// Metric is what an objective is about.
type Metric string

// The metrics that an objective may name.
const (
	Percentile Metric = "p"          // p(99): response time
	Mean       Metric = "mean"       // mean response time
	Max        Metric = "max"        // longest response time
	Errors     Metric = "errors"     // share of requests that failed
	Throughput Metric = "throughput" // completed requests per second
)

// Objective is a condition on a cell's result, such as "p(99) < 1s".
type Objective struct {
	Text    string // as the file has it
	Metric  Metric
	Rank    float64 // of a Percentile, in (0,100]
	Compare string  // one of < <= > >=
	// Limit is in nanoseconds for times, a share (0–1) for Errors, and
	// requests per second for Throughput.
	Limit float64
	// Place is where it stands in the scenario's file; nowhere if it was not
	// read from one.
	Place Place
}

// ParseObjective reads a condition such as "p(99) < 1s", "p99 < 250ms",
// "mean < 50ms", "max < 2s", "errors < 0.1%" or "throughput > 100/s".
func ParseObjective(text string) (Objective, error) {
	text = strings.TrimSpace(text)
	parts := objectiveForm().FindStringSubmatch(text)
	if parts == nil {
		return Objective{}, fmt.Errorf("%q is not an objective; write one such as \"p(99) < 1s\" or \"errors < 0.1%%\"", text)
	}
	rank, name, compare, limit := cmp.Or(parts[1], parts[2]), parts[3], parts[4], parts[5]
	o := Objective{Text: text, Metric: Metric(name), Compare: compare}
	if name == "" {
		o.Metric = Percentile
	}
	var err error
	switch o.Metric {
	case Percentile:
		if o.Rank, err = strconv.ParseFloat(rank, 64); err != nil || o.Rank <= 0 || o.Rank > 100 {
			return Objective{}, fmt.Errorf("%q has no percentile: write p(99), with a number above 0 and up to 100", text)
		}
		o.Limit, err = limitOfTime(limit)
	case Mean, Max:
		o.Limit, err = limitOfTime(limit)
	case Errors:
		o.Limit, err = limitOfShare(limit)
	case Throughput:
		o.Limit, err = units.ParseThroughput(limit)
	case "recovery":
		return Objective{}, errors.New("objectives on recovery are not supported by this version")
	default:
		metrics := []string{"p(99)", string(Mean), string(Max), string(Errors), string(Throughput)}
		return Objective{}, fmt.Errorf("there is no metric %q; use one of %s%s",
			name, strings.Join(metrics, ", "), yamlfile.DidYouMean(name, metrics))
	}
	if err != nil {
		return Objective{}, fmt.Errorf("%s: %w", o.Metric, err)
	}
	return o, nil
}

// objectiveForm has the groups rank in parentheses, rank without them, metric,
// comparison and limit.
func objectiveForm() *regexp.Regexp {
	return regexp.MustCompile(`^(?:p\s*\(\s*([0-9.]+)\s*\)|p([0-9.]+)|([a-z_]+))\s*(<=|>=|<|>)\s*([^\s<>=](?:.*\S)?)$`)
}

func limitOfTime(text string) (float64, error) {
	d, err := units.ParseDuration(text)
	if err == nil && d == 0 {
		err = errors.New("the limit is 0, which nothing meets")
	}
	return float64(d), err
}

// limitOfShare reads "0.1%" as 0.001.
func limitOfShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil || math.IsNaN(share):
		return 0, fmt.Errorf("%q is not a share; write one such as 0.1%%", text)
	case !percent && share != 0:
		return 0, fmt.Errorf("%q has no percent sign; write one such as 0.1%%", text)
	case share < 0 || share > 100:
		return 0, fmt.Errorf("%q is not between 0%% and 100%%", text)
	}
	return share / 100, nil
}
