package load_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

// TestIPv6 loads an address of the other family.
func TestIPv6(t *testing.T) { onEach(t, checkIPv6) }

func checkIPv6(t *testing.T, with load.Transport) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	for _, keepAlive := range []bool{false, true} {
		if got, _ := run(t.Context(), t, with, closed(20, 2, keepAlive, server.URL)); got.requests.OK != 20 {
			t.Errorf("keepalive=%v: %+v", keepAlive, got.requests)
		}
	}
}

// TestLongRequest sends a body that fits into no socket's buffer to a server
// that takes its time to read it.
func TestLongRequest(t *testing.T) { onEach(t, checkLongRequest) }

func checkLongRequest(t *testing.T, with load.Transport) {
	const size = 16 << 20
	url, m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * ms)
		if n, err := io.Copy(io.Discard, r.Body); n != size || err != nil {
			http.Error(w, "not all has come", http.StatusBadRequest)
			return
		}
		hello(w, r)
	})
	job := closed(4, 2, true, url)
	job.Mix = []load.Request{{Name: "long", Method: "POST", Path: "/", Body: bytes.Repeat([]byte("plimsoll"), size/8), Weight: 1}}
	got, _ := run(t.Context(), t, with, job)
	if got.requests.OK != 4 || got.bytes.Out != m.in.Load() || got.bytes.Out < 4*size {
		t.Errorf("%+v, %d bytes sent, the server read %d", got.requests, got.bytes.Out, m.in.Load())
	}
}

// TestAnswerBeforeTheRequestIsRead: a server may refuse a long request before
// all of it has come, and closes the connection then.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) { onEach(t, checkAnswerBeforeTheRequestIsRead) }

func checkAnswerBeforeTheRequestIsRead(t *testing.T, with load.Transport) {
	url := raw(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1000))
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		time.Sleep(50 * ms)
	})
	job := closed(3, 1, true, url)
	job.Timeout = 5 * time.Second
	job.Mix = []load.Request{{Name: "long", Method: "POST", Path: "/", Body: bytes.Repeat([]byte("x"), 16<<20), Weight: 1}}
	got, _ := run(t.Context(), t, with, job)
	// Whether the answer is seen or the reset that follows it is the
	// kernel's choice; nothing hangs and nothing is lost.
	ends := got.requests.Errors
	if got.requests.Sent != 3 || ends[string(load.BadStatus)]+ends[string(load.Reset)] != 3 {
		t.Errorf("%+v", got.requests)
	}
}

// TestSlowConnect: the target accepts only after a while, and what waits for
// it is counted as the time to connect.
func TestSlowConnect(t *testing.T) { onEach(t, checkSlowConnect) }

func checkSlowConnect(t *testing.T, with load.Transport) {
	const later = 300 * ms
	url := lateListener(t, later)
	job := closed(1, 1, false, url)
	job.Timeout = 10 * time.Second
	got, _ := run(t.Context(), t, with, job)
	if got.requests.OK != 1 {
		t.Fatalf("%+v", got.requests)
	}
	if connect := got.latencies.Connect.Max(); connect < later/2 {
		t.Errorf("connected after %v, the target accepted nobody for %v", connect, later)
	}

	url = lateListener(t, time.Hour)
	job = closed(2, 2, false, url)
	job.Timeout = 200 * ms
	got, _ = run(t.Context(), t, with, job)
	if want := (results.Counts{Sent: 2, Failed: 2, Timeouts: 2}); got.requests.Timeouts != want.Timeouts || got.requests.Failed != want.Failed {
		t.Errorf("%+v, want %+v", got.requests, want)
	}
}
