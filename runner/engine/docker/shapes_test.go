package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"plimsoll/internal/testenv"
	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// buildProgram builds plimsoll itself, once.
var buildProgram = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch(), "plimsoll")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "plimsoll/cmd/plimsoll")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return file, nil
})

// TestShapes starts a stack of each Compose file that the topology package has
// for its own tests, gets an answer from it, and takes it down.
func TestShapes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	testenv.Docker(t)
	program, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	e := connect(t, Options{Self: program})
	base, err := e.ensureSelf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "shapes")
	if err := os.CopyFS(dir, os.DirFS("../../../scenarios/topology/testdata/shapes")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(program, filepath.Join(dir, "scratch", "plimsoll")); err != nil {
		t.Fatal(err)
	}
	// What some of the files expect to be there, and what they leave as an
	// image: both under a name that nobody else has.
	project := fmt.Sprintf("plimsolltest-shapes-%d", os.Getpid())
	surround(t, e, project)
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) < 25 {
		t.Fatalf("%d shapes: %v", len(files), err)
	}
	t.Run("each", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
				t.Parallel()
				startShape(t, e, file, map[string]string{"BASE": base, "PROJECT": project, "ARCH": runtime.GOARCH})
			})
		}
	})
}

// surround makes what is external to stacks, and removes it and the images
// that were built.
func surround(t *testing.T, e *Engine, project string) {
	t.Helper()
	office, kept := project+"-office", project+"-kept"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := errors.Join(e.cli.NetworkRemove(ctx, office), e.cli.VolumeRemove(ctx, kept, false))
		images, listing := e.cli.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelImage+"="+imageBuilt))})
		for _, i := range images {
			for _, tag := range i.RepoTags {
				if strings.HasPrefix(tag, project) {
					_, removing := e.cli.ImageRemove(ctx, tag, image.RemoveOptions{PruneChildren: true})
					err = errors.Join(err, removing)
				}
			}
		}
		if err = errors.Join(err, listing); err != nil {
			t.Error(err)
		}
	})
	if _, err := e.cli.NetworkCreate(t.Context(), office, network.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.cli.VolumeCreate(t.Context(), volume.CreateOptions{Name: kept}); err != nil {
		t.Fatal(err)
	}
}

func startShape(t *testing.T, e *Engine, file string, variables map[string]string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	src := topology.Source{File: file, Text: text, Dir: filepath.Dir(file), Environment: variables, Profiles: strings.Fields(remark(text, "profiles"))}
	top, err := topology.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	// Images are called after the project, which is the folder, and have to be
	// told apart from those of other files and of other runs of this test.
	for i, s := range top.Services {
		if s.Build != nil && !strings.HasPrefix(s.Image, variables["PROJECT"]) {
			top.Services[i].Image = variables["PROJECT"] + "-" + strings.TrimSuffix(filepath.Base(file), ".yaml") + "-" + s.Image
		}
	}
	stack := newStack(t, e)
	stack.Topology = top
	needs(t, e, top)
	state := up(t, e, stack)
	service, port, _ := strings.Cut(remark(text, "ask"), ":")
	answered := 0
	for _, r := range state.Replicas {
		if r.Service == service {
			answers(t, net.JoinHostPort(r.Address.String(), port))
			answered++
		}
	}
	if answered == 0 {
		t.Errorf("nobody was asked, there are %v", state.Replicas)
	}
	if inspect, ok := inspections[strings.TrimSuffix(filepath.Base(file), ".yaml")]; ok {
		inspect(t, e, stack, state)
	}
	stack.Topology = nil
	if err := apply(t, e, stack); err != nil {
		t.Fatal(err)
	}
	leftOver(t, e, stack)
}

// remark reads "# NAME: …" in a file.
func remark(text []byte, name string) string {
	_, rest, _ := strings.Cut(string(text), "# "+name+": ")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// needs skips a shape that the engine's host cannot run.
func needs(t *testing.T, e *Engine, top *topology.Topology) {
	t.Helper()
	info, err := e.cli.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range top.Services {
		switch {
		case s.Init && info.InitBinary == "":
			testenv.Unmet(t, "docker_init", "the engine has no init program")
		case s.OOMKillDisable && !info.OomKillDisable:
			testenv.Unmet(t, "docker_cgroup_v1", "the engine's kernel always kills what is out of memory")
		}
	}
}

// answers waits for an answer to GET /.
func answers(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var last string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := client.Get("http://" + address + "/")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			last = response.Status
		} else {
			last = err.Error()
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer from %s: %s", address, last)
		}
	}
}

// leftOver looks for whatever carries the stack's labels, and for volumes that
// carry none.
func leftOver(t *testing.T, e *Engine, stack engine.Stack) {
	t.Helper()
	mine := labelled(map[string]string{composeProject: stack.Name})
	containers, err := e.cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	networks, err := e.cli.NetworkList(t.Context(), network.ListOptions{Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := e.cli.VolumeList(t.Context(), volume.ListOptions{Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	if len(containers)+len(networks)+len(volumes.Volumes) > 0 {
		t.Errorf("left behind: %v %v %v", containers, networks, volumes.Volumes)
	}
}

// inspections look closer at some shapes while they run.
var inspections = map[string]func(*testing.T, *Engine, engine.Stack, engine.State){
	"external": func(t *testing.T, _ *Engine, _ engine.Stack, state engine.State) {
		if len(state.Volumes) > 0 || !slices.Equal(state.Networks, []string{"default"}) {
			t.Errorf("the stack brings %v and %v along", state.Networks, state.Volumes)
		}
	},
	"addresses": func(t *testing.T, _ *Engine, _ engine.Stack, state engine.State) {
		if want := netip.MustParseAddr("10.213.77.10"); state.Replicas[0].Address != want {
			t.Errorf("address %s, want %s", state.Replicas[0].Address, want)
		}
	},
	"sidecar": func(t *testing.T, _ *Engine, _ engine.Stack, state engine.State) {
		if state.Replicas[0].Address != state.Replicas[1].Address {
			t.Errorf("the sidecar is at %s, its service at %s", state.Replicas[0].Address, state.Replicas[1].Address)
		}
	},
	"objects": func(t *testing.T, e *Engine, _ engine.Stack, state engine.State) {
		contents := map[string]string{
			"web /inline": "colour = blue\n", "web /etc/web/file.conf": "FROM_FILE=yes\nPLAIN=lost\n", "web /run/secrets/password": "FROM_FILE=yes\nPLAIN=lost\n",
			"locked /etc/locked/inline.conf": "colour = blue\n",
		}
		for where, want := range contents {
			service, file, _ := strings.Cut(where, " ")
			if got := fileIn(t, e, state, service, file); got != want {
				t.Errorf("%s: %q, want %q", where, got, want)
			}
		}
		for _, where := range []string{"web /etc/web/variable.conf", "web /run/secrets/key", "locked /run/secrets/token"} {
			service, file, _ := strings.Cut(where, " ")
			if got := fileIn(t, e, state, service, file); !strings.HasPrefix(got, "plimsolltest-shapes-") {
				t.Errorf("%s: %q", where, got)
			}
		}
	},
	"build": func(t *testing.T, e *Engine, _ engine.Stack, state engine.State) {
		found, err := e.cli.ContainerInspect(t.Context(), state.Replicas[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if l := found.Config.Labels; l["colour"] != "green" || l["made.by"] != "shapes" || l[labelImage] != imageBuilt {
			t.Errorf("labels %v", l)
		}
		if !slices.Contains(found.Config.Env, "STAGE=final") {
			t.Errorf("environment %v is not the target's", found.Config.Env)
		}
		if got := fileIn(t, e, state, "web", "/site/keep.txt"); got != "kept\n" {
			t.Errorf("what was copied: %q", got)
		}
		if _, _, err := e.cli.CopyFromContainer(t.Context(), state.Replicas[0].ID, "/site/secret"); !errdefs.IsNotFound(err) {
			t.Errorf("what .dockerignore names was sent: %v", err)
		}
	},
	"image-healthcheck": func(t *testing.T, e *Engine, stack engine.Stack, _ engine.State) {
		web, _ := stack.Topology.Service("web")
		check, err := e.ImageCheck(t.Context(), web.Image)
		if err != nil || check == nil || check.Timeout != 9*time.Second || len(check.Test) != 4 {
			t.Errorf("the image's check is %+v, %v", check, err)
		}
	},
	"life": func(t *testing.T, e *Engine, _ engine.Stack, state engine.State) {
		i := slices.IndexFunc(state.Replicas, func(r engine.Replica) bool { return r.Service == "web" })
		logs, err := e.Logs(t.Context(), state.Replicas[i], 5)
		if err != nil || !strings.Contains(logs, "listening") {
			t.Errorf("logs of a service with a terminal: %q, %v", logs, err)
		}
	},
	"memory": func(t *testing.T, e *Engine, _ engine.Stack, state engine.State) {
		i := slices.IndexFunc(state.Replicas, func(r engine.Replica) bool { return r.Service == "web" })
		found, err := e.cli.ContainerInspect(t.Context(), state.Replicas[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if h := found.HostConfig; h.MemoryReservation != 32<<20 || h.ShmSize != 8<<20 || h.OomScoreAdj != 500 {
			t.Errorf("%+v", h)
		}
	},
}

// fileIn reads a file of a service's first replica.
func fileIn(t *testing.T, e *Engine, state engine.State, service, file string) string {
	t.Helper()
	i := slices.IndexFunc(state.Replicas, func(r engine.Replica) bool { return r.Service == service })
	body, _, err := e.cli.CopyFromContainer(t.Context(), state.Replicas[i].ID, file)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	return string(untar(t, body)[filepath.Base(file)])
}
