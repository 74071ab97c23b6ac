package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll/internal/units"
	"plimsoll/runner/engine"
	"plimsoll/runner/site"
)

// psLine is a replica in ps --json.
type psLine struct {
	Name        string    `json:"name"`
	Service     string    `json:"service"`
	Image       string    `json:"image"`
	State       string    `json:"state"`
	Created     time.Time `json:"created,omitzero"`
	ExitCode    int       `json:"exit_code"`
	OOMKilled   bool      `json:"oom_killed,omitempty"`
	Health      string    `json:"health,omitempty"`
	Why         string    `json:"why,omitempty"`
	Zone        string    `json:"zone,omitempty"`
	Address     string    `json:"address,omitempty"`
	Ports       []string  `json:"ports,omitempty"`
	CPU         *float64  `json:"cpu_cores,omitempty"`
	MemoryBytes *int64    `json:"memory_bytes,omitempty"`
}

func psLines(list []site.Status) []psLine {
	lines := make([]psLine, 0, len(list))
	for _, s := range list {
		image, _, _ := strings.Cut(s.Image, " ")
		l := psLine{
			Name: s.Name(), Service: s.Service, Image: image, State: string(s.Replica.Status), Created: s.Created,
			ExitCode: s.ExitCode, OOMKilled: s.OOMKilled, Health: string(s.Health), Why: s.Why, Zone: s.Zone,
		}
		if s.Address.IsValid() {
			l.Address = s.Address.String()
		}
		for _, p := range s.Ports {
			l.Ports = append(l.Ports, fmt.Sprintf("%s->%d/%s", p.Host, p.Target, p.Protocol))
		}
		if s.Live != nil {
			l.CPU, l.MemoryBytes = &s.Live.CPU, &s.Live.MemoryBytes
		}
		lines = append(lines, l)
	}
	return lines
}

func psJSON(w io.Writer, list []site.Status) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, l := range psLines(list) {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func psTable(w io.Writer, list []site.Status) error {
	lines := psLines(list)
	zoned := slices.ContainsFunc(lines, func(l psLine) bool { return l.Zone != "" })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, image, state, health, zone, cpu, memory, ports string) {
		cells := []string{name, image, state, health, zone, cpu, memory, ports}
		if !zoned {
			cells = slices.Delete(cells, 4, 5)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	row("NAME", "IMAGE", "STATUS", "HEALTH", "ZONE", "CPU", "MEMORY", "PORTS")
	for _, l := range lines {
		cpu, memory := "–", "–"
		if l.CPU != nil {
			cpu, memory = fmt.Sprintf("%.1f%%", 100**l.CPU), units.Bytes(*l.MemoryBytes)
		}
		row(l.Name, l.Image, stateText(l), cmp.Or(l.Health, "–"), cmp.Or(l.Zone, "–"), cpu, memory, strings.Join(l.Ports, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, l := range lines {
		if l.Why != "" {
			fmt.Fprintf(w, "%s: %s\n", l.Name, l.Why)
		}
		if l.OOMKilled {
			fmt.Fprintf(w, "%s: killed for using more memory than its limit\n", l.Name)
		}
	}
	return nil
}

// stateText is a replica's state as people read it.
func stateText(l psLine) string {
	switch {
	case l.State == string(engine.Exited):
		return fmt.Sprintf("exited (%d)", l.ExitCode)
	case l.Created.IsZero():
		return l.State
	}
	return fmt.Sprintf("%s, made %s ago", l.State, units.Duration(time.Since(l.Created).Round(time.Second)))
}
