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

	"plimsoll/runner/engine"
)

// selfImage is the image that holds nothing but this program's executable.
// Its name contains the digest of what it is made from, so that the engine
// need be given it once.
type selfImage struct {
	ref    string
	path   string        // the executable
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
	s := &selfImage{path: path}
	hash, count := sha256.New(), new(counter)
	if err := s.writeLayer(io.MultiWriter(hash, count)); err != nil {
		return nil, err
	}
	s.size, s.layer = int64(*count), digest.NewDigest(digest.SHA256, hash)
	s.config, err = json.Marshal(ocispec.Image{
		Created:  new(time.Unix(0, 0).UTC()),
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		Config:   ocispec.ImageConfig{Entrypoint: []string{"/" + selfName}, Labels: map[string]string{labelImage: "self"}},
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
		return "", fmt.Errorf("%s is no Linux executable, so no container can run it: build one with GOOS=linux CGO_ENABLED=0 go build ./cmd/plimsoll and give its path", name)
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

// ensureImage makes an image available and returns what to call it.
func (e *Engine) ensureImage(ctx context.Context, name string) (ref string, err error) {
	if name == engine.SelfImage {
		return e.ensureSelf(ctx)
	}
	_, err = e.cli.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return name, e.pull(ctx, name)
	}
	return name, e.explain(err)
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

func (e *Engine) pull(ctx context.Context, name string) error {
	body, err := e.cli.ImagePull(ctx, name, image.PullOptions{})
	if err == nil {
		defer body.Close()
		err = drain(body)
	}
	if err == nil || ctx.Err() != nil || client.IsErrConnectionFailed(err) {
		return e.explain(err)
	}
	return &said{fmt.Sprintf("image %s is not on the engine and cannot be pulled: %v; pull, load or build it there under this name (docker pull, docker load, docker build -t %[1]s .), or correct image",
		name, plain(err)), err}
}

// drain reads a stream of progress messages to its end. A failure comes as one
// of them.
func drain(r io.Reader) error {
	messages := json.NewDecoder(r)
	for {
		var m struct {
			Error string `json:"error"`
		}
		switch err := messages.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != "":
			return errors.New(m.Error)
		}
	}
}
