package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"plimsoll/results/foreign"
)

func newImportCommand(std streams) *cli.Command {
	formats := append(foreign.Formats(), foreign.Auto)
	return &cli.Command{
		Name:      "import",
		Usage:     "store other load tools' results as a run",
		ArgsUsage: "FORMAT FILE…",
		Description: `FORMAT is one of ` + strings.Join(formats, ", ") + `; auto looks at the file.
FILE is what the tool wrote, or - for stdin. Each file is an environment, named
after it; with --env all files are trials of that one. What a tool does not tell
stays absent. Prints the report's path last; see docs/import.md.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "env", Usage: "the files are trials of environment `NAME`"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "store the run in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			format := cmd.Args().First()
			if cmd.Args().Len() < 2 {
				return usageErrorf("import takes a FORMAT (%s) and at least one FILE", strings.Join(formats, ", "))
			}
			if !slices.Contains(formats, format) {
				return usageErrorf("unknown format %q; there are %s", format, strings.Join(formats, ", "))
			}
			if cmd.IsSet("env") && strings.TrimSpace(cmd.String("env")) == "" {
				return usageErrorf("--env: an environment needs a name")
			}
			var files []foreign.File
			for _, name := range cmd.Args().Tail() {
				text, err := readFile(std.in, name)
				if err != nil {
					return err
				}
				if name == "-" {
					name = "stdin"
				}
				files = append(files, foreign.File{Name: name, Text: text})
			}
			dir, err := foreign.Store(foreign.Options{
				Out: cmd.String("out"), Format: format, Environment: cmd.String("env"),
				Version: version, Command: os.Args, Now: time.Now(),
			}, files)
			if err != nil {
				return err
			}
			_, err = writeReport(std.out, dir)
			return err
		},
	}
}

func readFile(in io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}
