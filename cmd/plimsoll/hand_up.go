package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll/internal/units"
	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/runner/site"
)

func (h *hand) up(ctx context.Context, std streams, wait bool) error {
	up, err := h.Up(ctx, wait)
	tell(std.out, up.Done)
	if err != nil {
		return &runner.StartError{Environment: h.env.Name, Err: fmt.Errorf("%w; what has come up is left as it is: plimsoll ps, logs and down work on it", err)}
	}
	if !wait {
		if len(up.Done) == 0 {
			fmt.Fprintf(std.out, "%s is up already\n", h.Stack.Name)
		}
		return nil
	}
	way, err := h.Reach(ctx, site.DoorFor(h.scenario, h.env, h.scenario.Loads[0]))
	if err != nil {
		return &runner.StartError{Environment: h.env.Name, Err: err}
	}
	state, err := h.Engine.Observe(ctx, h.Stack.Name)
	if err != nil {
		return err
	}
	return timeline(std.out, up, answers(up, way, state), h.env.Target)
}

// tell names what was changed.
func tell(w io.Writer, done []engine.Done) {
	done = slices.Clone(done)
	slices.SortStableFunc(done, func(a, b engine.Done) int { return a.End.Compare(b.End) })
	for _, d := range done {
		switch d.Op.Kind {
		case engine.AwaitReady, engine.AwaitExit, engine.EnsureImage:
		default:
			fmt.Fprintf(w, "%s %s (%s)\n", d.Op.Kind, d.Op.Target(), d.Op.Cause)
		}
	}
}

// answers are how long after the begin of the start-up each replica of the
// target gave its first answer, by replica.
func answers(up site.Startup, way site.Way, state engine.State) map[string]time.Duration {
	first := map[string]time.Duration{}
	for i, target := range way.Targets {
		u, err := url.Parse(target)
		if err != nil {
			continue // it is one of ours
		}
		for _, r := range state.Replicas {
			if r.Address.IsValid() && r.Address.String() == u.Hostname() {
				first[r.Name()] = way.Answered[i].Sub(up.Begin)
			}
		}
	}
	return first
}

// timeline shows when each replica was where, and what the time hung on.
func timeline(w io.Writer, up site.Startup, first map[string]time.Duration, target string) error {
	steps := up.Steps()
	if len(steps) == 0 {
		_, err := fmt.Fprintf(w, "up already; %s answers\n", target)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nREPLICA\tCREATED\tSTARTED\tHEALTHY\tFIRST ANSWER")
	end := up.Length()
	for _, s := range steps {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.Replica, instant(s.Created), instant(s.Started), instant(s.Ready), instant(first[s.Replica]))
		end = max(end, first[s.Replica])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var path []string
	before := up.Begin
	for _, d := range up.CriticalPath() {
		path = append(path, fmt.Sprintf("%s %s %s", d.Op.Kind, d.Op.Target(), units.Latency(d.End.Sub(before))))
		before = d.End
	}
	if rest := end - before.Sub(up.Begin); rest > time.Millisecond {
		path = append(path, "first answer "+units.Latency(rest))
	}
	_, err := fmt.Fprintf(w, "\nup in %s, which hung on: %s\n", units.Latency(end), strings.Join(path, " → "))
	return err
}

func instant(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return units.Latency(d)
}
