// Package testenv is what tests share: golden files, and saying what a test
// needs of the machine. A test whose need is not met is skipped, and the skip
// is written down so that "make test" can name it; where
// PLIMSOLL_REQUIRE_<NEED>=1 it fails instead.
package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Docker skips the test unless a Docker engine answers.
func Docker(t testing.TB) {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		defer cli.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err = cli.Info(ctx)
	}
	if err != nil {
		unmet(t, "docker", "no Docker engine answers: "+err.Error())
	}
}

// Command skips the test unless one of the programs is installed, and returns
// the first one's path. need is the name in PLIMSOLL_REQUIRE_<NEED>.
func Command(t testing.TB, need string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	unmet(t, need, strings.Join(names, " or ")+" is not installed")
	return ""
}

// Unmet skips the test for a need that only the test itself can try. need is
// the name in PLIMSOLL_REQUIRE_<NEED>.
func Unmet(t testing.TB, need, why string) {
	t.Helper()
	unmet(t, need, why)
}

func unmet(t testing.TB, need, why string) {
	t.Helper()
	variable := "PLIMSOLL_REQUIRE_" + strings.ToUpper(need)
	if os.Getenv(variable) == "1" {
		t.Fatalf("%s, and %s=1 says that this test must run", why, variable)
	}
	if file := os.Getenv("PLIMSOLL_SKIPPED"); file != "" {
		note(file, fmt.Sprintf("%s: %s\n", t.Name(), why))
	}
	t.Skip(why)
}

func note(file, line string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return // the skip itself still shows in go test -v
	}
	defer f.Close()
	_, _ = f.WriteString(line)
}
