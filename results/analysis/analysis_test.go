package analysis_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/results/analysis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func summarize(t *testing.T, run *results.Run) *analysis.Document {
	t.Helper()
	doc, err := analysis.Summarize(run)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func encode(t *testing.T, doc *analysis.Document) []byte {
	t.Helper()
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// The golden documents are also what package report is tested with.
func TestSummarizeGolden(t *testing.T) {
	for name, trials := range map[string]int{"twip-1": 1, "twip-6": 6} {
		t.Run(name, func(t *testing.T) {
			run := storeTwip(t, trials)
			got := encode(t, summarize(t, run))
			if again := encode(t, summarize(t, run)); !bytes.Equal(got, again) {
				t.Fatal("the same run gave two different documents")
			}
			path := filepath.Join("testdata", name+".json")
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
				t.Errorf("document differs (-want +got); -update rewrites it:\n%s", diff)
			}
		})
	}
}
