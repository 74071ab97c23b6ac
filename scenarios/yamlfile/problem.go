package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Place is a position in a file. Line and Column count from 1, columns in
// characters; the zero Place is nowhere.
type Place struct{ Line, Column int }

func (p Place) before(q Place) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Problem is one mistake in a file, with its place if that is known.
type Problem struct {
	File string // empty: the mistake is in no file
	Place
	// Path is the way through the file's keys: "loads.steady.rate".
	Path    string
	Message string
	// Excerpt is the line at the Place.
	Excerpt string
}

// String renders the problem as "FILE:LINE:COLUMN: PATH: MESSAGE" and below it
// the line with a mark at the column.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Excerpt != "" {
		number := fmt.Sprintf("%5d", p.Line)
		fmt.Fprintf(&b, "\n%s | %s\n%s | %s^", number, printable(p.Excerpt), strings.Repeat(" ", len(number)), p.indent())
	}
	return b.String()
}

// indent is the blank text that puts a mark under the problem's column.
func (p Problem) indent() string {
	var b strings.Builder
	for i, r := range []rune(p.Excerpt) {
		if i >= p.Column-1 {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteRune(' ')
		}
	}
	return b.String()
}

// printable keeps control characters in a file from reaching the terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}

// Error is everything that is wrong with a file and those it refers to. It
// holds at least one problem.
type Error struct {
	Problems []Problem
	cause    error // ErrAliases, or nil
}

// Unwrap returns ErrAliases if that is what is wrong.
func (e *Error) Unwrap() error { return e.cause }

// Error renders all problems, one below the other.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// NewError makes an error of at least one problem. It sorts them by place and
// drops repetitions; the problems of one file stay together.
func NewError(problems ...Problem) *Error {
	var files []string
	for _, p := range problems {
		if !slices.Contains(files, p.File) {
			files = append(files, p.File)
		}
	}
	seen := map[Problem]bool{}
	problems = slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool {
		defer func() { seen[p] = true }()
		return seen[p]
	})
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			a.before(b.Place),
		)
	})
	return &Error{Problems: problems}
}
