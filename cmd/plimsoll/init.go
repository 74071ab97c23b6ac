package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
	"github.com/urfave/cli/v3"

	"plimsoll/scenarios"
	"plimsoll/scenarios/draft"
)

func newInitCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "write a first scenario for Compose files, one environment each",
		ArgsUsage: "COMPOSE-FILE…",
		Description: `The scenario runs as it is. What load is put on and which service is scaled is
guessed; the reasons go to stderr and into the file.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "scenario.yaml", Usage: "write to `FILE`; - is stdout"},
			&cli.BoolFlag{Name: "force", Usage: "replace the file if there is one"},
		},
		OnUsageError: onUsageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() == 0 {
				return usageErrorf("init takes at least one COMPOSE-FILE, such as compose.yaml")
			}
			out := cmd.String("output")
			d, err := drafted(out, cmd.Args().Slice())
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = std.out.Write(d.Text)
			} else {
				err = writeNew(out, d.Text, cmd.Bool("force"))
			}
			if err != nil {
				return err
			}
			for _, reason := range d.Reasons {
				fmt.Fprintln(std.err, reason)
			}
			if out != "-" {
				fmt.Fprintf(std.err, "wrote %s; go on with: plimsoll run %s --dry-run\n", out, out)
			}
			return nil
		},
	}
}

// drafted drafts the scenario out for Compose files.
func drafted(out string, files []string) (draft.Draft, error) {
	if out == "-" {
		out = "scenario.yaml"
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return draft.Draft{}, err
	}
	var deployments []draft.Deployment
	for _, file := range files {
		top, err := scenarios.ReadTopology(file)
		if err != nil {
			return draft.Draft{}, err
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return draft.Draft{}, err
		}
		relative, err := filepath.Rel(filepath.Dir(out), abs)
		if err != nil { // on another drive
			relative = abs
		}
		deployments = append(deployments, draft.Deployment{File: filepath.ToSlash(relative), Topology: top})
	}
	d, err := draft.Write(filepath.ToSlash(out), deployments)
	if err != nil {
		return d, &codedError{exitUsage, err.Error()}
	}
	return d, nil
}

// writeNew writes a file that is not there yet, or may be replaced.
func writeNew(name string, text []byte, replace bool) error {
	if replace {
		return maybe.WriteFile(name, text, 0o644)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usageErrorf("%s is there already; --force replaces it, -o writes to another file", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
