package load_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/runner/load"
)

// overTCP makes a job one of payloads.
func overTCP(job load.Job, reply load.Reply, payloads ...string) load.Job {
	job.TCP, job.Mix = &reply, nil
	for _, p := range payloads {
		job.Mix = append(job.Mix, load.Request{Name: strings.TrimSpace(p), Payload: []byte(p), Weight: 1})
	}
	return job
}

// gateway is a service of lines, which counts what it has read.
type gateway struct {
	*meter
	mu    sync.Mutex
	lines map[string]int64
}

// serveLines starts a gateway. answer gets each line and the connection.
func serveLines(t *testing.T, answer func(line string, conn net.Conn)) (string, *gateway) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{meter: &meter{Listener: l}, lines: map[string]int64{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := g.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				g.read(conn, answer)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "tcp://" + l.Addr().String(), g
}

func (g *gateway) read(conn net.Conn, answer func(string, net.Conn)) {
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		g.mu.Lock()
		g.lines[strings.TrimSpace(line)]++
		g.mu.Unlock()
		answer(line, conn)
	}
}

// count waits until so many lines have been read and returns them.
func (g *gateway) count(n int64) map[string]int64 {
	for range 5000 {
		g.mu.Lock()
		var sum int64
		for _, k := range g.lines {
			sum += k
		}
		g.mu.Unlock()
		if sum >= n {
			break
		}
		time.Sleep(time.Millisecond)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lines
}

func tell(text string) func(string, net.Conn) {
	return func(_ string, conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

func tellAndClose(text string) func(string, net.Conn) {
	return func(_ string, conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func inBytes(text string) func(string, net.Conn) {
	return func(_ string, conn net.Conn) {
		for i := range text {
			_, _ = io.WriteString(conn, text[i:i+1])
			time.Sleep(time.Millisecond)
		}
	}
}

func silent(string, net.Conn) {}

var (
	line  = load.Reply{Until: []byte("\n")}
	okay  = load.Reply{Expect: []byte("OK\n")}
	ended = load.Reply{Close: true}
)

func TestTCPCountsAreTheServers(t *testing.T) { onEach(t, checkTCPCountsAreTheServers) }

func checkTCPCountsAreTheServers(t *testing.T, with load.Transport) {
	for name, c := range map[string]struct {
		reply  load.Reply
		answer func(string, net.Conn)
		body   int64
		keep   bool // connections can be kept
	}{
		"expected":      {okay, tell("OK\n"), 3, true},
		"delimiter":     {line, tell("thanks\n"), 7, true},
		"in pieces":     {load.Reply{Until: []byte("\r\n")}, inBytes("a\rb\r\n"), 5, true},
		"length":        {load.Reply{Length: 4}, tell("\x00\x01\x02\x03"), 4, true},
		"large":         {load.Reply{Length: 300_000}, tell(strings.Repeat("x", 300_000)), 300_000, true},
		"close":         {ended, tellAndClose("thanks"), 6, false},
		"nothing":       {load.Reply{}, silent, 0, true},
		"closes anyway": {line, tellAndClose("thanks\n"), 7, false},
	} {
		for _, keepAlive := range []bool{false, true} {
			if keepAlive && !c.keep {
				continue
			}
			for _, openLoop := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s keepalive=%v open=%v", name, keepAlive, openLoop), func(t *testing.T) {
					t.Parallel()
					url, g := serveLines(t, c.answer)
					const n = 60
					job := closed(n, 4, keepAlive, url)
					if openLoop {
						job = open(200, n*5*ms, url)
						job.KeepAlive = keepAlive
						job.Connections = 4
					}
					job = overTCP(job, c.reply, "one\n", "two\n", "three\n")
					got, final := run(t.Context(), t, with, job)
					want := results.Counts{Sent: n, OK: n}
					if d := cmp.Diff(want, got.requests); d != "" {
						t.Fatal(d)
					}
					lines := map[string]int64{"one": 20, "two": 20, "three": 20}
					if d := cmp.Diff(lines, g.count(n)); d != "" {
						t.Errorf("the server read (-want +got):\n%s", d)
					}
					g.settle(got.bytes)
					if d := cmp.Diff(results.Bytes{In: g.out.Load(), Out: g.in.Load(), Body: c.body * n}, got.bytes); d != "" {
						t.Errorf("bytes (-server +load):\n%s", d)
					}
					if a := g.accepted.Load(); !keepAlive && a != n || keepAlive && a > 4 {
						t.Errorf("%d connections", a)
					}
					if final.Due != n || final.Sample.Length != c.body && c.body > 0 {
						t.Errorf("%+v", final)
					}
				})
			}
		}
	}
}

func TestTCPFailuresAreCountedByKind(t *testing.T) { onEach(t, checkTCPFailuresAreCountedByKind) }

func checkTCPFailuresAreCountedByKind(t *testing.T, with load.Transport) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	breakOff := func(_ string, conn net.Conn) {
		reset("half")(conn.(meteredConn).Conn.(*net.TCPConn))
	}
	for _, c := range []struct {
		name   string
		reply  load.Reply
		answer func(string, net.Conn)
		want   load.Failure
	}{
		{"refused", line, nil, load.Refused},
		{"reset", line, breakOff, load.Reset},
		{"reset before the close", ended, breakOff, load.Reset},
		{"closed without an answer", line, tellAndClose(""), load.ShortRead},
		{"closed in the answer", load.Reply{Length: 4}, tellAndClose("123"), load.ShortRead},
		{"closed before the delimiter", line, tellAndClose("OK"), load.ShortRead},
		{"no answer in time", line, silent, load.Timeout},
		{"half an answer in time", okay, tell("OK"), load.Timeout},
		{"never closed", ended, tell("OK"), load.Timeout},
		{"unexpected", okay, tell("NO\n"), load.Unexpected},
		{"unexpected and short", okay, tell("N"), load.Unexpected},
		{"unexpected line", load.Reply{Until: []byte("\n"), Expect: []byte("OK")}, tell("ERROR\n"), load.Unexpected},
		{"unexpected length", load.Reply{Length: 3, Expect: []byte("OK")}, tell("NO\n"), load.Unexpected},
		{"unexpected close", load.Reply{Close: true, Expect: []byte("OK")}, tellAndClose("NO\n"), load.Unexpected},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := "tcp://" + refusing.Addr().String()
			if c.answer != nil {
				url, _ = serveLines(t, c.answer)
			}
			job := overTCP(closed(3, 1, !c.reply.Close, url), c.reply, "reading\n")
			job.Timeout = 10 * time.Second
			if c.want == load.Timeout {
				job.Timeout = 100 * ms
			}
			got, _ := run(t.Context(), t, with, job)
			want := results.Counts{Sent: 3, Failed: 3, Errors: map[string]int64{string(c.want): 3}}
			if c.want == load.Timeout {
				want.Timeouts = 3
			}
			if d := cmp.Diff(want, got.requests); d != "" {
				t.Error(d)
			}
		})
	}
}

// What comes unasked is not taken for the answer to the next payload.
func TestTCPUnaskedBytesEndTheConnection(t *testing.T) { onEach(t, checkTCPUnaskedBytes) }

func checkTCPUnaskedBytes(t *testing.T, with load.Transport) {
	url, g := serveLines(t, func(_ string, conn net.Conn) {
		_, _ = io.WriteString(conn, "OK\n")
		time.Sleep(2 * ms)
		_, _ = io.WriteString(conn, "by the way\n")
	})
	job := overTCP(closed(5, 1, true, url), load.Reply{Until: []byte("\n"), Expect: []byte("OK")}, "reading\n")
	job.Think = 60 * ms
	got, _ := run(t.Context(), t, with, job)
	if got.requests.OK != 5 || g.accepted.Load() != 5 {
		t.Errorf("%+v over %d connections", got.requests, g.accepted.Load())
	}
}

// Without an answer, a payload on a connection of its own is done when it has
// been sent, and the server learns that nothing follows.
func TestTCPWithoutAnswerReachesServersThatReadToTheEnd(t *testing.T) {
	onEach(t, checkTCPReadToTheEnd)
}

func checkTCPReadToTheEnd(t *testing.T, with load.Transport) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var whole atomic.Int64
	payload := bytes.Repeat([]byte("0123456789"), 200_000) // more than fits at once
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				time.Sleep(20 * ms)
				text, err := io.ReadAll(conn)
				if err == nil && bytes.Equal(text, payload) {
					whole.Add(1)
				}
			})
		}
	})
	job := overTCP(closed(8, 2, false, "tcp://"+l.Addr().String()), load.Reply{}, string(payload))
	got, _ := run(t.Context(), t, with, job)
	l.Close()
	wg.Wait()
	if got.requests.OK != 8 || whole.Load() != 8 || got.bytes.Out != 8*int64(len(payload)) {
		t.Errorf("%+v, %+v; the server read %d whole", got.requests, got.bytes, whole.Load())
	}
}

// One that fails to take a payload is a timeout, and so is one cut off.
func TestTCPPayloadThatIsNotTaken(t *testing.T) { onEach(t, checkTCPNotTaken) }

func checkTCPNotTaken(t *testing.T, with load.Transport) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	job := overTCP(closed(1, 1, true, "tcp://"+l.Addr().String()), load.Reply{}, strings.Repeat("x", 32<<20))
	job.Timeout = 200 * ms
	got, _ := run(t.Context(), t, with, job)
	if got.requests.Timeouts != 1 {
		t.Errorf("%+v", got.requests)
	}
	job.Timeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
	defer cancel()
	got, _ = run(ctx, t, with, job)
	if got.requests.Errors[string(load.CutOff)] != 1 {
		t.Errorf("cut off: %+v", got.requests)
	}
}

func TestTCPConnectionsAreCapped(t *testing.T) { onEach(t, checkTCPConnectionsAreCapped) }

func checkTCPConnectionsAreCapped(t *testing.T, with load.Transport) {
	var now, most atomic.Int64
	url, _ := serveLines(t, func(_ string, conn net.Conn) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(20 * ms)
		_, _ = io.WriteString(conn, "OK\n")
	})
	job := overTCP(open(200, 200*ms, url), okay, "reading\n")
	job.Connections = 3
	got, _ := run(t.Context(), t, with, job)
	if got.requests.OK != 40 || most.Load() != 3 || got.blocked == 0 {
		t.Errorf("%+v, %d at once, blocked for %v", got.requests, most.Load(), got.blocked)
	}
}

func TestTCPJobsThatCannotBeDone(t *testing.T) {
	good := overTCP(closed(1, 1, false, "tcp://127.0.0.1:1"), line, "x")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*load.Job){
		"HTTP target":     func(j *load.Job) { j.Targets = []string{"http://127.0.0.1:1"} },
		"HTTP job":        func(j *load.Job) { j.TCP = nil },
		"no port":         func(j *load.Job) { j.Targets = []string{"tcp://127.0.0.1"} },
		"path":            func(j *load.Job) { j.Targets = []string{"tcp://127.0.0.1:1/x"} },
		"empty payload":   func(j *load.Job) { j.Mix[0].Payload = nil },
		"HTTP request":    func(j *load.Job) { j.Mix[0].Path = "/" },
		"two ends":        func(j *load.Job) { j.TCP = &load.Reply{Length: 1, Close: true} },
		"payload of HTTP": func(j *load.Job) { *j = closed(1, 1, false, "http://h"); j.Mix[0].Payload = []byte("x") },
	} {
		job := overTCP(closed(1, 1, false, "tcp://127.0.0.1:1"), line, "x")
		spoil(&job)
		if err := job.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// Payloads that follow one another without an answer leave when they are due,
// not when those before them have been acknowledged (Nagle's algorithm).
func TestTCPWithoutAnswerIsNotHeldBack(t *testing.T) { onEach(t, checkTCPNotHeldBack) }

func checkTCPNotHeldBack(t *testing.T, with load.Transport) {
	var seen arrivals
	url, g := serveLines(t, func(string, net.Conn) { seen.now() })
	job := overTCP(open(100, 800*ms, url), load.Reply{}, "reading\n")
	job.Connections = 1
	got, _ := run(t.Context(), t, with, job)
	g.count(80)
	arrived := seen.all()
	together := 0 // with the one before
	for i := 1; i < len(arrived); i++ {
		if arrived[i].Sub(arrived[i-1]) < ms {
			together++
		}
	}
	if got.requests.OK != 80 || len(arrived) != 80 || together > 40 {
		t.Errorf("%+v; of %d lines %d came together with the one before", got.requests, len(arrived), together)
	}
}

// Over a link an answer takes a round trip, a connection one more, and a payload
// without an answer half of one, after which it is done.
func TestTCPOverALink(t *testing.T) { onEach(t, checkTCPOverALink) }

func checkTCPOverALink(t *testing.T, with load.Transport) {
	const rtt = 120 * ms
	for _, c := range []struct {
		name      string
		reply     load.Reply
		keepAlive bool
		least     int64 // ms of the shortest request
	}{
		{"kept", okay, true, 120},
		{"fresh", okay, false, 240},
		{"no answer, kept", load.Reply{}, true, 60},
		{"no answer, fresh", load.Reply{}, false, 180},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answer := tell("OK\n")
			if len(c.reply.Expect) == 0 {
				answer = silent
			}
			url, g := serveLines(t, answer)
			job := overTCP(closed(4, 1, c.keepAlive, url), c.reply, "reading\n")
			job.Link.RTT = rtt
			got, _ := run(t.Context(), t, with, job)
			shortest := got.latencies.Response.Min()
			if got.requests.OK != 4 || g.count(4)["reading"] != 4 || shortest.Milliseconds() < c.least || shortest.Milliseconds() > c.least+55 {
				t.Errorf("%+v, at least %v, want %d ms", got.requests, shortest, c.least)
			}
		})
	}
}
