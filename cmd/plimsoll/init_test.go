package main

import (
	"os"
	"path"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// shipped copies files of the folder scenarios into the script's.
func shipped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: shipped FILE…")
	}
	for _, name := range args {
		text, err := os.ReadFile(filepath.Join("..", "..", "scenarios", filepath.FromSlash(name)))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(path.Base(name)), text, 0o644))
	}
}
