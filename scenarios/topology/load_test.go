package topology

import (
	"errors"
	"fmt"
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

// TestHostile gives texts that are large when they are read, or would be. Each
// has to be refused, with a place, and without taking long: a test that hangs
// fails by go test's own limit.
func TestHostile(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("x-0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "x-%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	const services = "services: {web: {image: x, command: *x}}\n"
	tests := []struct{ name, text string }{
		{"aliases that multiply", laughs.String() + "services: {web: {image: x, command: *x11}}\n"},
		{"10 MB of aliases", "x: &x [a]\nx-all: [" + strings.Repeat("*x, ", 10<<20/4) + "]\n" + services},
		{"an alias of itself", "services: &s {web: {image: x, labels: *s}}\n"},
		{"deep lists", "x-deep: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "\nservices: {web: {image: x}}\n"},
		{"deep mappings", "x-deep: " + strings.Repeat("{a: ", 20_000) + strings.Repeat("}", 20_000) + "\nservices: {web: {image: x}}\n"},
		{"never closed", "services: {web: " + strings.Repeat("[", 100_000)},
		{"variables in variables", "services: {web: {image: '" + strings.Repeat("${A:-", 5000) + strings.Repeat("}", 5000) + "'}}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Source{File: "hostile.yaml", Text: []byte(tt.text)})
			var located *yamlfile.Error
			if !errors.As(err, &located) {
				t.Fatalf("%.200v, want a *yamlfile.Error", err)
			}
			for _, p := range located.Problems {
				if p.File != "hostile.yaml" || p.Line == 0 {
					t.Errorf("no place: %.200s", p.Message)
				}
			}
		})
	}
}
