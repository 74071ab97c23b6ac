package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	dockercontext "github.com/docker/cli/cli/context"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

func TestResolveEndpoint(t *testing.T) {
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
	meta := func(context, host string, skip bool) {
		write("full/contexts/meta/"+id(context)+"/meta.json",
			fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":%t}}}`, context, host, skip))
	}
	write("full/config.json", `{"auths":{},"currentContext":"lab"}`)
	meta("lab", "unix:///run/lab.sock", false)
	meta("far", "tcp://10.0.0.1:2376", false)
	meta("lax", "tcp://10.0.0.1:2376", true)
	meta("aws", "ssh://me@aws", false)
	meta("bare", "", false)
	meta("odd", "10.0.0.1", false)
	write("full/contexts/tls/"+id("far")+"/docker/ca.pem", "far's authority")
	write("full/ca.pem", "home's authority")
	write("certs/ca.pem", "authority")
	write("certs/cert.pem", "certificate")
	write("certs/key.pem", "key")
	write("broken/config.json", `{"currentContext":`)

	full, certs, standard := filepath.Join(dir, "full"), filepath.Join(dir, "certs"), client.DefaultDockerHost
	type tls = dockercontext.TLSData
	whole := &tls{CA: []byte("authority"), Cert: []byte("certificate"), Key: []byte("key")}
	for _, test := range []struct {
		name string
		ask  Endpoint
		env  map[string]string
		host string
		tls  *tls
		skip bool
		err  string
	}{
		{name: "asked for", ask: Endpoint{Host: "unix:///a.sock"}, env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": full}, host: "unix:///a.sock"},
		{name: "context asked for", ask: Endpoint{Context: "lab"}, env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONTEXT": "far", "DOCKER_CONFIG": full}, host: "unix:///run/lab.sock"},
		{name: "two asked for", ask: Endpoint{Host: "unix:///a.sock", Context: "lab"}, err: "both an address (unix:///a.sock) and a context (lab)"},
		{name: "DOCKER_HOST", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONTEXT": "far", "DOCKER_CONFIG": full}, host: "unix:///b.sock"},
		{name: "DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "far", "DOCKER_CONFIG": full}, host: "tcp://10.0.0.1:2376", tls: &tls{CA: []byte("far's authority")}},
		{name: "current context", env: map[string]string{"DOCKER_CONFIG": full}, host: "unix:///run/lab.sock"},
		{name: "default context", env: map[string]string{"DOCKER_CONTEXT": "default", "DOCKER_CONFIG": full}, host: standard},
		{name: "default context asked for", ask: Endpoint{Context: "default"}, env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": full}, host: "unix:///b.sock"},
		{name: "context without address", env: map[string]string{"DOCKER_CONTEXT": "bare", "DOCKER_CONFIG": full}, host: standard},
		{name: "context that trusts anybody", ask: Endpoint{Context: "lax"}, env: map[string]string{"DOCKER_CONFIG": full}, host: "tcp://10.0.0.1:2376", skip: true},
		{name: "no configuration", env: map[string]string{"DOCKER_CONFIG": filepath.Join(dir, "none")}, host: standard},
		{name: "ssh", env: map[string]string{"DOCKER_CONTEXT": "aws", "DOCKER_CONFIG": full, "DOCKER_TLS_VERIFY": "1"}, host: "ssh://me@aws"},
		{name: "TLS", ask: Endpoint{Host: "tcp://far"}, env: map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs}, host: "tcp://far:2376", tls: whole},
		{name: "TLS from home", ask: Endpoint{Host: "tcp://far:1"}, env: map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": full}, host: "tcp://far:1", tls: &tls{CA: []byte("home's authority")}},
		{name: "TLS that trusts anybody", ask: Endpoint{Host: "tcp://far"}, env: map[string]string{"DOCKER_TLS": "1", "DOCKER_CERT_PATH": certs}, host: "tcp://far:2376", tls: whole, skip: true},
		{name: "TLS of its own", ask: Endpoint{Host: "tcp://far", TLS: certs}, host: "tcp://far:2376", tls: whole},
		{name: "no TLS", ask: Endpoint{Host: "tcp://far"}, env: map[string]string{"DOCKER_CERT_PATH": certs}, host: "tcp://far:2375"},
		{name: "TLS means nothing to a socket", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/none"}, host: "unix:///b.sock"},
		{name: "TLS files missing", ask: Endpoint{Host: "tcp://far", TLS: filepath.Join(dir, "none")}, err: "TLS for the Docker engine at tcp://far: open " + filepath.Join(dir, "none", "ca.pem")},
		{name: "no such context", env: map[string]string{"DOCKER_CONTEXT": "mars", "DOCKER_CONFIG": full}, err: `docker context "mars" does not exist in ` + full},
		{name: "context with a bad address", env: map[string]string{"DOCKER_CONTEXT": "odd", "DOCKER_CONFIG": full}, err: `docker context "odd": "10.0.0.1" is no engine address`},
		{name: "broken configuration", env: map[string]string{"DOCKER_CONFIG": filepath.Join(dir, "broken")}, err: "config.json: unexpected end of JSON input"},
		{name: "no address", ask: Endpoint{Host: "localhost:2375"}, err: `"localhost:2375" is no engine address: want unix:///path/to/docker.sock, tcp://host:port or ssh://user@host`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.ask.resolve(func(key string) string { return test.env[key] })
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Host != test.host || got.SkipTLSVerify != test.skip {
				t.Errorf("%s, trusts anybody: %t", got.Host, got.SkipTLSVerify)
			}
			if diff := cmp.Diff(test.tls, got.TLSData); diff != "" {
				t.Errorf("TLS (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPlaceOf(t *testing.T) {
	here := machine{name: "vm", kernel: "6.1.0"}
	linux := system.Info{NCPU: 8, OSType: "linux", OperatingSystem: "Debian GNU/Linux 12", KernelVersion: "6.1.0", Name: "vm"}
	change := func(f func(*system.Info)) system.Info {
		info := linux
		f(&info)
		return info
	}
	rootless := change(func(i *system.Info) { i.SecurityOptions = []string{"name=seccomp,profile=default", "name=rootless"} })
	for _, test := range []struct {
		name, host string
		here       machine
		info       system.Info
		files      bool
		why        string // empty: its addresses are reached from here
	}{
		{"socket", "unix:///run/docker.sock", here, linux, true, ""},
		{"loopback", "tcp://127.0.0.1:2375", here, linux, true, ""},
		{"loopback by name", "tcp://localhost:2375", here, linux, true, ""},
		{"other host", "tcp://10.0.0.1:2375", here, linux, false, "it runs on vm, kernel 6.1.0, 8 CPUs"},
		{"ssh", "ssh://me@localhost", here, linux, false, "it runs on vm, kernel 6.1.0, 8 CPUs"},
		{"forwarded socket", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.KernelVersion = "5.10" }), false, "it runs on vm, kernel 5.10"},
		{"forwarded socket of a twin", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.Name = "twin" }), false, "it runs on twin, kernel 6.1.0"},
		{"desktop", "unix:///run/docker.sock", here, change(func(i *system.Info) { i.OperatingSystem = "Docker Desktop" }), true, "Docker Desktop runs it in a virtual machine"},
		{"rootless", "unix:///run/docker.sock", here, rootless, true, "it is rootless"},
		{"rootless on another host", "ssh://far", here, rootless, false, "it runs on vm"},
		{"mac", "unix:///run/docker.sock", machine{}, linux, true, "this host is not Linux"},
		{"mac and another host", "ssh://far", machine{}, linux, false, "it runs on vm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := placeOf(test.host, test.here, test.info)
			if got.addresses != (test.why == "") || got.files != test.files || !strings.Contains(got.why, test.why) || (got.why == "") != got.addresses {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestRunsOn(t *testing.T) {
	for _, test := range []struct {
		arch, machine string
		good          bool
	}{
		{"amd64", "x86_64", true}, {"arm64", "aarch64", true}, {"386", "x86_64", true}, {"arm", "armv7l", true},
		{"amd64", "aarch64", false}, {"arm64", "x86_64", false}, {"riscv64", "x86_64", false}, {"amd64", "", false},
	} {
		err := runsOn(test.arch, test.machine, "ssh://far")
		if (err == nil) != test.good {
			t.Errorf("%s on %s: %v", test.arch, test.machine, err)
		}
		if err != nil {
			wantError(t, err, "this plimsoll is built for "+test.arch+", but the host of the Docker engine at ssh://far is "+test.machine)
			wantError(t, err, "--linux-binary FILE")
		}
	}
}

// TestRefusedElsewhere: what cannot be done is refused before anything is
// created, and named.
func TestRefusedElsewhere(t *testing.T) {
	web := topology.Service{Name: "web", Mounts: []topology.Mount{
		{Type: topology.VolumeMount, Source: "data", Target: "/data"},
		{Type: topology.TmpfsMount, Target: "/tmp"},
		{Type: topology.BindMount, Source: "/srv/html", Target: "/html"},
	}}
	withoutFiles := web
	withoutFiles.Mounts = web.Mounts[:2]
	fits := func() (*selfImage, error) { return &selfImage{}, nil }
	foreign := func() (*selfImage, error) { return nil, runsOn("arm64", "x86_64", "ssh://far") }
	for _, test := range []struct {
		name    string
		place   place
		self    func() (*selfImage, error)
		service topology.Service
		want    string // empty: not refused
	}{
		{"files", place{why: "it runs on far, kernel 5.10"}, fits, web,
			"it mounts /srv/html of this host at /html, but the engine at ssh://far is not on this host (it runs on far, kernel 5.10): use a named volume"},
		{"volumes", place{why: "it runs on far"}, fits, withoutFiles, ""},
		{"files that are shared", place{files: true, why: "a virtual machine"}, fits, web, ""},
		{"another CPU", place{why: "it runs on far"}, foreign, withoutFiles, "this plimsoll is built for arm64"},
		{"this host", place{files: true, addresses: true}, foreign, web, ""}, // not asked: it takes time
	} {
		t.Run(test.name, func(t *testing.T) {
			e := &Engine{host: "ssh://far", place: test.place, self: test.self}
			err := e.checkElsewhere(test.service)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.want)
			wantError(t, e.createReplica(t.Context(), engine.Op{Service: test.service, Number: 1}), test.want)
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
		{"error during connect: Get \"https://far:2376/v1.51/info\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
			"certificate signed by unknown authority; are the certificates of its TLS the right ones"},
		{"http: server gave HTTP response: malformed HTTP response \"x\".\n* Are you trying to connect to a TLS-enabled daemon without TLS?", "are the certificates of its TLS the right ones"},
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
