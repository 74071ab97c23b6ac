//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"plimsoll/internal/testenv"
	"plimsoll/results"
	"plimsoll/runner/engine/docker"
)

const leftoversCompose = `
services:
  proxy:
    image: plimsoll
    command: [fixture, balancer, --listen, ":8080", --backend, "web:8080"]
    expose: ["8080"]
    depends_on: [web]
  web:
    image: plimsoll
    command: [fixture, news, --listen, ":8080", --journal, /data/journal.log]
    expose: ["8080"]
    volumes: ["data:/data"]
    scale: 2
volumes: {data: }
`

const leftoversScenario = `
name: leftovers
environments: {here: {topology: compose.yaml, target: "http://proxy:8080"}}
loads: {long: {rate: 50/s, duration: DURATION}}
warmup: none
trials: 1
`

// Whatever happens to a run, no container, network or volume of its own stays
// on the engine.
func TestNothingStaysOnDocker(t *testing.T) {
	testenv.Docker(t)
	self := buildProgram(t)
	tests := []struct {
		name     string
		duration string // of the load
		change   func(compose string) string
		// meanwhile happens once the load worker runs; nil: nothing
		meanwhile func(t *testing.T, p *os.Process, run string)
		want      int
		stderr    string
	}{
		{name: "success", duration: "1s", want: exitOK},
		{name: "a service that fails", duration: "1s", want: exitNotStarted, stderr: "no-such-flag",
			change: func(c string) string { return strings.Replace(c, "--journal", "--no-such-flag", 1) }},
		{name: "Ctrl-C", duration: "5m", want: exitInterrupted, stderr: "stopping",
			meanwhile: func(t *testing.T, p *os.Process, _ string) { send(t, p, syscall.SIGINT) }},
		{name: "a worker that is killed", duration: "5m", want: exitInvalid, stderr: "trials are missing",
			meanwhile: func(t *testing.T, _ *os.Process, run string) { killWorker(t, run) }},
		{name: "a runner that is killed, and clean", duration: "5m", want: -1,
			meanwhile: func(t *testing.T, p *os.Process, _ string) { send(t, p, syscall.SIGKILL) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, compose := t.TempDir(), leftoversCompose
			if tt.change != nil {
				compose = tt.change(compose)
			}
			name := strings.ReplaceAll(strings.NewReplacer(",", "", "-", "").Replace(strings.ToLower(tt.name)), " ", "-")
			scenario := strings.Replace(leftoversScenario, "DURATION", tt.duration, 1)
			scenario = strings.Replace(scenario, "leftovers", name, 1)
			write(t, dir, "compose.yaml", compose)
			write(t, dir, "scenario.yaml", scenario)
			cmd := exec.Command(self, "run", "scenario.yaml", "--engine", "docker")
			var stderr bytes.Buffer
			cmd.Dir, cmd.Stderr = dir, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			if tt.meanwhile != nil {
				run := awaitLoad(t, dir)
				tt.meanwhile(t, cmd.Process, run)
			}
			_ = cmd.Wait() // the exit code says it
			if code := cmd.ProcessState.ExitCode(); code != tt.want {
				t.Errorf("exit code %d, want %d", code, tt.want)
			}
			if !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr does not say %q:\n%s", tt.stderr, stderr.String())
			}
			run := onlyRun(t, dir)
			if tt.want == -1 {
				out, err := exec.Command(self, "clean", run).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "removed") {
					t.Errorf("clean: %v\n%s", err, out)
				}
			}
			expectNothing(t, run)
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// onlyRun returns the ID of the only run in dir, "" if there is none yet.
func onlyRun(t *testing.T, dir string) string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(dir, "results", "*"))
	if err != nil || len(runs) > 1 {
		t.Fatalf("runs %v, %v", runs, err)
	}
	if len(runs) == 0 {
		return ""
	}
	return filepath.Base(runs[0])
}

// awaitLoad waits until the worker has reported its first second.
func awaitLoad(t *testing.T, dir string) (run string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		logs, err := filepath.Glob(filepath.Join(dir, "results", "*", "trials", "*", "log.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if len(logs) == 0 {
			continue
		}
		loaded := false
		if _, err := (results.StoredTrial{Dir: filepath.Dir(logs[0])}).Log(func(l results.Line) {
			_, interval := l.(results.Interval)
			loaded = loaded || interval
		}); err != nil {
			t.Fatal(err)
		}
		if loaded {
			return onlyRun(t, dir)
		}
	}
	t.Fatal("no load within two minutes")
	return ""
}

func killWorker(t *testing.T, run string) {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	workers, err := cli.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", "io.plimsoll.run="+run), filters.Arg("label", "io.plimsoll.role=worker"))})
	if err != nil || len(workers) != 1 {
		t.Fatalf("workers %v, %v", workers, err)
	}
	if err := cli.ContainerKill(t.Context(), workers[0].ID, "KILL"); err != nil {
		t.Fatal(err)
	}
}

// expectNothing sweeps up what is left of a run; there must be nothing.
func expectNothing(t *testing.T, run string) {
	t.Helper()
	if run == "" {
		t.Fatal("the run left no record")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := docker.New(ctx, docker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	left, err := eng.Sweep(ctx, docker.Filter{Run: run})
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
