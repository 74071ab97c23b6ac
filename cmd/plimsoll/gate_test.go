package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"plimsoll/internal/testenv"
)

// gateScenario measures 2 100 requests a side and round, which a p99 needs.
// Answers take long enough that the lateness of a generator on the same
// machine hardly counts.
const gateScenario = `
name: gate
environments:
  base: {topology: base.yaml, target: "http://web:8080"}
  same: {topology: same.yaml, target: "http://web:8080"}
  slower: {topology: slower.yaml, target: "http://web:8080"}
  failing: {topology: failing.yaml, target: "http://web:8080"}
loads:
  steady: {rate: 1050/s, duration: 2s, keepalive: true}
warmup: 500ms
`

// TestGateOnStacks: on a real engine equal stacks never fail, a candidate with a
// fifth more of service time does, and so does one that is faster because it
// fails one request in fifty. PLIMSOLL_GATES is how many gates equal stacks
// have to stand; the slower candidate is looked for in as many.
func TestGateOnStacks(t *testing.T) {
	testenv.Docker(t)
	gates := 1
	if text := os.Getenv("PLIMSOLL_GATES"); text != "" {
		var err error
		if gates, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("gate.yaml", gateScenario)
	for name, flags := range map[string]string{
		"base":    `"lognormal(20ms,0.3)"`,
		"same":    `"lognormal(20ms,0.3)"`,
		"slower":  `"lognormal(24ms,0.3)"`,
		"failing": `"lognormal(15ms,0.3)", --fail-every, "50"`,
	} {
		write(name+".yaml", fmt.Sprintf(`
services:
  web:
    image: plimsoll
    command: [fixture, news, --listen, ":8080", --service-time, %s]
    expose: ["8080"]
`, flags))
	}
	self := buildProgram(t)
	gate := func(t *testing.T, candidate, looks string, seed int) (code int, text string) {
		t.Helper()
		cmd := exec.Command(self, "gate", "gate.yaml", "--baseline", "base", "--candidate", candidate,
			"--engine", "docker", "--looks", looks, "--seed", strconv.Itoa(seed), "-q")
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit):
			code = exit.ExitCode()
		case err != nil:
			t.Fatal(err)
		}
		text = strings.TrimSpace(stderr.String())
		t.Logf("%s, gate %d: exit code %d %s", candidate, seed, code, text)
		return code, text
	}
	t.Run("equal", func(t *testing.T) {
		looks := "5"
		if gates > 1 {
			looks = "5,10,15,20"
		}
		verdicts := map[int]int{}
		for seed := range gates {
			code, text := gate(t, "same", looks, seed)
			verdicts[code]++
			if code != exitOK && code != exitInconclusive && code != exitInvalid {
				t.Errorf("gate %d on equal stacks ended with %d: %s", seed, code, text)
			}
		}
		t.Logf("verdicts by exit code: %v", verdicts)
	})
	// A machine that is too busy to be believed is asked again.
	find := func(t *testing.T, candidate, looks, says string, often int) {
		const attempts = 3
		found := 0
		for seed := range often * attempts {
			code, text := gate(t, candidate, looks, 100+seed)
			switch {
			case code == exitFailed && strings.Contains(text, says):
				if found++; found == often {
					return
				}
			case code != exitInconclusive && code != exitInvalid:
				t.Fatalf("exit code %d: %s; want %d and %q", code, text, exitFailed, says)
			}
		}
		t.Errorf("found in %d gates of %d", found, often*attempts)
	}
	t.Run("slower", func(t *testing.T) { find(t, "slower", "5,10", "the p99 rose by", gates) })
	t.Run("failing", func(t *testing.T) { find(t, "failing", "5,10", "of the candidate's requests failed", 1) })
}
