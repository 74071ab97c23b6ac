package testenv

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// WriteBetween replaces what stands in a file between two marks, which stay.
func WriteBetween(t testing.TB, file, from, to, text string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(old, []byte(from))
	_, tail, also := bytes.Cut(rest, []byte(to))
	if !ok || !also {
		t.Fatalf("%s: no marks %q and %q to write between", file, from, to)
	}
	if err := os.WriteFile(file, slices.Concat(head, []byte(from+text+to), tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
