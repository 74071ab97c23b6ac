package precise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is a timerfd that the runtime's poller watches.
type alarm struct {
	file *os.File
	raw  syscall.RawConn
}

// alarms keeps alarms for the next sleeper; making one takes six system calls.
// One that the collector drops is closed by its os.File.
var alarms sync.Pool

func newAlarm() (*alarm, error) {
	if a, ok := alarms.Get().(*alarm); ok {
		return a, nil
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create a timer: %w", err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create a timer: %w", err), file.Close())
	}
	return &alarm{file: file, raw: raw}, nil
}

func sleepUntil(ctx context.Context, t time.Time) error {
	a, err := newAlarm()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		// Ends the wait. An error would say that the file cannot be waited
		// for, and then the wait has failed already.
		_ = a.file.SetReadDeadline(time.Unix(1, 0))
	})
	err = a.wait(t)
	if !stop() {
		// The deadline is set, or will be in a moment: never use it again.
		// Closing a timer loses nothing.
		_ = a.file.Close()
		return ctx.Err()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("wait for a timer: %w", err), a.file.Close())
	}
	alarms.Put(a)
	return nil
}

// wait arms the alarm and returns when it has gone off.
func (a *alarm) wait(t time.Time) error {
	var failed error
	armed := false
	// The poller waits whenever the function has returned false. Arming inside
	// it comes after the poller has forgotten the alarm's previous use.
	err := a.raw.Read(func(fd uintptr) bool {
		if !armed {
			armed = true
			// Zero would disarm it.
			left := unix.NsecToTimespec(max(1, int64(time.Until(t))))
			failed = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: left}, nil)
			return failed != nil
		}
		var expirations [8]byte
		_, failed = unix.Read(int(fd), expirations[:])
		if failed == unix.EAGAIN {
			failed = nil
			return false
		}
		return true
	})
	return errors.Join(failed, err)
}
