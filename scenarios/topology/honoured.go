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
	paths := []tree.Path{
		"name", "version", "include", "include.[].path", "include.[].env_file", "include.[].project_directory",
		"networks.*.name", "networks.*.external", "networks.*.external.name", "networks.*.driver",
		"networks.*.driver_opts", "networks.*.driver_opts.*", "networks.*.internal", "networks.*.attachable",
		"networks.*.enable_ipv4", "networks.*.enable_ipv6", "networks.*.labels", "networks.*.labels.*",
		"networks.*.ipam.driver", "networks.*.ipam.options", "networks.*.ipam.options.*",
		"networks.*.ipam.config.[].subnet", "networks.*.ipam.config.[].gateway", "networks.*.ipam.config.[].ip_range",
		"networks.*.ipam.config.[].aux_addresses", "networks.*.ipam.config.[].aux_addresses.*",
		"volumes.*.name", "volumes.*.external", "volumes.*.external.name", "volumes.*.driver",
		"volumes.*.driver_opts", "volumes.*.driver_opts.*", "volumes.*.labels", "volumes.*.labels.*",
		"configs.*.file", "configs.*.content", "configs.*.environment", "configs.*.external", "configs.*.external.name",
		"secrets.*.file", "secrets.*.environment", "secrets.*.external", "secrets.*.external.name", "secrets.*.driver",
	}
	for _, attribute := range []string{
		"image", "entrypoint", "command", "environment", "environment.*", "platform", "pull_policy",
		"build", "build.context", "build.dockerfile", "build.dockerfile_inline", "build.args", "build.args.*", "build.target",
		"build.network", "build.platforms", "build.tags", "build.labels", "build.labels.*", "build.extra_hosts", "build.extra_hosts.*",
		"build.cache_from", "build.no_cache", "build.pull", "build.shm_size",
		"build.ulimits", "build.ulimits.*", "build.ulimits.*.soft", "build.ulimits.*.hard",
		"env_file", "env_file.[].path", "env_file.[].required", "env_file.[].format",
		"labels", "labels.*", "label_file", "annotations", "annotations.*", "working_dir", "user", "group_add",
		"hostname", "domainname", "container_name", "restart", "provider",
		"scale", "deploy.replicas",
		"deploy.resources.limits.cpus", "deploy.resources.limits.memory", "deploy.resources.limits.pids",
		"deploy.resources.reservations.cpus", "deploy.resources.reservations.memory",
		"ports", "ports.[].target", "ports.[].published", "ports.[].protocol", "ports.[].host_ip",
		"ports.[].name", "ports.[].app_protocol",
		"expose", "depends_on", "depends_on.*.condition", "depends_on.*.required", "links",
		"networks", "networks.*", "networks.*.aliases", "networks.*.ipv4_address", "networks.*.ipv6_address",
		"networks.*.link_local_ips", "networks.*.priority", "network_mode",
		"extra_hosts", "extra_hosts.*", "dns", "dns_search", "dns_opt",
		"volumes", "volumes.[].type", "volumes.[].source", "volumes.[].target", "volumes.[].read_only",
		"volumes.[].bind.create_host_path", "volumes.[].bind.propagation", "volumes.[].bind.selinux",
		"volumes.[].volume.nocopy", "volumes.[].tmpfs.size", "volumes.[].tmpfs.mode", "tmpfs", "volumes_from",
		"configs", "configs.[].source", "configs.[].target", "configs.[].uid", "configs.[].gid", "configs.[].mode",
		"secrets", "secrets.[].source", "secrets.[].target", "secrets.[].uid", "secrets.[].gid", "secrets.[].mode",
		"healthcheck.test", "healthcheck.interval", "healthcheck.timeout",
		"healthcheck.start_period", "healthcheck.start_interval", "healthcheck.retries", "healthcheck.disable",
		"cpus", "cpu_quota", "cpu_period", "cpu_shares", "cpu_rt_runtime", "cpu_rt_period", "cpuset",
		"mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "oom_kill_disable", "oom_score_adj",
		"shm_size", "storage_opt", "pids_limit", "ulimits", "ulimits.*", "ulimits.*.soft", "ulimits.*.hard",
		"sysctls", "sysctls.*", "cap_add", "cap_drop", "security_opt", "privileged", "read_only",
		"devices", "devices.[].source", "devices.[].target", "devices.[].permissions", "device_cgroup_rules",
		"ipc", "pid", "uts", "userns_mode", "cgroup", "cgroup_parent", "runtime",
		"init", "stop_signal", "stop_grace_period", "tty", "stdin_open",
		"logging.driver", "logging.options", "logging.options.*", "pre_start",
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

// warnNames tells that a network or volume is not called as the file wants.
func (l *loading) warnNames(kind string, own []string, name func(string) string, project *types.Project) {
	for _, short := range own {
		if given := name(short); given != "" && given != project.Name+"_"+short {
			l.warn(fmt.Sprintf("%s.%s.name: it is made anew for each stack, under a name of its own; say external: true to use one that exists", kind, short))
		}
	}
}
