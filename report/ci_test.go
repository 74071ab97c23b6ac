package report_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
	"plimsoll/report"
	"plimsoll/results"
	"plimsoll/results/analysis"
)

// nasty is what no format may take for markup of its own.
const nasty = `"q" 'a' <b>&amp; 100%, a:b ]]> | é 日本 %0A` + "\nsecond\r\x1b[31m\x00line"

// visible is what may be left of a nasty text.
func visible(s string) string {
	return strings.NewReplacer("\x1b", "\ufffd", "\x00", "\ufffd").Replace(s)
}

// hostile is a run with every verdict, whose every name is nasty.
func hostile() *analysis.Document {
	cell := func(environment, load string, trials, counted int) analysis.Cell {
		c := analysis.Cell{
			Name: environment + " · as written · " + load, Environment: environment, Scale: "as written", Load: load,
			LoadText: nasty, Mode: "open", Planned: 2, Trials: trials, Counted: counted,
			Validity: results.Validity{Verdict: results.Valid},
		}
		if counted == 0 && trials > 0 {
			c.Validity = results.Validity{Verdict: results.Invalid, Reasons: []string{"late: " + nasty}}
		}
		for n := range trials {
			c.Detail = append(c.Detail, analysis.TrialDetail{Trial: results.Trial{Trial: n + 1, Duration: 1500 * time.Millisecond}})
		}
		return c
	}
	first := cell(nasty, "steady", 2, 2)
	first.Throughput = analysis.Range{Median: 100, Min: 99, Max: 101}
	second := cell("plain", "steady", 2, 0)
	third := cell("plain", nasty, 0, 0)
	place := func(line int) results.Place {
		return results.Place{File: "./perf, all/a:b%é.yaml", Line: line, Column: 5}
	}
	return &analysis.Document{
		Schema: analysis.Schema, Title: nasty, RunID: "hostile-20260601-093000", Started: time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC),
		Took: 90 * time.Second, Outcome: "failed", Finished: 4, Planned: 6,
		Environments: []string{nasty, "plain"}, Scales: []string{"as written"},
		Loads: []analysis.LoadInfo{{Name: "steady", Mode: "open", Text: nasty, Caution: "Caution."}, {Name: nasty, Mode: "open", Text: "text"}},
		Cells: []analysis.Cell{first, second, third},
		Objectives: []analysis.ObjectiveResult{
			{Objective: "p(99) < 1s", Cell: first.Name, Observed: "1.21 s", Verdict: analysis.Fail, Why: nasty, Place: place(12)},
			{Objective: "p(99) < 1s", Cell: second.Name, Verdict: analysis.InvalidResult, Why: "no valid trial: " + nasty, Place: place(12)},
			{Objective: "p(99) < 1s", Cell: third.Name, Verdict: analysis.Inconclusive, Why: "no trial was finished", Place: place(12)},
			{Objective: "errors < 1%", Cell: first.Name, Observed: "0 %", Verdict: analysis.Pass, Place: place(13)},
			{Objective: "errors < 1%", Cell: second.Name, Verdict: analysis.InvalidResult, Why: "no valid trial", Place: place(13)},
			{Objective: "errors < 1%", Cell: third.Name, Verdict: analysis.Inconclusive, Why: "no trial was finished", Place: place(13)},
			{Objective: "max < 1s", Cell: first.Name, Verdict: analysis.NotApplicable, Why: "closed loop", Place: results.Place{File: "shipped:twip.yaml", Line: 3, Column: 4}},
			{Objective: "max < 1s", Cell: first.Name, Verdict: analysis.NotApplicable, Why: "closed loop", Place: results.Place{File: "shipped:twip.yaml", Line: 3, Column: 4}},
			{Objective: "colour < red", Verdict: analysis.Inconclusive, Why: `there is no metric "colour"`, Place: place(14)},
		},
		Findings:   []analysis.Finding{{Kind: "odd", Cell: first.Name, What: nasty, Evidence: nasty}},
		Failures:   []results.Failure{{Index: 5, Environment: "plain", Reason: nasty}, {Index: 6, Environment: "plain", Reason: "skipped"}},
		Provenance: []analysis.Fact{{Name: nasty, Value: nasty}},
	}
}

// bare is a run without objectives: one cell measured, one void, one missing.
func bare() *analysis.Document {
	doc := hostile()
	doc.Outcome = "complete"
	doc.Title, doc.Objectives, doc.Failures, doc.Findings, doc.Provenance = "bare", nil, nil, nil, nil
	doc.Environments[0] = "first"
	for i, name := range []string{"first", "second", "third"} {
		c := &doc.Cells[i]
		c.Name, c.Environment, c.Load = name+" · as written · steady", name, "steady"
		if len(c.Validity.Reasons) > 0 {
			c.Validity.Reasons = []string{"the generator did not keep up"}
		}
	}
	doc.Environments, doc.Loads = []string{"first", "second", "third"}, []analysis.LoadInfo{{Name: "steady", Mode: "open", Text: "100/s", Caution: "Caution."}}
	return doc
}

func allOf(t *testing.T) map[string]*analysis.Document {
	return map[string]*analysis.Document{"twip-1": document(t, "twip-1"), "twip-6": document(t, "twip-6"), "hostile": hostile(), "bare": bare(),
		"gate-fail": document(t, "gate-fail"), "gate-pass": document(t, "gate-pass"), "capacity": document(t, "capacity")}
}

func TestGoldenOfCI(t *testing.T) {
	for name, doc := range allOf(t) {
		for extension, r := range map[string]report.Renderer{
			"line": report.Line, "junit.xml": report.JUnit, "github": report.GitHub, "summary.md": report.Summary,
		} {
			if name == "twip-1" && extension != "line" {
				continue
			}
			t.Run(name+"."+extension, func(t *testing.T) {
				testenv.Golden(t, filepath.Join("testdata", name+"."+extension), string(render(t, r, doc)))
			})
		}
	}
}

func TestLineIsOneLine(t *testing.T) {
	for name, doc := range allOf(t) {
		line := string(render(t, report.Line, doc))
		if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) != len(line)-1 {
			t.Errorf("%s: %q is not one line of plain text", name, line)
		}
	}
}

// junitForm is what all readers take: by element its children and attributes.
var junitForm = map[string]struct{ children, attributes []string }{
	"testsuites": {[]string{"testsuite"}, []string{"name", "tests", "failures", "errors", "time"}},
	"testsuite":  {[]string{"properties", "testcase"}, []string{"name", "tests", "failures", "errors", "time", "skipped", "timestamp"}},
	"properties": {[]string{"property"}, nil},
	"property":   {nil, []string{"name", "value"}},
	"testcase":   {[]string{"failure", "error", "skipped", "system-out"}, []string{"classname", "name", "time"}},
	"failure":    {nil, []string{"type", "message"}},
	"error":      {nil, []string{"type", "message"}},
	"skipped":    {nil, []string{"type", "message"}},
	"system-out": {nil, nil},
}

// checkJUnit holds a document against the form and returns how many elements of
// each name it has.
func checkJUnit(text []byte) (map[string]int, error) {
	number := map[string]int{}
	declared := map[string]string{}
	var open []string
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch element := token.(type) {
		case xml.StartElement:
			name := element.Name.Local
			allowed := []string{"testsuites"}
			if len(open) > 0 {
				allowed = junitForm[open[len(open)-1]].children
			}
			if !slices.Contains(allowed, name) {
				return nil, fmt.Errorf("%s stands in %v", name, open)
			}
			for _, a := range element.Attr {
				if !slices.Contains(junitForm[name].attributes, a.Name.Local) {
					return nil, fmt.Errorf("%s has the attribute %s", name, a.Name.Local)
				}
				if a.Name.Local == "time" {
					if _, err := strconv.ParseFloat(a.Value, 64); err != nil {
						return nil, err
					}
				}
				if name == "testsuite" {
					declared[a.Name.Local] = a.Value
				}
			}
			number[name]++
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	for attribute, element := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		if declared[attribute] != strconv.Itoa(number[element]) {
			return nil, fmt.Errorf("%s is %q, and there are %d", attribute, declared[attribute], number[element])
		}
	}
	return number, nil
}

func TestJUnitForm(t *testing.T) {
	docs := allOf(t)
	docs["empty"] = &analysis.Document{Title: "empty", Outcome: "complete"}
	docs["cut off"] = &analysis.Document{Title: "cut off"}
	for name, want := range map[string][4]int{ // cases, failures, errors, skipped
		"twip-6": {25, 0, 1, 12}, "hostile": {9, 1, 3, 4}, "bare": {3, 0, 1, 1}, "gate-fail": {3, 1, 0, 0}, "gate-pass": {3, 0, 0, 0}, "capacity": {1, 0, 0, 0}, "empty": {0, 0, 0, 0}, "cut off": {1, 0, 1, 0},
	} {
		number, err := checkJUnit(render(t, report.JUnit, docs[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := [4]int{number["testcase"], number["failure"], number["error"], number["skipped"]}; got != want {
			t.Errorf("%s: %v cases, failures, errors, skipped, want %v", name, got, want)
		}
	}
	for _, broken := range []string{
		`<testsuites><testsuite tests="1" failures="0" errors="0" skipped="0"></testsuite></testsuites>`,
		`<testsuites><testsuite tests="0" failures="0" errors="0" skipped="0" colour="red"></testsuite></testsuites>`,
		`<testsuites><testcase></testcase></testsuites>`,
		`<testsuites>`,
	} {
		if _, err := checkJUnit([]byte(broken)); err == nil {
			t.Errorf("the check finds nothing wrong with %s", broken)
		}
	}
}

// What comes out of the XML is what went in, but for what XML cannot hold.
func TestJUnitRoundTrip(t *testing.T) {
	var suites struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Class   string `xml:"classname,attr"`
				Name    string `xml:"name,attr"`
				Failure struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Out string `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(render(t, report.JUnit, hostile()), &suites); err != nil {
		t.Fatal(err)
	}
	clean := visible(nasty)
	suite := suites.Suites[0]
	first := suite.Cases[0]
	for _, test := range []struct{ got, want string }{
		{suite.Name, clean},
		{first.Class, clean + "." + clean},
		{first.Name, "p(99) < 1s [" + clean + " · as written · steady]"},
		{first.Failure.Message, "observed 1.21 s: " + clean},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	// XML's readers know one end of a line only.
	if clean := strings.ReplaceAll(clean, "\r", "\n"); !strings.Contains(first.Failure.Text, clean) || !strings.Contains(first.Out, clean) {
		t.Errorf("the text has not got all of %q:\n%s\n%s", clean, first.Failure.Text, first.Out)
	}
}

// command is a workflow command as GitHub's runner reads it.
type command struct {
	level, message string
	properties     map[string]string
}

func readCommand(t *testing.T, line string) command {
	t.Helper()
	rest, ok := strings.CutPrefix(line, "::")
	head, message, found := strings.Cut(rest, "::")
	level, list, spaced := strings.Cut(head, " ")
	if !ok || !found || !spaced {
		t.Fatalf("%q is not a command", line)
	}
	back := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	c := command{level: level, message: strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(message), properties: map[string]string{}}
	for _, property := range strings.Split(list, ",") {
		key, value, _ := strings.Cut(property, "=")
		c.properties[key] = back.Replace(value)
	}
	return c
}

func TestGitHubRoundTrip(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(string(render(t, report.GitHub, hostile())), "\n"), "\n")
	var got []command
	for _, line := range lines {
		got = append(got, readCommand(t, line))
	}
	at := func(line, title string) map[string]string {
		return map[string]string{"file": "perf, all/a:b%é.yaml", "line": line, "col": "5", "title": title}
	}
	nasty := visible(nasty)
	first, third := nasty+" · as written · steady: ", "plain · as written · "+nasty+": "
	want := []command{
		{"error", first + "observed 1.21 s: " + nasty, at("12", "p(99) < 1s: fail")},
		{"error", "plain · as written · steady: no valid trial: " + nasty, at("12", "p(99) < 1s: invalid")},
		{"warning", third + "no trial was finished", at("12", "p(99) < 1s: inconclusive")},
		{"error", "plain · as written · steady: no valid trial", at("13", "errors < 1%: invalid")},
		{"warning", third + "no trial was finished", at("13", "errors < 1%: inconclusive")},
		{"warning", "shipped:twip.yaml:3:4\n" + first + "closed loop", map[string]string{"title": "max < 1s: n/a"}},
		{"warning", `there is no metric "colour"`, at("14", "colour < red: inconclusive")},
		{"error", "plain: trial 5: " + nasty + "\ntrial 6: skipped", map[string]string{"title": "trials finished: not all"}},
		{"notice", strings.TrimSuffix(string(render(t, report.Line, hostile())), "\n"), map[string]string{"title": nasty + ": fail"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(command{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSummaryFits(t *testing.T) {
	doc := hostile()
	for n := range 40_000 {
		doc.Findings = append(doc.Findings, analysis.Finding{Kind: "odd", What: "Something is odd.", Evidence: fmt.Sprintf("piece of evidence number %d é", n)})
	}
	text := string(render(t, report.Summary, doc))
	if len(text) >= 1<<20 || len(text) < 1<<20-1000 {
		t.Errorf("%d bytes, want little less than 1 MiB", len(text))
	}
	for _, want := range []string{"# ✗ ", "## Objectives", "number 1000 é", "Shortened"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(string(render(t, report.Summary, hostile())), "Shortened") {
		t.Error("a short summary says that it was shortened")
	}
	if strings.ContainsAny(string(render(t, report.Summary, hostile())), "\r") || strings.Contains(text, "<b>") {
		t.Error("a name became markup")
	}
}
