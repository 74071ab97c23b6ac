package published_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/foreign"
	"plimsoll/results/published"
)

// summarize imports files and reads what became of them.
func summarize(t *testing.T, files ...foreign.File) *analysis.Document {
	t.Helper()
	dir, err := foreign.Store(foreign.Options{
		Out: t.TempDir(), Format: foreign.Auto, Version: "test", Command: []string{"plimsoll", "import", "published"},
		Now: time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC),
	}, files)
	if err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := analysis.Summarize(run)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func all(t *testing.T) []foreign.File {
	t.Helper()
	var files []foreign.File
	for _, name := range published.Names() {
		text, err := published.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, foreign.File{Name: name, Text: text})
	}
	return files
}

// TestNames: every file is named, so that all of them are imported.
func TestNames(t *testing.T) {
	entries, err := published.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(published.Names()) {
		t.Errorf("%d files, %d names", len(entries), len(published.Names()))
	}
}

// TestFindings: the published runs alone lead to these findings and no others.
// Scaling to web=3 is not shown to be slower: one stall of about 10 of 1000
// requests, one batch of the loop, holds more than half of the request time.
// The replicas of static got no traffic. The cloud is bound by two round trips
// a request, not by its capacity, and loss is suspected there. The balancer's
// and ab's byte counts agree. Nothing tells that training sits on one replica.
func TestFindings(t *testing.T) {
	doc := summarize(t, all(t)...)
	type found struct{ Kind, Cell string }
	var got []found
	evidence := map[string]string{}
	for _, f := range doc.Findings {
		got = append(got, found{f.Kind, f.Cell})
		evidence[f.Kind] = f.Evidence
	}
	const scaled, cloud = "production · static=2,web=3 · ab", "cloud · as written · ab"
	if diff := cmp.Diff([]found{{"coldscale", scaled}, {"unreached", scaled}, {"distance", cloud}, {"lost", cloud}, {"match", scaled}}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for kind, parts := range map[string][]string{
		"coldscale": {"10 of 1\u202f000 requests, as many as the loop keeps in flight", "54 to 61 %", "560/s to 640/s", "prod_web_2 and prod_web_3 down", "The p99 rests on 10 requests", "A load of 3.92 s"},
		"unreached": {"none to static (prod_static_1 and prod_static_2)"},
		"distance":  {"two round trips a request, of about 190 ms each", "96 % of the p50"},
		"lost":      {"3.27 s", "3s apart"},
		"match":     {"561\u202f938", "542\u202f938", "the same to the byte"},
	} {
		for _, part := range parts {
			if !strings.Contains(evidence[kind], part) {
				t.Errorf("%s: %q does not say %q", kind, evidence[kind], part)
			}
		}
	}
}

// slower finds what could be taken for "web=3 is slower" but for the sentence
// that it is not shown to be.
var slower = regexp.MustCompile(`(?i)slow(er|ed)|worse|degrad|retrograde|made a difference|\bdrop|−61|-61|2\.5[0-9]×`)

// TestReports: no report says, or draws, that the larger scale is slower.
func TestReports(t *testing.T) {
	doc := summarize(t, all(t)...)
	for format, render := range map[string]report.Renderer{"txt": report.Text, "md": report.Markdown, "html": report.HTML, "summary": report.Summary, "json": report.JSON} {
		var b bytes.Buffer
		if err := render(&b, doc); err != nil {
			t.Fatal(err)
		}
		if format == "txt" || format == "md" {
			testenv.Golden(t, filepath.Join("testdata", "published."+format), b.String())
		}
		text := strings.Join(strings.Fields(b.String()), " ")
		if !strings.Contains(text, "not shown that static=2,web=3 is slower") {
			t.Errorf("%s: it does not say that static=2,web=3 is not shown to be slower", format)
		}
		for _, denied := range []string{"it is not shown that static=2,web=3 is slower", "is not shown to be slower"} {
			text = strings.ReplaceAll(text, denied, "")
		}
		for _, hit := range slower.FindAllStringIndex(text, -1) {
			t.Errorf("%s: …%s…", format, text[max(0, hit[0]-60):min(len(text), hit[1]+60)])
		}
	}
	for _, s := range doc.Scalings {
		if s.Decided || !s.Cold {
			t.Errorf("%+v", s)
		}
	}
}

// TestPinnedTraining: the evidence that the publication lacks, a balancer whose
// one server got every session, makes the finding that it cannot.
func TestPinnedTraining(t *testing.T) {
	page, err := os.ReadFile("testdata/training.haproxy.csv")
	if err != nil {
		t.Fatal(err)
	}
	doc := summarize(t, append(all(t), foreign.File{Name: "training.haproxy.csv", Text: page})...)
	for _, f := range doc.Findings {
		if f.Kind == "pinned" && f.Cell == "training · as written · ab" && strings.Contains(f.Evidence, "1 of 2 webapp replicas (web1) served all 1\u202f000 requests") {
			return
		}
	}
	t.Errorf("no finding that one replica served everything: %+v", doc.Findings)
}
