package process

import (
	"os"
	"syscall"
)

// diesWithParent says that no child outlives this process.
const diesWithParent = false

// ownGroup keeps a console's Ctrl-C from a child.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills a process; it has no children.
func killGroup(p *os.Process) error { return p.Kill() }

// exists reports whether there is a process of that number. One that belongs to
// somebody else cannot be opened and counts as none; nor can its files be
// removed.
func exists(pid int) bool {
	process, err := os.FindProcess(pid)
	return err == nil && process.Release() == nil
}
