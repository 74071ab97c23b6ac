package relay

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestBothEnds sends a question and its answer through both ends, with the
// farewell of each side.
func TestBothEnds(t *testing.T) {
	listener := listen(t)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		question, err := io.ReadAll(conn) // until the other side has closed
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "you said "+string(question))
	}()
	stdin, say := io.Pipe()
	hear, stdout := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := Main(t.Context(), []string{"1m", listener.Addr().String()}, stdin, stdout)
		stdout.Close()
		served <- err
	}()
	if err := Accept(hear); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(say, "hello\n"); err != nil {
		t.Fatal(err)
	}
	say.Close()
	answer, err := io.ReadAll(hear)
	if err != nil || string(answer) != "you said hello\n" {
		t.Errorf("answer %q, %v", answer, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// TestFailuresKeepTheirMeaning: what the far end met is what the near end
// returns.
func TestFailuresKeepTheirMeaning(t *testing.T) {
	closed := listen(t)
	address := closed.Addr().String()
	closed.Close()
	for _, test := range []struct {
		name, within, address string
		right                 func(error) bool
	}{
		{"nobody listens", "1m", address, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"no time", "1ns", "127.0.0.1:9", func(err error) bool {
			var network net.Error
			return errors.As(err, &network) && network.Timeout()
		}},
		{"no address", "1m", "nonsense", func(err error) bool { return strings.Contains(err.Error(), "missing port") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout strings.Builder
			if err := Main(t.Context(), []string{test.within, test.address}, strings.NewReader(""), &stdout); err != nil {
				t.Fatal(err)
			}
			if err := Accept(strings.NewReader(stdout.String())); err == nil || !test.right(err) {
				t.Errorf("%q became %v", stdout.String(), err)
			}
		})
	}
}

func TestAcceptRefusesNonsense(t *testing.T) {
	for said, want := range map[string]string{
		"":                        "said nothing: EOF",
		"connec":                  "said nothing: EOF",
		"hello\n":                 `said "hello"`,
		strings.Repeat("x", 5000): "more than 4096 bytes",
	} {
		if err := Accept(strings.NewReader(said)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q gave %v, want …%s…", said, err, want)
		}
	}
}

func TestWaits(t *testing.T) {
	stdin, end := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Main(t.Context(), nil, stdin, io.Discard) }()
	if _, err := io.WriteString(end, "whatever"); err != nil { // returns when it was read
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("ended before stdin did: %v", err)
	default:
	}
	end.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"1s"}, {"soon", "127.0.0.1:1"}, {"1s", "a", "b"}} {
		if err := Main(t.Context(), args, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
