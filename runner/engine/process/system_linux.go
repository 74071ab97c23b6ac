package process

import "syscall"

// diesWithParent says that no child outlives this process.
const diesWithParent = true

// ownGroup keeps a terminal's Ctrl-C from a child and lets the kernel kill the
// child when the thread that started it is gone.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
