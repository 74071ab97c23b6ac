package load_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/runner/load"
)

const ms = time.Millisecond

// closed is a closed loop of GET / on a target.
func closed(requests int64, concurrency int, keepAlive bool, targets ...string) load.Job {
	return load.Job{
		Phase: results.Measure, Targets: targets, Concurrency: concurrency, Requests: requests, KeepAlive: keepAlive,
		Timeout: 10 * time.Second, Mix: []load.Request{{Name: "home", Method: "GET", Path: "/", Weight: 1}},
	}
}

// open is an open loop of GET / on a target.
func open(perSecond int, duration time.Duration, targets ...string) load.Job {
	job := closed(0, 0, true, targets...)
	job.RateCount, job.RatePer, job.Duration = perSecond, time.Second, duration
	return job
}

// onEach runs a test with each transport.
func onEach(t *testing.T, check func(*testing.T, load.Transport)) {
	for _, transport := range load.Transports() {
		t.Run(transport.Name(), func(t *testing.T) { check(t, transport) })
	}
}

// run carries a job out and adds up its intervals.
func run(ctx context.Context, t *testing.T, transport load.Transport, job load.Job) (*sum, results.Final) {
	t.Helper()
	if _, general := transport.(*load.General); !general && !load.Plain(job) {
		t.Skip("only the general transport is for https and names")
	}
	rec := load.NewRecorder(job)
	begin, finished := time.Now(), make(chan struct{})
	var failed error
	go func() {
		failed = transport.Run(ctx, job, begin, rec)
		close(finished)
	}()
	got := newSum()
	if err := rec.Emit(begin, finished, got.add); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
	final, err := rec.Final(begin)
	if err != nil {
		t.Fatal(err)
	}
	c, l := got.requests, got.latencies.Stats()
	whole := c.OK + c.Errors[string(load.BadStatus)] + c.Errors[string(load.Unexpected)]
	sent := c.Sent - c.Errors[string(load.NeverSent)]
	if c.Sent != c.OK+c.Failed || l.Response.Count != c.Sent || l.Lag.Count != c.Sent || l.Service.Count != sent ||
		l.Connect.Count != whole || l.Processing.Count != whole || l.Waiting.Count != whole {
		t.Errorf("counts %+v do not agree with the histograms %+v", c, l)
	}
	return got, final
}

// meter counts what a server's connections carry.
type meter struct {
	net.Listener
	accepted, in, out atomic.Int64
}

func (m *meter) Accept() (net.Conn, error) {
	conn, err := m.Listener.Accept()
	if err == nil {
		m.accepted.Add(1)
	}
	return meteredConn{conn, m}, err
}

type meteredConn struct {
	net.Conn
	*meter
}

func (c meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

func (c meteredConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.out.Add(int64(n))
	return n, err
}

// settle waits until the server has counted what the load has seen: it does so
// only after its write, when the answer may have arrived already.
func (m *meter) settle(seen results.Bytes) {
	for range 1000 {
		if m.out.Load() >= seen.In && m.in.Load() >= seen.Out {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// serve starts a server on loopback.
func serve(t *testing.T, h http.HandlerFunc) (string, *meter) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	m := &meter{Listener: s.Listener}
	s.Listener = m
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, m
}

// arrivals is when the server got each request. The fast transport's system
// calls order nothing in the race detector's eyes; the lock does.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) now() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
}

func (a *arrivals) all() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.at)
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "hello/1")
	_, _ = io.WriteString(w, strings.Repeat("x", 331))
}

func TestClosedLoopSendsExactly(t *testing.T) {
	onEach(t, checkClosedLoopSendsExactly)
}

func checkClosedLoopSendsExactly(t *testing.T, with load.Transport) {
	for _, c := range []struct {
		n           int64
		concurrency int
	}{{1, 1}, {5, 10}, {10, 3}, {1000, 7}, {300, 10}} {
		for _, keepAlive := range []bool{false, true} {
			t.Run(fmt.Sprintf("n=%d c=%d keepalive=%v", c.n, c.concurrency, keepAlive), func(t *testing.T) {
				var answered atomic.Int64
				url, m := serve(t, func(w http.ResponseWriter, r *http.Request) {
					answered.Add(1)
					hello(w, r)
				})
				got, final := run(t.Context(), t, with, closed(c.n, c.concurrency, keepAlive, url))
				want := results.Counts{Sent: c.n, OK: c.n, Status: map[string]int64{"200": c.n}}
				if d := cmp.Diff(want, got.requests); d != "" {
					t.Error(d)
				}
				if answered.Load() != c.n || final.Due != c.n {
					t.Errorf("the server answered %d, due were %d, want %d", answered.Load(), final.Due, c.n)
				}
				m.settle(got.bytes)
				if d := cmp.Diff(results.Bytes{In: m.out.Load(), Out: m.in.Load(), Body: 331 * c.n}, got.bytes); d != "" {
					t.Errorf("bytes (-server +load):\n%s", d)
				}
				if n := m.accepted.Load(); !keepAlive && n != c.n || keepAlive && n > int64(c.concurrency) {
					t.Errorf("%d connections", n)
				}
				if d := cmp.Diff(results.SampleAnswer{Server: "hello/1", Document: "/", Length: 331}, final.Sample); d != "" {
					t.Error(d)
				}
				if lag := got.latencies.Lag.Max(); lag != 0 {
					t.Errorf("lag of up to %v in a closed loop", lag)
				}
			})
		}
	}
}

func TestClosedLoopConcurrency(t *testing.T) {
	onEach(t, checkClosedLoopConcurrency)
}

func checkClosedLoopConcurrency(t *testing.T, with load.Transport) {
	var now, most atomic.Int64
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		time.Sleep(20 * ms)
		hello(w, r)
	})
	run(t.Context(), t, with, closed(40, 8, true, url))
	if most.Load() != 8 {
		t.Errorf("at most %d requests at a time, want 8", most.Load())
	}
}

func TestClosedLoopEndsAfterDuration(t *testing.T) {
	onEach(t, checkClosedLoopEndsAfterDuration)
}

func checkClosedLoopEndsAfterDuration(t *testing.T, with load.Transport) {
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * ms)
		hello(w, r)
	})
	job := closed(0, 2, false, url)
	job.Duration = 200 * ms
	got, final := run(t.Context(), t, with, job)
	// A request begun before the end is awaited.
	if got.requests.Failed != 0 || got.requests.OK < 2 || got.requests.OK > 14 || final.Length < job.Duration {
		t.Errorf("%+v in %v", got.requests, final.Length)
	}
}

// raw answers every request by hand.
func raw(t *testing.T, answer func(conn *net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					answer(conn.(*net.TCPConn))
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// say writes text and closes.
func say(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func reset(after string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, after)
		time.Sleep(20 * ms) // else the reset overtakes the data
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// hang writes text and leaves the connection to the client.
func hang(after string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) { _, _ = io.WriteString(conn, after) }
}

func TestFailuresAreCountedByKind(t *testing.T) {
	onEach(t, checkFailuresAreCountedByKind)
}

func checkFailuresAreCountedByKind(t *testing.T, with load.Transport) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	untrusted := httptest.NewTLSServer(http.HandlerFunc(hello))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(untrusted.Close)
	status := func(code int) string {
		url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) })
		return url
	}
	const head = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, target string
		want         load.Failure
		status       string // of a complete answer
	}{
		{"refused", "http://" + refusing.Addr().String(), load.Refused, ""},
		{"reset before the answer", raw(t, reset("")), load.Reset, ""},
		{"reset in the body", raw(t, reset(head+"Content-Length: 100\r\n\r\nhalf")), load.Reset, ""},
		{"closed without an answer", raw(t, say("")), load.ShortRead, ""},
		{"closed in the head", raw(t, say(head+"Content-")), load.ShortRead, ""},
		{"short body", raw(t, say(head+"Content-Length: 100\r\n\r\nhalf")), load.ShortRead, ""},
		{"short chunks", raw(t, say(head+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")), load.ShortRead, ""},
		{"not HTTP", raw(t, hang("SSH-2.0-OpenSSH\r\n")), load.Malformed, ""},
		{"malformed header", raw(t, hang(head+"no colon\r\n\r\n")), load.Malformed, ""},
		{"malformed chunk", raw(t, hang(head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n")), load.Malformed, ""},
		{"endless head", raw(t, hang(head+strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 1100))), load.Malformed, ""},
		{"no answer in time", raw(t, hang("")), load.Timeout, ""},
		{"half an answer in time", raw(t, hang(head+"Content-Length: 100\r\n\r\nhalf")), load.Timeout, ""},
		{"name without address", "http://a..b:80", load.Resolve, ""},
		{"untrusted certificate", untrusted.URL, load.TLS, ""},
		{"not TLS", "https" + strings.TrimPrefix(status(500), "http"), load.TLS, ""},
		{"status 500", status(500), load.BadStatus, "500"},
		{"status 404", status(404), load.BadStatus, "404"},
		{"status 399", status(399), load.None, "399"},
		{"body until close", raw(t, say(head+"\r\nall of it")), load.None, "200"},
		{"HTTP/1.0", raw(t, say("HTTP/1.0 200 OK\r\n\r\nall of it")), load.None, "200"},
		{"chunks", raw(t, hang(head+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n")), load.None, "200"},
		{"early hints first", raw(t, hang("HTTP/1.1 103 Early Hints\r\n\r\n"+head+"Content-Length: 0\r\n\r\n")), load.None, "200"},
		{"surplus after the answer", raw(t, hang(head+"Content-Length: 0\r\n\r\nHTTP/1.1 500 no\r\n\r\n")), load.None, "200"},
	} {
		for _, keepAlive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s keepalive=%v", c.name, keepAlive), func(t *testing.T) {
				t.Parallel()
				const n = 3
				job := closed(n, 1, keepAlive, c.target)
				if c.want == load.Timeout {
					job.Timeout = 60 * ms
				}
				got, _ := run(t.Context(), t, with, job)
				want := results.Counts{Sent: n}
				if c.want == load.None {
					want.OK = n
				} else {
					want.Failed, want.Errors = n, map[string]int64{string(c.want): n}
				}
				if c.want == load.Timeout {
					want.Timeouts = n
					if least := got.latencies.Response.Min(); least < 59*ms {
						t.Errorf("a request that timed out after %v counts with %v", job.Timeout, least)
					}
				}
				if c.status != "" {
					want.Status = map[string]int64{c.status: n}
				}
				if d := cmp.Diff(want, got.requests); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// TestStallShowsInResponseTimes is the test against coordinated omission: a
// server stands still for 300 ms, and every request that was due meanwhile
// waits, whether or not it could be sent.
func TestStallShowsInResponseTimes(t *testing.T) {
	onEach(t, checkStallShowsInResponseTimes)
}

func checkStallShowsInResponseTimes(t *testing.T, with load.Transport) {
	const rate, stall = 200, 300 * ms
	stalling := func() http.HandlerFunc {
		var (
			lock  sync.RWMutex
			count atomic.Int64
		)
		return func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) == rate/2 {
				lock.Lock()
				time.Sleep(stall)
				lock.Unlock()
			}
			lock.RLock()
			defer lock.RUnlock()
			hello(w, r)
		}
	}
	// Of the 60 requests due in the stall the first 40 wait 100 ms or longer.
	const waited, least = 100 * ms, 35
	for _, c := range []struct {
		name   string
		limit  int
		inTime bool // requests can be sent while others wait
	}{{"as many connections as needed", 1000, true}, {"one connection", 1, false}} {
		t.Run(c.name, func(t *testing.T) {
			url, _ := serve(t, stalling())
			job := open(rate, 2*time.Second, url)
			job.Connections = c.limit
			got, final := run(t.Context(), t, with, job)
			if got.requests.OK != 2*rate || final.Due != 2*rate {
				t.Fatalf("due %d, counts %+v; want %d", final.Due, got.requests, 2*rate)
			}
			response, service, lag := got.latencies.Response, got.latencies.Service, got.latencies.Lag
			if c.inTime && got.blocked != 0 || !c.inTime && (got.blocked < stall*8/10 || got.blocked > final.Length) {
				t.Errorf("requests waited for a connection for %v", got.blocked)
			}
			if p99 := response.Percentile(99); p99 < stall*8/10 {
				t.Errorf("response p99 is %v after a stall of %v", p99, stall)
			}
			if n := response.CountAbove(waited); n < least {
				t.Errorf("%d response times above %v, want at least %d", n, waited, least)
			}
			if n := service.CountAbove(waited); (n >= least) != c.inTime {
				t.Errorf("%d service times above %v", n, waited)
			}
			if n := lag.CountAbove(waited); (n >= least) == c.inTime {
				t.Errorf("%d lags above %v", n, waited)
			}
		})
	}
}

// TestOpenLoopKeepsItsSchedule compares the server's clock with the schedule.
func TestOpenLoopKeepsItsSchedule(t *testing.T) {
	onEach(t, checkOpenLoopKeepsItsSchedule)
}

func checkOpenLoopKeepsItsSchedule(t *testing.T, with load.Transport) {
	var seen arrivals
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.now()
		hello(w, r)
	})
	const n = 100
	got, final := run(t.Context(), t, with, open(n, time.Second, url))
	arrived := seen.all()
	if len(arrived) != n || got.requests.OK != n {
		t.Fatalf("%d arrivals, %d answers, want %d", len(arrived), got.requests.OK, n)
	}
	for k, at := range arrived {
		if due := time.Duration(k) * 10 * ms; at.Sub(final.Began) < due {
			t.Errorf("arrival %d came after %v, before it was due at %v", k, at.Sub(final.Began), due)
		}
	}
	if last := arrived[n-1].Sub(final.Began); last > 3*time.Second {
		t.Errorf("1 s of load took %v", last)
	}
}

// TestRatesThatChange sends loads whose rate changes, and holds the number of
// requests and the earliest instants to the schedule.
func TestRatesThatChange(t *testing.T) { onEach(t, checkRatesThatChange) }

func checkRatesThatChange(t *testing.T, with load.Transport) {
	stages := []load.Stage{{To: perSecond(200), Over: 500 * ms}, {To: perSecond(50), Over: 0}, {To: perSecond(50), Over: 300 * ms}}
	for name, c := range map[string]struct {
		change func(*load.Job)
		want   int64 // 0: whatever the seed says
		mean   float64
	}{
		"stages":             {func(j *load.Job) { j.RateCount, j.Stages, j.Duration = 0, stages, 800*ms }, 65, 81.25},
		"stages from a rate": {func(j *load.Job) { j.RateCount, j.Stages, j.Duration = 40, stages, 800*ms }, 75, 93.75},
		"sine":               {func(j *load.Job) { j.Sine = &load.Sine{Amplitude: perSecond(100), Period: 250 * ms} }, 50, 100},
		"poisson":            {func(j *load.Job) { j.Poisson = true }, 0, 100},
		"poisson stages":     {func(j *load.Job) { j.RateCount, j.Stages, j.Duration, j.Poisson = 0, stages, 800*ms, true }, 0, 81.25},
	} {
		t.Run(name, func(t *testing.T) {
			var seen arrivals
			url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				seen.now()
				hello(w, r)
			})
			job := open(100, 500*ms, url)
			job.Seed = 3
			c.change(&job)
			schedule, err := load.ScheduleOf(job)
			if err != nil {
				t.Fatal(err)
			}
			if mean, err := job.MeanRate(); err != nil || math.Abs(mean-c.mean) > 1e-6*c.mean {
				t.Errorf("mean rate %v, %v; want %v", mean, err, c.mean)
			}
			got, final := run(t.Context(), t, with, job)
			arrived, total := seen.all(), schedule.Total()
			if c.want != 0 && total != c.want || got.requests.OK != total || final.Due != total || int64(len(arrived)) != total {
				t.Fatalf("%d answers to %d due requests, %d arrivals, want %d (%d)", got.requests.OK, final.Due, len(arrived), total, c.want)
			}
			for k, at := range arrived {
				if due, _ := schedule.Due(int64(k)); at.Sub(final.Began) < due {
					t.Errorf("arrival %d came after %v, before it was due at %v", k, at.Sub(final.Began), due)
				}
			}
		})
	}
}

// TestThinkTime: a sender that thinks sends nothing meanwhile, does not think
// after its last request, and can be interrupted.
func TestThinkTime(t *testing.T) { onEach(t, checkThinkTime) }

func checkThinkTime(t *testing.T, with load.Transport) {
	url, _ := serve(t, hello)
	t.Run("requests", func(t *testing.T) {
		job := closed(6, 2, true, url)
		job.Think = 50 * ms
		got, final := run(t.Context(), t, with, job)
		// Three requests for each sender, unless one of them is slow.
		if got.requests.OK != 6 || final.Length < 2*job.Think {
			t.Errorf("%+v in %v", got.requests, final.Length)
		}
		if lag := got.latencies.Lag.Max(); lag != 0 {
			t.Errorf("lag of up to %v in a closed loop", lag)
		}
	})
	t.Run("duration", func(t *testing.T) {
		job := closed(0, 2, true, url)
		job.Think, job.Duration = 100*ms, 350*ms
		got, _ := run(t.Context(), t, with, job)
		if got.requests.OK < 2 || got.requests.OK > 8 || got.requests.Failed != 0 {
			t.Errorf("%+v, want at most 4 of each sender", got.requests)
		}
	})
	t.Run("for longer than the load", func(t *testing.T) {
		job := closed(2, 2, true, url)
		job.Think = time.Hour
		got, _ := run(t.Context(), t, with, job)
		if got.requests.OK != 2 {
			t.Errorf("%+v", got.requests)
		}
		job.Requests, job.Duration = 0, time.Minute
		if got, _ = run(t.Context(), t, with, job); got.requests.OK != 2 {
			t.Errorf("%+v", got.requests)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*ms)
		defer cancel()
		job := closed(100, 2, true, url)
		job.Think = time.Hour
		got, _ := run(ctx, t, with, job)
		if got.requests.OK != 2 || got.requests.Sent != 2 {
			t.Errorf("%+v, want one answer for each sender and nothing more", got.requests)
		}
	})
}

func TestTargetsInTurn(t *testing.T) {
	onEach(t, checkTargetsInTurn)
}

func checkTargetsInTurn(t *testing.T, with load.Transport) {
	var urls []string
	var meters []*meter
	for i := range 3 {
		url, m := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Served-By", fmt.Sprintf("web-%d", i+1))
			hello(w, r)
		})
		urls, meters = append(urls, url), append(meters, m)
	}
	even := map[string]int64{"web-1": 20, "web-2": 20, "web-3": 20}
	for name, job := range map[string]load.Job{
		"closed":          closed(60, 4, false, urls...),
		"open":            open(200, 300*ms, urls...),
		"closed, kept":    closed(60, 6, true, urls...),
		"open, not kept":  func() load.Job { j := open(200, 300*ms, urls...); j.KeepAlive = false; return j }(),
		"closed, seconds": func() load.Job { j := closed(60, 3, false, urls...); j.Duration = time.Minute; return j }(),
	} {
		t.Run(name, func(t *testing.T) {
			before := meters[2].accepted.Load()
			got, _ := run(t.Context(), t, with, job)
			if name == "closed, kept" {
				// Connections are in turn; how fast each is, is its own affair.
				if n := meters[2].accepted.Load() - before; n > 2 || got.servedBy["web-3"] == 0 {
					t.Errorf("%d connections of 6 to the third target of 3, %v", n, got.servedBy)
				}
				return
			}
			if d := cmp.Diff(even, got.servedBy); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestMixArrives sends a mix and compares with what the server saw.
func TestMixArrives(t *testing.T) {
	onEach(t, checkMixArrives)
}

func checkMixArrives(t *testing.T, with load.Transport) {
	var mu sync.Mutex
	seen := map[string]int64{}
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		what := fmt.Sprintf("%s %s%s %q %s %s %q", r.Method, r.Host, r.RequestURI, body,
			r.Header.Get("Content-Type"), r.UserAgent(), r.Header.Get("Accept-Encoding"))
		mu.Lock()
		seen[what]++
		mu.Unlock()
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		hello(w, r)
	})
	job := closed(100, 3, true, url+"/app")
	job.Host = "news.example"
	job.Mix = []load.Request{
		{Name: "home", Method: "GET", Path: "/?a=b%20c", Weight: 5},
		{Name: "post", Method: "POST", Path: "/Post.action", Body: []byte("title=plimsoll"), Weight: 3,
			Headers: map[string]string{"content-type": "application/x-www-form-urlencoded", "User-Agent": "me"}},
		{Name: "head", Method: "HEAD", Path: "/", Weight: 1, Headers: map[string]string{"host": "other.example"}},
		{Name: "moved", Method: "GET", Path: "/moved", Weight: 1},
	}
	got, _ := run(t.Context(), t, with, job)
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int64{
		`GET news.example/app/?a=b%20c ""  plimsoll ""`:                                              50,
		`POST news.example/app/Post.action "title=plimsoll" application/x-www-form-urlencoded me ""`: 30,
		`HEAD other.example/app/ ""  plimsoll ""`:                                                    10,
		`GET news.example/app/moved ""  plimsoll ""`:                                                 10,
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Errorf("(-want +seen by the server)\n%s", d)
	}
	counts := func(n int64) results.Counts {
		return results.Counts{Sent: n, OK: n, Status: map[string]int64{"200": n}}
	}
	if d := cmp.Diff(map[string]results.Counts{"home": counts(50), "post": counts(30), "head": counts(10), "moved": counts(10)}, got.byName); d != "" {
		t.Error(d)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	m := &meter{Listener: server.Listener}
	server.Listener = m
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := load.Trust{CA: pemOf(server.Certificate())}
	for _, keepAlive := range []bool{false, true} {
		m.in.Store(0)
		job := closed(20, 2, keepAlive, server.URL)
		job.Trust = trusted
		got, _ := run(t.Context(), t, load.NewGeneral(), job)
		if got.requests.OK != 20 || got.bytes.Body != 20*331 || got.bytes.In <= got.bytes.Body || got.bytes.Out != m.in.Load() {
			t.Errorf("keepalive=%v: %+v %+v, the server read %d bytes", keepAlive, got.requests, got.bytes, m.in.Load())
		}
	}
	// The certificate has to be good for the Host that is asked for.
	for _, c := range []struct {
		name, host string
		tls        load.Trust
		ok         bool
	}{
		{"no authority", "", load.Trust{}, false},
		{"another host", "elsewhere.test:8443", trusted, false},
		{"another host, not checked", "elsewhere.test:8443", load.Trust{Insecure: true}, true},
		{"another host, its own server name", "elsewhere.test:8443", load.Trust{CA: trusted.CA, ServerName: "example.com"}, true},
		{"another server name", "", load.Trust{CA: trusted.CA, ServerName: "elsewhere.test"}, false},
	} {
		job := closed(2, 1, true, server.URL)
		job.Host, job.Trust = c.host, c.tls
		got, _ := run(t.Context(), t, load.NewGeneral(), job)
		if ok := got.requests.OK == 2; ok != c.ok || !ok && got.requests.Errors[string(load.TLS)] != 2 {
			t.Errorf("%s: %+v", c.name, got.requests)
		}
	}
}

func pemOf(certificate *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

// TestTLSOptionsRefused: options that mean nothing are no silent loss.
func TestTLSOptionsRefused(t *testing.T) {
	for want, job := range map[string]load.Job{
		"for https":      {Trust: load.Trust{Insecure: true}, Targets: []string{"http://127.0.0.1:1"}},
		"no certificate": {Trust: load.Trust{CA: "nonsense"}, Targets: []string{"https://127.0.0.1:1"}},
		"leave out":      {Trust: load.Trust{CA: "nonsense", Insecure: true}, Targets: []string{"https://127.0.0.1:1"}},
	} {
		whole := closed(1, 1, true, job.Targets...)
		whole.Trust = job.Trust
		if err := whole.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %q", job.Trust, err, want)
		}
	}
}

// TestIdleConnectionsClosedByTheServer: what the server has closed while
// nothing was going on is no failure.
func TestIdleConnectionsClosedByTheServer(t *testing.T) {
	onEach(t, checkIdleConnectionsClosedByTheServer)
}

func checkIdleConnectionsClosedByTheServer(t *testing.T, with load.Transport) {
	if runtime.GOOS == "windows" {
		t.Skip("idle connections are not looked at on Windows")
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Config.IdleTimeout = 20 * ms
	server.Start()
	t.Cleanup(server.Close)
	got, _ := run(t.Context(), t, with, open(10, 500*ms, server.URL))
	if got.requests.OK != 5 {
		t.Errorf("%+v, want 5 answers", got.requests)
	}
}

func TestServerThatClosesAfterEachAnswer(t *testing.T) {
	onEach(t, checkServerThatClosesAfterEachAnswer)
}

func checkServerThatClosesAfterEachAnswer(t *testing.T, with load.Transport) {
	url, m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		hello(w, r)
	})
	got, _ := run(t.Context(), t, with, closed(20, 2, true, url))
	if got.requests.OK != 20 || m.accepted.Load() != 20 {
		t.Errorf("%+v over %d connections, want 20 and 20", got.requests, m.accepted.Load())
	}
}

// TestEndedEarly ends loads whose server does not answer.
func TestEndedEarly(t *testing.T) {
	onEach(t, checkEndedEarly)
}

func checkEndedEarly(t *testing.T, with load.Transport) {
	ended := func(t *testing.T, transport load.Transport, job load.Job) (*sum, results.Final) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 300*ms)
		defer cancel()
		begin := time.Now()
		got, final := run(ctx, t, transport, job)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %v to end a load", took)
		}
		return got, final
	}
	t.Run("closed", func(t *testing.T) {
		got, _ := ended(t, with, closed(1000, 4, false, raw(t, hang(""))))
		if d := cmp.Diff(results.Counts{Sent: 4, Failed: 4, Errors: map[string]int64{"cut off": 4}}, got.requests); d != "" {
			t.Error(d)
		}
	})
	t.Run("open", func(t *testing.T) {
		job := open(100, time.Hour, raw(t, hang("")))
		job.Connections = 2
		got, final := ended(t, with, job)
		cut, never := got.requests.Errors["cut off"], got.requests.Errors["never sent"]
		if most := int64(final.Length/(10*ms)) + 1; cut != 2 || never < 15 || got.requests.Sent != cut+never || got.requests.Sent > most {
			t.Errorf("%+v in %v: want 2 cut off, the rest of at most %d never sent", got.requests, final.Length, most)
		}
		// The first was due at the begin, the last became due just before
		// the end: the waits are spread over the whole time.
		if mean, longest := got.latencies.Response.Mean(), got.latencies.Response.Max(); mean < final.Length/4 || longest < final.Length*3/4 {
			t.Errorf("mean response %v, longest %v, of %v", mean, longest, final.Length)
		}
		if final.Due != 360_000 {
			t.Errorf("due %d, want the whole schedule's 360000", final.Due)
		}
	})
	t.Run("between two requests", func(t *testing.T) {
		url, _ := serve(t, hello)
		job := open(1, time.Hour, url)
		job.RatePer = time.Minute
		got, _ := ended(t, with, job)
		if got.requests.OK != 1 || got.requests.Sent != 1 {
			t.Errorf("%+v, want one answer", got.requests)
		}
	})
	t.Run("while connecting", func(t *testing.T) {
		// A listener whose queue is full leaves further ones waiting.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got, _ := ended(t, with, closed(4, 4, false, "https://"+l.Addr().String()))
		if got.requests.Errors["cut off"] != 4 {
			t.Errorf("%+v, want 4 cut off", got.requests)
		}
	})
	t.Run("before the begin", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		job := closed(10, 1, true, "http://127.0.0.1:1")
		if err := with.Run(ctx, job, time.Now().Add(time.Hour), load.NewRecorder(job)); err != nil {
			t.Error(err)
		}
	})
}

func TestJobValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*load.Job)
		want   string // part of the error; empty: none
	}{
		"good":           {func(*load.Job) {}, ""},
		"open":           {func(j *load.Job) { *j = open(1, time.Second, "https://[::1]:8443/base/") }, ""},
		"no target":      {func(j *load.Job) { j.Targets = nil }, "no target"},
		"no mix":         {func(j *load.Job) { j.Mix = nil }, "no request"},
		"timeout":        {func(j *load.Job) { j.Timeout = 0 }, "timeout"},
		"both loops":     {func(j *load.Job) { j.RateCount = 1 }, "both"},
		"neither loop":   {func(j *load.Job) { j.Concurrency = 0 }, "neither"},
		"endless":        {func(j *load.Job) { j.Requests = 0 }, "never end"},
		"negative":       {func(j *load.Job) { j.Requests = -1 }, "negative"},
		"open, requests": {func(j *load.Job) { *j = open(1, time.Second, "http://h"); j.Requests = 7 }, "after its duration"},
		"open, endless":  {func(j *load.Job) { *j = open(1, 0, "http://h") }, "above zero"},
		"closed, stages": {func(j *load.Job) { j.Stages = []load.Stage{{To: perSecond(1), Over: time.Second}} }, "both"},
		"closed, random": {func(j *load.Job) { j.Poisson = true }, "both"},
		"think":          {func(j *load.Job) { j.Think = -1 }, "negative"},
		"open, think":    {func(j *load.Job) { *j = open(1, time.Second, "http://h"); j.Think = 1 }, "think time"},
		"stages, sine": {func(j *load.Job) {
			*j = open(1, time.Second, "http://h")
			j.Stages, j.Sine = []load.Stage{{To: perSecond(1), Over: time.Second}}, &load.Sine{}
		}, "too many"},
		"stages, duration": {func(j *load.Job) {
			*j = open(1, time.Second, "http://h")
			j.Stages = []load.Stage{{To: perSecond(1), Over: 2 * time.Second}}
		}, "must be the same"},
		"sine": {func(j *load.Job) {
			*j = open(1, time.Second, "http://h")
			j.Sine = &load.Sine{Amplitude: perSecond(2), Period: time.Second}
		}, "amplitude"},
		"poisson, endless": {func(j *load.Job) { *j = open(1, 0, "http://h"); j.Poisson = true }, "request"},
		"scheme":           {func(j *load.Job) { j.Targets = []string{"ftp://h"} }, `"ftp"`},
		"no scheme":        {func(j *load.Job) { j.Targets = []string{"h:80"} }, "scheme"},
		"no host":          {func(j *load.Job) { j.Targets = []string{"http://:80"} }, "no host"},
		"query":            {func(j *load.Job) { j.Targets = []string{"http://h/?a"} }, "query"},
		"weight":           {func(j *load.Job) { j.Mix[0].Weight = 0 }, "weight"},
		"path":             {func(j *load.Job) { j.Mix[0].Path = "index" }, "slash"},
		"method":           {func(j *load.Job) { j.Mix[0].Method = "GET IT" }, "method"},
		"header name":      {func(j *load.Job) { j.Mix[0].Headers = map[string]string{"a b": "c"} }, "cannot be sent"},
		"header value":     {func(j *load.Job) { j.Mix[0].Headers = map[string]string{"A": "b\r\nC: d"} }, "cannot be sent"},
		"connection":       {func(j *load.Job) { j.Mix[0].Headers = map[string]string{"connection": "close"} }, "follows from"},
		"twice":            {func(j *load.Job) { j.Mix[0].Headers = map[string]string{"x-a": "1", "X-A": "2"} }, "twice"},
	} {
		job := closed(1, 1, true, "http://127.0.0.1:80")
		c.change(&job)
		err := job.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.want != "" {
			if err := load.NewGeneral().Run(t.Context(), job, time.Now(), load.NewRecorder(job)); err == nil {
				t.Errorf("%s: Run did not refuse it", name)
			}
		}
	}
}

// TestNoProxyFromTheEnvironment: the load goes where the job says.
func TestNoProxyFromTheEnvironment(t *testing.T) {
	proxied, _ := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxied)
	target, _ := serve(t, hello)
	got, _ := run(t.Context(), t, load.NewGeneral(), closed(1, 1, true, target))
	if got.requests.OK != 1 {
		t.Errorf("%+v", got.requests)
	}
}

// BenchmarkClosedLoop loads a server that does nothing but answer, in the same
// process; what is allocated is the load's.
func BenchmarkClosedLoop(b *testing.B) {
	for _, keepAlive := range []bool{true, false} {
		b.Run(fmt.Sprintf("keepalive=%v", keepAlive), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			go answerAll(l, keepAlive)
			job := closed(int64(b.N), 10, keepAlive, "http://"+l.Addr().String())
			rec := load.NewRecorder(job)
			b.ReportAllocs()
			b.ResetTimer()
			if err := load.NewGeneral().Run(b.Context(), job, time.Now(), rec); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			final, err := rec.Final(time.Now())
			if err != nil || final.Due != int64(b.N) || final.Sample.Length != 331 {
				b.Fatalf("%+v, %v", final, err)
			}
		})
	}
}

// answerAll answers whatever comes without looking at it.
func answerAll(l net.Listener, keepAlive bool) {
	connection := "keep-alive"
	if !keepAlive {
		connection = "close"
	}
	answer := []byte("HTTP/1.1 200 OK\r\nServer: none\r\nConnection: " + connection + "\r\nContent-Length: 331\r\n\r\n" + strings.Repeat("x", 331))
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var request [4 << 10]byte
			for {
				if _, err := conn.Read(request[:]); err != nil {
					return
				}
				if _, err := conn.Write(answer); err != nil || !keepAlive {
					return
				}
			}
		}()
	}
}
