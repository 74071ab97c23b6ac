//go:build unix

package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestDialFailure(t *testing.T) {
	number := func(code syscall.Errno) error {
		return fmt.Errorf("wrapped: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", code)})
	}
	for _, c := range []struct {
		err  error
		want Failure
	}{
		{number(syscall.ECONNREFUSED), Refused},
		{number(syscall.ECONNRESET), Reset},
		{number(syscall.EPIPE), Reset},
		{number(syscall.EHOSTUNREACH), Unreachable},
		{number(syscall.ENETUNREACH), Unreachable},
		{number(syscall.EADDRNOTAVAIL), LocalLimit},
		{number(syscall.EMFILE), LocalLimit},
		{number(syscall.ETIMEDOUT), Timeout},
		{number(syscall.EPERM), OtherError},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, Timeout},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, Resolve},
		{&net.OpError{Op: "dial", Err: context.Canceled}, CutOff},
		{errors.New("never heard of"), OtherError},
	} {
		if got := dialFailure(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
