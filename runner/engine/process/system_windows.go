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
