package report

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"plimsoll/results/analysis"
)

// GitHub writes workflow commands that make annotations: an error for each
// objective that failed or is invalid, a warning for each that could not be
// judged, at its line of the scenario file, and a notice with the verdict. All
// cells of an objective are in one annotation, because GitHub shows ten of a
// kind for a step.
func GitHub(w io.Writer, doc *analysis.Document) error {
	var b bytes.Buffer
	for _, a := range annotations(doc) {
		a.write(&b)
	}
	annotation{level: "notice", title: doc.Title + ": " + string(doc.Verdict()), lines: []string{verdictText(doc)}}.write(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// annotation is one workflow command.
type annotation struct {
	level      string // error, warning or notice
	title      string
	lines      []string
	properties []string // file, line and col, if they are known
}

func annotations(doc *analysis.Document) []annotation {
	var list []annotation
	var names []string
	all := checks(doc)
	for _, c := range all {
		level := annotationLevel(c, all)
		if level == "" {
			continue
		}
		key := c.name + "\n" + string(c.verdict)
		i := slices.Index(names, key)
		if i < 0 {
			names = append(names, key)
			list = append(list, annotation{level: level, title: c.name + ": " + c.word(), properties: annotationPlace(c)})
			i = len(list) - 1
			if c.place.Shipped() {
				list[i].lines = append(list[i].lines, c.place.String())
			}
		}
		line := c.sentence()
		if where := c.where(); where != "" {
			line = where + ": " + line
		}
		list[i].lines = append(list[i].lines, line)
	}
	return list
}

// annotationLevel is empty for what needs no annotation. That an objective says
// nothing about a cell is worth one only where it says nothing about any.
func annotationLevel(c check, all []check) string {
	switch c.verdict {
	case analysis.Pass:
		return ""
	case analysis.NotApplicable:
		if slices.ContainsFunc(all, func(other check) bool { return other.name == c.name && other.verdict != analysis.NotApplicable }) {
			return ""
		}
		return "warning"
	case analysis.Inconclusive:
		return "warning"
	}
	return "error"
}

// annotationPlace is where an annotation points to. A shipped scenario is no
// file of the checkout.
func annotationPlace(c check) []string {
	if c.place.File == "" || c.place.Shipped() {
		return nil
	}
	// Of a relative name GitHub wants it as git has it, without "./".
	return []string{"file=" + githubProperty(path.Clean(c.place.File)), "line=" + strconv.Itoa(c.place.Line), "col=" + strconv.Itoa(c.place.Column)}
}

func (a annotation) write(b *bytes.Buffer) {
	properties := append(slices.Clone(a.properties), "title="+githubProperty(a.title))
	fmt.Fprintf(b, "::%s %s::%s\n", a.level, strings.Join(properties, ","), githubData(strings.Join(a.lines, "\n")))
}

// The runner turns these sequences back, and no others.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(printable(s))
}

func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(printable(s))
}
