package scenarios

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const inCompose = `services:
  proxy: {image: x, ports: ["80:80"], depends_on: [web]}
  web: {image: y, command: ["$$HOME", "${TAG:-1}"]}
x-plimsoll:
  target: http://proxy
  engine: process
  link: {rtt: 10ms}
  scales: [{}, {web: 3}]
  requests:
    - {post: "/a?price=$5", body: "${NOT_A_VARIABLE} $$ $", weight: 2}
  loads:
    ab: {requests: 1000, concurrency: 10}
  warmup: none
  trials: 2
  objectives: [errors < 1%]
volumes: {data: }
`

// TestEmbedded reads a scenario that stands in its Compose file.
func TestEmbedded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, dir, "compose.yaml", inCompose)
	got, err := Read(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Name: "shop", Embedded: true,
		Environments: []Environment{{Name: "shop", Target: "http://proxy", Engine: Engine{Kind: ProcessEngine}, Link: Link{RTT: 10 * time.Millisecond}}},
		Scales:       []Scale{{}, {"web": 3}},
		Requests:     []Request{{Name: "POST /a?price=$5", Method: "POST", Path: "/a?price=$5", Body: "${NOT_A_VARIABLE} $$ $", Weight: 2}},
		Loads:        []Load{{Name: "ab", Mode: Closed, Requests: 1000, Concurrency: 10, Timeout: 30 * time.Second}},
		Trials:       2,
		Objectives:   []Objective{{Text: "errors < 1%", Metric: Errors, Compare: "<", Limit: 0.01}},
	}
	if diff := cmp.Diff(want, got, ignoreOrigin(), cmpopts.IgnoreFields(Environment{}, "Topology")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	web, _ := got.Environments[0].Topology.Service("web")
	if diff := cmp.Diff([]string{"$HOME", "1"}, web.Command); diff != "" {
		t.Errorf("variables of the services (-want +got)\n%s", diff)
	}
}

// What is stored of it is a scenario file with a topology beside it.
func TestEmbeddedResolved(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "compose.prod.yaml", inCompose)
	want, err := Read(filepath.Join(dir, "compose.prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, files, err := want.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	stored := t.TempDir()
	write(t, stored, "scenario.yaml", string(text))
	for name, content := range files {
		write(t, stored, name, string(content))
		if strings.Contains(string(content), "x-plimsoll") {
			t.Errorf("%s holds the scenario once more:\n%s", name, content)
		}
	}
	got, err := Read(filepath.Join(stored, "scenario.yaml"))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(want, got, ignoreOrigin(), cmpopts.IgnoreFields(Scenario{}, "Embedded")); diff != "" {
		t.Errorf("(-read +stored)\n%s", diff)
	}
	if got.Name != "prod" {
		t.Errorf("the scenario is called %q, want prod", got.Name)
	}
}

// A stack file may hold a scenario, too, before its services.
func TestEmbeddedInStack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "docker-cloud.yml", `x-plimsoll:
  target: http://web:8080
  loads: {ab: {requests: 10, concurrency: 1}}
web: {image: x, target_num_containers: 2, expose: ["8080"]}
`)
	s, err := Read(filepath.Join(dir, "docker-cloud.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"web": 2}, s.Environments[0].Topology.Scale()); diff != "" || s.Environments[0].Name != "cloud" {
		t.Errorf("%s %s", s.Environments[0].Name, diff)
	}
}

func TestProblemOfEmbedded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "compose.v1.2.yaml", inCompose)
	s, err := Read(filepath.Join(dir, "compose.v1.2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Problem{
		"environments.v1.2.target": {Path: "x-plimsoll.target", Excerpt: "  target: http://proxy"},
		"loads.ab.concurrency":     {Path: "x-plimsoll.loads.ab.concurrency", Excerpt: "    ab: {requests: 1000, concurrency: 10}"},
	} {
		if got := s.Problem(path, ""); got.Path != want.Path || got.Excerpt != want.Excerpt {
			t.Errorf("%s: %q, %q; want %q, %q", path, got.Path, got.Excerpt, want.Path, want.Excerpt)
		}
	}
}

func TestEnvironmentName(t *testing.T) {
	for file, want := range map[string]string{
		"/srv/train/compose.yaml":         "train",
		"/srv/train/docker-compose.yml":   "train",
		"/srv/shop/compose.prod.yaml":     "prod",
		"/srv/shop/docker-compose.ci.yml": "ci",
		"/srv/twip/docker-cloud.yml":      "cloud",
		"/srv/twip/production.yaml":       "production",
		"/srv/My Shop (old)/compose.yaml": "My-Shop-old",
		"/compose.yaml":                   "stack",
		"/srv/é/compose.yaml":             "stack",
		"C:/shop/compose.yaml":            "shop",
	} {
		if got := EnvironmentName(file); got != want || !goodName(got) {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// Whatever a scenario file and an environment may say, an embedded scenario
// may say, and it is not lost.
func TestEmbeddedHasAllKeys(t *testing.T) {
	keys := func(v any) map[string]reflect.Type {
		all := map[string]reflect.Type{}
		for i := range reflect.TypeOf(v).NumField() {
			f := reflect.TypeOf(v).Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			all[name] = f.Type
		}
		return all
	}
	has := keys(embedded{})
	for _, from := range []map[string]reflect.Type{keys(file{}), keys(environment{})} {
		for name, kind := range from {
			if !slices.Contains([]string{"environments", "topology"}, name) && has[name] != kind {
				t.Errorf("%s is of type %v in a Compose file, want %v", name, has[name], kind)
			}
		}
	}
	// Every field is carried over: set each and look for it.
	in := embedded{Engine: engineKey{kind: DockerEngine}, TLS: tlsOptions{Insecure: true}, Link: link{RTT: 1}, Warmup: warmup{text: none}}
	v := reflect.ValueOf(&in).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Int:
			f.SetInt(7)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
	out := in.file("e", "compose.yaml")
	for _, made := range []reflect.Value{reflect.ValueOf(out), reflect.ValueOf(out.Environments["e"])} {
		for i := range made.NumField() {
			if f := made.Field(i); f.IsZero() && f.Type() != reflect.TypeFor[unsupported]() {
				t.Errorf("%s is lost", made.Type().Field(i).Name)
			}
		}
	}
}
