package load

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var errnos = []meaning{
	{Refused, []syscall.Errno{windows.WSAECONNREFUSED}},
	{Reset, []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAESHUTDOWN}},
	{Unreachable, []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAENETDOWN}},
	{LocalLimit, []syscall.Errno{windows.WSAEADDRNOTAVAIL, windows.WSAEMFILE, windows.WSAENOBUFS}},
}
