package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results/analysis"
)

// sizing reads one of the sizings that package analysis is tested with.
func sizing(t testing.TB, name string) *analysis.Sizing {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "results", "analysis", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(analysis.Sizing)
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func renderSize(t testing.TB, format, name string) string {
	t.Helper()
	render, err := report.SizeByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := render(&b, sizing(t, name)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSizeGolden(t *testing.T) {
	for _, name := range []string{"size-answered", "size-beyond", "size-closed"} {
		for _, format := range []string{"txt", "md"} {
			t.Run(name+"."+format, func(t *testing.T) {
				testenv.Golden(t, filepath.Join("testdata", name+"."+format), renderSize(t, format, name))
			})
		}
	}
}

func TestSizePage(t *testing.T) {
	page := renderSize(t, "html", "size-answered")
	for _, want := range []string{"<svg class=\"plot\"", "90 % interval of the replicas", "What 350.0/s takes", "EUR an hour", "v-pass"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if page := renderSize(t, "html", "size-closed"); strings.Contains(page, "<svg class=\"plot\"") || !strings.Contains(page, "v-inconclusive") {
		t.Error("a closed loop has a plot of supported rates")
	}
	// What a run calls its things stays text.
	hostile := sizing(t, "size-answered")
	hostile.Service, hostile.Notes = "<script>alert(1)</script>", []string{"<b>|"}
	var b bytes.Buffer
	if err := report.SizeHTML(&b, hostile); err != nil || strings.Contains(b.String(), "<script>") || strings.Contains(b.String(), "<b>|") {
		t.Errorf("%v, or names became markup", err)
	}
	b.Reset()
	if err := report.SizeMarkdown(&b, hostile); err != nil || strings.Contains(b.String(), "<script>") || strings.Contains(b.String(), "<b>|") {
		t.Errorf("%v, or names became markup", err)
	}
}

func TestSizePageInBrowser(t *testing.T) {
	browser := testenv.Command(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	path := filepath.Join(t.TempDir(), "size.html")
	if err := os.WriteFile(path, []byte(renderSize(t, "html", "size-answered")), 0o644); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	ctx, seen := openBrowser(t, browser)
	for _, width := range []int64{1280, 390} {
		do(t, ctx, resize(width), chromedp.Navigate(address))
		for _, what := range append(evaluate[[]string](t, ctx, overflowing), evaluate[[]string](t, ctx, emptyPlots)...) {
			t.Errorf("at a width of %d: %s", width, what)
		}
		screenshot(t, ctx, fmt.Sprintf("size-%d", width))
	}
	checkDark(t, ctx, address)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, r := range seen.requests {
		if r != address && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s", r)
		}
	}
	for _, e := range seen.errors {
		t.Errorf("console: %s", e)
	}
}
