package topology

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/internal/testenv"
)

// TestStackFiles compares the Compose file that is made of each stack file, and
// the warnings, with the file beside it. What is made loads again.
func TestStackFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/stacks/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stack files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			top, err := Load(read(t, filepath.ToSlash(file)))
			if err != nil {
				t.Fatal(err)
			}
			got := string(top.Compose) + "---\n" + strings.Join(top.Warnings, "\n")
			testenv.Golden(t, strings.TrimSuffix(file, ".yml")+".txt", masked(t, got))
			again, err := Load(Source{File: "again.yaml", Text: top.Compose, Dir: t.TempDir()})
			if err != nil {
				t.Fatalf("%v\n%s", err, top.Compose)
			}
			if diff := cmp.Diff(top, again, cmpopts.IgnoreFields(Topology{}, "Dir", "Origin", "Warnings")); diff != "" {
				t.Errorf("(-first +again)\n%s", diff)
			}
		})
	}
}

// TestSeedsStack reads the seeds' third deployment as it was published.
func TestSeedsStack(t *testing.T) {
	top, err := Load(read(t, "testdata/stacks/docker-cloud.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"static": 2, "web": 3, "proxy": 1}, top.Scale()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(top.Warnings) > 0 {
		t.Errorf("warnings %q of a file that is wholly honoured", top.Warnings)
	}
}

// What has a key of Compose at its top is a Compose file, whatever it lacks.
func TestNoStackFile(t *testing.T) {
	for _, text := range []string{
		"version: '2'\nweb: {image: x}\n", "web: {image: x}\nnetworks: {a: }\n", "web: {build: .}\n", "",
	} {
		if _, err := Load(Source{File: "a.yaml", Text: []byte(text)}); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestStackForms has stack files in all the forms that YAML has.
func TestStackForms(t *testing.T) {
	for _, text := range []string{
		"web: {image: x, target_num_containers: 2}",
		"{web: {image: x, target_num_containers: 2}}\n",
		"\ufeffweb:\n  image: x\n  target_num_containers: 2\n",
		"# é\n---\n# é\nweb:\n  image: x\n  'target_num_containers'  :   2\n...\n",
		"  web:\n    image: x\n    target_num_containers: 2\n",
		"web:\r\n  image: x\r\n  target_num_containers: 2\r\n",
		"web:\n  labels: {é: 'multi\n\n   line'}\n  image: x\n  command: >2\n      more\n\n    text\n  target_num_containers: 2\n",
	} {
		top, err := Load(Source{File: "a.yaml", Text: []byte(text)})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(map[string]int{"web": 2}, top.Scale()); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
}
