package enginetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// helperPackage is built by its import path: the tests that use it lie in
// other folders of this module.
const helperPackage = "plimsoll/runner/engine/enginetest/testdata/helper"

// BuildHelper builds the small static program that the suite runs in place of
// plimsoll, and returns its path; it is gone when the test ends. Call it once
// and give the path to every engine.
func BuildHelper(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plimsoll")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, helperPackage)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the helper: %v\n%s", err, output)
	}
	return path
}
