package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results/analysis"
)

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

func TestGolden(t *testing.T) {
	for _, test := range []struct {
		doc, format string
		render      report.Renderer
	}{
		{"twip-1", "txt", report.Text},
		{"twip-6", "txt", report.Text},
		{"twip-1", "md", report.Markdown},
		{"gate-fail", "txt", report.Text},
		{"gate-fail", "md", report.Markdown},
		{"capacity", "txt", report.Text},
		{"capacity", "md", report.Markdown},
		{"capacity", "junit.xml", report.JUnit},
		{"capacity", "summary.md", report.Summary},
		{"capacity", "line", report.Line},
		{"twip-6", "md", report.Markdown},
		{"twip-1", "ab", report.AB},
		{"twip-1", "csv", report.CSV},
	} {
		t.Run(test.doc+"."+test.format, func(t *testing.T) {
			testenv.Golden(t, filepath.Join("testdata", test.doc+"."+test.format), string(render(t, test.render, document(t, test.doc))))
		})
	}
}

func TestByName(t *testing.T) {
	for _, name := range append(report.Formats(), "markdown", "txt") {
		if r, err := report.ByName(name); r == nil || err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"htm":    `unknown report format "htm", did you mean "html"? (formats: html, md, text, json, csv, ab, line, junit, github, summary)`,
		"HTML":   `unknown report format "HTML", did you mean "html"? (formats: html, md, text, json, csv, ab, line, junit, github, summary)`,
		"sqlite": `unknown report format "sqlite" (formats: html, md, text, json, csv, ab, line, junit, github, summary)`,
	} {
		if _, err := report.ByName(name); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}

// The same document gives the same bytes in every format, on one CPU and on two,
// and whatever order its maps have that time (method G2).
func TestDeterministic(t *testing.T) {
	for _, of := range []string{"twip-6", "gate-fail"} {
		for _, name := range report.Formats() {
			if of == "gate-fail" && name == "ab" {
				continue // which has no closed loop
			}
			r, err := report.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			first := render(t, r, document(t, of))
			for i := range 6 {
				before := runtime.GOMAXPROCS(1 + i%2)
				again := render(t, r, document(t, of)) // read again, so that its maps are new
				runtime.GOMAXPROCS(before)
				if !bytes.Equal(first, again) {
					t.Errorf("%s of %s differs from one time to the next", name, of)
				}
			}
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := document(t, "twip-6")
	got := new(analysis.Document)
	if err := json.Unmarshal(render(t, report.JSON, want), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document changed on its way (-want +got):\n%s", diff)
	}
}

func TestTextFitsATerminal(t *testing.T) {
	const widest = 120
	for _, line := range strings.Split(string(render(t, report.Text, document(t, "twip-6"))), "\n") {
		if n := utf8.RuneCountInString(line); n > widest {
			t.Errorf("%d characters: %s", n, line)
		}
		if strings.ContainsRune(line, '\x1b') {
			t.Errorf("colour that nobody asked for: %q", line)
		}
	}
	coloured := render(t, report.ColourText, document(t, "twip-6"))
	if !bytes.Contains(coloured, []byte("\x1b[32m✓ pass\x1b[0m")) {
		t.Error("ColourText has no green pass")
	}
	plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAll(coloured, nil)
	if diff := cmp.Diff(string(render(t, report.Text, document(t, "twip-6"))), string(plain)); diff != "" {
		t.Errorf("colour changes the text (-plain +coloured):\n%s", diff)
	}
}

func TestCSVHasEveryTrialAndReplica(t *testing.T) {
	doc := document(t, "twip-6")
	rows, err := csv.NewReader(bytes.NewReader(render(t, report.CSV, doc))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	throughputs, replicas := 0, 0
	for _, row := range rows[1:] {
		switch row[8] {
		case "throughput":
			throughputs++
		case "memory_peak":
			replicas++
		}
	}
	wantReplicas := 0
	for _, c := range doc.Cells {
		for _, trial := range c.Detail {
			wantReplicas += len(trial.Usage)
		}
	}
	if throughputs != doc.Finished || replicas != wantReplicas {
		t.Errorf("%d trials and %d replicas, want %d and %d", throughputs, replicas, doc.Finished, wantReplicas)
	}
}

// A run of which nothing was finished still has a report in every format that
// is not about a trial.
func TestNothingMeasured(t *testing.T) {
	doc := document(t, "twip-1")
	for i := range doc.Cells {
		c := &doc.Cells[i]
		*c = analysis.Cell{Name: c.Name, Environment: c.Environment, Scale: c.Scale, Load: c.Load, Mode: c.Mode, Planned: 1}
	}
	doc.Comparisons, doc.Scalings, doc.Headlines, doc.Finished = nil, nil, nil, 0
	for name, want := range map[string]string{
		"html": "none finished", "md": "none finished", "text": "none finished", "json": `"finished": 0`, "csv": "run,environment",
	} {
		r, err := report.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(render(t, r, doc)); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q", name, want)
		}
	}
}

// What comes from files and servers cannot become markup.
func TestHTMLEscapes(t *testing.T) {
	const evil = `<script>alert("x")</script>`
	doc := document(t, "twip-1")
	doc.Title = evil
	doc.Environments[0], doc.Scales[1] = evil, evil
	for i := range doc.Cells {
		c := &doc.Cells[i]
		if c.Environment == "training" {
			c.Environment = evil
		}
		if c.Scale != "as written" {
			c.Scale = evil
		}
	}
	doc.Warnings = []string{evil}
	doc.Cells[4].Used[0].Service = evil
	page := string(render(t, report.HTML, doc))
	if strings.Contains(page, "<script") {
		t.Error("a name became a script")
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the name is not there at all")
	}
}

func TestHTMLNeedsNothingElse(t *testing.T) {
	page := string(render(t, report.HTML, document(t, "twip-6")))
	for what, pattern := range map[string]string{
		"an address":             `(?i)https?://`,
		"a reference":            `(?i)(src|href)\s*=\s*"(?:[^#"d]|d[^a])`,
		"an import or url()":     `(?i)@import|url\(`,
		"a script":               `(?i)<script`,
		"a colour of no meaning": `#E00[123]`,
		"what was not safe":      `ZgotmplZ`,
		"a broken number":        `NaN|[^a-z]Inf[^a-z]`,
	} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %s: %q", what, found)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("id %q is there twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ids[link[1]] {
			t.Errorf("a link goes to #%s, which is not there", link[1])
		}
	}
}

// The page opens with the answer: verdicts, what has to be known before a number
// is believed, who was faster, and only then the tables, the plots and the
// provenance.
func TestHTMLOrder(t *testing.T) {
	doc := document(t, "twip-6")
	page := string(render(t, report.HTML, doc))
	at := 0
	for _, part := range []string{
		"<h1>twip", "Not every objective could be decided", `id="verdicts"`, "could not be decided in 4", `id="findings"`, "and 2 more",
		`id="faster"`, `class="spread"`, `id="objectives"`, `id="sides"`, `id="matrix"`, `id="plots"`, `id="trials"`, `id="replicas"`,
		`id="failures"`, `id="provenance"`,
	} {
		i := strings.Index(page[at:], part)
		if i < 0 {
			t.Fatalf("no %q after %q", part, page[max(0, at-60):at])
		}
		at += i
	}
	for _, c := range doc.Cells {
		if !strings.Contains(page, strconv.FormatFloat(c.P50.Median/1e6, 'f', 2, 64)) {
			t.Errorf("the p50 of %s is not on the page", c.Name)
		}
	}
}
