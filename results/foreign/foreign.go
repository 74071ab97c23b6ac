// Package foreign reads what other load tools wrote: each format has one file
// and one parser. What a tool does not tell stays absent: the trial's Foreign
// names the figures that are told, and nothing else is to be shown.
package foreign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"plimsoll/results"
)

// Result is what one file tells.
type Result struct {
	// Trial has neither environment nor validity: the file knows of none.
	Trial results.Trial
	// Load says what the load was, in the file's own figures.
	Load results.LoadSummary
	// Log holds the latencies of all requests, where the file does. Where only a
	// summary is known it is empty: no curve can be drawn.
	Log []results.Line
}

// Parser reads one result. Its errors name the line, where there are lines.
type Parser func(io.Reader) (*Result, error)

// Auto stands for the format that Sniff finds.
const Auto = "auto"

// format is one that can be read.
type format struct {
	name  string
	parse Parser
	// looks reports whether a file with that begin may be in the format.
	looks func(head string) bool
}

func formats() []format {
	return []format{
		{"ab", AB, looksLikeAB},
		{"ab-g", ABGnuplot, looksLikeABGnuplot},
		{"ab-e", ABPercentiles, looksLikeABPercentiles},
		{"wrk2", Wrk2, looksLikeWrk2},
		{"wrk", Wrk, looksLikeWrk},
		{"hlog", HLog, looksLikeHLog},
		{"haproxy", HAProxy, looksLikeHAProxy},
		{"k6", K6, looksLikeK6},
		{"vegeta", Vegeta, looksLikeVegeta},
	}
}

// Formats lists the names of all formats.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Parse reads text in the format of that name, which may be Auto. It returns
// the format's name with the result.
func Parse(name string, text []byte) (*Result, string, error) {
	if name == Auto {
		found, err := sniff(text)
		if err != nil {
			return nil, "", err
		}
		name = found
	}
	for _, f := range formats() {
		if f.name != name {
			continue
		}
		r, err := f.parse(bytes.NewReader(text))
		if err != nil {
			return nil, name, fmt.Errorf("not a result in format %s: %w", name, err)
		}
		r.Trial.Foreign.Format = name
		return r, name, nil
	}
	return nil, "", fmt.Errorf("unknown format %q (formats: %s, %s)", name, strings.Join(Formats(), ", "), Auto)
}

// sniffed is how much of a file's begin is looked at.
const sniffed = 64 << 10

func sniff(text []byte) (string, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return "", errors.New("the file is empty")
	}
	head := string(text[:min(len(text), sniffed)])
	for _, f := range formats() {
		if f.looks(head) {
			return f.name, nil
		}
	}
	return "", fmt.Errorf("the format cannot be told from the file; name one of %s", strings.Join(Formats(), ", "))
}

// lineError says where a text is not as it should be.
func lineError(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
}

// maxLine bounds a line of text.
const maxLine = 16 << 20

// lines reads a text line by line, with numbers from 1.
type lines struct {
	scanner *bufio.Scanner
	number  int
	text    string
}

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	return &lines{scanner: s}
}

func (l *lines) next() bool {
	if !l.scanner.Scan() {
		return false
	}
	l.number++
	l.text = strings.TrimRight(l.scanner.Text(), " \t\r")
	return true
}

// err is what ended the reading, if not the end of the text.
func (l *lines) err() error {
	if err := l.scanner.Err(); err != nil {
		return lineError(l.number+1, "%w", err)
	}
	return nil
}

func (l *lines) fail(format string, args ...any) error { return lineError(l.number, format, args...) }
