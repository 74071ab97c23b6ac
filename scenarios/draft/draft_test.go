package draft

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"plimsoll/internal/testenv"
	"plimsoll/scenarios"
)

// written drafts the scenario of all files of an archive, and reads it.
func written(t *testing.T, archive *txtar.Archive) (Draft, *scenarios.Scenario, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	var deployments []Deployment
	for _, f := range archive.Files {
		top, err := scenarios.ReadTopology(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		deployments = append(deployments, Deployment{File: f.Name, Topology: top})
	}
	file := filepath.Join(dir, "scenario.yaml")
	d, err := Write(filepath.ToSlash(file), deployments)
	if err != nil {
		return d, nil, err
	}
	if err := os.WriteFile(file, d.Text, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Read(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Text)
	}
	return d, s, nil
}

// TestDrafts compares each case's environments, scales and reasons with the
// file beside it. Every draft can be read.
func TestDrafts(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, s, err := written(t, archive)
			got := strings.Join(d.Reasons, "\n") + "\n"
			if err != nil {
				got = "error: " + err.Error() + "\n"
			} else {
				got += "\n"
				for _, e := range s.Environments {
					got += e.Name + " " + path.Base(e.TopologyFile) + " " + e.Target + "\n"
				}
				for _, scale := range s.Scales {
					got += scale.String() + "\n"
				}
			}
			testenv.Golden(t, strings.TrimSuffix(file, ".txtar")+".txt", got)
		})
	}
}

// TestText shows one draft whole.
func TestText(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/two.txtar")
	if err != nil {
		t.Fatal(err)
	}
	d, s, err := written(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "testdata/two.yaml", string(d.Text))
	if s.Name != "shop" || len(s.Loads) != 2 || len(s.Objectives) != 2 {
		t.Errorf("name %q, %d loads, %d objectives; want shop, 2, 2", s.Name, len(s.Loads), len(s.Objectives))
	}
}
