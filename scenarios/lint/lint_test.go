package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"plimsoll/internal/proc"
	"plimsoll/internal/testenv"
	"plimsoll/scenarios"
	"plimsoll/scenarios/plan"
)

// small is the host of all cases.
func small(env scenarios.Environment) Host {
	return Host{Engine: env.Engine.Kind, Facts: proc.Facts{CPUs: 2, MemoryBytes: 8 << 30}, There: there}
}

// there takes everything to be there that is not of the case.
func there(path string) bool {
	here, err := os.Getwd()
	if err != nil || !strings.HasPrefix(path, here) {
		return true
	}
	_, err = os.Stat(path)
	return err == nil
}

func check(t *testing.T, name string, opt plan.Options, host func(scenarios.Environment) Host) []Finding {
	t.Helper()
	s, err := scenarios.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Compile(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return Check(s, p, host)
}

func rendered(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		service := f.Service
		if service == "" {
			service = "no service"
		}
		b.WriteString(string(f.Severity) + " (" + service + ") " + f.String() + "\n")
	}
	return b.String()
}

// TestFindings compares everything that is said about each case with the file
// beside it. A case without findings has an empty one.
func TestFindings(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	golden, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := txtar.Write(archive, dir); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			got := rendered(check(t, "scenario.yaml", plan.Options{}, small))
			name := strings.TrimSuffix(filepath.Base(file), ".txtar") + ".txt"
			testenv.Golden(t, filepath.Join(golden, name), strings.ReplaceAll(filepath.ToSlash(got), filepath.ToSlash(here), "$PWD"))
		})
	}
}

// What is not measured is not spoken of, and a scale of the command line is.
func TestPlanDecides(t *testing.T) {
	none := func(scenarios.Environment) Host { return Host{} }
	said := func(opt plan.Options) string { return rendered(check(t, "twip", opt, none)) }
	if got := said(plan.Options{Environments: []string{"production"}, Scales: []scenarios.Scale{{}}}); got != "" {
		t.Errorf("one replica of each service: %s", got)
	}
	got := said(plan.Options{Environments: []string{"production"}, Scales: []scenarios.Scale{{"proxy": 4}}})
	for _, want := range []string{"--scale proxy=4", "port 1936 of the host"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in: %s", want, got)
		}
	}
}

// What is not known of the host is not a limit.
func TestUnknownHost(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/limits.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range check(t, filepath.Join(dir, "scenario.yaml"), plan.Options{}, func(scenarios.Environment) Host { return Host{} }) {
		if strings.Contains(f.Message, "this host") {
			t.Errorf("a host that nothing is known of: %s", f.Line())
		}
	}
}

// The order of the plan, which its seed decides, changes nothing.
func TestOrder(t *testing.T) {
	want := rendered(check(t, "twip", plan.Options{Seed: 1}, small))
	for seed := range uint64(5) {
		if got := rendered(check(t, "twip", plan.Options{Seed: seed}, small)); got != want {
			t.Errorf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
}
