//go:build !linux

package cgroup

import (
	"errors"
	"runtime"
)

// Open returns an error: only Linux has control groups.
func Open(pid int, name string) (*Reader, error) {
	return nil, errors.New("control groups can be read on Linux only, this is " + runtime.GOOS)
}
