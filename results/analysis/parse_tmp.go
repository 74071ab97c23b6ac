package analysis

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"plimsoll/scenarios"
)

func parseObjective(text string) (scenarios.Objective, error) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return scenarios.Objective{}, errors.New("bad objective")
	}
	o := scenarios.Objective{Text: text, Compare: f[1]}
	if r, ok := strings.CutPrefix(f[0], "p("); ok {
		o.Metric = scenarios.Percentile
		o.Rank, _ = strconv.ParseFloat(strings.TrimSuffix(r, ")"), 64)
	} else {
		o.Metric = scenarios.Metric(f[0])
	}
	switch o.Metric {
	case scenarios.Errors:
		v, _ := strconv.ParseFloat(strings.TrimSuffix(f[2], "%"), 64)
		o.Limit = v / 100
	case scenarios.Throughput:
		o.Limit, _ = strconv.ParseFloat(strings.TrimSuffix(f[2], "/s"), 64)
	default:
		d, err := time.ParseDuration(f[2])
		if err != nil {
			return o, err
		}
		o.Limit = float64(d)
	}
	return o, nil
}
