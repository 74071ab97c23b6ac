//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is a peer that is built from source, at the version pinned here.
type module struct{ name, path, version string }

var modules = []module{
	{"hey", "github.com/rakyll/hey", "v0.1.5"},
	{"vegeta", "github.com/tsenart/vegeta/v12", "v12.12.0"},
	{"bombardier", "github.com/codesenberg/bombardier", "v1.2.6"},
}

// packaged are the peers that the system's package manager installs, with the
// package that has them on Debian.
var packaged = map[string]string{"wrk": "wrk", "ab": "apache2-utils"}

// program is a load generator that is there.
type program struct{ path, version string }

// findPeers returns the peers that are wanted, and builds into cache those
// that are not there yet. The error names what cannot be had.
func findPeers(ctx context.Context, cache string, wanted func(string) bool) (map[string]program, error) {
	found := map[string]program{}
	for name, pkg := range packaged {
		if !wanted(name) {
			continue
		}
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("%s is not installed: apt-get install %s, or leave it out with --only", name, pkg)
		}
		found[name] = program{path, packageVersion(ctx, pkg)}
	}
	for _, m := range modules {
		if !wanted(m.name) {
			continue
		}
		path, err := m.build(ctx, cache)
		if err != nil {
			return nil, fmt.Errorf("build %s %s: %w (or leave it out with --only)", m.name, m.version, err)
		}
		found[m.name] = program{path, m.version}
	}
	return found, nil
}

// build compiles the module unless the cache has it. A module of its own
// around it gives it the dependencies that its author chose, as go install
// would, and asks for nothing but that version.
func (m module) build(ctx context.Context, cache string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(cache, m.name+"@"+m.version))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, m.name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	mod := fmt.Sprintf("module peer\n\ngo 1.26\n\nrequire %s %s\n", m.path, m.version)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", path, m.path)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// packageVersion is that of a Debian package, or says that it is unknown.
func packageVersion(ctx context.Context, pkg string) string {
	out, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${Version}", pkg).Output()
	if err != nil {
		return "unknown version"
	}
	return string(out)
}
