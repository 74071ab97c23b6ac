package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// errNotSelf says why a command cannot run.
var errNotSelf = errors.New("a process of this engine has no file system of its own and can run /plimsoll only; use Docker (--engine docker)")

// isSelf reports whether a command's first word is this program.
func isSelf(word string) bool { return word == "/plimsoll" || word == "plimsoll" }

// runnable says why a service cannot run as a process, if so.
func runnable(s topology.Service) error {
	if s.Image != engine.SelfImage || s.Build != nil {
		return fmt.Errorf("image %q cannot run as a process, only %q can: use Docker (--engine docker)", s.Image, engine.SelfImage)
	}
	if len(s.Entrypoint) > 0 && !isSelf(s.Entrypoint[0]) {
		return fmt.Errorf("entrypoint %q: %w", s.Entrypoint, errNotSelf)
	}
	if check := s.Healthcheck; check != nil && len(check.Test) > 0 && !isSelf(check.Test[0]) {
		return fmt.Errorf("healthcheck %q: %w", check.Test, errNotSelf)
	}
	return nil
}

// arguments returns what follows the executable on a service's command line.
func arguments(s topology.Service) []string {
	var args []string
	if len(s.Entrypoint) > 0 {
		args = append(args, s.Entrypoint[1:]...)
	}
	return append(args, s.Command...)
}

// surroundings are what a replica's processes see.
type surroundings struct {
	dir     string            // the working directory
	env     []string          // as for exec.Cmd
	folders map[string]string // by the mount's target
}

// command prepares a process of the replica in a process group of its own,
// which a done ctx kills.
func (s surroundings) command(ctx context.Context, self string, args []string) *exec.Cmd {
	rewritten := make([]string, len(args))
	for i, arg := range args {
		rewritten[i], _ = s.rewrite(arg)
	}
	cmd := exec.CommandContext(ctx, self, rewritten...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, pipesWithin
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	return cmd
}

// rewrite turns a path that begins with a mount's target into one that begins
// with the mount's folder, and reports whether it did. The longest target
// wins, as in a container.
func (s surroundings) rewrite(path string) (string, bool) {
	longest := ""
	for target := range s.folders {
		rest, begins := strings.CutPrefix(path, strings.TrimRight(target, "/"))
		if begins && path != "" && (rest == "" || rest[0] == '/') && len(target) > len(longest) {
			longest = target
		}
	}
	if longest == "" {
		return path, false
	}
	rest := strings.TrimPrefix(path, strings.TrimRight(longest, "/"))
	return s.folders[longest] + filepath.FromSlash(rest), true
}

// Warnings implements engine.Warner.
func (e *Engine) Warnings(t *topology.Topology) []string {
	var warnings []string
	for _, s := range t.Services {
		if asked := notHonoured(s); len(asked) > 0 {
			warnings = append(warnings, fmt.Sprintf("service %s: the process engine does not honour %s", s.Name, strings.Join(asked, ", ")))
		}
	}
	if len(t.Networks) > 1 {
		warnings = append(warnings, "the process engine does not keep networks apart: every service reaches every other")
	}
	if !diesWithParent {
		warnings = append(warnings, "on this system services live on if plimsoll is killed; on Linux they do not")
	}
	return warnings
}

// notHonoured lists what a service asks for and a process does not get.
func notHonoured(s topology.Service) []string {
	readOnly := s.ReadOnly
	for _, m := range s.Mounts {
		readOnly = readOnly || m.ReadOnly
	}
	var asked []string
	for _, option := range []struct {
		name  string
		asked bool
	}{
		{"its CPU limit", s.CPUs != 0 || s.CPUQuota != 0 || s.CPUShares != 0 || s.RealtimeRuntime != 0},
		{"its choice of CPUs", s.CPUSet != ""},
		{"its memory limit", s.MemoryBytes != 0 || s.ReservedMemoryBytes != 0},
		{"its limit of processes", s.PidsLimit != 0},
		{"its ulimits", len(s.Ulimits) > 0},
		{"its user", s.User != "" || len(s.Groups) > 0},
		{"its capabilities", s.Privileged || len(s.CapAdd)+len(s.CapDrop)+len(s.Security) > 0},
		{"read-only files", readOnly},
		{"its configs and secrets", len(s.Files) > 0},
		{"its devices", len(s.Devices) > 0},
		{"its sysctls", len(s.Sysctls) > 0},
		{"its network_mode", s.NetworkMode != "" && s.NetworkMode != topology.HostMode},
		{"its names of hosts and DNS servers", len(s.Names.ExtraHosts)+len(s.Names.Servers)+len(s.Names.Search) > 0},
	} {
		if option.asked {
			asked = append(asked, option.name)
		}
	}
	return asked
}
