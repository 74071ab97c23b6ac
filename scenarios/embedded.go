package scenarios

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"plimsoll/scenarios/yamlfile"
)

// embeddedKey is the key of a Compose file that a scenario may stand below. Its
// only environment is the file itself.
const embeddedKey = "x-plimsoll"

// embedded is such a scenario as it is written: the keys of a scenario file and
// those of its environment.
type embedded struct {
	Name       string           `json:"name,omitempty"`
	Profiles   []string         `json:"profiles,omitempty"`
	EnvFile    string           `json:"env_file,omitempty"`
	Target     string           `json:"target"`
	Engine     engineKey        `json:"engine,omitzero"`
	TLS        tlsOptions       `json:"tls,omitzero"`
	Link       link             `json:"link,omitzero"`
	Scales     []map[string]int `json:"scales,omitempty"`
	Requests   []request        `json:"requests,omitempty"`
	Loads      map[string]load  `json:"loads"`
	Warmup     warmup           `json:"warmup,omitzero"`
	Trials     int              `json:"trials,omitempty"`
	Objectives []objective      `json:"objectives,omitempty"`
	Events     unsupported      `json:"events,omitzero"`

	Environments elsewhere `json:"environments,omitzero"`
	Topology     elsewhere `json:"topology,omitzero"`
}

// elsewhere is a key that has no place in a Compose file.
type elsewhere struct{}

var _ yamlfile.Refuser = (*elsewhere)(nil)

// Refuse refuses every value.
func (*elsewhere) Refuse(bool) string {
	return "has no place in a Compose file, which is the one environment; to compare several, write a scenario file (plimsoll init)"
}

func isEmbedded(file *yamlfile.File) bool {
	keys := file.Keys("")
	return slices.Contains(keys, embeddedKey) && !slices.Contains(keys, "environments")
}

// isCompose reports whether a file is meant to be a Compose file, or a
// docker-cloud stack file, and no scenario.
func isCompose(file *yamlfile.File) bool {
	keys := file.Keys("")
	if slices.Contains(keys, "environments") || slices.Contains(keys, "loads") {
		return false
	}
	return slices.ContainsFunc(keys, func(key string) bool {
		return key == "services" || slices.Contains(file.Keys(key), "image")
	})
}

// embedded decodes a scenario that stands in a Compose file. The builder finds
// everything where a scenario file has it.
func (b *builder) embedded(file *yamlfile.File) {
	var in embedded
	b.contents = file.DecodeAt(embeddedKey, &in)
	name := b.scenario.File
	if abs, err := filepath.Abs(filepath.FromSlash(name)); err == nil {
		name = EnvironmentName(abs)
	}
	b.file = in.file(name, path.Base(b.scenario.File))
	b.contents.Alias("environments."+name, "environments", "topology")
	b.scenario.Embedded = true
	b.name(name + ".yaml")
}

// file is the scenario file that says the same of an environment with that
// topology.
func (in embedded) file(name, topology string) file {
	return file{
		Name: in.Name,
		Environments: map[string]environment{name: {
			Topology: compose{topology}, Profiles: in.Profiles, EnvFile: in.EnvFile, Target: in.Target, Engine: in.Engine, TLS: in.TLS, Link: in.Link,
		}},
		Scales: in.Scales, Requests: in.Requests, Loads: in.Loads,
		Warmup: in.Warmup, Trials: in.Trials, Objectives: in.Objectives,
	}
}

// embeddedPath is where a Compose file has what a scenario file has at a path.
func embeddedPath(path, environment string) string {
	path = strings.TrimPrefix(path, "environments."+environment+".")
	return embeddedKey + "." + path
}
