package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLimit(t *testing.T) {
	const v1, v2 = "sys/fs/cgroup/cpu,cpuacct/system.slice", "sys/fs/cgroup/system.slice/docker-4f1d2c.scope"
	for name, test := range map[string]struct {
		tree      string
		files     map[string]string
		cpus      float64
		throttled *time.Duration
		bad       bool
	}{
		"v1, no quota": {tree: "v1-joint", files: map[string]string{v1 + "/docker-4f1d2c.scope/cpu.cfs_quota_us": "-1\n"}, throttled: new(2016 * time.Millisecond)},
		"v1, own quota": {tree: "v1-joint", files: map[string]string{
			v1 + "/docker-4f1d2c.scope/cpu.cfs_quota_us": "10000\n", v1 + "/docker-4f1d2c.scope/cpu.cfs_period_us": "100000\n",
		}, cpus: 0.1, throttled: new(2016 * time.Millisecond)},
		"v1, tighter above": {tree: "v1-joint", files: map[string]string{
			v1 + "/docker-4f1d2c.scope/cpu.cfs_quota_us": "200000\n", v1 + "/docker-4f1d2c.scope/cpu.cfs_period_us": "100000\n",
			v1 + "/cgroup.procs": "", v1 + "/cpu.cfs_quota_us": "50000\n", v1 + "/cpu.cfs_period_us": "100000\n", v1 + "/cpu.stat": "throttled_time 7\n",
		}, cpus: 0.5, throttled: new(time.Duration(7))},
		"v2, no cpu controller": {tree: "v2"},
		"v2, max":               {tree: "v2", files: map[string]string{v2 + "/init.scope/cpu.max": "max 100000\n"}},
		"v2, quota above": {tree: "v2", files: map[string]string{
			v2 + "/cgroup.procs": "", v2 + "/cpu.max": "150000 100000\n",
		}, cpus: 1.5, throttled: new(2016 * time.Millisecond)},
		"nonsense":  {tree: "v2", files: map[string]string{v2 + "/init.scope/cpu.max": "some\n"}, bad: true},
		"no period": {tree: "v2", files: map[string]string{v2 + "/init.scope/cpu.max": "5 0\n"}, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := unpack(t, test.tree, true)
			for file, text := range test.files {
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l, err := openLimit(root, 77)
			if (err != nil) != test.bad {
				t.Fatal(err)
			}
			if test.bad {
				return
			}
			defer l.Close()
			throttled, err := l.Throttled()
			if err != nil {
				t.Fatal(err)
			}
			if l.CPUs() != test.cpus || (throttled == nil) != (test.throttled == nil) || throttled != nil && *throttled != *test.throttled {
				t.Errorf("%v CPUs, throttled %v; want %v, %v", l.CPUs(), throttled, test.cpus, test.throttled)
			}
		})
	}
}
