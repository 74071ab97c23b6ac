//go:build unix && !linux

package process

import "syscall"

// diesWithParent says that no child outlives this process.
const diesWithParent = false

// ownGroup keeps a terminal's Ctrl-C from a child.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
