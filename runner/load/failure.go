package load

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// dialFailure says why no connection came about.
func dialFailure(err error) Failure {
	var unresolved *net.DNSError
	if errors.As(err, &unresolved) {
		return Resolve
	}
	return connectionFailure(err)
}

// connectionFailure says what the error of a connection means for the request
// that it carried.
func connectionFailure(err error) Failure {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return CutOff
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ShortRead
	}
	var code syscall.Errno
	if errors.As(err, &code) {
		for _, known := range errnos {
			if slices.Contains(known.codes, code) {
				return known.means
			}
		}
	}
	return OtherError
}

// meaning is what some error numbers of the system stand for.
type meaning struct {
	means Failure
	codes []syscall.Errno
}
