package load_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/runner/load"
)

// answers are whole answers to GET, each with a body of five bytes. Only the
// last one is ended by the end of the connection.
var answers = []struct{ name, text string }{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	{"chunks with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n2;why=not\r\nhe\r\n3\r\nllo\r\n0\r\nSum: 5\r\n\r\n"},
	{"continue first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nServer: s\r\nContent-Length: 5\r\n\r\nhello"},
	{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"},
	{"until the end", "HTTP/1.0 200 OK\r\nServer: s\r\n\r\nhello"},
}

// TestSplitAnswers lets answers come in two pieces, split at every byte.
func TestSplitAnswers(t *testing.T) { onEach(t, checkSplitAnswers) }

func checkSplitAnswers(t *testing.T, with load.Transport) {
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			var at atomic.Int64
			closing := a.name == "until the end"
			url := raw(t, func(conn *net.TCPConn) {
				split := int(at.Add(1))
				_, _ = io.WriteString(conn, a.text[:split])
				time.Sleep(ms)
				_, _ = io.WriteString(conn, a.text[split:])
				if closing {
					_ = conn.Close()
				}
			})
			n := int64(len(a.text) - 1)
			got, _ := run(t.Context(), t, with, closed(n, 1, true, url))
			if got.requests.OK != n || got.bytes.Body != 5*n || got.bytes.In != n*int64(len(a.text)) {
				t.Errorf("%+v %+v, want %d answers", got.requests, got.bytes, n)
			}
		})
	}
}

// TestDrips: an answer that comes byte by byte is complete when its last has
// come, and only if that is in time.
func TestDrips(t *testing.T) { onEach(t, checkDrips) }

func checkDrips(t *testing.T, with load.Transport) {
	const pause = 2 * ms
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			url := raw(t, func(conn *net.TCPConn) {
				for _, b := range []byte(a.text) {
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(pause)
				}
				if a.name == "until the end" {
					_ = conn.Close()
				}
			})
			takes := pause * time.Duration(len(a.text)-1)
			got, _ := run(t.Context(), t, with, closed(4, 2, true, url))
			if shortest := got.latencies.Response.Min(); got.requests.OK != 4 || got.bytes.Body != 20 || shortest < takes-takes/100 {
				t.Errorf("%+v %+v, the shortest took %v of %v", got.requests, got.bytes, shortest, takes)
			}
			job := closed(2, 2, true, url)
			job.Timeout = takes / 2
			if got, _ = run(t.Context(), t, with, job); got.requests.Timeouts != 2 {
				t.Errorf("%+v, want timeouts", got.requests)
			}
		})
	}
}

// TestClosedMidStream: a server that breaks off every fourth answer spoils
// these, and no other.
func TestClosedMidStream(t *testing.T) { onEach(t, checkClosedMidStream) }

func checkClosedMidStream(t *testing.T, with load.Transport) {
	var served atomic.Int64
	url := raw(t, func(conn *net.TCPConn) {
		if served.Add(1)%4 == 0 {
			say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")(conn)
			return
		}
		_, _ = io.WriteString(conn, answers[0].text)
	})
	got, _ := run(t.Context(), t, with, closed(400, 5, true, url))
	want := int64(100)
	if got.requests.Errors[string(load.ShortRead)] != want || got.requests.OK != 400-want || served.Load() != 400 {
		t.Errorf("%+v, the server saw %d", got.requests, served.Load())
	}
}

// TestGarbage sends what is not HTTP, or only nearly.
func TestGarbage(t *testing.T) { onEach(t, checkGarbage) }

func checkGarbage(t *testing.T, with load.Transport) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for i, text := range []string{
		"\x00\x01\x02\x03\n", "\r\n\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
		ok + ": empty\r\n\r\n", ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length: 99999999999999999999\r\n\r\n", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 1<<20) + "5\r\nhello\r\n",
		strings.Repeat("x", 2<<20) + "\n",
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 100_000),
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			got, _ := run(t.Context(), t, with, closed(2, 1, true, raw(t, hang(text))))
			if d := got.requests; d.Errors[string(load.Malformed)] != 2 || d.Sent != 2 || d.OK != 0 {
				t.Errorf("%.60q: %+v", text, d)
			}
		})
	}
}

// TestHugeBodies: what an answer takes of memory does not depend on how long
// it is.
func TestHugeBodies(t *testing.T) { onEach(t, checkHugeBodies) }

func checkHugeBodies(t *testing.T, with load.Transport) {
	if testing.Short() {
		t.Skip("a gigabyte takes a while")
	}
	const size = 1 << 30
	piece := make([]byte, 1<<20)
	chunked := func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range size / 2 / len(piece) {
			if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece); err != nil {
				return
			}
		}
		_, _ = io.WriteString(conn, "0\r\n\r\n")
	}
	plain := func(conn *net.TCPConn) {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		for range size / len(piece) {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		answer func(*net.TCPConn)
		want   int64
	}{"length": {plain, size}, "chunks": {chunked, size / 2}} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			job := closed(1, 1, true, raw(t, c.answer))
			job.Timeout = 5 * time.Minute
			got, _ := run(t.Context(), t, with, job)
			runtime.ReadMemStats(&after)
			if got.requests.OK != 1 || got.bytes.Body != c.want {
				t.Errorf("%+v, %d bytes of %d", got.requests, got.bytes.Body, c.want)
			}
			// The server's own chunks are in it as well.
			if got := after.HeapSys - min(before.HeapSys, after.HeapSys); got > 128<<20 {
				t.Errorf("the heap has grown by %d MiB", got>>20)
			}
		})
	}
}
