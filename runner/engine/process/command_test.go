package process

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/scenarios/topology"
)

func TestRewrite(t *testing.T) {
	around := surroundings{folders: map[string]string{"/data": "D", "/data/deep/": "E", "/": "R"}}
	tests := []struct{ in, want string }{
		{"/data", "D"},
		{"/data/journal.log", "D/journal.log"},
		{"/database", "R/database"}, // not within /data
		{"/data/deep", "E"},         // the longest target wins
		{"/data/deep/er", "E/er"},
		{"data/x", "data/x"},
		{"--journal=/data/x", "--journal=/data/x"}, // only what begins with a target
		{"", ""},
	}
	for _, test := range tests {
		if got, _ := around.rewrite(test.in); got != filepath.FromSlash(test.want) {
			t.Errorf("%q becomes %q, want %q", test.in, got, test.want)
		}
	}
	without := surroundings{}
	if got, did := without.rewrite("/data/x"); got != "/data/x" || did {
		t.Errorf("without mounts /data/x becomes %q", got)
	}
}

func TestSurround(t *testing.T) {
	s := newStack("s", t.TempDir(), subnet{20, 30})
	if err := s.createVolume("data"); err != nil {
		t.Fatal(err)
	}
	service := topology.Service{
		Name: "web", Environment: []string{"PLIMSOLL_REPLICA=liar", "COLOUR=blue"}, WorkingDir: "/data/sub",
		Mounts: []topology.Mount{
			{Type: topology.VolumeMount, Source: "data", Target: "/data"},
			{Type: topology.BindMount, Source: "/etc/some", Target: "/conf"},
			{Type: topology.TmpfsMount, Target: "/tmp"},
			{Type: topology.VolumeMount, Target: "/unnamed"},
		},
	}
	t.Setenv("PATH", "/bin")
	t.Setenv("SECRET", "of the runner")
	around, err := s.surround(service, "web-1", netip.MustParseAddr("127.20.30.1"))
	if err != nil {
		t.Fatal(err)
	}
	want := surroundings{
		dir: filepath.Join(s.dir, "volumes", "data") + filepath.FromSlash("/sub"),
		env: []string{
			"PATH=/bin", "PLIMSOLL_REPLICA=liar", "COLOUR=blue", // the last one of a name counts
			"PLIMSOLL_REPLICA=web-1", "PLIMSOLL_ADDRESS=127.20.30.1", "PLIMSOLL_HOSTS=" + filepath.Join(s.dir, "hosts"),
		},
		folders: map[string]string{
			"/data":    filepath.Join(s.dir, "volumes", "data"),
			"/conf":    "/etc/some",
			"/tmp":     filepath.Join(s.dir, "replicas", "web-1", "mount-2"),
			"/unnamed": filepath.Join(s.dir, "replicas", "web-1", "mount-3"),
		},
	}
	if diff := cmp.Diff(want, around, cmp.AllowUnexported(surroundings{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWarnings(t *testing.T) {
	top := &topology.Topology{
		Networks: []string{"back", "front"},
		Services: []topology.Service{
			{Name: "db", User: "nobody", Limits: topology.Limits{MemoryBytes: 1, CPUs: 1.5, CPUSet: "0", PidsLimit: 3}, Rights: topology.Rights{CapAdd: []string{"ALL"}, ReadOnly: true}},
			{Name: "proxy", Mounts: []topology.Mount{{ReadOnly: true}}},
			{Name: "web"},
		},
	}
	want := []string{
		"service db: the process engine does not honour its CPU limit, its choice of CPUs, its memory limit, its limit of processes, its user, its capabilities, read-only files",
		"service proxy: the process engine does not honour read-only files",
		"the process engine does not keep networks apart: every service reaches every other",
	}
	if !diesWithParent {
		want = append(want, "on this system services live on if plimsoll is killed; on Linux they do not")
	}
	if diff := cmp.Diff(want, (&Engine{}).Warnings(top)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChooseSubnet(t *testing.T) {
	taken := map[subnet]bool{}
	for range 1000 {
		s := chooseSubnet("twip", 1, taken)
		if taken[s] || s[0] < 16 || s[0] == 255 {
			t.Fatalf("subnet %v after %d others", s, len(taken))
		}
		taken[s] = true
	}
	if a, b := chooseSubnet("a", 1, nil), chooseSubnet("a", 2, nil); a == b {
		t.Errorf("two processes with the same stack meet at %v", a)
	}
	if a, b := chooseSubnet("a", 1, nil), chooseSubnet("a", 1, nil); a != b {
		t.Errorf("one stack is at %v and at %v", a, b)
	}
}

func TestChooseAddressUntilNoneIsLeft(t *testing.T) {
	s := newStack("s", t.TempDir(), subnet{20, 31})
	service := topology.Service{Name: "web"}
	for n := 1; n <= 254; n++ {
		address, err := s.chooseAddress(service)
		if err != nil {
			t.Fatalf("address %d: %v", n, err)
		}
		r := &replica{service: service, number: n, address: address}
		s.replicas[r.name()] = r
	}
	if address, err := s.chooseAddress(service); err == nil || !strings.Contains(err.Error(), "254 addresses in use") {
		t.Errorf("the 255th address: %v, %v", address, err)
	}
	gone := s.replicas["web-7"].address
	delete(s.replicas, "web-7")
	if address, err := s.chooseAddress(service); err != nil || address != gone {
		t.Errorf("address %v, %v; want the one that became free, %v", address, err, gone)
	}
}
