//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/internal/testenv"
	"plimsoll/results"
)

// TestByHand drives one environment with the verbs, as one would at a terminal.
func TestByHand(t *testing.T) {
	testenv.Docker(t)
	self, dir := buildProgram(t), t.TempDir()
	write(t, dir, "compose.yaml", leftoversCompose)
	write(t, dir, "hand.yaml", strings.NewReplacer("leftovers", "hand", "DURATION", "1s").Replace(leftoversScenario))
	// measured is 0, or that the machine was too busy for the latencies to be
	// believed.
	const measured = -1
	do := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.Command(self, args...)
		var stdout, stderr bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != want && (want != measured || code != 0 && code != exitInvalid) {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, code, want, stdout.String(), stderr.String())
		}
		return stdout.String() + stderr.String()
	}
	says := func(text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("it does not say %q:\n%s", w, text)
			}
		}
	}
	ps := func() map[string]psLine {
		t.Helper()
		lines := map[string]psLine{}
		for decoder := json.NewDecoder(strings.NewReader(do(0, "ps", "hand.yaml", "here", "--json"))); decoder.More(); {
			var l psLine
			if err := decoder.Decode(&l); err != nil {
				t.Fatal(err)
			}
			lines[l.Name] = l
		}
		return lines
	}
	t.Cleanup(func() { do(0, "clean", "hand.yaml", "here") })

	says(do(96, "scale", "hand.yaml", "here", "web=2"), "hand-here is not up; start it first")
	says(do(96, "run", "hand.yaml", "--attach"), "hand-here is not up; plimsoll up hand.yaml here starts it")
	says(do(0, "up", "hand.yaml", "here", "--wait"), "create web-2 (missing)", "FIRST ANSWER", "which hung on: ", "await ready proxy-1")
	says(do(0, "up", "hand.yaml", "here"), "hand-here is up already")
	first := ps()
	for _, name := range []string{"proxy-1", "web-1", "web-2"} {
		l := first[name]
		if l.State != "running" || l.Health != "healthy" || l.CPU == nil || l.MemoryBytes == nil || *l.MemoryBytes == 0 || l.Address == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if len(first) != 3 {
		t.Errorf("replicas %v", first)
	}
	says(do(0, "ps", "hand.yaml", "here"), "NAME", "HEALTH", "running, made ", "healthy")
	says(do(0, "scale", "hand.yaml", "here", "web=3", "--wait"), "create web-3 (missing)", "up in ")
	says(do(2, "scale", "hand.yaml", "here", "wob=3"), `no service "wob"; it has proxy, web`)
	says(do(0, "images", "hand.yaml", "here"), "SIZE", "MiB")
	says(do(0, "logs", "hand.yaml", "here", "web"), "web-3 | listening on")
	says(do(2, "logs", "hand.yaml", "here", "web-9"), `no replica "web-9"`)

	// A load on it, as it is; it stays.
	out := do(measured, "run", "hand.yaml", "--attach")
	says(out, "web=3", "brought up by hand before")
	run, err := results.Open(filepath.Join(dir, "results", onlyRun(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	if p := run.Manifest.Provenance; !p.Attached || len(p.ImageDetails) != 1 || run.Trials[0].Trial.Scale["web"] != 3 {
		t.Errorf("%+v, %+v", p, run.Trials[0].Trial.Scale)
	}
	for _, image := range run.Manifest.Provenance.ImageDetails {
		if image.Bytes < 1<<20 {
			t.Errorf("an image of %d bytes", image.Bytes)
		}
	}
	if n := len(ps()); n != 4 {
		t.Errorf("%d replicas after the load, want 4", n)
	}

	// clean is for what runs left behind.
	if text := do(0, "clean", "nosuchrun"); strings.Contains(text, "hand-here") {
		t.Errorf("clean of another run: %s", text)
	}
	// Another definition makes new replicas, but only of what has changed.
	write(t, dir, "compose.yaml", strings.Replace(leftoversCompose, "scale: 2", "scale: 3\n    environment: {A: b}", 1))
	says(do(0, "up", "hand.yaml", "here", "--wait"), "remove web-1 (made from another definition)", "create web-1 (replaces one of another definition)")
	if now := ps(); now["proxy-1"].Created != first["proxy-1"].Created || len(now) != 4 {
		t.Errorf("the proxy is another one: %+v, %+v", now["proxy-1"], first["proxy-1"])
	}
	// down keeps what was written; clean does not.
	text := do(0, "down", "hand.yaml", "here")
	says(text, "remove proxy-1 (taken down)", "remove network default (taken down)")
	if strings.Contains(text, "volume") {
		t.Errorf("down removed a volume:\n%s", text)
	}
	says(do(0, "down", "hand.yaml", "here"), "down already")
	says(do(0, "ps", "hand.yaml", "here"), "nothing of hand-here is up")
	says(do(0, "clean", "hand.yaml", "here"), "removed volume hand-here_data")

	// What cannot start is left to be looked at.
	write(t, dir, "compose.yaml", strings.Replace(leftoversCompose, "--journal", "--nonsense", 1))
	says(do(96, "up", "hand.yaml", "here", "--wait"), "nonsense", "left as it is: plimsoll ps, logs and down work on it")
	says(do(0, "ps", "hand.yaml", "here"), "exited (")
	says(do(0, "logs", "hand.yaml", "here", "web-1"), "nonsense")
	do(0, "down", "hand.yaml", "here", "-v")
	if _, err := os.Stat(filepath.Join(dir, "results")); err != nil {
		t.Error(err)
	}
}
