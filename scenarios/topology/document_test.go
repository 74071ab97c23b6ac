package topology

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"

	"plimsoll/internal/testenv"
)

// refused attributes are errors, as without them another stack would run than
// the one that is described.
var refused = map[string]string{
	"services.*.provider":     "run it yourself and give its address to the others",
	"services.*.volumes_from": "name the volume under `volumes` and mount it in both services",
	"services.*.pre_start":    "make it a service that others wait for with `condition: service_completed_successfully`",
	"configs.*.external":      "give it as `file`, `content` or `environment`; an external one is kept by a swarm",
	"secrets.*.external":      "give it as `file` or `environment`; an external one is kept by a swarm",
	"secrets.*.driver":        "give it as `file` or `environment`; drivers are a swarm's",
}

// remarks say how an honoured attribute is honoured, where that is not plain;
// those that begin with another verdict, that it is known and has no effect.
var remarks = map[string]string{
	"name":                       "stacks have names of their own, so that several can run at once; this one is part of the names of built images",
	"version":                    "files of the versions 2 and 3 are read as today's",
	"include":                    "files of this host",
	"services.*.annotations":     "from API 1.43 on; older engines: warned",
	"services.*.build":           "by the engine's classic builder, when the image is missing or `pull_policy` is `build`; the image is called PROJECT-SERVICE unless `image` is given",
	"services.*.build.context":   "a folder of this host, sent without what its `.dockerignore` names; a URL is refused",
	"services.*.build.platforms": "one; more are refused",
	"services.*.container_name":  "accepted: names have to be free for each run and each replica",
	"services.*.restart":         "warned: kept, not applied: a replica that ends stays so and counts as failed, as measuring a service that comes back half the time says nothing",
	"services.*.deploy.resources.reservations.cpus": "warned: an engine cannot set CPUs aside",
	"services.*.depends_on":                         "with their conditions; without one, a service starts when the others have started, and is only asked whether it is ready when they are",
	"services.*.environment":                        "a variable without a value is the environment's; if it is not set there, the image's",
	"services.*.ports":                              "published on a port of the loopback interface that the engine chooses; the load does not come that way",
	"services.*.ports.[].published":                 "read, but see `ports`",
	"services.*.ports.[].host_ip":                   "read, but see `ports`",
	"services.*.ports.[].name":                      "says nothing that could be done",
	"services.*.ports.[].app_protocol":              "says nothing that could be done",
	"services.*.ports.[].protocol":                  "tcp or udp; others are refused",
	"services.*.expose":                             "a replica is ready when all its TCP ports accept connections, unless it has a healthcheck",
	"services.*.links":                              "and their aliases, on the networks that both are on",
	"services.*.network_mode":                       "`host`, `none`, `bridge`, `service:NAME`; others are refused. With `host`, the load goes to the address of the engine's host on its own bridge, and services do not find each other by name",
	"services.*.networks.*.priority":                "which network gives the address that load is put on",
	"services.*.healthcheck.test":                   "run by plimsoll while the stack starts, and not while it is measured, as the engine's own checks take a measurable share of a core. Without one, the image's own check is run",
	"services.*.healthcheck.interval":               "a stack that starts is asked more often",
	"services.*.healthcheck.start_period":           "as `--ready-within` bounds the start",
	"services.*.healthcheck.start_interval":         "a stack that starts is asked more often",
	"services.*.healthcheck.retries":                "as `--ready-within` bounds the start",
	"services.*.ipc":                                "`host`, `none`, `private`, `shareable`, `service:NAME`; others are refused",
	"services.*.pid":                                "`host`, `service:NAME`; others are refused",
	"services.*.uts":                                "`host`",
	"services.*.userns_mode":                        "`host`",
	"services.*.cgroup":                             "`host`, `private`",
	"services.*.logging.driver":                     "`json-file`; for others it is used, too, and warned",
	"services.*.logging.options":                    "of `json-file`; 10 MB in one file unless said otherwise",
	"services.*.mem_limit":                          "without swap beyond it, unless `memswap_limit` says so: too much memory is a killed replica and not a slow one",
	"services.*.mem_swappiness":                     "0 is as if it were not given",
	"services.*.oom_kill_disable":                   "where the engine's kernel can (control groups v1)",
	"services.*.pull_policy":                        "`missing`, `always`, `never`, `build`; those with a time are warned and taken as `missing`",
	"services.*.scale":                              "the scenario's scale comes before it",
	"services.*.deploy.replicas":                    "the scenario's scale comes before it",
	"services.*.security_opt":                       "a seccomp profile is read from this host",
	"services.*.stop_grace_period":                  "told to the engine; plimsoll itself kills what it takes down",
	"services.*.stop_signal":                        "told to the engine; plimsoll itself kills what it takes down",
	"services.*.profiles":                           "enabled by the environment's `profiles`, or by COMPOSE_PROFILES",
	"services.*.tmpfs":                              "with options, as in `/run:size=2m,mode=755`",
	"services.*.volumes.[].type":                    "`volume`, `bind`, `tmpfs`; others are refused",
	"services.*.configs":                            "a `file` is mounted read-only; others are copied into the container before it starts",
	"services.*.configs.[].uid":                     "not for a `file`: warned",
	"services.*.configs.[].gid":                     "not for a `file`: warned",
	"services.*.configs.[].mode":                    "not for a `file`: warned",
	"services.*.secrets":                            "as configs, under /run/secrets",
	"services.*.secrets.[].uid":                     "not for a `file`: warned",
	"services.*.secrets.[].gid":                     "not for a `file`: warned",
	"services.*.secrets.[].mode":                    "not for a `file`: warned",
	"secrets.*.environment":                         "the record of a run holds the variable's name only: to run it again, the variable has to be set",
	"configs.*.environment":                         "the record of a run holds the value",
	"networks.*.name":                               "of an `external` network; another one has a name of its own in each stack: warned",
	"networks.*.external":                           "used as it is, neither made nor removed",
	"networks.*.driver":                             "what the engine has; `overlay` is refused",
	"networks.*.enable_ipv4":                        "`false` is refused: load is sent to IPv4 addresses",
	"networks.*.internal":                           "the load comes from within the network",
	"volumes.*.name":                                "of an `external` volume; another one has a name of its own in each stack: warned",
	"volumes.*.external":                            "used as it is, neither made nor removed: what a trial leaves in it is there for the next one",
}

// TestDocumented keeps the table in docs/compose.md complete.
func TestDocumented(t *testing.T) {
	known := map[string]bool{}
	for _, path := range schema.AttributePaths() {
		known[path.String()] = true
	}
	for _, list := range []map[string]string{refused, remarks} {
		for path := range list {
			if !known[path] {
				t.Errorf("the specification has no %s any more", path)
			}
		}
	}
	const file, begin, end = "../../docs/compose.md", "<!-- attributes -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no %s … %s", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	testenv.Golden(t, file, head+begin+tables()+end+tail)
}

// tables renders what becomes of every attribute of the specification.
func tables() string {
	paths := map[string]tree.Path{}
	for _, path := range schema.AttributePaths() {
		paths[path.String()] = path
	}
	sections := []struct{ title, prefix string }{
		{"The file", ""}, {"Services", "services.*."}, {"Building images", "services.*.build"}, {"Deploying", "services.*.deploy"},
		{"Networks", "networks.*"}, {"Volumes", "volumes.*"}, {"Configs and secrets", "configs.*"}, {"", "secrets.*"},
	}
	section := func(path string) string {
		longest := ""
		for _, s := range sections {
			if strings.HasPrefix(path, s.prefix) && len(s.prefix) > len(longest) {
				longest = s.prefix
			}
		}
		return longest
	}
	var b strings.Builder
	for _, s := range sections {
		if s.title != "" {
			fmt.Fprintf(&b, "\n### %s\n\n| attribute | | |\n|---|---|---|\n", s.title)
		}
		covered := "" // the path whose row tells of all below it
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			if section(path) != s.prefix || covered != "" && strings.HasPrefix(path, covered+".") {
				continue
			}
			verdict, remark := judge(paths[path])
			name := "`" + strings.ReplaceAll(path, ".[]", "[]") + "`"
			if uniform(path, verdict, paths) {
				covered = path
				name += " and all below it"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, verdict, remark)
		}
	}
	return b.String() + "\n"
}

// judge says what becomes of an attribute.
func judge(path tree.Path) (verdict, remark string) {
	if why := refused[path.String()]; why != "" {
		return "refused", why
	}
	for parent := path.Parent(); parent != ""; parent = parent.Parent() {
		if why := refused[parent.String()]; why != "" {
			return "refused", why
		}
	}
	known := tree.NewMatcher(honoured()...)
	if !known.Matches(path) && !known.MayContain(path) {
		return "warned", ""
	}
	remark = remarks[path.String()]
	for _, verdict := range []string{"warned", "accepted"} {
		if rest, ok := strings.CutPrefix(remark, verdict+": "); ok {
			return verdict, rest
		}
	}
	return "honoured", remark
}

// uniform reports whether there is something below a path, and all of it is as
// the path itself.
func uniform(path, verdict string, paths map[string]tree.Path) bool {
	below := false
	for other, p := range paths {
		if !strings.HasPrefix(other, path+".") {
			continue
		}
		below = true
		if v, remark := judge(p); v != verdict || remark != "" && v == "honoured" {
			return false
		}
	}
	return below
}
