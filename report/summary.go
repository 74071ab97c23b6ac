package report

import (
	"fmt"
	"io"
	"strings"

	"plimsoll/results/analysis"
)

// mostSummary bounds a summary in bytes: GitHub shows none that is longer than
// 1 MiB.
const mostSummary = 1<<20 - 1

// Summary writes what a step's summary has room for, as Markdown: the verdict
// first, then the gate or the objectives, the environments side by side, the
// findings and the figures. What does not fit into 1 MiB is left out from the
// end, and the summary says so.
func Summary(w io.Writer, doc *analysis.Document) error {
	m := &markdownReport{doc: doc}
	fmt.Fprintf(&m.b, "# %s %s: %s\n\n", mark(doc.Verdict()), escape.Replace(doc.Title), escape.Replace(verdictLine(doc)))
	if reason := doc.Reason(); reason != "" {
		fmt.Fprintf(&m.b, "**%s**\n\n", escape.Replace(reason))
	}
	fmt.Fprintf(&m.b, "%s\n", escape.Replace(subtitle(doc)))
	m.gate()
	m.capacity()
	m.objectives()
	m.topics(topics(doc, analysis.AboutCapacity, analysis.AboutTrust)) // tables say the others
	m.faster()
	m.findings()
	m.missing()
	m.matrices()
	_, err := io.WriteString(w, shorten(printable(m.b.String()), mostSummary, doc.RunID))
	return err
}

// shorten drops lines from the end of a text of more than most bytes.
func shorten(text string, most int, run string) string {
	if len(text) <= most {
		return text
	}
	note := fmt.Sprintf("\n**Shortened: the rest did not fit.** The whole report is in the folder of the run %s.\n", escape.Replace(run))
	text = text[:max(0, most-len(note))]
	return text[:strings.LastIndexByte(text, '\n')+1] + note
}
