package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"plimsoll/results"
)

const remoteCompose = `
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

// TestEngineElsewhere runs stacks on an engine whose containers this host does
// not reach, beside those on the one that it does.
func TestEngineElsewhere(t *testing.T) {
	far := startFarEngine(t)
	self := buildProgram(t)
	config := t.TempDir()
	// Contexts are made by the docker command itself.
	create := exec.Command("docker", "context", "create", "far", "--docker",
		fmt.Sprintf("host=%s,ca=%s/ca.pem,cert=%[2]s/cert.pem,key=%[2]s/key.pem", far.address, far.certs))
	create.Env = append(os.Environ(), "DOCKER_CONFIG="+config)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("docker context create: %v\n%s", err, out)
	}
	program := func(t *testing.T, dir string, args ...string) *exec.Cmd {
		t.Helper()
		write(t, dir, "compose.yaml", remoteCompose)
		cmd := exec.Command(self, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+config)
		return cmd
	}

	t.Run("compared with the one here", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "scenario.yaml", fmt.Sprintf(`
name: elsewhere
environments:
  here: {topology: compose.yaml, target: "http://proxy:8080"}
  far: {topology: compose.yaml, target: "http://proxy:8080", engine: {host: %q, tls: %q}}
loads: {ab: {requests: 500, concurrency: 4}}
warmup: 1s
trials: 2
`, far.address, far.certs))
		cmd := program(t, dir, "run", "scenario.yaml", "--engine", "docker", "--seed", "1", "--quiet")
		out, err := cmd.CombinedOutput()
		// On a busy machine latencies may not be believed; all else holds.
		if code := cmd.ProcessState.ExitCode(); code != exitOK && code != exitInvalid {
			t.Fatalf("run: %v\n%s", err, out)
		}
		id := onlyRun(t, dir)
		run, err := results.Open(filepath.Join(dir, "results", id))
		if err != nil {
			t.Fatal(err)
		}
		if got := run.Manifest.Provenance.Engines["far"]; !strings.HasSuffix(got, " at "+far.address) {
			t.Errorf("the record says that far was on %q", got)
		}
		if len(run.Trials) != 4 {
			t.Fatalf("%d trials, want 4\n%s", len(run.Trials), out)
		}
		for _, stored := range run.Trials {
			trial := stored.Trial
			if trial.Requests.OK != 500 || trial.Requests.Failed != 0 || len(trial.Usage) != 3 {
				t.Errorf("%s: %+v, usage of %d replicas", trial.Environment, trial.Requests, len(trial.Usage))
			}
			want := map[string]string{"here": "cgroup", "far": "stats API, every 1s"}[trial.Environment]
			if !strings.HasPrefix(trial.Metering, want) {
				t.Errorf("%s was metered by %q, want %s", trial.Environment, trial.Metering, want)
			}
			for _, u := range trial.Usage {
				if u.CPU <= 0 {
					t.Errorf("%s: %s used %v of CPU", trial.Environment, u.Replica, u.CPU)
				}
			}
		}
		var document struct {
			Comparisons []json.RawMessage `json:"comparisons"`
		}
		text, err := program(t, dir, "report", "latest", "--format", "json").Output()
		if err == nil {
			err = json.Unmarshal(text, &document)
		}
		if err != nil || len(document.Comparisons) == 0 || !strings.Contains(string(text), "far") {
			t.Errorf("no comparison in the report: %v\n%s", err, tail(string(text), 2000))
		}
		expectNothing(t, id)
		far.expectNothing(t)
	})

	t.Run("files of this host", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "mounts.yaml", strings.Replace(remoteCompose, "data:/data", "./data:/data", 1))
		write(t, dir, "scenario.yaml", `
name: mounts
environments: {far: {topology: mounts.yaml, target: "http://proxy:8080", engine: {context: far}}}
loads: {ab: {requests: 1, concurrency: 1}}
trials: 1
`)
		cmd := program(t, dir, "run", "scenario.yaml", "--quiet")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitNotStarted {
			t.Errorf("exit code %d, want %d", code, exitNotStarted)
		}
		want := fmt.Sprintf("it mounts %s of this host at /data, but the engine at %s is not on this host", filepath.Join(dir, "data"), far.address)
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
		far.expectNothing(t)
	})

	t.Run("an executable that is none", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "scenario.yaml", strings.Replace(strings.Replace(leftoversScenario, "DURATION", "1s", 1), "leftovers", "foreign", 1))
		cmd := program(t, dir, "run", "scenario.yaml", "--context", "far", "--linux-binary", "compose.yaml", "--quiet")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitNotStarted || !strings.Contains(string(out), "compose.yaml is no Linux executable") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		far.expectNothing(t)
	})

	t.Run("a runner that is killed, and clean", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "scenario.yaml", strings.Replace(strings.Replace(leftoversScenario, "DURATION", "5m", 1), "leftovers", "killed-afar", 1))
		cmd := program(t, dir, "run", "scenario.yaml", "--context", "far", "--quiet")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		run := awaitLoad(t, dir)
		send(t, cmd.Process, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
		if len(far.list(t)) == 0 {
			t.Error("nothing was left behind, so nothing is shown")
		}
		clean := program(t, dir, "clean", "--host", far.address, run)
		clean.Env = append(clean.Env, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH="+far.certs)
		if out, err := clean.CombinedOutput(); err != nil || !strings.Contains(string(out), "removed container killed-afar-") {
			t.Errorf("clean: %v\n%s", err, out)
		}
		// The gate and the worker end by themselves.
		for deadline := time.Now().Add(20 * time.Second); len(far.list(t)) > 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		}
		far.expectNothing(t)
	})
}

// list names what an engine holds beside what it always does.
func (f *farEngine) list(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var names []string
	containers, err := f.cli.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		names = append(names, c.Names...)
	}
	networks, err := f.cli.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "custom"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		names = append(names, n.Name)
	}
	volumes, err := f.cli.VolumeList(ctx, volume.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Volumes {
		names = append(names, v.Name)
	}
	return names
}

func (f *farEngine) expectNothing(t *testing.T) {
	t.Helper()
	if left := f.list(t); len(left) > 0 {
		t.Errorf("left behind on the far engine: %v", left)
	}
}
