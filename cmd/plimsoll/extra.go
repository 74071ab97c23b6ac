package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"plimsoll/report"
	"plimsoll/results/analysis"
)

// extraReport is a report that is written besides the usual one.
type extraReport struct {
	format, file string // file "-": stdout
	render       report.Renderer
}

func extraReportFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "report", Usage: "write the report also as `FORMAT=FILE`, whatever the verdict; FILE - is stdout (repeatable; formats: " +
		strings.Join(report.Formats(), ", ") + ")"}
}

// extraReports reads the flags, so that what is wrong with them is said before
// anything starts.
func extraReports(cmd *cli.Command) ([]extraReport, error) {
	var list []extraReport
	for _, text := range cmd.StringSlice("report") {
		format, file, ok := strings.Cut(text, "=")
		render, err := report.ByName(format)
		switch {
		case err != nil:
			return nil, usageErrorf("--report: %v", err)
		case !ok:
			return nil, usageErrorf("--report %s: where to? Write %s=FILE, or %s=- for stdout", text, format, format)
		case file == "":
			return nil, usageErrorf("--report %s: the name of the file is empty; is a variable not set?", text)
		}
		e := extraReport{format: format, file: file, render: render}
		if err := e.check(); err != nil {
			return nil, usageErrorf("--report %s: %v", text, err)
		}
		list = append(list, e)
	}
	return list, nil
}

// check finds out what would keep the file from being written.
func (e extraReport) check() error {
	if e.file == "-" {
		return nil
	}
	if info, err := os.Stat(e.file); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; name a file", e.file)
	}
	folder := filepath.Dir(e.file)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s; make it first", folder)
	}
	return nil
}

func (e extraReport) write(out io.Writer, doc *analysis.Document) error {
	if e.file == "-" {
		return e.render(out, doc)
	}
	return writeRendered(e.file, e.format, e.render, doc)
}
