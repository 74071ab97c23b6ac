package load

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxEvents is how many are taken from the kernel at once.
	maxEvents = 256
	// waker is the number of the event that tell causes.
	waker = -1
)

// poller waits for many connections at once, to the nanosecond. It is for the
// thread that opened it, but for tell.
type poller struct {
	epoll, eventfd int
	coarse         bool // the kernel lacks epoll_pwait2
	idle           int  // how many waits in a row have been interrupted
	events         []unix.EpollEvent
}

// open prepares the thread and what it waits with.
func (p *poller) open() (err error) {
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("create an epoll instance: %w", err)
	}
	if p.eventfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return errors.Join(fmt.Errorf("create an eventfd: %w", err), unix.Close(p.epoll))
	}
	p.events = make([]unix.EpollEvent, maxEvents)
	err = p.add(p.eventfd, unix.EPOLLIN|unix.EPOLLET, waker)
	if err == nil {
		// By default the kernel may be 50 µs late to save wakeups.
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("prepare to wait: %w", err), p.close())
	}
	return nil
}

// close gives the thread back as it was.
func (p *poller) close() error {
	return errors.Join(unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0), unix.Close(p.eventfd), unix.Close(p.epoll))
}

// add makes wait return the events of a file, as those of number. Closing the
// file ends that.
func (p *poller) add(fd int, events uint32, number int) error {
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(number)})
}

func (p *poller) modify(fd int, events uint32, number int) error {
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(number)})
}

// tell ends the wait that is under way, or else the next one. Any goroutine
// may do so while the poller is open.
func (p *poller) tell() {
	one := [8]byte{1}
	// It cannot fail: the counter is far from its end.
	_, _ = unix.Write(p.eventfd, one[:])
}

// wait returns events, good until the next call, or none when patience is
// over or something has interrupted it.
//
// It holds on to the runtime's processor: to give that back and to claim it
// again would cost more than most waits last. When the runtime wants it, which
// is at the latest after 10 ms, it interrupts the wait with a signal. If that
// happens again before there is any event, there is little to do here, and the
// next wait leaves the processor to others.
func (p *poller) wait(patience time.Duration) ([]unix.EpollEvent, error) {
	if p.coarse {
		return p.waitCoarsely(patience)
	}
	limit := unix.NsecToTimespec(int64(patience))
	var n uintptr
	var code syscall.Errno
	if p.idle > 1 {
		n, _, code = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), maxEvents, uintptr(unsafe.Pointer(&limit)), 0, 0)
	} else {
		n, _, code = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), maxEvents, uintptr(unsafe.Pointer(&limit)), 0, 0)
	}
	switch code {
	case 0:
		p.idle = 0
		return p.events[:n], nil
	case unix.EINTR:
		p.idle++
		return nil, nil
	case unix.ENOSYS, unix.EPERM: // the latter from older containers
		p.coarse = true
		return p.waitCoarsely(patience)
	}
	return nil, fmt.Errorf("wait for events: %w", code)
}

// waitCoarsely is for kernels older than 5.11: waits are rounded up to the
// millisecond.
func (p *poller) waitCoarsely(patience time.Duration) ([]unix.EpollEvent, error) {
	const most = time.Hour // more overflows the milliseconds
	n, err := unix.EpollWait(p.epoll, p.events, int((min(patience, most)+time.Millisecond-1)/time.Millisecond))
	if err != nil && err != unix.EINTR {
		return nil, fmt.Errorf("wait for events: %w", err)
	}
	return p.events[:max(n, 0)], nil
}
