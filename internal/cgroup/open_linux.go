package cgroup

// Open opens the counters of the control group that process pid runs in.
//
// If name is not empty, it is the control group at or above the process's own
// whose name contains name, and it is an error if there is none. With a
// container's ID this makes sure that pid is that container's process and not
// another one of the same number, and it counts the whole container although
// its first process may have moved into a control group below.
func Open(pid int, name string) (*Reader, error) { return open("/", pid, name) }

// OpenLimit opens what limits the CPU time of process pid.
func OpenLimit(pid int) (*Limit, error) { return openLimit("/", pid) }
