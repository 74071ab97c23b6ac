// Package report renders an analysis.Document for people and programs: as a
// page, as text, as ApacheBench's table, as data. It computes nothing that a
// reader could take for a result; that is package analysis' part.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"plimsoll/results/analysis"
)

// Renderer writes a document in one format.
type Renderer func(io.Writer, *analysis.Document) error

// format is a renderer and the names that it goes by.
type format[R any] struct {
	names  []string // the first is the one that is listed
	render R
}

func formats() []format[Renderer] {
	return []format[Renderer]{
		{[]string{"html"}, HTML},
		{[]string{"md", "markdown"}, Markdown},
		{[]string{"text", "txt"}, Text},
		{[]string{"json"}, JSON},
		{[]string{"csv"}, CSV},
		{[]string{"ab"}, AB},
		{[]string{"line"}, Line},
		{[]string{"junit"}, JUnit},
		{[]string{"github"}, GitHub},
		{[]string{"summary"}, Summary},
	}
}

// Formats lists the names of all formats.
func Formats() []string { return namesOf(formats()) }

func namesOf[R any](formats []format[R]) []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.names[0])
	}
	return names
}

// ByName returns the renderer of a format. Its error says which formats there
// are, and which one may have been meant.
func ByName(name string) (Renderer, error) { return find(formats(), name) }

func find[R any](formats []format[R], name string) (R, error) {
	nearest, distance := "", 3
	for _, f := range formats {
		if slices.Contains(f.names, name) {
			return f.render, nil
		}
		for _, known := range f.names {
			if d := levenshtein.Distance(strings.ToLower(name), known, nil); d < distance {
				nearest, distance = f.names[0], d
			}
		}
	}
	hint := ""
	if nearest != "" {
		hint = fmt.Sprintf(", did you mean %q?", nearest)
	}
	var none R
	return none, fmt.Errorf("unknown report format %q%s (formats: %s)", name, hint, strings.Join(namesOf(formats), ", "))
}

// JSON writes the document as it is, indented.
func JSON(w io.Writer, doc *analysis.Document) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
