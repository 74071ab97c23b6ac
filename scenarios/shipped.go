package scenarios

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"plimsoll/scenarios/topology"
)

// Scenarios are *.yaml; the folders hold their topologies.
//
//go:embed *.yaml gateways twip
var shippedFiles embed.FS

// ShippedScenario is a scenario that is part of the program.
type ShippedScenario struct {
	Name  string
	Title string // what it measures, in a few words
}

// Shipped lists the scenarios that are part of the program, sorted by name.
func Shipped() []ShippedScenario {
	var list []ShippedScenario
	for _, name := range shippedNames() {
		text, err := shippedFiles.ReadFile(name + ".yaml")
		if err != nil {
			panic(err) // it was listed
		}
		list = append(list, ShippedScenario{name, title(string(text))})
	}
	return list
}

func shippedNames() []string {
	files, err := fs.Glob(shippedFiles, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, ".yaml")
	}
	return files
}

func openShipped(name string) (topology.Source, error) {
	text, err := shippedFiles.ReadFile(path.Clean(name))
	return topology.Source{File: "shipped:" + name, Text: text}, err
}

// title is the first sentence of the comment that a file begins with.
func title(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		if !strings.Contains(comment, "yaml-language-server:") {
			words = append(words, strings.Fields(comment)...)
		}
	}
	sentence, _, _ := strings.Cut(strings.Join(words, " "), ". ")
	return strings.TrimSuffix(sentence, ".")
}
