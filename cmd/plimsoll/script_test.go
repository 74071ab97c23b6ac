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
//	interrupts AFTER CODE COMMAND…
//	                         the same, for a command that gets Ctrl-C after a while
//	serves NAME              a static site at the URL $NAME until the script ends
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
			"interrupts": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 3 {
					ts.Fatalf("usage: interrupts AFTER CODE COMMAND…")
				}
				after, err := time.ParseDuration(args[0])
				ts.Check(err)
				expectExit(ts, args[1], interrupt(ts, after, args[2], args[3:]))
			},
			"serves":     serves,
			"histograms": histograms,
		},
	})
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
