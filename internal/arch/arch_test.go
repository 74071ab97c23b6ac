// Package arch keeps the layers: an import points to a lower one.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers lists every package's floor. Inside a floor nobody imports anybody,
// but for the arrows in within.
var layers = map[string]int{
	"cmd/plimsoll":   6,
	"cmd/sidebyside": 6,

	"report":      5,
	"report/plot": 5,

	"runner":                    4,
	"runner/bench":              4,
	"runner/calibrate":          4,
	"runner/doctor":             4,
	"results/analysis":          4,
	"results/analysis/capacity": 4,
	"results/analysis/gate":     4,
	"results/analysis/size":     4,
	"results/foreign":           4,
	"results/analysis/within":   4,

	"runner/engine/docker":     3,
	"runner/engine/process":    3,
	"runner/engine/enginetest": 3,
	"runner/worker":            3,
	"runner/sampler":           3,
	"runner/site":              3,

	"runner/engine": 2,
	"runner/load":   2,
	"results":       2,

	"results/published": 2,
	"results/steady":    2,

	"scenarios/draft":    1,
	"scenarios/lint":     1,
	"scenarios/plan":     1,
	"scenarios/prices":   1,
	"scenarios":          1,
	"scenarios/topology": 1,
	"scenarios/yamlfile": 1,

	"fixtures":         0,
	"internal/arch":    0,
	"internal/cgroup":  0,
	"internal/latency": 0,
	"internal/precise": 0,
	"internal/proc":    0,
	"internal/relay":   0,
	"internal/testenv": 0,
	"internal/units":   0,
}

// within are the arrows inside a floor.
var within = []string{
	"report -> report/plot",
	"scenarios/draft -> scenarios",
	"scenarios/draft -> scenarios/topology",
	"scenarios/lint -> scenarios",
	"scenarios/lint -> scenarios/plan",
	"scenarios/lint -> scenarios/topology",
	"scenarios/plan -> scenarios",
	"scenarios -> scenarios/topology",
	"scenarios/plan -> scenarios/yamlfile",
	"scenarios/prices -> scenarios/yamlfile",
	"scenarios -> scenarios/yamlfile",
	"scenarios/topology -> scenarios/yamlfile",
	"runner/load -> results",
	"results -> results/steady",
	"runner -> runner/calibrate",
	"runner/doctor -> runner/calibrate",
	"runner/calibrate -> runner/bench",
	"fixtures -> internal/precise",
	"results/analysis -> results/analysis/capacity",
	"results/analysis -> results/analysis/gate",
	"results/analysis -> results/analysis/size",
	"results/analysis -> results/analysis/within",
}

// only names the packages that alone may import a heavy dependency.
var only = map[string][]string{
	"github.com/urfave/cli":         {"cmd/plimsoll"},
	"gonum.org/v1/plot":             {"report/plot"},
	"github.com/docker/docker":      {"runner/engine/docker", "internal/testenv"},
	"github.com/docker/cli":         {"runner/engine/docker"},
	"github.com/compose-spec":       {"scenarios/topology"},
	"github.com/goccy/go-yaml":      {"scenarios/yamlfile"},
	"github.com/tsenart/vegeta":     {"runner/load", "report", "results/foreign"}, // its targets; its report's type; its results
	"github.com/HdrHistogram":       {"internal/latency"},
	"github.com/jedib0t/go-pretty":  {"report", "scenarios/plan", "cmd/plimsoll"},
	"github.com/vbauerster/mpb":     {"cmd/plimsoll"},
	"github.com/invopop/jsonschema": {"scenarios"},
	"github.com/google/renameio":    {"results", "runner/engine/process", "cmd/plimsoll"},
}

func TestImportsPointDown(t *testing.T) {
	const module = "plimsoll/"
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name != ".." && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		from := path.Dir(filepath.ToSlash(rel))
		floor, known := layers[from]
		if !known {
			t.Errorf("%s: package %s has no floor; add it to the table in internal/arch and to CONTRIBUTING.md", rel, from)
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range parsed.Imports {
			to, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			for heavy, users := range only {
				if strings.HasPrefix(to, heavy) && !slices.Contains(users, from) {
					t.Errorf("%s imports %s, which is for %v alone", rel, to, users)
				}
			}
			to, ours := strings.CutPrefix(to, module)
			if !ours {
				continue
			}
			below, known := layers[to]
			arrow := from + " -> " + to
			if !known || below > floor || below == floor && !slices.Contains(within, arrow) {
				t.Errorf("%s: %s (floor %d) may not import %s (floor %d)", rel, from, floor, to, below)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
