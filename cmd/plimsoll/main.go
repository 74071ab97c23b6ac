// Command plimsoll finds out what a container stack can carry: it starts a
// stack from its Compose file, puts load on it at several scale levels, meters
// every container, and reports which deployment is faster and which objectives
// hold.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

// version is set when the program is built.
var version = "unknown"

// streams are where a command reads and writes. Data goes to out, progress
// and messages to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() { os.Exit(run(os.Args)) }

// run executes one command line and returns its exit code.
func run(args []string) int {
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	ctx, stop := interruptible(std.err)
	defer stop()
	err := newRoot(std).Run(ctx, args)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(std.err, "plimsoll: %v\n", err)
	return exitCode(err)
}

// interruptible returns a context that the first Ctrl-C ends, so that stacks
// are taken down in peace; the second one ends the program at once.
func interruptible(messages io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(messages, "\nleft as it is; plimsoll clean removes what remains")
		os.Exit(exitInterrupted)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

func newRoot(std streams) *cli.Command {
	return &cli.Command{
		Name:    "plimsoll",
		Usage:   "find out what a container stack can carry",
		Version: version,
		Description: `Starts a stack from its Compose file, puts ab-style or constant-rate load on it
at several scale levels, meters every container, and compares deployments.

  plimsoll run twip          measure the shipped example
  plimsoll run my.yaml       measure yours
  plimsoll gate my.yaml …    is the candidate worse than the baseline?
  plimsoll capacity my.yaml  what rate can it carry?
  plimsoll size latest …     how many replicas does a rate need?
  plimsoll bench URL         put load on something that runs already
  plimsoll doctor            check this machine first
  plimsoll report latest     show the last run's report again

Exit codes: 0 done or pass · 1 error · 2 usage or bad scenario ·
96 an environment did not start · 97 measurement invalid · 98 inconclusive ·
99 objective or gate failed · 130 interrupted`,
		Commands: []*cli.Command{
			newRunCommand(std), newGateCommand(std), newCapacityCommand(std), newSizeCommand(std), newBenchCommand(std), newReportCommand(std), newCompareCommand(std), newImportCommand(std), newListCommand(std),
			newUpCommand(std), newScaleCommand(std), newPsCommand(std), newLogsCommand(std), newImagesCommand(std), newDownCommand(std),
			newInitCommand(std), newValidateCommand(std), newSchemaCommand(std), newCleanCommand(std), newDoctorCommand(std), newVersionCommand(std),
			newWorkerCommand(std), newDialCommand(std), newFixtureCommand(std),
		},
		EnableShellCompletion: true,
		Reader:                std.in,
		Writer:                std.out,
		ErrWriter:             std.err,
		// run decides about messages and exit codes.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		OnUsageError:   onUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if name := cmd.Args().First(); name != "" {
				hint := "see plimsoll --help"
				if near := cli.SuggestCommand(cmd.Commands, name); near != "" {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
				return usageErrorf("no command is called %q; %s", name, hint)
			}
			return cli.ShowRootCommandHelp(cmd)
		},
	}
}

func onUsageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return usageErrorf("%v; see plimsoll %s --help", err, cmd.Name)
}
