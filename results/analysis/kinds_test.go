package analysis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/internal/testenv"
)

const (
	tableBegin = "<!-- table of findings -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// TestFindingsDocumented: docs/findings.md explains what the code does; -update
// writes its table anew.
func TestFindingsDocumented(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "findings.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table, between %q and %q", file, tableBegin, tableEnd)
	}
	var b strings.Builder
	b.WriteString("| kind | what the report says | when | what to do |\n|---|---|---|---|\n")
	for _, k := range Kinds() {
		for _, column := range []string{"`" + k.Name + "`", k.What, k.When, k.Do} {
			if strings.ContainsAny(column, "|\n") || column == "" {
				t.Errorf("%s: %q does not fit into a table", k.Name, column)
			}
			b.WriteString("| " + column + " ")
		}
		b.WriteString("|\n")
	}
	testenv.Golden(t, file, before+tableBegin+b.String()+tableEnd+after)
}

// TestKindsAreUsed: every kind that is explained is made somewhere in this
// package, and finding panics for any other.
func TestKindsAreUsed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		if file == "kinds.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.Name] {
			t.Errorf("%s stands twice", k.Name)
		}
		seen[k.Name] = true
		if !strings.Contains(code.String(), `"`+k.Name+`"`) {
			t.Errorf("%s is explained, and never made", k.Name)
		}
	}
}
