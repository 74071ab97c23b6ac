package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program, its workers and its services.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plimsoll": main})
}

// TestScripts runs testdata/script/*.txtar. Beside testscript's own commands
// there are:
//
//	exits CODE COMMAND…      the command ends with that exit code
//	judges COMMAND…          the command ends with 0 or 1, as the machine is
//	measures COMMAND…        the command ends with 0, or with 97 where the machine is
//	                         too busy for its latencies to be believed; counts are
//	                         exact all the same
//	interrupts AFTER CODE COMMAND…
//	                         the same, for a command that gets Ctrl-C after a while
//	serves NAME              a static site at the URL $NAME until the script ends
//	takes NAME               a gateway of lines at the address $NAME until the script
//	                         ends
//	took NAME COUNT          that gateway has read so many lines
//	documented PAGE          writes the files and the commands of a page of docs here
//	shipped FILE…            copies files of the shipped scenarios here
//	histograms FILE COUNT    an HdrHistogram log whose untagged intervals hold
//	                         that many counts
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE COMMAND…")
				}
				expectExit(ts, args[0], ts.Exec(args[1], args[2:]...))
			},
			"judges": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 1 {
					ts.Fatalf("usage: judges COMMAND…")
				}
				expectZeroOr(ts, exitError, ts.Exec(args[0], args[1:]...))
			},
			"measures": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 1 {
					ts.Fatalf("usage: measures COMMAND…")
				}
				expectZeroOr(ts, exitInvalid, ts.Exec(args[0], args[1:]...))
			},
			"interrupts": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 3 {
					ts.Fatalf("usage: interrupts AFTER CODE COMMAND…")
				}
				after, err := time.ParseDuration(args[0])
				ts.Check(err)
				expectExit(ts, args[1], interrupt(ts, after, args[2], args[3:]))
			},
			"serves":     serves,
			"documented": documented,
			"shipped":    shipped,
			"takes":      takes,
			"took":       took,
			"histograms": histograms,
		},
	})
}

func expectZeroOr(ts *testscript.TestScript, code int, err error) {
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == code) {
		ts.Fatalf("%v", err)
	}
}

func expectExit(ts *testscript.TestScript, want string, err error) {
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}
