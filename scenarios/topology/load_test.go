package topology

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/internal/testenv"
	"plimsoll/scenarios/yamlfile"
)

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
			testenv.Golden(t, strings.TrimSuffix(file, ".yaml")+".txt", masked(t, err.Error()))
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
