package analysis

import (
	"maps"
	"math"
	"slices"
	"time"

	"plimsoll/internal/latency"
	"plimsoll/results"
)

// curve is latency by percentile of all trials merged. Its points are evenly
// spread in nines (50 %, 90 %, 99 %, … are one apart), because it is the tail
// that a reader looks for, and it ends where fewer than resolved requests
// remain above.
func curve(trials []*observed) []Point {
	all := latency.New()
	for _, o := range trials {
		all.Merge(o.response)
	}
	points := []Point{}
	if all.Count() < 2*resolved {
		return points
	}
	const perNine = 16
	end := math.Log10(float64(all.Count()) / resolved)
	for i := 0; ; i++ {
		nines := min(float64(i)/perNine, end)
		p := 100 * (1 - math.Pow(10, -nines))
		points = append(points, Point{Percentile: p, Latency: all.Percentile(p)})
		if nines == end {
			markResolved(points, trials)
			return points
		}
	}
}

// usageOverTime resamples the cumulative CPU readings of each service's
// replicas on one grid of instants inside the measured phase, because replicas
// are not read at the same instants.
func usageOverTime(samples []results.Sample, length time.Duration) []ServiceSeries {
	byService := map[string]map[string][]results.Sample{}
	for _, s := range samples {
		if byService[s.Service] == nil {
			byService[s.Service] = map[string][]results.Sample{}
		}
		byService[s.Service][s.Replica] = append(byService[s.Service][s.Replica], s)
	}
	step := gridStep(samples, length)
	series := []ServiceSeries{}
	if step <= 0 {
		return series
	}
	for _, service := range slices.Sorted(maps.Keys(byService)) {
		one := ServiceSeries{Service: service}
		replicas := byService[service]
		for at := step; at <= length; at += step {
			p := UsagePoint{At: at}
			for _, replica := range slices.Sorted(maps.Keys(replicas)) {
				readings := replicas[replica]
				p.Cores += cores(cpuAt(readings, at)-cpuAt(readings, at-step), step)
				p.MemoryBytes += memoryAt(readings, at)
			}
			one.Points = append(one.Points, p)
		}
		series = append(series, one)
	}
	return series
}

// gridStep is the spacing of a usage series: that of the readings, but at most
// 60 points.
func gridStep(samples []results.Sample, length time.Duration) time.Duration {
	last := map[string]time.Duration{}
	var gaps []float64
	for _, s := range samples {
		if before, ok := last[s.Replica]; ok && s.At > before && s.At > 0 {
			gaps = append(gaps, float64(s.At-before))
		}
		last[s.Replica] = s.At
	}
	if len(gaps) == 0 {
		return 0
	}
	const points = 60
	step := time.Duration(max(rangeOf(gaps).Median, float64(length)/points))
	return step.Round(time.Millisecond)
}

// cpuAt interpolates a replica's cumulative CPU. Before the first and after the
// last reading it stands still.
func cpuAt(readings []results.Sample, at time.Duration) time.Duration {
	for i, s := range readings {
		if s.At < at {
			continue
		}
		if i == 0 || s.At == readings[i-1].At {
			return s.CPU
		}
		before := readings[i-1]
		part := float64(at-before.At) / float64(s.At-before.At)
		return before.CPU + time.Duration(part*float64(s.CPU-before.CPU))
	}
	return readings[len(readings)-1].CPU
}

// memoryAt is a replica's latest reading of memory at an instant, 0 before the
// first.
func memoryAt(readings []results.Sample, at time.Duration) int64 {
	var bytes int64
	for _, s := range readings {
		if s.At > at {
			break
		}
		bytes = s.MemoryBytes
	}
	return bytes
}
