//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// record is all that was measured, and on what.
type record struct {
	Started  time.Time `json:"started"`
	Command  string    `json:"command"`
	Machine  string    `json:"machine"`
	Versions []string  `json:"versions"`
	Quiet    float64   `json:"quiet"`
	Rounds   int       `json:"rounds"`
	Cells    []cell    `json:"cells"`
	Samples  []sample  `json:"samples"`
	Ceilings []ceiling `json:"ceilings,omitempty"`
	Long     []memory  `json:"long,omitempty"`
}

func newRecord(ctx context.Context, opt options, programs map[string]program, list []cell) record {
	r := record{
		Started: time.Now().UTC(), Command: "sidebyside " + strings.Join(os.Args[1:], " "),
		Quiet: opt.quiet, Rounds: opt.rounds, Cells: list,
		Machine: machine(ctx),
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if name == general {
			continue // the same program
		}
		if name == fast {
			r.Versions = append(r.Versions, programs[name].version) // which names it
			continue
		}
		r.Versions = append(r.Versions, name+" "+programs[name].version)
	}
	return r
}

func machine(ctx context.Context) string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, Linux %s, %s", runtime.NumCPU(), model, output(ctx, "uname", "-r"), runtime.Version())
}

func readRecord(path string) (record, error) {
	var r record
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r record) write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
