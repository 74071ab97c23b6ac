//go:build unix

package process

import (
	"errors"
	"os"
	"syscall"
)

// killGroup kills a process that leads a group, and the group.
func killGroup(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// exists reports whether there is a process of that number, whoever's it is.
func exists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
