package docker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// pulled is what an engine says while it pulls an image of two layers.
const pulled = `{"status":"Pulling from library/web","id":"7"}
{"status":"Pulling fs layer","progressDetail":{},"id":"aa"}
{"status":"Pulling fs layer","progressDetail":{},"id":"bb"}
{"status":"Downloading","progressDetail":{"current":512,"total":1024},"id":"aa"}
{"status":"Downloading","progressDetail":{"current":1024,"total":1024},"id":"bb"}
{"status":"Download complete","progressDetail":{},"id":"aa"}
{"status":"Extracting","progressDetail":{"current":1024,"total":1024},"id":"aa"}
{"status":"Pull complete","progressDetail":{},"id":"aa"}
{"status":"Pull complete","progressDetail":{},"id":"bb"}
{"status":"Digest: sha256:0123"}
`

// TestPullPolicy lets an engine that is none be asked for images.
func TestPullPolicy(t *testing.T) {
	for _, test := range []struct {
		name    string
		service topology.Service
		has     bool // the engine has the image
		asked   []string
		err     string
	}{
		{"there", topology.Service{}, true, []string{"inspect"}, ""},
		{"missing", topology.Service{}, false, []string{"inspect", "pull"}, ""},
		{"always", topology.Service{PullPolicy: topology.PullAlways, Platform: "linux/arm64"}, true, []string{"pull linux/arm64"}, ""},
		{"never, there", topology.Service{PullPolicy: topology.PullNever}, true, []string{"inspect"}, ""},
		{"never, missing", topology.Service{PullPolicy: topology.PullNever}, false, []string{"inspect"}, "web:7 is not on the engine, and pull_policy is never"},
		{"build, there", topology.Service{Build: &topology.Build{Inline: "FROM scratch"}}, true, []string{"inspect"}, ""},
		{"build, missing", topology.Service{Build: &topology.Build{Inline: "FROM scratch"}}, false, []string{"inspect", "build"}, ""},
		{"build always", topology.Service{Build: &topology.Build{Inline: "FROM scratch"}, PullPolicy: topology.PullBuild}, true, []string{"build"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch path := r.URL.Path; {
				case strings.HasSuffix(path, "/images/create"):
					asked = append(asked, strings.TrimSpace("pull "+r.URL.Query().Get("platform")))
					fmt.Fprint(w, pulled)
				case strings.HasSuffix(path, "/build"):
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						t.Error(err)
					}
					asked = append(asked, "build")
				case test.has:
					asked = append(asked, "inspect")
					fmt.Fprint(w, `{"Id":"sha256:01"}`)
				default:
					asked = append(asked, "inspect")
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprint(w, `{"message":"No such image: web:7"}`)
				}
			}))
			defer server.Close()
			if test.service.Build != nil {
				test.service.Build.Context = t.TempDir()
			}
			err := fakeEngine(t, server).Do(t.Context(), engine.Op{Kind: engine.EnsureImage, Resource: "web:7", Service: test.service})
			if test.err != "" {
				wantError(t, err, test.err)
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Errorf("what the engine was asked (-want +got)\n%s", diff)
			}
		})
	}
}

func fakeEngine(t *testing.T, server *httptest.Server) *Engine {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	return &Engine{cli: cli, host: cli.DaemonHost()}
}

func TestPullReports(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/images/create") {
			fmt.Fprint(w, pulled)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"No such image"}`)
	}))
	defer server.Close()
	var lines []string
	ops := []engine.Op{{Kind: engine.EnsureImage, Resource: "web:7"}}
	_, err := engine.Apply(t.Context(), fakeEngine(t, server), ops, engine.ApplyOptions{Report: func(op engine.Op, line string) {
		lines = append(lines, op.Resource+" | "+line)
	}})
	if err != nil {
		t.Fatal(err)
	}
	// How many lines tell of mere bytes depends on the time they take.
	var last []string
	for _, line := range lines {
		if strings.Contains(line, "1 of 2") || strings.Contains(line, "2 of 2") || strings.Contains(line, "Digest") {
			last = append(last, line)
		}
	}
	want := []string{
		"web:7 | pulling web:7: 1 of 2 layers, 2.00 KiB of 2.00 KiB", "web:7 | pulling web:7: 2 of 2 layers, 2.00 KiB of 2.00 KiB",
		"web:7 | pulling web:7: Digest: sha256:0123",
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBuildContext looks at what is sent to the builder.
func TestBuildContext(t *testing.T) {
	for _, test := range []struct {
		name       string
		build      topology.Build // without its context
		files      []string
		ignore     string
		want       []string
		dockerfile string
	}{
		{"all", topology.Build{Dockerfile: "Dockerfile"}, []string{"Dockerfile", "a", "b/c"}, "",
			[]string{"Dockerfile", "a", "b/", "b/c"}, "Dockerfile"},
		{"ignored", topology.Build{Dockerfile: "Dockerfile"}, []string{"Dockerfile", "a.log", "b/c.log", "b/d", "keep.log", "dir/x"}, "**/*.log\n!keep.log\ndir\nDockerfile\n",
			[]string{".dockerignore", "Dockerfile", "b/", "b/d", "keep.log"}, "Dockerfile"},
		{"inline", topology.Build{Inline: "FROM x"}, []string{"a"}, "",
			[]string{".plimsoll.Dockerfile=FROM x", "a"}, ".plimsoll.Dockerfile"},
		{"in a folder, with its own list", topology.Build{Dockerfile: "docker/web"}, []string{"docker/web", "docker/web.dockerignore", "a"}, "nothing\n",
			[]string{".dockerignore", "docker/", "docker/web", "docker/web.dockerignore"}, "docker/web"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range test.files {
				text := name
				if strings.HasSuffix(name, "web.dockerignore") {
					text = "a\n"
				}
				writeFile(t, dir, name, text)
			}
			if test.ignore != "" {
				writeFile(t, dir, ".dockerignore", test.ignore)
			}
			b := test.build
			b.Context = dir
			sent, err := readBuildContext(&b)
			if err != nil {
				t.Fatal(err)
			}
			var archive strings.Builder
			if err := sent.write(&archive); err != nil {
				t.Fatal(err)
			}
			if sent.dockerfile != test.dockerfile {
				t.Errorf("Dockerfile %q, want %q", sent.dockerfile, test.dockerfile)
			}
			var got []string
			for name, content := range untar(t, strings.NewReader(archive.String())) {
				if name == dockerfileName {
					name += "=" + string(content)
				}
				got = append(got, name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	_, err := readBuildContext(&topology.Build{Context: t.TempDir(), Dockerfile: "Dockerfile"})
	wantError(t, err, "its Dockerfile cannot be read")
	_, err = readBuildContext(&topology.Build{Context: "/nowhere/at/all"})
	wantError(t, err, "its context cannot be read")
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
