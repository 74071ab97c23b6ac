package docker

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// dockerfileName is what the Dockerfile is called in the context that is sent,
// if it is none of the context's files.
const dockerfileName = ".plimsoll.Dockerfile"

// build builds an image with the engine's classic builder, the one that every
// engine has.
func (e *Engine) build(ctx context.Context, op engine.Op, report func(string)) error {
	b := op.Service.Build
	sent, err := readBuildContext(b)
	if err != nil {
		return fmt.Errorf("build %s: %w", op.Resource, err)
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(sent.write(writer)) }()
	defer reader.Close() // ends the writer when the engine has stopped reading
	response, err := e.cli.ImageBuild(ctx, reader, buildOptions(op, sent.dockerfile))
	if err != nil {
		return fmt.Errorf("build %s: %w", op.Resource, e.explain(err))
	}
	defer response.Body.Close()
	last := engine.NewTail(buildKept)
	err = messages(response.Body, func(m message) {
		_, _ = io.WriteString(last, m.Stream) // a Tail takes everything
		if line := strings.TrimSpace(m.Stream); line != "" {
			report("building " + op.Resource + ": " + line)
		} else if m.Status != "" {
			report("building " + op.Resource + ": " + m.Status)
		}
	})
	if err != nil {
		return fmt.Errorf("build %s from %s: %w; the builder's last lines:\n    %s", op.Resource, b.Context, plain(err),
			strings.ReplaceAll(strings.TrimSpace(last.String()), "\n", "\n    "))
	}
	return nil
}

// buildKept is how much of the end of a builder's output is kept.
const buildKept = 2 << 10

func buildOptions(op engine.Op, dockerfile string) build.ImageBuildOptions {
	b := op.Service.Build
	labels := maps.Clone(b.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelImage] = imageBuilt
	args := map[string]*string{}
	for name, value := range b.Args {
		args[name] = &value
	}
	platform := op.Service.Platform
	if len(b.Platforms) > 0 {
		platform = cmp.Or(platform, b.Platforms[0])
	}
	return build.ImageBuildOptions{
		Version: build.BuilderV1, Dockerfile: dockerfile, Tags: append([]string{op.Resource}, b.Tags...),
		BuildArgs: args, Target: b.Target, NetworkMode: b.Network, Labels: labels, ExtraHosts: b.ExtraHosts, CacheFrom: b.CacheFrom,
		NoCache: b.NoCache, PullParent: b.Pull, ShmSize: b.ShmBytes, Ulimits: ulimits(b.Ulimits), Platform: platform,
		Remove: true, ForceRemove: true, // the containers in which it runs commands
	}
}

// buildContext is what is sent to the builder.
type buildContext struct {
	root       string
	dockerfile string // its name in the context
	text       []byte // of the Dockerfile, if it is none of the context's files
	ignored    *patternmatcher.PatternMatcher
}

// readBuildContext finds out what a build needs of its folder.
func readBuildContext(b *topology.Build) (*buildContext, error) {
	c := &buildContext{root: b.Context, dockerfile: dockerfileName, text: []byte(b.Inline)}
	if info, err := os.Stat(b.Context); err != nil {
		return nil, fmt.Errorf("its context cannot be read: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("its context %s is no folder", b.Context)
	}
	ignore := []string{".dockerignore"}
	if b.Dockerfile != "" {
		file := b.Dockerfile
		if !filepath.IsAbs(file) {
			file = filepath.Join(b.Context, file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("its Dockerfile cannot be read: %w", err)
		}
		c.text = text
		if inside, err := filepath.Rel(b.Context, file); err == nil && filepath.IsLocal(inside) {
			c.dockerfile, c.text = filepath.ToSlash(inside), nil
			ignore = []string{inside + ".dockerignore", ".dockerignore"} // the first that there is
		}
	}
	patterns, err := ignorePatterns(b.Context, ignore)
	if err != nil {
		return nil, err
	}
	if c.text == nil {
		patterns = append(patterns, "!"+c.dockerfile) // the builder needs it whatever the file says
	}
	c.ignored, err = patternmatcher.New(patterns)
	return c, err
}

func ignorePatterns(root string, names []string) ([]string, error) {
	for _, name := range names {
		file, err := os.Open(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return ignorefile.ReadAll(file)
	}
	return nil, nil
}

// write writes the context as a tar archive. What it depends on is the files'
// contents, modes and times, not their owners.
func (c *buildContext) write(w io.Writer) error {
	archive := tar.NewWriter(w)
	if c.text != nil {
		if err := archive.WriteHeader(&tar.Header{Name: c.dockerfile, Mode: 0o644, Size: int64(len(c.text))}); err != nil {
			return err
		}
		if _, err := archive.Write(c.text); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(c.root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.root, file)
		if err != nil || name == "." {
			return err
		}
		skip, err := c.ignored.MatchesOrParentMatches(filepath.ToSlash(name))
		switch {
		case err != nil:
			return err
		case skip && entry.IsDir() && !c.ignored.Exclusions():
			return fs.SkipDir
		case skip:
			return nil
		}
		return c.add(archive, file, filepath.ToSlash(name), entry)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func (c *buildContext) add(archive *tar.Writer, file, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSocket|fs.ModeNamedPipe|fs.ModeDevice) != 0 {
		return nil // no image can hold it
	}
	var link string
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, filepath.ToSlash(link))
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	if entry.IsDir() {
		header.Name = path.Clean(name) + "/"
	}
	if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(archive, content)
	return err
}
