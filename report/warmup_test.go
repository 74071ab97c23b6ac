package report_test

import (
	"bytes"
	"strings"
	"testing"

	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/steady"
)

func TestColdStart(t *testing.T) {
	doc := document(t, "twip-1")
	for name, render := range map[string]report.Renderer{"text": report.Text, "markdown": report.Markdown, "html": report.HTML} {
		var b bytes.Buffer
		if err := render(&b, doc); err != nil || strings.Contains(b.String(), "Cold start") {
			t.Errorf("%s: a cold start of which nothing is told, %v", name, err)
		}
	}
	at := func(ms float64) analysis.Range { return analysis.Range{Median: ms * 1e6, Min: ms * 1e6, Max: ms * 1e6} }
	after := at(61_000)
	cold, checked := &doc.Cells[0], &doc.Cells[1]
	cold.ColdStart = &analysis.ColdStart{First: at(2100), Worst: at(2200), SteadyAfter: &after}
	cold.Labels.Steady = "steady"
	checked.Detail[0].Steady = &results.Steadiness{Verdict: steady.Undetermined, After: 0, Why: "noise"}
	checked.Labels.Steady, checked.Counted, checked.Unsteady = "undetermined", 0, 1
	for name, c := range map[string]struct {
		render report.Renderer
		want   []string
	}{
		"text": {report.Text, []string{
			"\nCold start\n",
			cold.Name + "           2.10 s            2.20 s          1m1s  steady\n",
			checked.Name + "              –                 –             –  undetermined\n",
			"1 trial, not steady",
		}},
		"markdown": {report.Markdown, []string{
			"\n## Cold start\n", "| " + cold.Name + " | 2.10 s | 2.20 s | 1m1s | steady |\n", "| " + checked.Name + " | – | – | – | undetermined |\n",
		}},
		"html": {report.HTML, []string{
			`<a href="#coldstart">`, `<td class="num">2.10 s</td><td class="num">2.20 s</td><td class="num">1m1s</td><td>steady</td>`,
		}},
	} {
		var b bytes.Buffer
		if err := c.render(&b, doc); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}
