package topology

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

func (l *loading) limits(s types.ServiceConfig, path string) Limits {
	out := Limits{
		CPUs: widen(s.CPUS), CPUQuota: s.CPUQuota, CPUPeriod: s.CPUPeriod, CPUShares: s.CPUShares, CPUSet: s.CPUSet,
		RealtimeRuntime: s.CPURTRuntime, RealtimePeriod: s.CPURTPeriod,
		MemoryBytes: int64(s.MemLimit), MemoryAndSwapBytes: int64(s.MemSwapLimit), ReservedMemoryBytes: int64(s.MemReservation),
		Swappiness: int64(s.MemSwappiness), OOMKillDisable: s.OomKillDisable, OOMScore: int(s.OomScoreAdj),
		ShmBytes: int64(s.ShmSize), PidsLimit: s.PidsLimit, Ulimits: ulimits(s.Ulimits), StorageOptions: s.StorageOpt,
	}
	if s.Deploy != nil {
		if limits := s.Deploy.Resources.Limits; limits != nil {
			out.CPUs = cmp.Or(out.CPUs, widen(limits.NanoCPUs.Value()))
			out.MemoryBytes = cmp.Or(out.MemoryBytes, int64(limits.MemoryBytes))
			out.PidsLimit = cmp.Or(out.PidsLimit, limits.Pids)
		}
		if reserved := s.Deploy.Resources.Reservations; reserved != nil {
			out.ReservedCPUs = widen(reserved.NanoCPUs.Value())
			out.ReservedMemoryBytes = cmp.Or(out.ReservedMemoryBytes, int64(reserved.MemoryBytes))
			if out.ReservedCPUs != 0 {
				l.warn(path + ".deploy.resources.reservations.cpus: an engine cannot set CPUs aside; give the others a limit, or cpuset")
			}
		}
	}
	out.PidsLimit = max(out.PidsLimit, 0) // -1 means no limit, as 0 does
	if out.CPUs != 0 && (out.CPUQuota != 0 || out.CPUPeriod != 0) {
		l.fault(path, "limits the CPU twice, by cpus and by cpu_quota or cpu_period; leave one of them out")
	}
	switch {
	case out.MemoryAndSwapBytes > 0 && out.MemoryBytes == 0:
		l.fault(path+".memswap_limit", "needs mem_limit beside it")
	case out.MemoryAndSwapBytes > 0 && out.MemoryAndSwapBytes < out.MemoryBytes:
		l.fault(path+".memswap_limit", "counts memory and swap together, so that it cannot be less than the memory's limit")
	}
	if out.ReservedMemoryBytes > out.MemoryBytes && out.MemoryBytes > 0 {
		l.fault(path, "reserves more memory than its limit")
	}
	return out
}

func ulimits(given map[string]*types.UlimitsConfig) []Ulimit {
	var list []Ulimit
	for _, name := range slices.Sorted(maps.Keys(given)) {
		u := given[name]
		list = append(list, Ulimit{Name: name, Soft: int64(cmp.Or(u.Soft, u.Single)), Hard: int64(cmp.Or(u.Hard, u.Single))})
	}
	return list
}

func (l *loading) rights(s types.ServiceConfig, path string, project *types.Project) Rights {
	out := Rights{
		CapAdd: s.CapAdd, CapDrop: s.CapDrop, Security: l.security(s.SecurityOpt, path+".security_opt"),
		Privileged: s.Privileged, ReadOnly: s.ReadOnly, DeviceRules: s.DeviceCgroupRules, Sysctls: s.Sysctls,
		IPC:           l.mode(s.Ipc, path+".ipc", project, HostMode, NoneMode, "private", "shareable"),
		PID:           l.mode(s.Pid, path+".pid", project, HostMode),
		UTS:           l.mode(s.Uts, path+".uts", nil, HostMode),
		UserNamespace: l.mode(s.UserNSMode, path+".userns_mode", nil, HostMode),
		Cgroup:        l.mode(s.Cgroup, path+".cgroup", nil, HostMode, "private"),
		CgroupParent:  s.CgroupParent, Runtime: s.Runtime,
	}
	for _, d := range s.Devices {
		out.Devices = append(out.Devices, Device{d.Source, cmp.Or(d.Target, d.Source), cmp.Or(d.Permissions, "rwm")})
	}
	return out
}

// mode checks whose namespace a service wants. Where project is not nil, it
// may be another service's.
func (l *loading) mode(text, path string, project *types.Project, known ...Mode) Mode {
	mode := Mode(text)
	if text == "" || slices.Contains(known, mode) || project != nil && l.shared(mode, path, project) {
		return mode
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	if project != nil {
		words = append(words, servicePrefix+"NAME")
	}
	l.fault(path, "%q is not supported; use %s", text, strings.Join(words, " or "))
	return ""
}

// security reads the profiles that options name.
func (l *loading) security(options []string, path string) []string {
	options = slices.Clone(options)
	for i, option := range options {
		kind, profile, found := strings.Cut(strings.Replace(option, ":", "=", 1), "=")
		if !found || kind != "seccomp" || profile == "unconfined" || profile == "builtin" {
			continue
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		if l.src.Dir == "" {
			l.onDisk(at, profile)
			continue
		}
		if !filepath.IsAbs(profile) {
			profile = filepath.Join(l.src.Dir, profile)
		}
		text, err := os.ReadFile(profile)
		if err != nil {
			l.fault(at, "the profile cannot be read: %v", err)
		}
		options[i] = kind + "=" + string(text)
	}
	return options
}

// Cores is how many CPUs a replica may use, 0 if that is not limited.
func (l Limits) Cores() float64 {
	const usualPeriod = 100_000 // microseconds, the kernel's own
	if l.CPUs > 0 || l.CPUQuota <= 0 {
		return l.CPUs
	}
	return float64(l.CPUQuota) / float64(cmp.Or(l.CPUPeriod, usualPeriod))
}
