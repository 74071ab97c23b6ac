package load

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of this file never block, for sockets that do not. They are
// raw: the runtime does not have to be told that they might, which it would
// take for a reason to give this thread's work to another.

// address is a target as the kernel wants it.
type address struct {
	family int
	four   unix.RawSockaddrInet4
	six    unix.RawSockaddrInet6
}

func addressOf(target netip.AddrPort) address {
	var port [2]byte
	binary.BigEndian.PutUint16(port[:], target.Port())
	inOrder := binary.NativeEndian.Uint16(port[:])
	if ip := target.Addr().Unmap(); ip.Is4() {
		return address{family: unix.AF_INET, four: unix.RawSockaddrInet4{Family: unix.AF_INET, Port: inOrder, Addr: ip.As4()}}
	}
	return address{family: unix.AF_INET6, six: unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: inOrder, Addr: target.Addr().As16()}}
}

// connect begins to connect a socket of the address's family.
func (a *address) connect(fd int) error {
	var code syscall.Errno
	if a.family == unix.AF_INET {
		_, _, code = syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.four)), unix.SizeofSockaddrInet4)
	} else {
		_, _, code = syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.six)), unix.SizeofSockaddrInet6)
	}
	switch code {
	case 0, unix.EINPROGRESS, unix.EINTR:
		return nil
	}
	return code
}

// closeSocket drops a connection. Nothing that matters can go wrong: all that
// was to be read has been. It also ends the watch over it.
func closeSocket(fd int) { _, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

func writeSocket(fd int, p []byte) (int, syscall.Errno) {
	n, _, code := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if code != 0 {
		return 0, code
	}
	return int(n), 0
}

func readSocket(fd int, p []byte) (int, syscall.Errno) {
	n, _, code := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if code != 0 {
		return 0, code
	}
	return int(n), 0
}

// quiet reports whether nothing has come on an idle connection, not even its end.
func quiet(fd int) bool {
	var one [1]byte
	_, _, code := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&one)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return code == unix.EAGAIN
}
