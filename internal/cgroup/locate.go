package cgroup

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// unified stands for the version 2 hierarchy where a version 1 controller's
// name is expected; it is also how /proc/PID/cgroup writes it.
const unified = ""

// mount is one place where a control group hierarchy can be seen.
type mount struct {
	// root is the control group that the mount shows at its top.
	root string
	// point is where it is mounted.
	point string
	// controllers are a version 1 hierarchy's; for version 2 it is unified
	// alone.
	controllers []string
}

// location is where a process's control groups are.
type location struct {
	root   string
	pid    int
	mounts []mount
	groups map[string]string // by controller: path from the hierarchy's top
}

// locate finds the control groups of a process. If name is not empty, they are
// those at or above the process's own whose names contain it.
func locate(root string, pid int, name string) (*location, error) {
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	groups, err := os.ReadFile(filepath.Join(root, "proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return nil, err
	}
	l := &location{root: root, pid: pid}
	if l.mounts, err = parseMounts(string(mounts)); err != nil {
		return nil, fmt.Errorf("/proc/self/mountinfo: %w", err)
	}
	if l.groups, err = parseGroups(string(groups)); err != nil {
		return nil, fmt.Errorf("/proc/%d/cgroup: %w", pid, err)
	}
	if name != "" {
		l.groups = within(l.groups, name)
		if len(l.groups) == 0 {
			return nil, fmt.Errorf("process %d is in no control group named after %s", pid, name)
		}
	}
	return l, nil
}

func (l *location) has(controller string) bool {
	_, found := l.groups[controller]
	return found
}

// file returns the path of a file of the process's control group. The error
// wraps fs.ErrNotExist.
func (l *location) file(controller, name string) (string, error) {
	what := "controller " + controller
	if controller == unified {
		what = "version 2 hierarchy"
	}
	group, found := l.groups[controller]
	if !found {
		return "", fmt.Errorf("%s: process %d has no control group there: %w", what, l.pid, fs.ErrNotExist)
	}
	for _, m := range l.mounts {
		if !slices.Contains(m.controllers, controller) {
			continue
		}
		below, visible := descend(m.root, group)
		if !visible {
			continue
		}
		file := filepath.Join(l.root, filepath.FromSlash(m.point), filepath.FromSlash(below), name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: no mount shows %s of control group %s: %w", what, name, group, fs.ErrNotExist)
}

// descend returns the way from the control group at a mount's top down to
// another one. Both are written as the kernel does, relative to the reader's
// control group namespace: what lies outside of it begins with "/..".
func descend(top, group string) (below string, visible bool) {
	from, to := segments(top), segments(group)
	if len(to) < len(from) || !slices.Equal(from, to[:len(from)]) {
		return "", false
	}
	to = to[len(from):]
	if slices.Contains(to, "..") {
		return "", false
	}
	return path.Join(to...), true
}

func segments(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// within cuts the paths off after the last segment that contains name, and
// drops those that have none.
func within(groups map[string]string, name string) map[string]string {
	cut := map[string]string{}
	for controller, group := range groups {
		parts := segments(group)
		for i, part := range slices.Backward(parts) {
			if strings.Contains(part, name) {
				cut[controller] = "/" + strings.Join(parts[:i+1], "/")
				break
			}
		}
	}
	return cut
}

// parseMounts returns the control group mounts of a mountinfo file.
func parseMounts(text string) ([]mount, error) {
	var mounts []mount
	for line := range strings.Lines(text) {
		// 30 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
		front, back, found := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		left, right := strings.Fields(front), strings.Fields(back)
		if !found || len(left) < 6 || len(right) < 1 {
			return nil, fmt.Errorf("not a mount: %q", line)
		}
		m := mount{root: unescape(left[3]), point: unescape(left[4])}
		switch right[0] {
		case "cgroup":
			m.controllers = strings.Split(right[len(right)-1], ",")
		case "cgroup2":
			m.controllers = []string{unified}
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// unescape undoes the kernel's \ooo in mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseGroups returns the paths of a /proc/PID/cgroup file by controller.
func parseGroups(text string) (map[string]string, error) {
	groups := map[string]string{}
	for line := range strings.Lines(text) {
		// 4:cpu,cpuacct:/docker/0123
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			return nil, fmt.Errorf("not a control group: %q", line)
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			groups[controller] = parts[2]
		}
	}
	return groups, nil
}
