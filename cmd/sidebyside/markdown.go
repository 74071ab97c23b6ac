//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// markdown shows the record.
func (r record) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s with `%s`: %d rounds on %s; %s.\n\n",
		r.Started.Format("2006-01-02 15:04 UTC"), r.Command, r.Rounds, r.Machine, strings.Join(r.Versions, ", "))
	r.noise(&b)
	r.closedTables(&b)
	r.rateTables(&b)
	r.rest(&b)
	r.gateTable(&b)
	return b.String()
}

func (r record) noise(b *strings.Builder) {
	var steal, others []float64
	quiet := 0
	for _, s := range r.Samples {
		steal, others = append(steal, 100*s.Steal), append(others, 100*s.Others)
		if s.Steal+s.Others <= r.Quiet {
			quiet++
		}
	}
	s, o := summarize(steal), summarize(others)
	fmt.Fprintf(b, "Noise: median [quartiles] of all runs: stolen by the host %s, used by other processes %s of the machine's CPU time. "+
		"%d of %d runs were quiet (both together at most %.3g %%).\n\n", percents(s), percents(o), quiet, len(r.Samples), 100*r.Quiet)
}

func percents(q quartiles) string {
	return fmt.Sprintf("%.1f %% [%.1f–%.1f]", q.median, q.q1, q.q3)
}

// closedTables show the closed loops.
func (r record) closedTables(b *strings.Builder) {
	for _, c := range r.Cells {
		if c.Rate > 0 {
			continue
		}
		name := c.String()
		fmt.Fprintf(b, "**%s**\n\n| tool | requests per CPU-s | requests/s | peak MiB, largest process / all | plimsoll fast ÷ tool | in quiet rounds |\n|---|---|---|---|---|---|\n", name)
		for _, tool := range c.Tools {
			rps := func(s sample) float64 { return float64(s.Requests) / c.Length.Seconds() }
			v := r.all()
			fmt.Fprintf(b, "| %s | %.0f | %.0f | %.1f / %.1f | %s | %s |\n", tool,
				v.summary(name, tool, sample.perCPU).median, v.summary(name, tool, rps).median, v.summary(name, tool, largestMiB).median, v.summary(name, tool, togetherMiB).median,
				spreadOf(v.ratio(name, fast, tool, sample.perCPU)), spreadOf(r.quiet().ratio(name, fast, tool, sample.perCPU)))
		}
		b.WriteString("\n")
	}
}

// spreadOf is a median with quartiles and the number of rounds.
func spreadOf(q quartiles) string {
	if q.n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f [%.2f–%.2f] n=%d", q.median, q.q1, q.q3, q.n)
}

// rateTables show the constant rates.
func (r record) rateTables(b *strings.Builder) {
	for _, c := range r.Cells {
		if c.Rate == 0 {
			continue
		}
		name := c.String()
		fmt.Fprintf(b, "**%s**\n\n| tool | achieved ÷ asked | send error p50 / p99 / p99.9, ms | in quiet rounds | CPU µs per request | peak MiB, largest process / all |\n|---|---|---|---|---|---|\n", name)
		for _, tool := range c.Tools {
			v := r.all()
			achieved := v.summary(name, tool, paceOf(func(p *pace) float64 { return p.Rate / float64(c.Rate) }))
			fmt.Fprintf(b, "| %s | %.4f | %s | %s | %.1f | %.1f / %.1f |\n", tool, achieved.median,
				sendErrors(v, name, tool), sendErrors(r.quiet(), name, tool),
				v.summary(name, tool, cpuPerRequest).median, v.summary(name, tool, largestMiB).median, v.summary(name, tool, togetherMiB).median)
		}
		b.WriteString("\n")
	}
}

func sendErrors(v view, cell, tool string) string {
	ms := func(read func(*pace) float64) quartiles { return v.summary(cell, tool, paceOf(read)) }
	p50 := ms(func(p *pace) float64 { return p.P50.Seconds() * 1e3 })
	if p50.n == 0 {
		return "–"
	}
	p99 := ms(func(p *pace) float64 { return p.P99.Seconds() * 1e3 })
	p999 := ms(func(p *pace) float64 { return p.P999.Seconds() * 1e3 })
	return fmt.Sprintf("%.3f / %.3f / %.3f n=%d", p50.median, p99.median, p999.median, p50.n)
}

// rest shows the ceiling and the long run.
func (r record) rest(b *strings.Builder) {
	if len(r.Ceilings) > 0 {
		var closed, held []float64
		for _, c := range r.Ceilings {
			closed, held = append(closed, c.Closed), append(held, c.Held)
		}
		fmt.Fprintf(b, "Highest rate that one core held on time: %.0f/s; closed loop with %d connections: %.0f/s (medians).\n\n",
			summarize(held).median, spread, summarize(closed).median)
	}
	for _, m := range r.Long {
		fmt.Fprintf(b, "Peak memory after %d requests at c=100: %.1f MiB in the largest process, %.1f MiB in all.\n\n",
			m.Requests, float64(m.Largest)/(1<<20), float64(m.Together)/(1<<20))
	}
}

func (r record) gateTable(b *strings.Builder) {
	b.WriteString("| gate | bound | all rounds | | quiet rounds | |\n|---|---|---|---|---|---|\n")
	for _, g := range r.gates() {
		sign := "≤"
		if g.least {
			sign = "≥"
		}
		all, quiet := g.value(r.all()), g.value(r.quiet())
		fmt.Fprintf(b, "| %s | %s %g | %s | %s | %s | %s |\n", g.what, sign, g.bound, fine(all), g.holds(all), fine(quiet), g.holds(quiet))
	}
}

// fine shows more digits than spreadOf, for values close to 0.
func fine(q quartiles) string {
	if q.n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g [%.3g–%.3g] n=%d", q.median, q.q1, q.q3, q.n)
}

// The marks between which a document has the tables.
const (
	beginMark = "<!-- tables of make bench -->\n"
	endMark   = "<!-- end of the tables -->\n"
)

// replaceTables puts text between the marks of a file.
func replaceTables(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(old), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !begun || !ended {
		return fmt.Errorf("%s: the lines %q and %q, between which the tables go, are not there", path, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return os.WriteFile(path, []byte(before+beginMark+text+endMark+after), 0o644)
}
