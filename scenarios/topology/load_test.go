package topology

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/scenarios/yamlfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBroken compares what is said about each broken file with the file beside
// it.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			file = filepath.ToSlash(file)
			_, err := Load(read(t, file))
			var located *yamlfile.Error
			if !errors.As(err, &located) {
				t.Fatalf("Load: %v, want a *yamlfile.Error", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", masked(t, err.Error()))
		})
	}
}

// masked takes this checkout's folder out of a text.
func masked(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, dir, "$PWD") + "\n"
}

func read(t *testing.T, file string) Source {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Source{File: file, Text: text, Dir: filepath.Dir(file)}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
