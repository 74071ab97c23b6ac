package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"plimsoll/scenarios/topology"
	"plimsoll/scenarios/yamlfile"
)

// Error holds every problem of a scenario file, and of the topologies that it
// names, sorted by place.
type Error = yamlfile.Error

// Problem is one mistake, with its place.
type Problem = yamlfile.Problem

// Place is a position in a file.
type Place = yamlfile.Place

// opener reads the topology that a scenario names.
type opener func(name string) (topology.Source, error)

// Read reads and checks a scenario: the file of that name or, if there is none
// and the name is a bare word, the shipped scenario of that name. What is
// wrong with it is an *Error.
func Read(name string) (*Scenario, error) {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		return loadFile(name)
	}
	bare := !strings.ContainsAny(name, `/\`) && filepath.Ext(name) == "" && name != ""
	if bare {
		if text, err := shippedFiles.ReadFile(name + ".yaml"); err == nil {
			return parse("shipped:"+name+".yaml", text, openShipped)
		}
	}
	switch {
	case err == nil:
		return nil, notAScenario("%s is a folder; name the scenario file in it", name)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, notAScenario("%v", err)
	case bare:
		names := shippedNames()
		return nil, notAScenario("there is no file %q and no shipped scenario of that name%s (shipped: %s)",
			name, yamlfile.DidYouMean(name, names), strings.Join(names, ", "))
	}
	return nil, notAScenario("there is no file %q", name)
}

func notAScenario(format string, args ...any) error {
	return yamlfile.NewError(Problem{Message: fmt.Sprintf(format, args...)})
}

func loadFile(name string) (*Scenario, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, notAScenario("%v", err)
	}
	return parse(filepath.ToSlash(name), text, func(topologyName string) (topology.Source, error) {
		file := filepath.FromSlash(topologyName)
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(name), file)
		}
		return readSource(file)
	})
}

// environ is this process's environment as a map.
func environ() map[string]string {
	variables := map[string]string{}
	for _, entry := range os.Environ() {
		if key, value, ok := strings.Cut(entry, "="); ok && key != "" {
			variables[key] = value
		}
	}
	return variables
}

// parse makes a scenario of a file's text.
func parse(name string, text []byte, open opener) (*Scenario, error) {
	parsed, err := yamlfile.Parse(name, text)
	if err != nil {
		return nil, err
	}
	b := &builder{open: open, opened: map[string]opened{}}
	b.scenario = Scenario{File: name, Source: text}
	switch {
	case isEmbedded(parsed):
		b.embedded(parsed)
	case isCompose(parsed):
		return nil, yamlfile.NewError(parsed.Problem(yamlfile.Place{Line: 1, Column: 1}, "", fmt.Sprintf(
			"is a Compose file that does not say what to measure: make a scenario of it (plimsoll init %s), or add %s", name, embeddedKey)))
	default:
		b.contents = parsed.Decode(&b.file)
		b.name(name)
	}
	b.environments()
	b.scales()
	b.requests()
	b.loads()
	b.rest()
	if err := b.contents.Err(); err != nil {
		return nil, err
	}
	return &b.scenario, nil
}
