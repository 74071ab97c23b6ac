package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/report"
	"plimsoll/results/analysis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// document reads one of the documents that package analysis is tested with.
func document(t testing.TB, name string) *analysis.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "results", "analysis", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	doc := new(analysis.Document)
	if err := json.Unmarshal(text, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func render(t testing.TB, r report.Renderer, doc *analysis.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

func TestGolden(t *testing.T) {
	for _, test := range []struct {
		doc, format string
		render      report.Renderer
	}{
		{"twip-1", "txt", report.Text},
		{"twip-6", "txt", report.Text},
		{"twip-1", "md", report.Markdown},
		{"twip-6", "md", report.Markdown},
		{"twip-1", "ab", report.AB},
		{"twip-1", "csv", report.CSV},
	} {
		t.Run(test.doc+"."+test.format, func(t *testing.T) {
			golden(t, test.doc+"."+test.format, render(t, test.render, document(t, test.doc)))
		})
	}
}
