package lint

import (
	"fmt"
	"path/filepath"
	"strings"

	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// missing finds folders and files that a service needs and this host does not
// have.
func (c *checker) missing(s topology.Service) {
	if c.host.There == nil || c.host.Engine == scenarios.ProcessEngine {
		return
	}
	at := "services." + s.Name
	if b := s.Build; b != nil && filepath.IsAbs(b.Context) && !c.host.There(b.Context) {
		c.add(Warning, s.Name, c.top.Origin.Problem(at+".build", fmt.Sprintf(
			"is to be built in %s, which is not there: %s starts only if the engine has the image %s already. Put the folder there, or build or load the image under that name",
			b.Context, s.Name, s.Image)))
	}
	for _, m := range s.Mounts {
		if m.Type != topology.BindMount || c.host.There(m.Source) || isEngineSocket(m) {
			continue
		}
		if m.Create && !m.ReadOnly {
			continue // it is there to be filled
		}
		message := fmt.Sprintf("mounts %s, which is not there: the engine makes an empty folder of it, and %s finds nothing in %s", m.Source, s.Name, m.Target)
		severity := Warning
		if !m.Create {
			severity, message = Error, fmt.Sprintf("mounts %s, which is not there, and does not have it made: %s cannot start. Put it there, or leave create_host_path out", m.Source, s.Name)
		}
		c.add(severity, s.Name, c.top.Origin.ItemProblem(at+".volumes", func(text string) bool {
			source, _, _ := strings.Cut(text, ":")
			return source != "" && strings.HasSuffix(m.Source, strings.TrimLeft(filepath.Clean(source), "./"))
		}, message))
	}
}
