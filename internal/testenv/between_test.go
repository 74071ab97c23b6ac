package testenv_test

import (
	"os"
	"path/filepath"
	"testing"

	"plimsoll/internal/testenv"
)

func TestWriteBetween(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte("before\n<!-- a -->\nold\n<!-- end -->\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time finds the marks again
		testenv.WriteBetween(t, file, "<!-- a -->\n", "<!-- end -->", "new\n")
	}
	got, err := os.ReadFile(file)
	if want := "before\n<!-- a -->\nnew\n<!-- end -->\nafter\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
