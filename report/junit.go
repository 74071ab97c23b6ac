package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"plimsoll/results/analysis"
)

// The dialect is what the JUnit step and the xUnit plugin (junit-10.xsd) of
// Jenkins, GitLab and the usual actions for GitHub all read: no attribute that
// one of them refuses, so no file and line for a case.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Time     string `xml:"time,attr"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Skipped    int             `xml:"skipped,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		ClassName string      `xml:"classname,attr"`
		Name      string      `xml:"name,attr"`
		Time      string      `xml:"time,attr"`
		Failure   *junitNote  `xml:"failure"`
		Error     *junitNote  `xml:"error"`
		Skipped   *junitNote  `xml:"skipped"`
		Out       *junitPlain `xml:"system-out"`
	}
	junitNote struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
	junitPlain struct {
		Text string `xml:",cdata"`
	}
)

// JUnit writes the objectives as JUnit's XML: a case for each objective of each
// cell. What failed is a failure, what is invalid an error, and what could not
// be judged is skipped, with the reason. A cell that no objective judges has a
// case that says whether it was measured.
func JUnit(w io.Writer, doc *analysis.Document) error {
	suite := junitSuite{
		Name: doc.Title, Timestamp: doc.Started.UTC().Format("2006-01-02T15:04:05"),
		junitCounts: junitCounts{Time: junitSeconds(doc.Took.Seconds())},
	}
	for _, f := range doc.Provenance {
		suite.Properties = append(suite.Properties, junitProperty(f))
	}
	for _, c := range checks(doc) {
		suite.add(doc.Title, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Name: "plimsoll", junitCounts: suite.junitCounts, Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(title string, c check) {
	out := junitCase{ClassName: title, Name: c.name, Time: junitSeconds(c.took.Seconds())}
	if c.environment != "" {
		out.ClassName += "." + c.environment
	}
	if where := c.where(); where != "" {
		out.Name += " [" + where + "]"
	}
	note := &junitNote{Type: c.word(), Message: c.sentence()}
	if c.figures != "" {
		out.Out = &junitPlain{xmlText(c.figures)}
	}
	s.Tests++
	switch c.verdict {
	case analysis.Pass:
	case analysis.Fail:
		s.Failures++
		note.Text = fmt.Sprintf("%s\n%s\n", c.name, note.Message)
		out.Failure = note
	case analysis.InvalidResult:
		s.Errors++
		note.Text = note.Message + "\n"
		out.Error = note
	default:
		s.Skipped++
		out.Skipped = note
	}
	if note.Text != "" && out.Out != nil {
		note.Text += "\n" + out.Out.Text // GitLab shows this and no system-out
	}
	note.Text = xmlText(note.Text)
	s.Cases = append(s.Cases, out)
}

// xmlText is printable text as XML's readers hand it on: they know one end of a
// line only.
func xmlText(s string) string {
	return printable(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
}

func junitSeconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }
