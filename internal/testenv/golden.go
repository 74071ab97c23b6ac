package testenv

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares got with the golden file, line by line. With -update it
// writes the file first.
func Golden(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A checkout on Windows may have turned the line ends.
	lines := strings.Split(strings.ReplaceAll(string(want), "\r\n", "\n"), "\n")
	if diff := cmp.Diff(lines, strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update accepts it)\n%s", file, diff)
	}
}
