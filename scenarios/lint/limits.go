package lint

import (
	"fmt"
	"strconv"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

// leastMemory is the least limit that Docker accepts.
const leastMemory = 6 << 20

// limits finds limits that the host cannot give. The process engine has none,
// and says so itself.
func (c *checker) limits(s topology.Service) {
	if c.host.Engine == scenarios.ProcessEngine {
		return
	}
	// As many CPUs as this process may use are not always all that the engine
	// has; so this is no error.
	if c.host.CPUs > 0 && s.CPUs > float64(c.host.CPUs) {
		c.add(Warning, s.Name, c.limit(s, "cpus", fmt.Sprintf(
			"%s may use %s CPUs, and this host has %d: Docker refuses a limit above what there is. Make it at most %d, or leave it out",
			s.Name, strconv.FormatFloat(s.CPUs, 'g', -1, 64), c.host.CPUs, c.host.CPUs)))
	}
	if cpu, ok := highestCPU(s.CPUSet); ok && c.host.CPUs > 0 && cpu >= c.host.CPUs {
		c.add(Warning, s.Name, c.top.Origin.Problem("services."+s.Name+".cpuset", fmt.Sprintf(
			"names CPU %d, and this host has %d, from 0 to %d: Docker refuses CPUs that are not there. Name others, or leave it out", cpu, c.host.CPUs, c.host.CPUs-1)))
	}
	switch {
	case s.MemoryBytes > 0 && s.MemoryBytes < leastMemory:
		c.add(Error, s.Name, c.limit(s, "memory", fmt.Sprintf(
			"%s may use %s, and Docker refuses a limit below %s: give it more, or leave it out", s.Name, units.Bytes(s.MemoryBytes), units.Bytes(leastMemory))))
	case c.host.MemoryBytes > 0 && s.MemoryBytes > c.host.MemoryBytes:
		c.add(Warning, s.Name, c.limit(s, "memory", fmt.Sprintf(
			"%s may use %s, and this host has %s: the host's memory is the limit, and what goes beyond it hits other programs, too. Make it smaller, or measure on a larger host",
			s.Name, units.Bytes(s.MemoryBytes), units.Bytes(c.host.MemoryBytes))))
	}
}

// highestCPU reads a list of CPUs such as "0-1,3".
func highestCPU(list string) (highest int, ok bool) {
	highest = -1
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '-' }) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return 0, false
		}
		highest = max(highest, n)
	}
	return highest, highest >= 0
}

// limit makes a problem of a limit, in whichever form the file has it.
func (c *checker) limit(s topology.Service, what, message string) scenarios.Problem {
	at := "services." + s.Name
	for _, key := range map[string][]string{
		"cpus":   {".cpus", ".cpu_quota"},
		"memory": {".mem_limit"},
	}[what] {
		if c.top.Origin.Holds(at + key) {
			return c.top.Origin.Problem(at+key, message)
		}
	}
	return c.top.Origin.Problem(at+".deploy.resources.limits."+what, message)
}

// totalMemory finds a scale whose replicas may use more than the host has,
// where none does alone. Limits on CPU may well be more than there is in sum;
// memory that is not there ends programs.
func (c *checker) totalMemory() {
	if c.host.MemoryBytes == 0 || c.host.Engine == scenarios.ProcessEngine {
		return
	}
	var most, mostOne int64
	var scale scenarios.Scale
	var largest topology.Service
	for _, candidate := range c.scales {
		var sum, one int64
		var service topology.Service
		for _, s := range c.top.Services {
			if s.MemoryBytes > c.host.MemoryBytes {
				return // was said
			}
			sum += s.MemoryBytes * int64(replicas(s, candidate))
			if part := s.MemoryBytes * int64(replicas(s, candidate)); part > one {
				one, service = part, s
			}
		}
		if sum > most {
			most, mostOne, scale, largest = sum, one, candidate, service
		}
	}
	if most <= c.host.MemoryBytes {
		return
	}
	c.add(Warning, largest.Name, c.limit(largest, "memory", fmt.Sprintf(
		"all replicas together may use %s (scale %s), of it %s %s, and this host has %s: beyond that the kernel ends containers. Lower the limits or the scale, or measure on a larger host",
		units.Bytes(most), scale, largest.Name, units.Bytes(mostOne), units.Bytes(c.host.MemoryBytes))))
}
