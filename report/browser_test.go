package report_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
)

// TestPageInBrowser opens the page as a reader does.
func TestPageInBrowser(t *testing.T) {
	browser := testenv.Command(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	path := filepath.Join(t.TempDir(), "report.html")
	page := render(t, report.HTML, document(t, "twip-6"))
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	ctx, seen := openBrowser(t, browser)

	for _, width := range []int64{1280, 390} {
		do(t, ctx, resize(width), chromedp.Navigate(address),
			chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
		for _, what := range evaluate[[]string](t, ctx, overflowing) {
			t.Errorf("at a width of %d the page scrolls sideways: %s", width, what)
		}
		for _, what := range evaluate[[]string](t, ctx, emptyPlots) {
			t.Errorf("at a width of %d a plot is empty: %s", width, what)
		}
		plots := evaluate[int](t, ctx, `document.querySelectorAll("svg.plot").length`)
		if want := bytes.Count(page, []byte("<figure>")); plots != want || plots < 8 {
			t.Errorf("at a width of %d there are %d plots, want %d and no fewer than 8", width, plots, want)
		}
		screenshot(t, ctx, fmt.Sprintf("report-%d", width))
	}
	checkDark(t, ctx, address)

	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, r := range seen.requests {
		if r != address && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s", r)
		}
	}
	if len(seen.requests) == 0 {
		t.Error("the network log is empty: it was not on")
	}
	for _, e := range seen.errors {
		t.Errorf("console: %s", e)
	}
}

// overflowing lists what makes the page wider than the window, or is empty.
const overflowing = `(() => {
	const page = document.documentElement;
	if (page.scrollWidth <= page.clientWidth) return [];
	return [...document.querySelectorAll("body *")]
		.filter(e => !e.closest(".scroll table") && e.getBoundingClientRect().right > page.clientWidth + 1)
		.map(e => e.tagName + "." + e.getAttribute("class") + " " + e.textContent.slice(0, 60));
})()`

// emptyPlots lists plots without size, without lines, or with a line that has
// no length.
const emptyPlots = `[...document.querySelectorAll("svg.plot")].filter(svg => {
	const box = svg.getBoundingClientRect();
	const paths = [...svg.querySelectorAll("path")];
	const lines = paths.filter(p => (p.getAttribute("style") || "").includes("--env-"));
	return box.width < 100 || box.height < 50 || lines.length === 0 ||
		paths.some(p => !p.getAttribute("d")) || !lines.some(p => p.getTotalLength() > 0) ||
		/NaN|Inf/.test(svg.outerHTML);
}).map(svg => svg.getAttribute("aria-label"))`

// checkDark checks that page, text and plots follow the reader's choice.
func checkDark(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	const colours = `(() => {
		const of = (e, p) => getComputedStyle(e)[p];
		const text = document.querySelector("svg.plot text"), line = document.querySelector("svg.plot path[style*='--grid']");
		return [of(document.body, "backgroundColor"), of(document.body, "color"), of(text, "fill"), of(line, "stroke")];
	})()`
	got := map[string][]string{}
	for _, scheme := range []string{"light", "dark"} {
		do(t, ctx, resize(1280), prefer(scheme), chromedp.Navigate(address))
		got[scheme] = evaluate[[]string](t, ctx, colours)
		screenshot(t, ctx, "report-"+scheme)
	}
	for i, what := range []string{"the background", "the text", "the plots' text", "the plots' grid"} {
		if got["light"][i] == got["dark"][i] {
			t.Errorf("%s is %s in light and in dark mode", what, got["light"][i])
		}
	}
}

// observed is what the browser did beside showing the page.
type observed struct {
	mu       sync.Mutex
	requests []string
	errors   []string
}

func openBrowser(t *testing.T, path string) (context.Context, *observed) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	seen := new(observed)
	if err := chromedp.Listen(ctx, seen.add); err != nil {
		t.Fatal(err)
	}
	for _, command := range []cdp.Command[cdp.Empty, cdp.Empty]{log.Enable, runtime.Enable} {
		if _, err := chromedp.Call(ctx, command, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return ctx, seen
}

func (o *observed) add(event any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		o.requests = append(o.requests, e.Request.URL)
	case *log.EventEntryAdded:
		o.errors = append(o.errors, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		o.errors = append(o.errors, fmt.Sprint(e.Type))
	case *runtime.EventExceptionThrown:
		o.errors = append(o.errors, e.ExceptionDetails.Text)
	}
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func resize(width int64) chromedp.Action[chromedp.Void] {
	return send(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 844, DeviceScaleFactor: 1, Mobile: width < 500,
	})
}

func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

func send[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

// screenshot keeps a picture of the whole page in PLIMSOLL_SCREENSHOTS, if that
// is set, for somebody to look at.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PLIMSOLL_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
