package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"plimsoll/runner/engine"
)

func TestFindEndpoint(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	id := func(context string) string {
		sum := sha256.Sum256([]byte(context))
		return hex.EncodeToString(sum[:])
	}
	meta := func(context, host string) {
		write("full/contexts/meta/"+id(context)+"/meta.json", `{"Name":"`+context+`","Metadata":{},"Endpoints":{"docker":{"Host":"`+host+`","SkipTLSVerify":false}}}`)
	}
	write("full/config.json", `{"auths":{},"currentContext":"lab"}`)
	meta("lab", "unix:///run/lab.sock")
	meta("far", "tcp://10.0.0.1:2376")
	meta("aws", "ssh://me@aws")
	meta("bare", "")
	write("full/contexts/tls/"+id("far")+"/docker/ca.pem", "")
	write("broken/config.json", `{"currentContext":`)

	full, standard := filepath.Join(dir, "full"), client.DefaultDockerHost
	for _, test := range []struct {
		name string
		host string
		env  map[string]string
		want endpoint
		err  string
	}{
		{name: "asked for", host: "unix:///a.sock", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": full}, want: endpoint{host: "unix:///a.sock"}},
		{name: "DOCKER_HOST", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONTEXT": "far", "DOCKER_CONFIG": full}, want: endpoint{host: "unix:///b.sock"}},
		{name: "DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "far", "DOCKER_CONFIG": full},
			want: endpoint{host: "tcp://10.0.0.1:2376", context: "far", tls: filepath.Join(full, "contexts", "tls", id("far"), "docker")}},
		{name: "current context", env: map[string]string{"DOCKER_CONFIG": full}, want: endpoint{host: "unix:///run/lab.sock", context: "lab"}},
		{name: "default context", env: map[string]string{"DOCKER_CONTEXT": "default", "DOCKER_CONFIG": full}, want: endpoint{host: standard}},
		{name: "context without address", env: map[string]string{"DOCKER_CONTEXT": "bare", "DOCKER_CONFIG": full}, want: endpoint{host: standard, context: "bare"}},
		{name: "no configuration", env: map[string]string{"DOCKER_CONFIG": filepath.Join(dir, "none")}, want: endpoint{host: standard}},
		{name: "ssh", env: map[string]string{"DOCKER_CONTEXT": "aws", "DOCKER_CONFIG": full}, err: `docker context "aws": engine unreachable: ssh://me@aws: an engine behind ssh is not supported yet`},
		{name: "no such context", env: map[string]string{"DOCKER_CONTEXT": "mars", "DOCKER_CONFIG": full}, err: `docker context "mars" does not exist in ` + full},
		{name: "broken configuration", env: map[string]string{"DOCKER_CONFIG": filepath.Join(dir, "broken")}, err: "config.json: unexpected end of JSON input"},
		{name: "no address", host: "localhost:2375", err: `"localhost:2375" is no engine address: want unix:///path/to/docker.sock or tcp://host:port`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := findEndpoint(test.host, func(key string) string { return test.env[key] })
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(endpoint{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	here := machine{kernel: "6.1.0"}
	linux := system.Info{OSType: "linux", OperatingSystem: "Debian GNU/Linux 12", KernelVersion: "6.1.0", Name: "vm"}
	change := func(f func(*system.Info)) system.Info {
		info := linux
		f(&info)
		return info
	}
	for _, test := range []struct {
		name, host string
		here       machine
		info       system.Info
		want       string // empty: reachable
	}{
		{"socket", "unix:///run/docker.sock", here, linux, ""},
		{"loopback", "tcp://127.0.0.1:2375", here, linux, ""},
		{"loopback by name", "tcp://localhost:2375", here, linux, ""},
		{"other host", "tcp://10.0.0.1:2375", here, linux, "it runs on another host (vm, kernel 6.1.0)"},
		{"forwarded socket", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.KernelVersion = "5.10" }), "it runs on another host (vm, kernel 5.10)"},
		{"desktop", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.OperatingSystem = "Docker Desktop" }), "it is Docker Desktop"},
		{"rootless", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.SecurityOptions = []string{"name=seccomp,profile=default", "name=rootless"} }), "it is rootless"},
		{"windows containers", "npipe:////./pipe/docker_engine", machine{}, change(func(i *system.Info) { i.OSType = "windows" }), "it runs windows containers"},
		{"mac", "unix:///run/docker.sock", machine{}, linux, "this host is not Linux"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := reachable(test.host, test.here, test.info)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.want)
			wantError(t, err, "not supported yet")
			if !errors.Is(err, engine.ErrUnreachable) {
				t.Error("it is no engine.ErrUnreachable")
			}
		})
	}
}

// TestTranslate has engine messages as they were met, of old and new engines.
func TestTranslate(t *testing.T) {
	const daemon = "Error response from daemon: "
	for _, test := range []struct{ from, want string }{
		{daemon + "driver failed programming external connectivity on endpoint x (0123): Bind for 127.0.0.1:28099 failed: port is already allocated",
			"port 127.0.0.1:28099 of this host is taken by another container or program"},
		{daemon + "driver failed programming external connectivity on endpoint x (0123): Error starting userland proxy: listen tcp4 127.0.0.1:28099: bind: address already in use",
			"port 127.0.0.1:28099 of this host is taken by another container or program"},
		{daemon + "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/run.sh\": permission denied: unknown",
			`"/run.sh" in its image may not be executed`},
		{daemon + "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"nosuch\": executable file not found in $PATH: unknown",
			`there is no executable "nosuch" in its image`},
		{daemon + "failed to create task for container: failed to start shim: OCI runtime create failed: exec /app: exec format error: unknown",
			"its executable is for another kind of CPU"},
		{daemon + "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: unable to apply caps: operation not permitted: unknown",
			"the engine may not grant the capabilities it asks for"},
		{daemon + "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
			"the engine has no addresses left for another network"},
		{daemon + "all predefined address pools have been fully subnetted",
			"the engine has no addresses left for another network"},
		{daemon + "No such image: plimsoll:0123456789ab", "image plimsoll:0123456789ab is not on the engine any more"},
		{daemon + "something never heard of", "something never heard of"},
		{"unexpected EOF", "unexpected EOF"},
	} {
		cause := errors.New(test.from)
		got := translate(cause)
		if !strings.HasPrefix(got.Error(), test.want) {
			t.Errorf("%s\nbecomes    %s\nwant       %s …", test.from, got, test.want)
		}
		if !errors.Is(got, cause) {
			t.Errorf("%s: the cause is lost", got)
		}
	}
}

func TestUnreachableSaysWhy(t *testing.T) {
	const at = "unix:///var/run/docker.sock"
	for _, test := range []struct{ cause, want string }{
		{"permission denied while trying to connect to the Docker daemon socket at " + at + ": Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.51/info\": dial unix /var/run/docker.sock: connect: permission denied",
			"no Docker engine answers at " + at + ": connect: permission denied; this user may not open it: become root or a member of the group"},
		{"Cannot connect to the Docker daemon at " + at + ". Is the docker daemon running?",
			"no Docker engine answers at " + at + "; is the daemon running"},
		{"context deadline exceeded", "no Docker engine answers at " + at + ": context deadline exceeded; is the daemon running"},
	} {
		cause := errors.New(test.cause)
		err := unreachable(at, cause)
		wantError(t, err, test.want)
		if !errors.Is(err, engine.ErrUnreachable) || !errors.Is(err, cause) {
			t.Errorf("%v: its chain lacks ErrUnreachable or the cause", err)
		}
	}
}

func TestSelfImage(t *testing.T) {
	path, err := buildSelf()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		_, err := readSelf(path)
		wantError(t, err, "is no Linux executable")
		return
	}
	self, err := readSelf(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readSelf(path)
	if err != nil {
		t.Fatal(err)
	}
	if self.ref != again.ref || !strings.HasPrefix(self.ref, "plimsoll:") || len(self.ref) != len("plimsoll:")+12 {
		t.Errorf("references %s and %s", self.ref, again.ref)
	}

	var archive bytes.Buffer
	if err := self.writeArchive(&archive); err != nil {
		t.Fatal(err)
	}
	files := untar(t, &archive)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest %s: %v", files["manifest.json"], err)
	}
	config, layer := files[manifest[0].Config], files[manifest[0].Layers[0]]
	if want := hexDigest(config) + ".json"; manifest[0].Config != want {
		t.Errorf("the config is called %s, want %s", manifest[0].Config, want)
	}
	if diff := cmp.Diff([]string{self.ref}, manifest[0].RepoTags); diff != "" {
		t.Errorf("tags: -want +got\n%s", diff)
	}
	var image ocispec.Image
	if err := json.Unmarshal(config, &image); err != nil {
		t.Fatal(err)
	}
	if got, want := image.RootFS.DiffIDs[0].Encoded(), hexDigest(layer); got != want {
		t.Errorf("the config's layer is %s, the archive's %s", got, want)
	}
	if image.OS != "linux" || image.Architecture != runtime.GOARCH || len(image.Config.Entrypoint) != 1 || image.Config.Entrypoint[0] != "/plimsoll" {
		t.Errorf("config %s", config)
	}
	executable, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content := untar(t, bytes.NewReader(layer))
	if len(content) != 1 || !bytes.Equal(content["plimsoll"], executable) {
		t.Error("the layer is not the executable alone")
	}
}

func hexDigest(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSelfHasToBeStatic shows what is said of executables that an empty
// container cannot run.
func TestSelfHasToBeStatic(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := readSelf(script)
	wantError(t, err, script+" is no Linux executable, so no container can run it: build one with GOOS=linux CGO_ENABLED=0")
	if _, err := readSelf(script + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell: ", err)
	}
	if _, err = readSelf(sh); err == nil {
		t.Skip("this system's shell is static")
	}
	wantError(t, err, sh+" was built with cgo, so an empty container cannot run it: build it with CGO_ENABLED=0 (make build)")
}

func TestLoadedOnce(t *testing.T) {
	e := connect(t, Options{})
	load := engine.Op{Kind: engine.EnsureImage, Resource: engine.SelfImage}
	if err := e.Do(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	self, err := e.self()
	if err != nil {
		t.Fatal(err)
	}
	if there, err := e.holds(t.Context(), self); !there || err != nil {
		t.Errorf("after it was loaded: %v, %v", there, err)
	}
	// An archive that cannot be made shows that none is asked for.
	self.path = filepath.Join(t.TempDir(), "none")
	if err := e.Do(t.Context(), load); err != nil {
		t.Errorf("second time: %v", err)
	}
	// What somebody else called by its name is replaced, or at least noticed.
	other := *self
	other.layer = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	if there, err := e.holds(t.Context(), &other); there || err != nil {
		t.Errorf("with another layer: %v, %v", there, err)
	}
	if err := e.load(t.Context(), self); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("load without the executable: %v", err)
	}
}

func TestDrain(t *testing.T) {
	for _, test := range []struct{ stream, want string }{
		{"", ""},
		{`{"status":"Pulling"}` + "\n" + `{"status":"done","progressDetail":{}}`, ""},
		{`{"status":"Pulling"}{"errorDetail":{"message":"no space"},"error":"no space"}{"status":"never seen"}`, "no space"},
		{`{"status":`, "unexpected EOF"},
	} {
		err := drain(strings.NewReader(test.stream))
		if test.want == "" && err != nil {
			t.Errorf("%s: %v", test.stream, err)
		} else if test.want != "" {
			wantError(t, err, test.want)
		}
	}
}

func TestSweepStopsWithItsContext(t *testing.T) {
	e := connect(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Sweep(ctx, Filter{Run: "none"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
