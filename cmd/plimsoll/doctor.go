package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"plimsoll/results"
	"plimsoll/runner/doctor"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/docker"
	"plimsoll/runner/engine/process"
)

// doctorSchema is the schema that doctor's JSON states.
const doctorSchema = "plimsoll.doctor/1"

func newDoctorCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this machine as a load generator",
		Description: `Reads what may hold load back here, and loads a target that answers at once: at
1 000/s and 10 000/s, and in a closed loop. It takes about ten seconds. Exit
codes: 0 loads can be measured here, with the warnings shown · 1 an ordinary
load would be invalid.`,
		Flags: append(endpointFlags(),
			&cli.StringFlag{Name: "format", Value: "text", Usage: "write `FORMAT` to stdout: text, json"},
			&cli.StringFlag{Name: "transport", Usage: "send with `TRANSPORT`: general, or fast (Linux)"},
		),
		OnUsageError: onUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() > 0 {
				return usageErrorf("doctor takes no arguments, got %q", cmd.Args().First())
			}
			write, ok := map[string]func(diagnosis, io.Writer) error{"text": diagnosis.text, "json": diagnosis.json}[cmd.String("format")]
			if !ok {
				return usageErrorf("--format %s: there are text and json", cmd.String("format"))
			}
			at, err := endpointOf(cmd)
			if err != nil {
				return err
			}
			found, err := diagnose(ctx, at, cmd.String("transport"))
			if err != nil {
				return err
			}
			if err := write(found, std.out); err != nil {
				return err
			}
			if found.Verdict == doctor.Bad {
				return &codedError{exitError, "an ordinary load would be invalid on this machine, for the reasons above"}
			}
			return nil
		},
	}
}

// diagnosis is what doctor found.
type diagnosis struct {
	Schema  string                `json:"schema"`
	Verdict doctor.Verdict        `json:"verdict"`
	Checks  []doctor.Check        `json:"checks"`
	Loads   []results.Calibration `json:"loads"`
}

func diagnose(ctx context.Context, at docker.Endpoint, transport string) (found diagnosis, err error) {
	found = diagnosis{Schema: doctorSchema}
	if found.Checks, err = doctor.Machine(ctx); err != nil {
		return found, err
	}
	found.Checks = append(found.Checks, checkDocker(ctx, at))
	workers, err := process.New(process.Options{})
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, workers.Close()) }()
	generator, err := doctor.Generator(ctx, workers, transport)
	if err != nil {
		return found, err
	}
	found.Checks = append(found.Checks, generator.Checks...)
	found.Loads = generator.Loads
	found.Verdict = doctor.Worst(found.Checks)
	return found, nil
}

// checkDocker asks the engine. Without one, the shipped services and running
// deployments can be loaded all the same.
func checkDocker(ctx context.Context, at docker.Endpoint) doctor.Check {
	check := doctor.Check{Name: "Docker", Verdict: doctor.Warn, Advice: "stacks of your own need a Docker engine, here or elsewhere (--host, --context); --engine process and URLs do not"}
	eng, err := docker.New(ctx, docker.Options{Endpoint: at})
	if err != nil {
		check.Seen = err.Error()
		return check
	}
	defer eng.Close()
	info, err := eng.Info(ctx)
	if err != nil {
		check.Seen = err.Error()
		return check
	}
	return doctor.Check{Name: "Docker", Verdict: doctor.OK, Seen: fmt.Sprintf("%s at %s, API %s, control groups version %s; load comes from a container beside the stack",
		info.Version, info.Endpoint, info.Details["API"], engineDetail(info, "cgroup version"))}
}

func engineDetail(info engine.Info, name string) string {
	if value := info.Details[name]; value != "" {
		return value
	}
	return "not told"
}

func (d diagnosis) json(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(d)
}

// text writes a line for each check, advice below it.
func (d diagnosis) text(w io.Writer) error {
	out := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	out.SetStyle(style)
	out.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: 72, WidthMaxEnforcer: text.WrapSoft}})
	colour := colourful(w)
	for _, c := range d.Checks {
		out.AppendRow(table.Row{verdictMark(c.Verdict, colour), c.Name, c.Seen})
		if c.Advice != "" {
			out.AppendRow(table.Row{"", "", "→ " + c.Advice})
		}
	}
	for line := range strings.Lines(out.Render() + "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", d.summary())
	return err
}

func (d diagnosis) summary() string {
	switch d.Verdict {
	case doctor.Bad:
		return "An ordinary load would be invalid here."
	case doctor.Warn:
		return "Loads can be measured here, within the limits that the warnings tell."
	}
	return "Loads can be measured here."
}

func verdictMark(v doctor.Verdict, colour bool) string {
	marks := map[doctor.Verdict]string{doctor.OK: "✓", doctor.Warn: "!", doctor.Bad: "✗", doctor.Unknown: "–"}
	mark := marks[v] + " " + string(v)
	colours := map[doctor.Verdict]text.Color{doctor.OK: text.FgGreen, doctor.Warn: text.FgYellow, doctor.Bad: text.FgRed}
	if c, ok := colours[v]; ok && colour {
		return c.EscapeSeq() + mark + text.Reset.EscapeSeq()
	}
	return mark
}

func colourful(w io.Writer) bool {
	f, ok := w.(*os.File)
	_, plain := os.LookupEnv("NO_COLOR")
	return ok && !plain && term.IsTerminal(int(f.Fd()))
}
