package scenarios

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"plimsoll/scenarios/topology"
)

// ReadTopology reads a Compose file, or a docker-cloud stack file, with the
// variables of this process's environment. What is wrong in it is an *Error.
func ReadTopology(file string) (*topology.Topology, error) {
	src, err := readSource(file)
	if err != nil {
		return nil, notAScenario("%v", err)
	}
	return topology.Load(src)
}

// readSource reads a topology's file.
func readSource(file string) (topology.Source, error) {
	text, err := os.ReadFile(file)
	return topology.Source{
		File: filepath.ToSlash(file), Text: text, Dir: filepath.Dir(file), Environment: environ(),
	}, err
}

// EnvironmentName is what an environment is called after the file of its
// topology, which is an absolute name: "compose.prod.yaml" gives "prod",
// "train/compose.yaml" gives "train", "docker-cloud.yml" gives "cloud".
func EnvironmentName(file string) string {
	file = filepath.ToSlash(file)
	base := path.Base(file[strings.LastIndex(file, ":")+1:])
	name := strings.TrimSuffix(base, path.Ext(base))
	name = strings.TrimPrefix(name, "docker-")
	if name == "compose" {
		name = path.Base(path.Dir(file))
	}
	name = strings.TrimPrefix(name, "compose.")
	name = regexp.MustCompile(`[^A-Za-z0-9_.-]+`).ReplaceAllString(name, "-")
	if name = strings.Trim(name, "-_."); name == "" {
		return "stack"
	}
	return name
}
