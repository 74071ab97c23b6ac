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
	"plimsoll/results/published"
)

func newImportCommand(std streams) *cli.Command {
	formats := append(foreign.Formats(), foreign.Auto)
	return &cli.Command{
		Name:      "import",
		Usage:     "store other load tools' results as a run",
		ArgsUsage: "FORMAT FILE…",
		Description: `FORMAT is one of ` + strings.Join(formats, ", ") + `; auto looks at the file.
FILE is what the tool wrote, or - for stdin. Each file is an environment, named
after it: ENVIRONMENT[@SCALE][.FORMAT].EXTENSION, such as
production@web=3.ab.txt. A balancer's page (haproxy) of the same name belongs to
that load, and so does what ab -g and -e wrote. With --env all files are trials
of that environment. What a tool does not tell stays absent. Prints the report's
path last; see docs/import.md.

"plimsoll import published" needs no file: it imports the runs that the shipped
example was first published with.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "env", Usage: "the files are trials of environment `NAME`"},
			&cli.StringFlag{Name: "out", Value: "results", Usage: "store the run in `DIR`"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			format := cmd.Args().First()
			if cmd.IsSet("env") && strings.TrimSpace(cmd.String("env")) == "" {
				return usageErrorf("--env: an environment needs a name")
			}
			read := func() ([]foreign.File, error) { return readFiles(std.in, cmd.Args().Tail()) }
			switch {
			case format == publishedRuns && cmd.Args().Len() == 1:
				format, read = foreign.Auto, publishedFiles
			case format == publishedRuns:
				return usageErrorf("import %s takes no FILE", publishedRuns)
			case cmd.Args().Len() < 2:
				return usageErrorf("import takes a FORMAT (%s) and at least one FILE", strings.Join(formats, ", "))
			case !slices.Contains(formats, format):
				return usageErrorf("unknown format %q; there are %s", format, strings.Join(formats, ", "))
			}
			files, err := read()
			if err != nil {
				return err
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

// publishedRuns stands for the files of package published.
const publishedRuns = "published"

func publishedFiles() ([]foreign.File, error) {
	var files []foreign.File
	for _, name := range published.Names() {
		text, err := published.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, foreign.File{Name: name, Text: text})
	}
	return files, nil
}

func readFiles(in io.Reader, names []string) ([]foreign.File, error) {
	var files []foreign.File
	for _, name := range names {
		text, err := readFile(in, name)
		if err != nil {
			return nil, err
		}
		if name == "-" {
			name = "stdin"
		}
		files = append(files, foreign.File{Name: name, Text: text})
	}
	return files, nil
}

func readFile(in io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}
