package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"plimsoll/scenarios/yamlfile"
)

// block is a block of code of a page.
type block struct{ language, text string }

func blocksOf(t interface{ Fatalf(string, ...any) }, page string) []block {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var list []block
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(strings.ReplaceAll(string(text), "\r\n", "\n"), -1) {
		list = append(list, block{m[1], m[2]})
	}
	return list
}

// file is the name that a block's first line gives it, empty if it has none.
func (b block) file() string {
	name, _, _ := strings.Cut(b.text, "\n")
	if after, ok := strings.CutPrefix(name, "# "); ok && b.language == "yaml" {
		return after
	}
	return ""
}

// workflow is the name of the service that runs a block, and its commands.
func (b block) workflow() (service, commands string, err error) {
	parsed, err := yamlfile.Parse("ci.md", []byte(b.text))
	if err != nil {
		return "", "", err
	}
	service, list, key := "gitlab", "perf.script", ""
	if parsed.Holds("jobs") {
		service, list, key = "github", "jobs.perf.steps", ".run"
	}
	for i := range parsed.Len(list) {
		if command, ok := parsed.Text(fmt.Sprintf("%s[%d]%s", list, i, key)); ok {
			commands += command + "\n"
		}
	}
	if commands == "" {
		err = fmt.Errorf("%s has no command in %s", service, list)
	}
	return service, commands, err
}

// What is in docs/ci.md can be read, and is as short as it should be.
func TestWorkflowsOfThePage(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range blocksOf(t, "ci.md") {
		if b.language != "yaml" {
			continue
		}
		if b.file() != "" {
			if _, err := yamlfile.Parse(b.file(), []byte(b.text)); err != nil {
				t.Error(err)
			}
			continue
		}
		service, commands, err := b.workflow()
		if err != nil {
			t.Error(err)
		}
		if n := strings.Count(b.text, "\n"); n > 10 {
			t.Errorf("the workflow for %s has %d lines, more than 10", service, n)
		}
		if !strings.Contains(commands, "plimsoll gate ") {
			t.Errorf("the workflow for %s does not call plimsoll: %s", service, commands)
		}
		seen[service] = true
	}
	if !seen["github"] || !seen["gitlab"] {
		t.Errorf("the page has workflows for %v", seen)
	}
}

// documented writes what a page of docs holds: its files, the commands of its
// workflows as SERVICE.sh and its other commands as commands.sh.
func documented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: documented PAGE")
	}
	files := map[string]string{}
	for _, b := range blocksOf(ts, args[0]) {
		switch {
		case b.file() != "":
			files[b.file()] += b.text
		case b.language == "yaml":
			service, commands, err := b.workflow()
			ts.Check(err)
			files[service+".sh"] += commands
		case b.language == "sh":
			files["commands.sh"] += b.text
		}
	}
	for name, text := range files {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}
