package topology

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/internal/testenv"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// plain is the service that each file of TestService starts from.
func plain() Service {
	return Service{Name: "web", Image: "x", Replicas: 1, Networks: []Attachment{{Network: "default"}}}
}

func TestService(t *testing.T) {
	tests := []struct {
		name string
		body string // of the service
		want func(*Service)
	}{
		{"nothing more", "", func(*Service) {}},
		{"command as text", `command: serve "two words"`, func(s *Service) { s.Command = []string{"serve", "two words"} }},
		{"command as list", `command: [serve, a b]`, func(s *Service) { s.Command = []string{"serve", "a b"} }},
		{"entrypoint", `entrypoint: /run.sh`, func(s *Service) { s.Entrypoint = []string{"/run.sh"} }},
		{"entrypoint taken away", `entrypoint: []`, func(s *Service) { s.Entrypoint = []string{} }},
		{"environment as mapping", `environment: {B: 2, A: "1", NONE: }`, func(s *Service) { s.Environment = []string{"A=1", "B=2"} }},
		{"environment as list", `environment: [B=2, "A=x=y", NONE]`, func(s *Service) { s.Environment = []string{"A=x=y", "B=2"} }},
		{"labels as list", `labels: ["a.b=c", d]`, func(s *Service) { s.Labels = map[string]string{"a.b": "c", "d": ""} }},
		{"where and who", `{working_dir: /w, user: "1:2", hostname: h}`, func(s *Service) { s.WorkingDir, s.User, s.Hostname = "/w", "1:2", "h" }},

		{"scale", `scale: 3`, func(s *Service) { s.Replicas = 3 }},
		{"scale of none", `scale: 0`, func(s *Service) { s.Replicas = 0 }},
		{"replicas", `deploy: {replicas: 4}`, func(s *Service) { s.Replicas = 4 }},

		{"published port", `ports: ["80:8080"]`, func(s *Service) {
			s.Ports = []Port{{Target: 8080, Protocol: "tcp", Published: "80", Publish: true}}
		}},
		{"any host port", `ports: [8080]`, func(s *Service) { s.Ports = []Port{{Target: 8080, Protocol: "tcp", Publish: true}} }},
		{"port on an address", `ports: ["127.0.0.1:53:5353/udp"]`, func(s *Service) {
			s.Ports = []Port{{Target: 5353, Protocol: "udp", Published: "53", HostIP: "127.0.0.1", Publish: true}}
		}},
		{"range of ports", `ports: ["80-81:8080-8081"]`, func(s *Service) {
			s.Ports = []Port{
				{Target: 8080, Protocol: "tcp", Published: "80", Publish: true},
				{Target: 8081, Protocol: "tcp", Published: "81", Publish: true},
			}
		}},
		{"one port, range of host ports", `ports: ["8000-8010:80"]`, func(s *Service) {
			s.Ports = []Port{{Target: 80, Protocol: "tcp", Published: "8000-8010", Publish: true}}
		}},
		{"long port", `ports: [{target: 80, published: "8080", mode: ingress}]`, func(s *Service) {
			s.Ports = []Port{{Target: 80, Protocol: "tcp", Published: "8080", Publish: true}}
		}},
		{"exposed ports", `{ports: ["90:90"], expose: ["90", "70-71", "53/udp", 60]}`, func(s *Service) {
			s.Ports = []Port{
				{Target: 53, Protocol: "udp"}, {Target: 60, Protocol: "tcp"}, {Target: 70, Protocol: "tcp"},
				{Target: 71, Protocol: "tcp"}, {Target: 90, Protocol: "tcp", Published: "90", Publish: true},
			}
		}},

		{"dependencies as list", `depends_on: [other]`, func(s *Service) { s.DependsOn = []Dependency{{"other", Started}} }},
		{"dependency on health", `depends_on: {other: {condition: service_healthy}}`, func(s *Service) {
			s.DependsOn = []Dependency{{"other", Healthy}}
		}},
		{"dependency on completion", `depends_on: {other: {condition: service_completed_successfully}}`, func(s *Service) {
			s.DependsOn = []Dependency{{"other", Completed}}
		}},
		{"dependency that is not wanted", `depends_on: {asleep: {condition: service_started, required: false}}`, func(*Service) {}},
		{"links", `links: ["other", "other:alias"]`, func(s *Service) { s.DependsOn = []Dependency{{"other", Started}} }},
		{"a link does not weaken a dependency", `{links: [other], depends_on: {other: {condition: service_healthy}}}`, func(s *Service) {
			s.DependsOn = []Dependency{{"other", Healthy}}
		}},

		{"networks", `networks: [b, a]`, func(s *Service) { s.Networks = []Attachment{{Network: "a"}, {Network: "b"}} }},
		{"aliases", `networks: {a: {aliases: [one, web]}}`, func(s *Service) {
			s.Networks = []Attachment{{Network: "a", Aliases: []string{"one"}}}
		}},

		{"named volume", `volumes: ["data:/data:ro"]`, func(s *Service) {
			s.Mounts = []Mount{{Type: VolumeMount, Source: "data", Target: "/data", ReadOnly: true}}
		}},
		{"anonymous volume", `volumes: [/scratch]`, func(s *Service) { s.Mounts = []Mount{{Type: VolumeMount, Target: "/scratch"}} }},
		{"host folder", `volumes: ["/srv/html:/html"]`, func(s *Service) {
			s.Mounts = []Mount{{Type: BindMount, Source: "/srv/html", Target: "/html", Create: true}}
		}},
		{"tmpfs", `{tmpfs: /run, volumes: [{type: tmpfs, target: /tmp}]}`, func(s *Service) {
			s.Mounts = []Mount{{Type: TmpfsMount, Target: "/tmp"}, {Type: TmpfsMount, Target: "/run"}}
		}},

		{"check", `healthcheck: {test: [CMD, probe, a], interval: 5s, timeout: 1s, start_period: 1m, retries: 2}`, func(s *Service) {
			s.Healthcheck = &Healthcheck{Test: []string{"probe", "a"}, Interval: 5 * time.Second, Timeout: time.Second, StartPeriod: time.Minute, Retries: 2}
		}},
		{"check by shell", `healthcheck: {test: [CMD-SHELL, "a | b"]}`, func(s *Service) {
			s.Healthcheck = &Healthcheck{Test: []string{"/bin/sh", "-c", "a | b"}}
		}},
		{"check as text", `healthcheck: {test: a | b}`, func(s *Service) {
			s.Healthcheck = &Healthcheck{Test: []string{"/bin/sh", "-c", "a | b"}}
		}},
		{"check none", `healthcheck: {test: [NONE]}`, func(s *Service) { s.NoHealthcheck = true }},
		{"check disabled", `healthcheck: {test: [CMD, a], disable: true}`, func(s *Service) { s.NoHealthcheck = true }},
		{"the image's check at other times", `healthcheck: {timeout: 1s}`, func(s *Service) { s.Healthcheck = &Healthcheck{Timeout: time.Second} }},

		{"limits", `{cpus: 0.1, cpuset: 0-1, mem_limit: 64m, pids_limit: 9}`, func(s *Service) {
			s.CPUs, s.CPUSet, s.MemoryBytes, s.PidsLimit = 0.1, "0-1", 64<<20, 9
		}},
		{"limits of deploy", `deploy: {resources: {limits: {cpus: "0.7", memory: 1G, pids: 5}}}`, func(s *Service) {
			s.CPUs, s.MemoryBytes, s.PidsLimit = 0.7, 1<<30, 5
		}},
		{"no limit of processes", `pids_limit: -1`, func(*Service) {}},
		{"rights", `{cap_add: [A], cap_drop: [B], read_only: true, init: true, privileged: true, stop_signal: SIGQUIT}`, func(s *Service) {
			s.CapAdd, s.CapDrop, s.ReadOnly, s.Init, s.Privileged, s.StopSignal = []string{"A"}, []string{"B"}, true, true, true, "SIGQUIT"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := tt.body
			if strings.HasPrefix(body, "{") { // several keys
				body = body[1 : len(body)-1]
			}
			file := "services:\n  web: {image: x, " + body + "}\n" + `
  other: {image: y, networks: [default, a, b]}
  asleep: {image: z, profiles: [never]}
networks: {default: , a: , b: }
volumes: {data: }
`
			got, err := Load(Source{File: "dir/compose.yaml", Text: []byte(file), Dir: t.TempDir()})
			if err != nil {
				t.Fatalf("Load: %v\n%s", err, file)
			}
			want := plain()
			tt.want(&want)
			service, ok := got.Service("web")
			if !ok {
				t.Fatalf("no service web among %v", got.ServiceNames())
			}
			if diff := cmp.Diff(want, service, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (service.Entrypoint == nil) != (want.Entrypoint == nil) {
				t.Errorf("entrypoint %#v, want %#v", service.Entrypoint, want.Entrypoint)
			}
			if len(got.Warnings) > 0 {
				t.Errorf("warnings of what is honoured: %q", got.Warnings)
			}
		})
	}
}

func TestRich(t *testing.T) {
	src := read(t, "testdata/rich/compose.yaml")
	got, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "testdata/rich/warnings.txt", strings.Join(got.Warnings, "\n")+"\n")
	if diff := cmp.Diff([]string{"back", "front"}, got.Networks); diff != "" {
		t.Errorf("networks (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), got.Volumes); diff != "" {
		t.Errorf("volumes (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"db", "migrate", "proxy", "web"}, got.ServiceNames()); diff != "" {
		t.Errorf("services (-want +got)\n%s", diff)
	}
	db, _ := got.Service("db")
	if diff := cmp.Diff([]Attachment{{Network: "back", Aliases: []string{"database"}}}, db.Networks); diff != "" {
		t.Errorf("a link's alias (-want +got)\n%s", diff)
	}
	proxy, _ := got.Service("proxy")
	environment := []string{"FROM_ENV=from .env", "FROM_FILE=yes", "PLAIN=a$b", "PRICE=x"}
	if diff := cmp.Diff(environment, proxy.Environment); diff != "" {
		t.Errorf("environment (-want +got)\n%s", diff)
	}
	if proxy.Image != "example/proxy:7" {
		t.Errorf("image %s, want the tag of the .env file", proxy.Image)
	}
}

// TestComposeIsComplete loads what Load has rendered, in another folder and
// without variables: it has to be the same.
func TestComposeIsComplete(t *testing.T) {
	src := read(t, "testdata/rich/compose.yaml")
	src.Environment = map[string]string{"TAG": "from outside", "COMPOSE_PROFILES": "debug"}
	first, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(first.ServiceNames(), "debug") {
		t.Fatalf("the profile's service is not among %v", first.ServiceNames())
	}
	again, err := Load(Source{File: "elsewhere.yaml", Text: first.Compose, Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("%v\n%s", err, first.Compose)
	}
	unset := func(warning string) bool { return strings.HasPrefix(warning, "the variable") }
	first.Warnings = slices.DeleteFunc(first.Warnings, unset)
	if diff := cmp.Diff(first, again, cmpopts.IgnoreFields(Topology{}, "Dir", "Origin")); diff != "" {
		t.Errorf("(-first +again)\n%s", diff)
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		name, file, text, dir, want string
	}{
		{"its own", "a.yaml", "name: mine\nservices: {web: {image: x}}", "", "mine"},
		{"its folder's", "some/a.yaml", "services: {web: {image: x}}", "/srv/My App", "myapp"},
		{"its file's, on no disk", "some/stack.yaml", "services: {web: {image: x}}", "", "stack"},
	}
	for _, tt := range tests {
		got, err := Load(Source{File: tt.file, Text: []byte(tt.text), Dir: tt.dir})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got.Name != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got.Name, tt.want)
		}
	}
}

// TestOnNoDisk sees to it that an embedded file reads and mounts nothing of
// the host's.
func TestOnNoDisk(t *testing.T) {
	for _, body := range []string{
		`volumes: ["./x:/x"]`, `volumes: ["/etc:/x"]`, `env_file: ["load_test.go"]`, `extends: {file: a.yaml, service: b}`,
	} {
		_, err := Load(Source{File: "a.yaml", Text: []byte("services: {web: {image: x, " + body + "}}")})
		if err == nil {
			t.Errorf("%s: no error", body)
		}
	}
}

func TestVersionIsNoTrouble(t *testing.T) {
	for _, text := range []string{"version: '2'\n", "version: 3.8\n", "\"version\": \"3\"\n", "version: \n"} {
		got, err := Load(Source{File: "a.yaml", Text: []byte(text + "services: {web: {image: x}}\n")})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if len(got.Warnings) > 0 {
			t.Errorf("%q: %v", text, got.Warnings)
		}
	}
}

func TestWithScale(t *testing.T) {
	top, err := Load(Source{File: "a.yaml", Text: []byte("services: {web: {image: x, scale: 2}, db: {image: y}}")})
	if err != nil {
		t.Fatal(err)
	}
	scaled := top.WithScale(map[string]int{"web": 5, "nobody": 3})
	if diff := cmp.Diff(map[string]int{"web": 5, "db": 1}, scaled.Scale()); diff != "" {
		t.Errorf("scaled (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"web": 2, "db": 1}, top.Scale()); diff != "" {
		t.Errorf("the original has changed (-want +got)\n%s", diff)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("services: {web: {image: x}}")
	f.Add("services:\n  web:\n    image: ${X:-y}\n    ports: ['80:80']\nversion: 2\n")
	for _, file := range shapes(f) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a {<<: *a}\nservices: *a")
	f.Add("x-a: &a {tags: [b]}\nweb: {<<: *a, image: x, net: host}\ndb:\n  image: y\n  target_num_containers: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		top, err := Load(Source{File: "fuzz.yaml", Text: []byte(text)})
		if err == nil && len(top.Services) == 0 {
			t.Error("a topology without a service")
		}
	})
}
