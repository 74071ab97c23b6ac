package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"plimsoll/results/analysis"
)

// Line writes the verdict as one line of plain text: the run, its verdict, the
// first reason and how many objectives came out how.
func Line(w io.Writer, doc *analysis.Document) error {
	_, err := fmt.Fprintln(w, verdictText(doc))
	return err
}

// verdictText is the line, without its end.
func verdictText(doc *analysis.Document) string {
	reason := doc.Reason()
	switch {
	case reason == "":
		reason = verdictLine(doc)
	case doc.Gate != nil:
		reason = verdictLine(doc) + ": " + reason
	}
	return oneLine(fmt.Sprintf("%s %s: %s [%s]", doc.RunID, doc.Verdict(), reason, tally(doc)))
}

// oneLine replaces what would break a line or move a terminal's cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
