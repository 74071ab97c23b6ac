// Package relay carries one TCP connection over the stdin and stdout of a
// program that runs where the connection has to be made. Main is that program;
// Accept is the first thing that the other end does.
//
// The far end begins with one line: "connected", or why it is not. After
// "connected" every byte is the connection's.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// The words that the first line begins with.
const (
	connected = "connected"
	refused   = "refused"
	timeout   = "timeout"
	failed    = "failed "
)

// maxLine bounds the first line, in bytes.
const maxLine = 4 << 10

// Main is the program. With the arguments WITHIN ADDRESS, such as "5s
// 10.0.0.1:80", it connects to the address within that time and passes bytes
// both ways until the peer has closed the connection; that it could not connect
// is said on stdout and no error. Without arguments it waits for the end of
// stdin: so it keeps a container running in which it can be called.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		_, err := io.Copy(io.Discard, stdin)
		return err
	}
	if len(args) != 2 {
		return fmt.Errorf("want WITHIN and ADDRESS, got %d arguments", len(args))
	}
	within, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	return serve(ctx, args[1], within, stdin, stdout)
}

func serve(ctx context.Context, address string, within time.Duration, stdin io.Reader, stdout io.Writer) error {
	dialer := net.Dialer{Timeout: within}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		_, err := fmt.Fprintln(stdout, describe(err))
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintln(stdout, connected); err != nil {
		return err
	}
	go func() {
		// What the peer says ends the relay, so that an error here shows there.
		_, _ = io.Copy(conn, stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stdout, conn)
	return err
}

func describe(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.As(err, &network) && network.Timeout():
		return timeout
	}
	return failed + strings.ReplaceAll(err.Error(), "\n", " ")
}

// Accept reads the first line of the far end. Its error is what dialling the
// address itself would have given: it is syscall.ECONNREFUSED, or says that it
// is a timeout, where it was so there.
func Accept(far io.Reader) error {
	line, err := firstLine(far)
	if err != nil {
		return fmt.Errorf("the relay said nothing: %w", err)
	}
	why, isFailure := strings.CutPrefix(line, failed)
	switch {
	case line == connected:
		return nil
	case line == refused:
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case line == timeout:
		err = os.ErrDeadlineExceeded
	case isFailure:
		return errors.New(why)
	default:
		return fmt.Errorf("the relay said %q, which has no meaning", line)
	}
	return &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

// firstLine reads not a byte more than the line: what follows is the
// connection's.
func firstLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < maxLine; line = append(line, one[0]) {
		if _, err := io.ReadFull(r, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
	}
	return "", fmt.Errorf("a line of more than %d bytes", maxLine)
}
