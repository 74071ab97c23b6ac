package analysis_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/results/analysis"
	"plimsoll/results/steady"
)

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
			testenv.Golden(t, filepath.Join("testdata", name+".json"), string(got))
		})
	}
}

func TestSummarizeWithoutAPlan(t *testing.T) {
	if doc, err := analysis.Summarize(&results.Run{}); err == nil {
		t.Errorf("a run without a plan gave %+v", doc)
	}
}

// A run that was killed at once still has a report that says so.
func TestSummarizeWithoutTrials(t *testing.T) {
	run := storeTwip(t, 1)
	run.Trials = nil
	run.Manifest.Ended, run.Manifest.Outcome = time.Time{}, ""
	doc := summarize(t, run)
	if len(doc.Cells) != 8 || doc.Finished != 0 || doc.Took != 0 {
		t.Errorf("%d cells, %d finished, took %v; want 8, 0 and 0", len(doc.Cells), doc.Finished, doc.Took)
	}
	if doc.Verdict() != analysis.Inconclusive || len(doc.Comparisons) != 0 {
		t.Errorf("verdict %q with %d comparisons", doc.Verdict(), len(doc.Comparisons))
	}
}

// A log that is cut, or gone, costs its trial what only the log tells, and
// nothing else.
func TestSummarizeWithBrokenLogs(t *testing.T) {
	run := storeTwip(t, 1)
	want := summarize(t, run)
	cut, gone := filepath.Join(run.Trials[0].Dir, "log.ndjson"), filepath.Join(run.Trials[1].Dir, "log.ndjson")
	text, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, text[:len(text)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	got := summarize(t, run)
	if len(got.Warnings) != 2 {
		t.Errorf("warnings %q, want one for each broken log", got.Warnings)
	}
	for i := range want.Cells {
		if diff := cmp.Diff(want.Cells[i].P99, got.Cells[i].P99); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Cells[i].Name, diff)
		}
	}
}

// An invalid trial enters no figure, no comparison and no objective.
func TestInvalidTrialsDecideNothing(t *testing.T) {
	run := storeTwip(t, 2)
	for i := range run.Trials {
		if run.Trials[i].Trial.Trial == 2 {
			run.Trials[i].Trial.Validity.Verdict = results.Invalid
		}
	}
	with := summarize(t, run)
	only := storeTwip(t, 1)
	without := summarize(t, only)
	for i, c := range with.Cells {
		if want := without.Cells[i]; c.Throughput != want.Throughput || c.P99 != want.P99 || c.Requests != want.Requests {
			t.Errorf("%s: %v and %v, want %v and %v as without the invalid trial", c.Name, c.Throughput, c.P99, want.Throughput, want.P99)
		}
	}
	if diff := cmp.Diff(without.Comparisons, with.Comparisons); diff != "" {
		t.Errorf("comparisons (-without +with):\n%s", diff)
	}
	if diff := cmp.Diff(without.Objectives, with.Objectives); diff != "" {
		t.Errorf("objectives (-without +with):\n%s", diff)
	}
}

// Colours hang on the order of the environments, so that must not hang on the
// order of execution.
func TestOrderIsTheScenarios(t *testing.T) {
	run := storeTwip(t, 1)
	want := encode(t, summarize(t, run))
	slices.Reverse(run.Manifest.Plan.Trials)
	slices.Reverse(run.Trials)
	if got := encode(t, summarize(t, run)); !bytes.Equal(want, got) {
		t.Error("another order of execution gave another document")
	}
}

// The order in which trials are stored, the number of CPUs and the order of maps
// do not show in a document (method G2).
func TestSummarizeIsDeterministic(t *testing.T) {
	run := storeTwip(t, 1)
	want := encode(t, summarize(t, run))
	for i := range 4 {
		again, err := results.Open(run.Dir)
		if err != nil {
			t.Fatal(err)
		}
		before := runtime.GOMAXPROCS(1 + i%2)
		got := encode(t, summarize(t, again))
		runtime.GOMAXPROCS(before)
		if !bytes.Equal(want, got) {
			t.Fatalf("time %d: another document", i)
		}
	}
}

// What was found steady may be measured briefly.
func TestShortTrialsOfSteadySystems(t *testing.T) {
	run := storeTwip(t, 5)
	short := func() (scalings, findings int) {
		doc := summarize(t, run)
		for _, s := range doc.Scalings {
			if strings.Contains(s.Text, "that can show a steady state") {
				scalings++
			}
		}
		for _, f := range doc.Findings {
			if f.Kind == "short" {
				findings++
			}
		}
		return scalings, findings
	}
	if s, f := short(); s == 0 || f == 0 {
		t.Errorf("%d scalings and %d findings say that 10 s are short, want some", s, f)
	}
	for i := range run.Trials {
		run.Trials[i].Trial.Steady = &results.Steadiness{Verdict: steady.Steady, After: 40 * time.Second}
	}
	if s, f := short(); s+f > 0 {
		t.Errorf("%d scalings and %d findings still say it", s, f)
	}
}

// Where no trial of a side was in a steady state, everything that would rest on
// it is withheld, with the reason.
func TestUnsteadyCellsAreWithheld(t *testing.T) {
	run := storeTwip(t, 5)
	for i := range run.Trials {
		if trial := &run.Trials[i].Trial; trial.Environment == "production" && trial.Load == "steady" {
			trial.Steady = &results.Steadiness{Verdict: steady.Degrading, Why: "it got slower after 30 s (p99 +20 %)"}
		}
	}
	doc := summarize(t, run)
	const why = "no trial was in a steady state: degrading: it got slower after 30 s (p99 +20 %)"
	compared, scaled, judged := 0, 0, 0
	for _, c := range doc.Comparisons {
		if c.Load != "steady" {
			continue
		}
		compared++
		if c.Standing != analysis.InDoubt || !strings.HasPrefix(c.Why, "production: "+why) {
			t.Errorf("%s: %s, %q", c.Metric.Name, c.Standing, c.Why)
		}
	}
	for _, s := range doc.Scalings {
		if s.Environment == "production" && s.Load == "steady" {
			scaled++
			if s.Decided || !strings.Contains(s.Text, why) {
				t.Error(s.Text)
			}
		}
	}
	for _, o := range doc.Objectives {
		if c := doc.Cell("production", doc.Scales[0], "steady"); o.Cell == c.Name && o.Objective == "p(99) < 1s" {
			judged++
			if o.Verdict != analysis.Inconclusive || !strings.HasPrefix(o.Why, why) {
				t.Errorf("%+v", o)
			}
		}
	}
	if compared == 0 || scaled == 0 || judged == 0 {
		t.Errorf("%d comparisons, %d scalings, %d objectives: want some of each", compared, scaled, judged)
	}
	said := false
	for _, h := range doc.Headlines {
		said = said || strings.Contains(h.Text, "not of a system in a steady state: shown, but left out of all verdicts and comparisons")
	}
	if !said {
		t.Errorf("headlines %+v", doc.Headlines)
	}
}
