package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/units"
)

// Text prints a value of the metric.
func (m Metric) Text(v float64) string {
	switch m.Unit {
	case PerSecond:
		return units.Rate(v) + "/s"
	case Bytes:
		return units.Bytes(int64(v))
	case Share:
		return percent(v)
	}
	return units.Latency(time.Duration(v))
}

// percent prints a share (0–1) with as many digits as it needs.
func percent(share float64) string {
	switch p := 100 * share; {
	case p == 0:
		return "0 %"
	case p < 0.01:
		return "< 0.01 %"
	case p < 1:
		return fmt.Sprintf("%.2f %%", p)
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// Times prints a ratio as times does, near 1 with three decimals: there they
// say on which side it lies.
func Times(ratio float64) string {
	if ratio != 1 && ratio > 0.95 && ratio < alike {
		return fmt.Sprintf("%.3f×", ratio)
	}
	return times(ratio)
}

// times prints a ratio: "1.87×", "12×", "0.012×".
func times(ratio float64) string {
	switch {
	case ratio < 0.1:
		return fmt.Sprintf("%.2g×", ratio)
	case ratio < 10:
		return fmt.Sprintf("%.2f×", ratio)
	}
	return fmt.Sprintf("%.0f×", ratio)
}

// about prints an estimated rate, rounded so that it does not look like a
// measured one.
func about(perSecond float64) string {
	if perSecond < 10 {
		return units.Rate(perSecond) + "/s"
	}
	unit := math.Pow(10, math.Floor(math.Log10(perSecond))-1)
	return units.Count(int64(math.Round(perSecond/unit)*unit)) + "/s"
}

// plural prints a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// seen says how often a thing was measured.
func seen(trials int) string {
	switch trials {
	case 1:
		return "seen once"
	case 2:
		return "seen twice"
	}
	return fmt.Sprintf("seen %d times", trials)
}

// scaleText prints replica counts as "static=1,web=2".
func scaleText(counts map[string]int) string {
	parts := make([]string, 0, len(counts))
	for _, service := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s=%d", service, counts[service]))
	}
	return strings.Join(parts, ",")
}

// at prints a scale as part of a sentence.
func at(scale string) string {
	if scale == "as written" {
		return scale
	}
	return "at " + scale
}

// enumerate joins words: "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
