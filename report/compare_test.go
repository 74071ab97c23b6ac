package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// subject is the document of that name as one side of a comparison.
func subject(t testing.TB, name, selector string) analysis.Subject {
	t.Helper()
	s := analysis.Subject{Asked: "latest:" + selector, Document: document(t, name)}
	s.Manifest = results.Manifest{
		ID: s.Document.RunID, Scenario: s.Document.Title, Started: s.Document.Started, Loads: map[string]results.LoadSummary{},
		Provenance: results.Provenance{
			Version: "0.1.0", Host: "bench-1", Kernel: "6.12.0", Warmup: "3s",
			Engines: map[string]string{"training": "docker 29.0.1", "production": "docker 29.0.1"},
			Images:  map[string]string{"training/web": "news:1", "production/web": "news:1"},
		},
	}
	for _, l := range s.Document.Loads {
		s.Manifest.Loads[l.Name] = results.LoadSummary{Mode: l.Mode, Text: l.Text, Concurrency: 10, Rate: 200}
	}
	var err error
	if s.Selector, err = analysis.ParseSelector(selector); err != nil {
		t.Fatal(err)
	}
	return s
}

// environments compares two environments of a run, runs one of them in two:
// the second one on another day and machine, a tenth slower, and with a load
// that cannot be compared.
func environments(t testing.TB) *analysis.Pairing {
	t.Helper()
	return compared(t, subject(t, "twip-6", "training"), subject(t, "twip-6", "production"))
}

func runs(t testing.TB) *analysis.Pairing {
	t.Helper()
	a, b := subject(t, "twip-6", "production"), subject(t, "twip-6", "production/as written")
	b.Manifest.ID, b.Manifest.Started = "twip-20260602-093000", a.Manifest.Started.Add(24*time.Hour)
	b.Manifest.Provenance.Version, b.Manifest.Provenance.Kernel = "0.2.0", "6.13.0"
	b.Manifest.Provenance.Images = map[string]string{"production/web": "news:2"}
	for i := range b.Document.Cells {
		for k := range b.Document.Cells[i].Detail {
			r := &b.Document.Cells[i].Detail[k].Latency.Response
			for _, p := range []*time.Duration{&r.P50, &r.P90, &r.P99} {
				*p += *p / 10
			}
		}
		for k := range b.Document.Cells[i].Curve {
			b.Document.Cells[i].Curve[k].Latency += b.Document.Cells[i].Curve[k].Latency / 10
		}
	}
	l := b.Manifest.Loads["ab"]
	l.KeepAlive = true
	b.Manifest.Loads["ab"] = l
	return compared(t, a, b)
}

func compared(t testing.TB, a, b analysis.Subject) *analysis.Pairing {
	t.Helper()
	p, err := analysis.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func renderCompare(t testing.TB, r report.CompareRenderer, p *analysis.Pairing) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompareGolden(t *testing.T) {
	for _, test := range []struct {
		name   string
		p      *analysis.Pairing
		render report.CompareRenderer
	}{
		{"compare-environments.txt", environments(t), report.CompareText},
		{"compare-environments.md", environments(t), report.CompareMarkdown},
		{"compare-runs.txt", runs(t), report.CompareText},
		{"compare-runs.md", runs(t), report.CompareMarkdown},
		{"compare-runs.html", runs(t), report.CompareHTML},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.Golden(t, filepath.Join("testdata", test.name), string(renderCompare(t, test.render, test.p)))
		})
	}
}

func TestCompareByName(t *testing.T) {
	for _, name := range append(report.CompareFormats(), "markdown", "txt") {
		if r, err := report.CompareByName(name); r == nil || err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const want = `unknown report format "htm", did you mean "html"? (formats: text, md, html, json)`
	if _, err := report.CompareByName("htm"); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestCompareJSONRoundTrip(t *testing.T) {
	want := environments(t)
	got := new(analysis.Pairing)
	if err := json.Unmarshal(renderCompare(t, report.CompareJSON, want), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the comparison changed on its way (-want +got):\n%s", diff)
	}
}

func TestCompareTextFitsATerminal(t *testing.T) {
	for _, p := range []*analysis.Pairing{environments(t), runs(t)} {
		for _, line := range strings.Split(string(renderCompare(t, report.CompareText, p)), "\n") {
			if n := utf8.RuneCountInString(line); n > 110 {
				t.Errorf("%d characters: %s", n, line)
			}
		}
	}
}

// A comparison never says which side is to be taken.
func TestCompareGivesNoVerdict(t *testing.T) {
	verdict := regexp.MustCompile(`(?i)\b(pass|fail|winner|significant|regression|because of)\b`)
	for name, p := range map[string]*analysis.Pairing{"environments": environments(t), "runs": runs(t)} {
		for _, format := range []string{"text", "md", "html"} {
			r, err := report.CompareByName(format)
			if err != nil {
				t.Fatal(err)
			}
			text := string(renderCompare(t, r, p))
			if format == "html" {
				_, text, _ = strings.Cut(text, "</style>")
			}
			if found := verdict.FindString(text); found != "" {
				t.Errorf("%s as %s says %q", name, format, found)
			}
		}
	}
}

func TestComparePageInBrowser(t *testing.T) {
	browser := testenv.Command(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	path := filepath.Join(t.TempDir(), "compare.html")
	page := renderCompare(t, report.CompareHTML, environments(t))
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, seen := openBrowser(t, browser)
	for _, width := range []int64{1280, 390} {
		do(t, ctx, resize(width), chromedp.Navigate("file://"+filepath.ToSlash(path)))
		for _, what := range evaluate[[]string](t, ctx, overflowing) {
			t.Errorf("at a width of %d the page scrolls sideways: %s", width, what)
		}
		for _, what := range evaluate[[]string](t, ctx, emptyPlots) {
			t.Errorf("at a width of %d a plot is empty: %s", width, what)
		}
		if plots := evaluate[int](t, ctx, `document.querySelectorAll("svg.plot").length`); plots != bytes.Count(page, []byte("<figure>")) || plots < 6 {
			t.Errorf("at a width of %d there are %d plots", width, plots)
		}
		// Both sides are in every plot, and every mark of a ratio is inside of
		// its cell.
		for _, what := range evaluate[[]string](t, ctx, `[...document.querySelectorAll("svg.plot")].filter(s =>
			!/--env-0/.test(s.outerHTML) || !/--env-1/.test(s.outerHTML)).map(s => s.getAttribute("aria-label"))`) {
			t.Errorf("one side is missing in %s", what)
		}
		for _, what := range evaluate[[]string](t, ctx, `[...document.querySelectorAll(".ratio")].filter(r => {
			const outer = r.getBoundingClientRect();
			return [...r.querySelectorAll("i, b")].some(e => {
				const box = e.getBoundingClientRect();
				return box.left < outer.left - 6 || box.right > outer.right + 6 || box.width < 1;
			});
		}).map(r => r.closest("tr").textContent)`) {
			t.Errorf("at a width of %d a ratio is drawn outside of its axis: %s", width, what)
		}
		screenshot(t, ctx, "compare-"+map[bool]string{true: "wide", false: "narrow"}[width > 500])
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, r := range seen.requests {
		if !strings.HasPrefix(r, "file:") && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s", r)
		}
	}
	for _, e := range seen.errors {
		t.Errorf("console: %s", e)
	}
}

// What comes from records cannot become markup.
func TestCompareHTMLEscapes(t *testing.T) {
	const evil = `<script>alert("x")</script>`
	p := environments(t)
	p.A.Label, p.Scope, p.Warnings = evil, evil, []string{evil}
	p.Pairs[0].Name, p.Pairs[0].Cautions = evil, []string{evil}
	p.Differences = []analysis.Difference{{What: evil, A: evil, B: evil}}
	page := string(renderCompare(t, report.CompareHTML, p))
	if strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("a name became a script, or is not there at all")
	}
	for _, pattern := range []string{`(?i)https?://`, `ZgotmplZ`, `NaN|[^a-z]Inf[^a-z]`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
}
