package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestReader(t *testing.T) {
	for _, test := range []struct {
		tree, name string
		ownNet     bool // the process is in a network namespace of its own
		version    int
		want       Counters
	}{
		{tree: "v1-joint", name: "4f1d2c", ownNet: true, version: 1, want: Counters{
			CPU: 3023500 * time.Microsecond, MemoryBytes: 177209344 - 104857600, Throttled: new(2016 * time.Millisecond),
			NetIn: new(int64(301000)), NetOut: new(int64(402000)), BlockRead: new(int64(4097)), BlockWrite: new(int64(8194)),
		}},
		{tree: "v1-joint", name: "4f1d2c", version: 1, want: Counters{
			CPU: 3023500 * time.Microsecond, MemoryBytes: 177209344 - 104857600, Throttled: new(2016 * time.Millisecond),
			BlockRead: new(int64(4097)), BlockWrite: new(int64(8194)),
		}},
		{tree: "v1-single", name: "4f1d2c", ownNet: true, version: 1, want: Counters{CPU: 505778511, MemoryBytes: 4096}},
		{tree: "v2", name: "4f1d2c", ownNet: true, version: 2, want: Counters{
			CPU: 3023500 * time.Microsecond, MemoryBytes: 177209344 - 104857600, Throttled: new(2016 * time.Millisecond),
			NetIn: new(int64(10016606)), NetOut: new(int64(660)), BlockRead: new(int64(1460000)), BlockWrite: new(int64(314774000)),
		}},
		{tree: "v2", name: "", version: 2, want: Counters{CPU: time.Microsecond, MemoryBytes: 1}},
		{tree: "v2-bare", name: "4f1d2c", ownNet: true, version: 2, want: Counters{CPU: 250 * time.Microsecond, MemoryBytes: 49152}},
	} {
		t.Run(test.tree+"/"+test.name, func(t *testing.T) {
			r, err := open(unpack(t, test.tree, test.ownNet), 77, test.name)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if r.Version() != test.version {
				t.Errorf("version %d, want %d", r.Version(), test.version)
			}
			for range 2 { // the files stay open
				got, err := r.Read()
				if err != nil {
					t.Fatal(err)
				}
				if got.At.IsZero() {
					t.Error("a reading without an instant")
				}
				if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(Counters{}, "At")); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
		})
	}
}

func TestReaderSeesChanges(t *testing.T) {
	root := unpack(t, "v2-bare", true)
	r, err := open(root, 77, "4f1d2c")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Longer than the first buffer.
	long := strings.Repeat("pad 1\n", 10_000) + "inactive_file 65535\n"
	if err := os.WriteFile(filepath.Join(root, "my cgroup/4f1d2c/memory.stat"), []byte(long), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got.MemoryBytes != 1 {
		t.Errorf("memory %d, want 1", got.MemoryBytes)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, test := range []struct {
		tree string
		pid  int
		name string
		want string
	}{
		{"outside", 77, "4f1d2c", "no mount shows cpu.stat of control group /../4f1d2c"},
		{"v2", 77, "another", "process 77 is in no control group named after another"},
		{"v2", 78, "4f1d2c", "proc/78/cgroup: no such file"},
	} {
		t.Run(test.want, func(t *testing.T) {
			r, err := open(unpack(t, test.tree, true), test.pid, test.name)
			if err == nil {
				r.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

// unpack writes a file tree and the links to the network namespaces.
func unpack(t *testing.T, tree string, ownNet bool) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", tree+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := txtar.Write(archive, root); err != nil {
		t.Fatal(err)
	}
	theirs := "net:[4026531840]"
	if ownNet {
		theirs = "net:[4026532201]"
	}
	for process, ns := range map[string]string{"self": "net:[4026531840]", "77": theirs} {
		dir := filepath.Join(root, "proc", process, "ns")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(ns, filepath.Join(dir, "net")); err != nil {
			t.Skip("this system lets us make no symbolic links: ", err)
		}
	}
	return root
}

func TestDescend(t *testing.T) {
	for _, test := range []struct {
		top, group, below string
		visible           bool
	}{
		{"/", "/docker/a", "docker/a", true},
		{"/", "/", "", true},
		{"/docker", "/docker/a", "a", true},
		{"/docker/a", "/docker/a", "", true},
		{"/docker/a", "/docker/ab", "", false},
		{"/docker/a", "/docker", "", false},
		{"/", "/../b", "", false},
		{"/..", "/../b", "b", true},
		{"/../..", "/../b", "", false},
		{"/../..", "/../../docker/b", "docker/b", true},
		{"/..", "/b", "", false},
	} {
		below, visible := descend(test.top, test.group)
		if below != test.below || visible != test.visible {
			t.Errorf("from %s to %s: %q, %v; want %q, %v", test.top, test.group, below, visible, test.below, test.visible)
		}
	}
}

func TestTakeRefusesNonsense(t *testing.T) {
	for name, test := range map[string]struct {
		take func(string, *Counters) error
		text string
	}{
		"empty count":       {takeUsageV1, ""},
		"negative count":    {takeMemory, "-1\n"},
		"count too large":   {takeMemory, "18446744073709551615\n"},
		"time too large":    {takeCPUV2, "usage_usec 9223372036854775807\n"},
		"no usage":          {takeCPUV2, "user_usec 1\n"},
		"throttled":         {takeThrottledV1, "throttled_time x\n"},
		"no inactive_file":  {takeInactive("inactive_file"), "anon 1\n"},
		"io.stat":           {takeBlockV2, "8:0 rbytes=\n"},
		"blkio":             {takeBlockV1, "8:0 Read many\n"},
		"net/dev too short": {takeNetwork, "eth0: 1 2 3\n"},
		"net/dev":           {takeNetwork, "eth0: a 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n"},
	} {
		if err := test.take(test.text, new(Counters)); err == nil {
			t.Errorf("%s: %q: no error", name, test.text)
		}
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add("30 24 0:26 / /my\\040cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
	f.Add("36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := parseMounts(text)
		if err != nil && mounts != nil {
			t.Error("mounts beside an error")
		}
		for _, m := range mounts {
			if len(m.controllers) == 0 {
				t.Errorf("mount %+v has no controllers", m)
			}
		}
	})
}

func FuzzParseGroups(f *testing.F) {
	f.Add("4:cpu,cpuacct:/docker/a\n0::/\n", "a")
	f.Add("1:name=systemd:/a:b/../c (deleted)\n", "b")
	f.Fuzz(func(t *testing.T, text, name string) {
		groups, err := parseGroups(text)
		if err != nil {
			return
		}
		for controller, group := range within(groups, name) {
			if name != "" && !strings.Contains(group, name) {
				t.Errorf("%s: %s is not named after %s", controller, group, name)
			}
			if below, visible := descend("/", group); visible && strings.Contains("/"+below+"/", "/../") {
				t.Errorf("%s: %s leads out of the mount", controller, below)
			}
		}
	})
}

func FuzzTake(f *testing.F) {
	f.Add("3023500000\n")
	f.Add("usage_usec 3023500\nthrottled_usec 2016000\n")
	f.Add("8:0 rbytes=1 wbytes=2 rios=3\n")
	f.Add("8:0 Read 1\n8:0 Write 2\nTotal 3\n")
	f.Add("eth0: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, take := range []func(string, *Counters) error{
			takeUsageV1, takeThrottledV1, takeCPUV2, takeMemory, takeInactive("inactive_file"), takeBlockV1, takeBlockV2, takeNetwork,
		} {
			var c Counters
			if err := take(text, &c); err == nil && (c.CPU < 0 || c.MemoryBytes < 0) {
				t.Errorf("%q gave negative counters: %+v", text, c)
			}
		}
	})
}
