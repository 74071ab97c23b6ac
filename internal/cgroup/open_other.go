//go:build !linux

package cgroup

import (
	"errors"
	"runtime"
)

var errNotLinux = errors.New("control groups can be read on Linux only, this is " + runtime.GOOS)

// Open returns an error: only Linux has control groups.
func Open(pid int, name string) (*Reader, error) { return nil, errNotLinux }

// OpenLimit returns an error: only Linux has control groups.
func OpenLimit(pid int) (*Limit, error) { return nil, errNotLinux }
