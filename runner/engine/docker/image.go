package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"plimsoll/internal/units"
	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// selfImage is the image that holds nothing but this program's executable.
// Its name contains the digest of what it is made from, so that the engine
// need be given it once.
type selfImage struct {
	ref    string
	path   string        // the executable
	arch   string        // that it is for, in Go's words
	size   int64         // of the layer's tar, in bytes
	layer  digest.Digest // of the layer's tar
	config []byte
	id     string // the config's digest in hex
}

// selfName is the executable's name at the image's root.
const selfName = "plimsoll"

// readSelf prepares the image. path is the executable; empty: the running one.
func readSelf(path string) (*selfImage, error) {
	if path == "" {
		var err error
		if path, err = runningExecutable(); err != nil {
			return nil, err
		}
	}
	arch, err := checkStatic(path)
	if err != nil {
		return nil, err
	}
	s := &selfImage{path: path, arch: arch}
	hash, count := sha256.New(), new(counter)
	if err := s.writeLayer(io.MultiWriter(hash, count)); err != nil {
		return nil, err
	}
	s.size, s.layer = int64(*count), digest.NewDigest(digest.SHA256, hash)
	s.config, err = json.Marshal(ocispec.Image{
		Created:  new(time.Unix(0, 0).UTC()),
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		Config:   ocispec.ImageConfig{Entrypoint: []string{"/" + selfName}, Labels: map[string]string{labelImage: imageSelf}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{s.layer}},
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.config)
	s.id = hex.EncodeToString(sum[:])
	s.ref = engine.SelfImage + ":" + s.id[:12]
	return s, nil
}

// runningExecutable is the file that this process runs, even if another one
// has taken its place since.
func runningExecutable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// checkStatic returns the architecture, in Go's words, of an executable that
// runs in an empty Linux container, and an error for any other one.
func checkStatic(path string) (arch string, err error) {
	name := path
	if path == "/proc/self/exe" {
		name = "this program"
	}
	file, err := elf.Open(path)
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s is no Linux executable, so no container can run it: build one with GOOS=linux CGO_ENABLED=0 go build ./cmd/plimsoll and give it with --linux-binary", name)
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s was built with cgo, so an empty container cannot run it: build it with CGO_ENABLED=0 (make build)", name)
		}
	}
	architectures := map[elf.Machine]string{
		elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_386: "386",
		elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64", elf.EM_LOONGARCH: "loong64",
	}
	arch, known := architectures[file.Machine]
	if !known {
		return "", fmt.Errorf("%s is for %v, for which there is no image platform", name, file.Machine)
	}
	return arch, nil
}

// writeLayer writes the one layer's tar. Its bytes depend on nothing but the
// executable's.
func (s *selfImage) writeLayer(w io.Writer) error {
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	layer := tar.NewWriter(w)
	if err := layer.WriteHeader(&tar.Header{Name: selfName, Mode: 0o755, Size: info.Size(), Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	if _, err := io.Copy(layer, file); err != nil {
		return err
	}
	return layer.Close()
}

// writeArchive writes the image as "docker save" would.
func (s *selfImage) writeArchive(w io.Writer) error {
	manifest, err := json.Marshal([]map[string]any{
		{"Config": s.id + ".json", "RepoTags": []string{s.ref}, "Layers": []string{"layer.tar"}},
	})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, f := range []struct {
		name  string
		bytes []byte
	}{{s.id + ".json", s.config}, {"manifest.json", manifest}} {
		if err := archive.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.bytes))}); err != nil {
			return err
		}
		if _, err := archive.Write(f.bytes); err != nil {
			return err
		}
	}
	if err := archive.WriteHeader(&tar.Header{Name: "layer.tar", Mode: 0o644, Size: s.size}); err != nil {
		return err
	}
	if err := s.writeLayer(archive); err != nil {
		return err
	}
	return archive.Close()
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// DoReporting is Do, but says what it pulls or builds.
func (e *Engine) DoReporting(ctx context.Context, op engine.Op, report func(string)) error {
	if op.Kind != engine.EnsureImage {
		return e.Do(ctx, op)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.provide(ctx, op, report)
}

// provide makes an image available, as the service says that uses it.
func (e *Engine) provide(ctx context.Context, op engine.Op, report func(string)) error {
	if op.Resource == engine.SelfImage && op.Service.Build == nil {
		_, err := e.ensureSelf(ctx)
		return err
	}
	policy := op.Service.PullPolicy
	switch {
	case policy == topology.PullBuild && op.Service.Build != nil:
		return e.build(ctx, op, report)
	case policy == topology.PullAlways:
		return e.pull(ctx, op, report)
	}
	_, err := e.cli.ImageInspect(ctx, op.Resource)
	switch {
	case !errdefs.IsNotFound(err):
		return e.explain(err)
	case op.Service.Build != nil:
		return e.build(ctx, op, report)
	case policy == topology.PullNever:
		return &said{fmt.Sprintf("image %s is not on the engine, and pull_policy is never: pull, load or build it there under this name (docker pull, docker load, docker build -t %[1]s .)", op.Resource), err}
	}
	return e.pull(ctx, op, report)
}

// ImageCheck returns the healthcheck that an image has of its own; nil: none.
func (e *Engine) ImageCheck(ctx context.Context, name string) (*topology.Healthcheck, error) {
	if name == engine.SelfImage {
		return nil, nil
	}
	found, err := e.cli.ImageInspect(ctx, name)
	if err != nil {
		return nil, e.explain(err)
	}
	if found.Config == nil || found.Config.Healthcheck == nil {
		return nil, nil
	}
	check := found.Config.Healthcheck
	out := &topology.Healthcheck{
		Interval: check.Interval, Timeout: check.Timeout, StartPeriod: check.StartPeriod, StartInterval: check.StartInterval, Retries: check.Retries,
	}
	switch {
	case len(check.Test) < 2:
		return nil, nil // NONE
	case check.Test[0] == "CMD-SHELL":
		shell := []string{"/bin/sh", "-c"}
		if len(found.Config.Shell) > 0 {
			shell = found.Config.Shell
		}
		out.Test = append(slices.Clone(shell), check.Test[1:]...)
	default:
		out.Test = check.Test[1:]
	}
	return out, nil
}

func (e *Engine) ensureSelf(ctx context.Context) (string, error) {
	self, err := e.self()
	if err != nil {
		return "", err
	}
	there, err := e.holds(ctx, self)
	if err != nil {
		return "", e.explain(err)
	}
	if !there {
		if err := e.load(ctx, self); err != nil {
			return "", fmt.Errorf("load the image made from this program: %w", e.explain(err))
		}
	}
	return self.ref, nil
}

// holds reports whether the engine has the image. Whether it is the right one
// is told by its layer: what an engine calls an image's ID depends on how it
// stores images.
func (e *Engine) holds(ctx context.Context, self *selfImage) (bool, error) {
	found, err := e.cli.ImageInspect(ctx, self.ref)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil && slices.Equal(found.RootFS.Layers, []string{self.layer.String()}), err
}

func (e *Engine) load(ctx context.Context, self *selfImage) error {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(self.writeArchive(writer)) }()
	defer reader.Close() // ends the writer when the engine has stopped reading
	response, err := e.cli.ImageLoad(ctx, reader, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := drain(response.Body); err != nil {
		return err
	}
	there, err := e.holds(ctx, self)
	if err == nil && !there {
		err = fmt.Errorf("the engine took it, but has no image %s with layer %s now", self.ref, self.layer)
	}
	return err
}

func (e *Engine) pull(ctx context.Context, op engine.Op, report func(string)) error {
	name := op.Resource
	body, err := e.cli.ImagePull(ctx, name, image.PullOptions{Platform: op.Service.Platform})
	if err == nil {
		defer body.Close()
		layers, said := progress{}, time.Time{}
		err = messages(body, func(m message) {
			line, further := layers.note(m)
			if further || line != "" && time.Since(said) > time.Second {
				report("pulling " + name + ": " + line)
				said = time.Now()
			}
		})
	}
	if err == nil || ctx.Err() != nil || client.IsErrConnectionFailed(err) {
		return e.explain(err)
	}
	missing := "is not on the engine and"
	if op.Service.PullPolicy == topology.PullAlways {
		missing = "has pull_policy always and"
	}
	return &said{fmt.Sprintf("image %s %s cannot be pulled: %v; pull, load or build it there under this name (docker pull, docker load, docker build -t %[1]s .), or correct image",
		name, missing, plain(err)), err}
}

// message is one of a stream of progress messages.
type message struct {
	ID     string `json:"id"` // of the layer
	Status string `json:"status"`
	Stream string `json:"stream"` // a builder's output
	Error  string `json:"error"`
	Detail struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"` // bytes
	} `json:"progressDetail"`
}

// progress is how far the layers of a pull have come.
type progress map[string]layer

type layer struct {
	current, total int64 // bytes
	done           bool
}

// note takes a message in and says how far the pull has come, and whether that
// is a step further and not only some more bytes.
func (p progress) note(m message) (line string, further bool) {
	if m.ID == "" {
		return m.Status, true
	}
	before := p.done()
	l := p[m.ID]
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Verifying Checksum":
	case "Downloading":
		l.current, l.total = m.Detail.Current, m.Detail.Total
	case "Download complete", "Extracting":
		l.current = l.total
	case "Pull complete", "Already exists":
		l.current, l.done = l.total, true
	default:
		return "", false // "Pulling from library/…" has the tag as its ID
	}
	p[m.ID] = l
	var current, total int64
	for _, each := range p {
		current, total = current+each.current, total+each.total
	}
	line = fmt.Sprintf("%d of %d layers", p.done(), len(p))
	if total > 0 {
		line += fmt.Sprintf(", %s of %s", units.Bytes(current), units.Bytes(total))
	}
	return line, p.done() > before
}

// done is how many layers are there.
func (p progress) done() int {
	n := 0
	for _, l := range p {
		if l.done {
			n++
		}
	}
	return n
}

// drain reads a stream of progress messages to its end. A failure comes as one
// of them.
func drain(r io.Reader) error { return messages(r, func(message) {}) }

// messages reads a stream of progress messages to its end and passes each on.
// A failure comes as one of them.
func messages(r io.Reader, each func(message)) error {
	stream := json.NewDecoder(r)
	for {
		var m message
		switch err := stream.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != "":
			return errors.New(m.Error)
		}
		each(m)
	}
}
