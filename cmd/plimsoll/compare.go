package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"github.com/urfave/cli/v3"

	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/scenarios"
)

func newCompareCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "hold two runs, or parts of them, side by side with intervals",
		ArgsUsage: "A B",
		Description: `A and B are runs (folder, ID or "latest") or RUN:ENV[/SCALE[/LOAD]], such as

  plimsoll compare latest:training latest:production
  plimsoll compare latest:production/web=1 latest:production/web=3
  plimsoll compare news-20260601-093000 latest
  plimsoll compare "latest:training/as written/ab" latest:production/web=3/ab

Cells of equal environment, scale and load are paired, except for what both sides
name. Unlike loads are refused (exit code 98). It gives ratios with their intervals
and no verdict; see docs/compare.md.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "text", Usage: "write this `FORMAT`: " + strings.Join(report.CompareFormats(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` instead of stdout"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "look for runs in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() != 2 {
				return usageErrorf("compare takes A and B, such as %q and %q", "latest:training", "latest:production")
			}
			render, err := report.CompareByName(cmd.String("format"))
			if err != nil {
				return usageErrorf("--format: %v", err)
			}
			var subjects [2]analysis.Subject
			opened := map[string]analysis.Subject{}
			for i := range subjects {
				if subjects[i], err = subject(cmd.Args().Get(i), cmd.String("out"), opened); err != nil {
					return err
				}
			}
			pairing, err := analysis.Compare(subjects[0], subjects[1])
			if err != nil {
				return usageErrorf("%v", err)
			}
			if why := pairing.Refusal(); why != "" {
				return &codedError{exitInconclusive, "not compared: " + why}
			}
			return writeComparison(std.out, cmd.String("output"), render, pairing)
		},
	}
}

// subject opens what RUN or RUN:ENV/SCALE/LOAD names; a run that was opened
// before is taken from there.
func subject(asked, out string, opened map[string]analysis.Subject) (analysis.Subject, error) {
	dir, err := findRun(asked, out)
	selector := analysis.Selector{}
	// A folder may have a colon in its name.
	if i := strings.LastIndex(asked, ":"); err != nil && i >= 0 {
		if selector, err = analysis.ParseSelector(asked[i+1:]); err != nil {
			return analysis.Subject{}, usageErrorf("%v", err)
		}
		dir, err = findRun(asked[:i], out)
	}
	if err != nil {
		return analysis.Subject{}, err
	}
	s, ok := opened[dir]
	if !ok {
		if s, err = openSubject(dir); err != nil {
			return s, err
		}
		opened[dir] = s
	}
	s.Asked, s.Selector = asked, selector
	return s, nil
}

func openSubject(dir string) (analysis.Subject, error) {
	run, err := results.Open(dir)
	if err != nil {
		return analysis.Subject{}, err
	}
	doc, err := analysis.Summarize(run)
	if err != nil {
		return analysis.Subject{}, err
	}
	s := analysis.Subject{Manifest: run.Manifest, Document: doc}
	file := filepath.Join(dir, results.ScenarioFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return s, nil // an import
	}
	if s.Scenario, err = scenarios.Read(file); err != nil {
		doc.Warnings = append(doc.Warnings, fmt.Sprintf("the run's scenario cannot be read, so what was sent is compared by name only: %v", err))
	}
	return s, nil
}

func writeComparison(out io.Writer, file string, render report.CompareRenderer, p *analysis.Pairing) error {
	if file == "" {
		return render(out, p)
	}
	var text bytes.Buffer
	if err := render(&text, p); err != nil {
		return fmt.Errorf("render %s: %w", file, err)
	}
	return maybe.WriteFile(file, text.Bytes(), 0o644)
}
