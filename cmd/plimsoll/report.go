package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"github.com/urfave/cli/v3"

	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

func newReportCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "render stored runs again",
		ArgsUsage: "RUN…",
		Description: `RUN is a run's folder, its ID, or "latest". Without --format the table goes to
stdout and the files in the run's report folder are written anew.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "write this `FORMAT` to stdout: " + strings.Join(report.Formats(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` instead of stdout"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "look for runs in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() == 0 {
				return usageErrorf("report takes at least one RUN, such as %q", "latest")
			}
			for _, name := range cmd.Args().Slice() {
				dir, err := findRun(name, cmd.String("out"))
				if err != nil {
					return err
				}
				if err := renderRun(std, cmd, dir); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func renderRun(std streams, cmd *cli.Command, dir string) error {
	if !cmd.IsSet("format") {
		_, err := writeReport(std.out, dir)
		return err
	}
	render, err := report.ByName(cmd.String("format"))
	if err != nil {
		return usageErrorf("--format: %v", err)
	}
	doc, err := document(dir)
	if err != nil {
		return err
	}
	if !cmd.IsSet("output") {
		return render(std.out, doc)
	}
	return writeRendered(cmd.String("output"), cmd.String("format"), render, doc)
}

func document(dir string) (*analysis.Document, error) {
	run, err := results.Open(dir)
	if err != nil {
		return nil, err
	}
	return analysis.Summarize(run)
}

// writeReport renders the run's report folder anew, shows the table, writes the
// extra reports and names the page last. There is a document even where an
// extra report could not be written.
func writeReport(out io.Writer, dir string, extra ...extraReport) (*analysis.Document, error) {
	doc, err := document(dir)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "report")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	page := filepath.Join(folder, "report.html")
	for file, render := range map[string]report.Renderer{
		page:                               report.HTML,
		filepath.Join(folder, "report.md"): report.Markdown,
	} {
		if err := writeRendered(file, "", render, doc); err != nil {
			return nil, err
		}
	}
	if err := report.Text(out, doc); err != nil {
		return nil, err
	}
	var problems []error
	for _, e := range extra {
		problems = append(problems, e.write(out, doc))
	}
	_, err = fmt.Fprintf(out, "\n%s\n", page)
	return doc, errors.Join(append(problems, err)...)
}

// appended is the format that is added to what its file holds: several steps
// write to the file of a summary.
const appended = "summary"

// writeRendered writes a file whole or not at all, unless it is a device or a
// pipe, or its format is appended.
func writeRendered(file, format string, render report.Renderer, doc *analysis.Document) error {
	var text bytes.Buffer
	if err := render(&text, doc); err != nil {
		return fmt.Errorf("render %s: %w", file, err)
	}
	info, err := os.Stat(file)
	special := err == nil && !info.Mode().IsRegular()
	if format != appended && !special {
		return maybe.WriteFile(file, text.Bytes(), 0o644)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text.Bytes())
	return errors.Join(err, f.Close())
}
