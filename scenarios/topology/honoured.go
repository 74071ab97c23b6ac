package topology

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
)

// honoured lists every attribute of a Compose file that convert makes use of,
// or that compose-go has resolved by then. All others are warned about, those
// included that the specification will have one day.
func honoured() []tree.Path {
	paths := []tree.Path{"name", "networks.*", "volumes.*"}
	for _, attribute := range []string{
		"image", "entrypoint", "command", "environment", "environment.*",
		"env_file", "env_file.[].path", "env_file.[].required", "env_file.[].format",
		"labels", "labels.*", "label_file", "working_dir", "user", "hostname",
		"scale", "deploy.replicas",
		"deploy.resources.limits.cpus", "deploy.resources.limits.memory", "deploy.resources.limits.pids",
		"ports", "ports.[].target", "ports.[].published", "ports.[].protocol", "ports.[].host_ip",
		"expose", "depends_on", "depends_on.*.condition", "depends_on.*.required", "links",
		"networks", "networks.*", "networks.*.aliases",
		"volumes", "volumes.[].type", "volumes.[].source", "volumes.[].target", "volumes.[].read_only",
		"volumes.[].bind.create_host_path", "tmpfs",
		"healthcheck.test", "healthcheck.interval", "healthcheck.timeout",
		"healthcheck.start_period", "healthcheck.retries", "healthcheck.disable",
		"cpus", "cpuset", "mem_limit", "pids_limit",
		"cap_add", "cap_drop", "read_only", "init", "privileged", "stop_signal",
		"profiles", "extends", "extends.file", "extends.service",
	} {
		paths = append(paths, tree.Path("services.*."+attribute))
	}
	return paths
}

// harmless reports whether an attribute says no more than what is done anyway.
func harmless(a loader.UnsupportedAttribute) bool {
	v := reflect.ValueOf(a.Value)
	switch {
	case !v.IsValid() || v.IsZero():
		return true
	case v.Kind() == reflect.Map || v.Kind() == reflect.Slice:
		return v.Len() == 0
	}
	for pattern, value := range map[tree.Path]string{
		"services.*.ports.[].mode": "ingress",
		"services.*.deploy.mode":   "replicated",
		"services.*.restart":       types.RestartPolicyNo,
		"networks.*.driver":        "bridge",
		"volumes.*.driver":         "local",
	} {
		if a.Path.Matches(pattern) && a.Value == value {
			return true
		}
	}
	return false
}

// noteUnsupported keeps what compose-go found to be not honoured.
func (l *loading) noteUnsupported(found []loader.UnsupportedAttribute) {
	l.unsupported = append(l.unsupported, slices.DeleteFunc(found, harmless)...)
}

// warnUnsupported turns what was found into warnings, but for services that
// are not wanted.
func (l *loading) warnUnsupported(project *types.Project) {
	for _, a := range l.unsupported {
		if parts := a.Path.Parts(); len(parts) > 1 && parts[0] == "services" {
			if _, wanted := project.Services[tree.Path(parts[1]).String()]; !wanted {
				continue
			}
		}
		path := strings.ReplaceAll(a.Path.String(), ".[]", "[]")
		l.warn(fmt.Sprintf("%s is not honoured", path))
	}
	slices.Sort(l.warnings)
}
