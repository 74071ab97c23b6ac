//go:build unix

package load

import "syscall"

var errnos = []meaning{
	{Refused, []syscall.Errno{syscall.ECONNREFUSED}},
	{Reset, []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}},
	{Unreachable, []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN}},
	{LocalLimit, []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}},
}
