//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/testenv"
)

// sixContainers is a balancer before three web replicas and two of static
// files, each with a check that Docker can run as well as we can.
const sixContainers = `
services:
  proxy:
    image: ${IMAGE}
    command: [fixture, balancer, --listen, ":8080", --route, "/styles/=static:8080", --backend, "web:8080"]
    ports: ["8080"]
    depends_on: [static, web]
    healthcheck: {test: [CMD, /plimsoll, fixture, probe, "http://localhost:8080/"], interval: 500ms, retries: 60}
  static:
    image: ${IMAGE}
    command: [fixture, static, --listen, ":8080"]
    expose: ["8080"]
    scale: 2
    healthcheck: {test: [CMD, /plimsoll, fixture, probe, "http://localhost:8080/"], interval: 500ms, retries: 60}
  web:
    image: ${IMAGE}
    command: [fixture, news, --listen, ":8080"]
    expose: ["8080"]
    scale: 3
    healthcheck: {test: [CMD, /plimsoll, fixture, probe, "http://localhost:8080/"], interval: 500ms, retries: 60}
`

const sixScenario = `
name: six
environments: {here: {topology: compose.yaml, target: "http://proxy:8080"}}
loads: {one: {requests: 1, concurrency: 1}}
`

// TestStartUpTakesNoLongerThanCompose: until all six are healthy, and until
// all are gone, as the median of five pairs in turn.
func TestStartUpTakesNoLongerThanCompose(t *testing.T) {
	testenv.Docker(t)
	compose := testenv.Command(t, "compose", "docker-compose")
	self, dir := buildProgram(t), t.TempDir()
	write(t, dir, "six.yaml", sixScenario)
	write(t, dir, "compose.yaml", sixContainers)
	// docker-compose 1 has scale in files of version 2.2 to 2.4 only.
	write(t, dir, "theirs.yaml", "version: '2.4'\n"+sixContainers)
	image := "plimsoll"
	do := func(name string, args ...string) (string, time.Duration) {
		t.Helper()
		cmd := exec.Command(name, args...)
		var stdout, stderr bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		cmd.Env = append(os.Environ(), "IMAGE="+image)
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
		}
		return stdout.String(), time.Since(begin)
	}
	project := []string{"-p", "plimsoll-startup-test", "-f", "theirs.yaml"}
	t.Cleanup(func() {
		do(self, "clean", "six.yaml", "here")
		do(compose, append(project, "down", "-v")...)
	})
	ours := func() (up, down time.Duration) {
		image = "plimsoll"
		_, up = do(self, "up", "six.yaml", "here", "--wait")
		_, down = do(self, "down", "six.yaml", "here", "-v")
		return up, down
	}
	ours() // brings the image
	listed, _ := do(self, "images", "six.yaml", "here", "--json")
	var id struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(strings.NewReader(listed)).Decode(&id); err != nil {
		t.Fatal(err)
	}
	theirs := func() (up, down time.Duration) {
		image = id.ID
		_, up = do(compose, append(project, "up", "-d")...)
		begin := time.Now()
		for {
			healthy, _ := do("docker", "ps", "-q", "--filter", "label=com.docker.compose.project=plimsoll-startup-test", "--filter", "health=healthy")
			if len(strings.Fields(healthy)) == 6 {
				break
			}
			if time.Since(begin) > time.Minute {
				t.Fatalf("%d of 6 are healthy within a minute", len(strings.Fields(healthy)))
			}
		}
		up += time.Since(begin)
		_, down = do(compose, append(project, "down", "-v")...)
		return up, down
	}
	var times [4][]time.Duration // our and their starts, our and their ends
	for i := range 5 {
		var up, down [2]time.Duration
		for turn := range 2 {
			if who := (i + turn) % 2; who == 0 {
				up[who], down[who] = ours()
			} else {
				up[who], down[who] = theirs()
			}
		}
		for who := range 2 {
			times[who], times[2+who] = append(times[who], up[who]), append(times[2+who], down[who])
		}
	}
	var medians [4]time.Duration
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][2]
	}
	t.Logf("up %v, docker-compose %v; down %v, docker-compose %v", medians[0], medians[1], medians[2], medians[3])
	if medians[0] > medians[1] || medians[2] > medians[3] {
		t.Errorf("it takes longer than docker-compose: up %v and %v, down %v and %v", times[0], times[1], times[2], times[3])
	}
}
