package topology

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/internal/testenv"
)

// shapes are Compose files of every kind, which the docker engine's tests
// start, too.
func shapes(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/shapes/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d shapes: %v", len(files), err)
	}
	return files
}

// TestShapes compares what is made of each file with the file beside it.
func TestShapes(t *testing.T) {
	for _, file := range shapes(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src := read(t, file)
			src.Environment = map[string]string{"BASE": "plimsoll:base", "PROJECT": "shapes", "ARCH": "amd64"}
			if _, list, ok := strings.Cut(string(src.Text), "# profiles: "); ok {
				list, _, _ = strings.Cut(list, "\n")
				src.Profiles = strings.Fields(list)
			}
			got, err := Load(src)
			if err != nil {
				t.Fatal(err)
			}
			testenv.Golden(t, strings.TrimSuffix(file, ".yaml")+".txt", masked(t, dump(t, got)))

			again, err := Load(Source{File: "stored.yaml", Text: got.Compose, Dir: t.TempDir(), Environment: src.Environment})
			if err != nil {
				t.Fatalf("what is stored: %v\n%s", err, got.Compose)
			}
			again.Dir, again.Compose = got.Dir, got.Compose
			if first, second := dump(t, got), dump(t, again); first != second {
				t.Errorf("what is stored is something else:\n%s\nwas\n%s", second, first)
			}
		})
	}
}

// dump renders a topology without what is not set.
func dump(t *testing.T, top *Topology) string {
	t.Helper()
	value := *top
	value.Compose = nil
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	text, err = json.MarshalIndent(prune(tree), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// prune takes out what is empty, but for lists that say that there is nothing.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value = prune(value); value == nil {
				delete(v, key)
			} else {
				v[key] = value
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// TestShapesCoverEverything sees to it that every attribute that is honoured
// is in some shape.
func TestShapesCoverEverything(t *testing.T) {
	var all strings.Builder
	for _, pattern := range []string{"testdata/shapes/*.yaml", "testdata/shapes/parts/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	// What no test can start everywhere, or what is only there to be refused.
	elsewhere := []string{
		"enable_ipv4", "enable_ipv6", "ipv6_address", "link_local_ips", "cpu_rt_runtime", "cpu_rt_period", "storage_opt", "selinux",
		"userns_mode", "cgroup", "cgroup_parent", "runtime", "provider", "volumes_from", "pre_start", "label_file", "cache_from", "pull",
		"platforms", "project_directory", "format", "options",
	}
	for _, path := range honoured() {
		parts := path.Parts()
		key := parts[len(parts)-1]
		if key == "*" || key == "[]" || strings.Contains(all.String(), key) {
			continue
		}
		found := false
		for _, known := range elsewhere {
			found = found || known == key
		}
		if !found {
			t.Errorf("no shape has %s", path)
		}
	}
}
