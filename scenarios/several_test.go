package scenarios

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/testenv"
)

// TestSeveralFiles merges Compose files, with variables, profiles, and what
// they extend and include, and stores what came of it.
func TestSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"stack/compose.yaml": `version: "2"
services:
  web: {image: "site:${TAG:-none}", ports: ["80:8080"], environment: {MODE: plain, KEPT: "1"}}
  spy: {image: "spy:${TAG}", profiles: [debug]}
`,
		"stack/compose.prod.yaml": `version: "3.8"
include: [more/cache.yaml]
services:
  web:
    extends: {file: base.yaml, service: common}
    environment: {MODE: production}
    ports: !override ["8081"]
    depends_on: [cache]
`,
		"stack/base.yaml":       "services: {common: {init: true, mem_limit: 64m}}\n",
		"stack/more/cache.yaml": "services: {cache: {image: cache, working_dir: /c}}\n",
		"stack/.env":            "TAG=from the usual file\n",
		"ci.env":                "TAG=7\n",
		"scenario.yaml": `environments:
  plain: {topology: stack/compose.yaml, target: http://web}
  production:
    topology: [stack/compose.yaml, stack/compose.prod.yaml]
    profiles: [debug]
    env_file: ci.env
    target: http://web
    link: {rtt: 20ms, jitter: 1ms}
loads: {ab: {requests: 10, concurrency: 1}}
`,
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read(filepath.Join(dir, "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := s.Environment("plain")
	production, _ := s.Environment("production")
	if diff := cmp.Diff([]string{"web"}, plain.Topology.ServiceNames()); diff != "" {
		t.Errorf("plain (-want +got)\n%s", diff)
	}
	if web, _ := plain.Topology.Service("web"); web.Image != "site:from the usual file" {
		t.Errorf("plain: image %q", web.Image)
	}
	if diff := cmp.Diff([]string{"cache", "spy", "web"}, production.Topology.ServiceNames()); diff != "" {
		t.Errorf("production (-want +got)\n%s", diff)
	}
	web, _ := production.Topology.Service("web")
	if diff := cmp.Diff([]string{"KEPT=1", "MODE=production"}, web.Environment); diff != "" {
		t.Errorf("environment (-want +got)\n%s", diff)
	}
	if web.Image != "site:7" || !web.Init || web.MemoryBytes != 64<<20 || len(web.Ports) != 1 || web.Ports[0].Target != 8081 {
		t.Errorf("the merged service: %+v", web)
	}

	text, files, err := s.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	stored := t.TempDir()
	if err := os.Mkdir(filepath.Join(stored, "topologies"), 0o755); err != nil {
		t.Fatal(err)
	}
	files["scenario.yaml"] = text
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(stored, filepath.FromSlash(name)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Read(filepath.Join(stored, "scenario.yaml"))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s.Name = again.Name
	if diff := cmp.Diff(s, again, ignoreOrigin()); diff != "" {
		t.Errorf("(-read +stored and read)\n%s", diff)
	}
}

// TestSeveralBroken tells mistakes in the file in which they were made.
func TestSeveralBroken(t *testing.T) {
	t.Chdir("testdata/several")
	var all strings.Builder
	files, err := filepath.Glob("*.scenario.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range slices.Sorted(slices.Values(files)) {
		if _, err := Read(file); err == nil {
			t.Errorf("%s: no error", file)
		} else {
			all.WriteString(err.Error() + "\n")
		}
	}
	testenv.Golden(t, "errors.txt", all.String())
}
