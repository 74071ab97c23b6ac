//go:build linux

package main

import (
	"fmt"
	"math"
)

// gate is a bound that plimsoll's fast transport is held to.
type gate struct {
	what  string
	least bool // the bound is a lower one
	bound float64
	value func(view) quartiles
}

func (g gate) holds(q quartiles) string {
	switch {
	case q.n == 0:
		return "not measured"
	case g.least && q.median >= g.bound, !g.least && q.median <= g.bound:
		return "holds"
	}
	return "**does not hold**"
}

func keepAlive(c int) string { return fmt.Sprintf("keep-alive c=%d", c) }

// gates returns all bounds. Figures are medians over the rounds; ratios are
// taken within each round.
func (r record) gates() []gate {
	var list []gate
	perCPU := func(cell, peer string, bound float64) {
		list = append(list, gate{"requests per CPU-second ÷ " + peer + ", " + cell, true, bound,
			func(v view) quartiles { return v.ratio(cell, fast, peer, sample.perCPU) }})
	}
	for _, g := range []struct {
		c     int
		bound float64
	}{{1, .95}, {10, 1}, {100, .9}, {1000, .9}} {
		perCPU(keepAlive(g.c), "wrk", g.bound)
	}
	for _, c := range []int{1, 10, 100, 1000} {
		perCPU(keepAlive(c), "ab", 1)
	}
	for _, peer := range []string{"hey", "vegeta"} {
		for _, c := range []int{10, 100} {
			perCPU(keepAlive(c), peer, 3.5)
		}
	}
	perCPU("no keep-alive c=10", "ab", 1)
	list = append(list,
		gate{"peak memory of the largest process, keep-alive c=100, MiB", false, 24,
			func(v view) quartiles { return v.summary(keepAlive(100), fast, largestMiB) }})
	list = append(list, r.longGates()...)
	for _, rate := range []int{1000, 10000, 30000} {
		list = append(list, rateGates(rate)...)
	}
	list = append(list, gate{"CPU per request ÷ vegeta, 1000/s", false, .6,
		func(v view) quartiles { return v.ratio("1000/s", fast, "vegeta", cpuPerRequest) }})
	return append(list, gate{"highest rate on time ÷ closed loop's rate", true, .6, func(view) quartiles {
		var shares []float64
		for _, c := range r.Ceilings {
			shares = append(shares, c.Held/c.Closed)
		}
		return summarize(shares)
	}})
}

// longGates say that memory stays small and does not grow with the number of
// requests: the bound leaves 5 % for what the garbage collector happens to do.
func (r record) longGates() []gate {
	of := func(read func() float64) func(view) quartiles {
		return func(view) quartiles {
			if len(r.Long) < 2 {
				return summarize(nil)
			}
			return summarize([]float64{read()})
		}
	}
	return []gate{
		{"peak memory of the largest process after 10 million requests, MiB", false, 24,
			of(func() float64 { return float64(r.Long[1].Largest) / (1 << 20) })},
		{"the same ÷ after 1 million", false, 1.05,
			of(func() float64 { return float64(r.Long[1].Largest) / float64(r.Long[0].Largest) })},
	}
}

func rateGates(rate int) []gate {
	cell := fmt.Sprintf("%d/s", rate)
	of := func(read func(*pace) float64) func(view) quartiles {
		return func(v view) quartiles { return v.summary(cell, fast, paceOf(read)) }
	}
	return []gate{
		{"how far achieved ÷ asked is from 1, " + cell, false, .001,
			of(func(p *pace) float64 { return math.Abs(p.Rate/float64(rate) - 1) })},
		{"send error p50, ms, " + cell, false, .1, of(func(p *pace) float64 { return p.P50.Seconds() * 1e3 })},
		{"send error p99, ms, " + cell, false, 2, of(func(p *pace) float64 { return p.P99.Seconds() * 1e3 })},
	}
}
