package load_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/runner/load"
)

// onHTTP2 runs a test against a server that speaks nothing but HTTP/2, once
// over TLS and once without; job is a closed loop on it.
func onHTTP2(t *testing.T, h http.Handler, check func(t *testing.T, m *meter, job load.Job)) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "tls"}[secure], func(t *testing.T) {
			server := httptest.NewUnstartedServer(h)
			m := &meter{Listener: server.Listener}
			server.Listener = m
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.Protocols = new(http.Protocols)
			var trust load.Trust
			if secure {
				server.Config.Protocols.SetHTTP2(true)
				server.EnableHTTP2 = true
				server.StartTLS()
				trust.CA = pemOf(server.Certificate())
			} else {
				server.Config.Protocols.SetUnencryptedHTTP2(true)
				server.Start()
			}
			t.Cleanup(server.Close)
			job := closed(20, 2, true, server.URL)
			job.HTTP2, job.Trust = true, trust
			check(t, m, job)
		})
	}
}

func TestHTTP2CountsAreTheServers(t *testing.T) {
	var second atomic.Int64
	onHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.ProtoMajor == 2 && r.Method == "POST" && r.Header.Get("X-Kind") == "news" && string(text) == "title=a" {
			second.Add(1)
		}
		hello(w, r)
	}), func(t *testing.T, m *meter, job load.Job) {
		job.Mix = []load.Request{{Name: "post", Method: "POST", Path: "/", Headers: map[string]string{"X-Kind": "news"}, Body: []byte("title=a"), Weight: 1}}
		for _, keepAlive := range []bool{false, true} {
			second.Store(0)
			m.accepted.Store(0)
			m.in.Store(0)
			m.out.Store(0)
			job.KeepAlive = keepAlive
			got, final := run(t.Context(), t, load.NewGeneral(), job)
			if d := cmp.Diff(results.Counts{Sent: 20, OK: 20, Status: map[string]int64{"200": 20}}, got.requests); d != "" {
				t.Error(d)
			}
			if second.Load() != 20 {
				t.Errorf("the server saw %d of the 20 requests as they should be", second.Load())
			}
			if n := m.accepted.Load(); !keepAlive && n != 20 || keepAlive && n != 2 {
				t.Errorf("keepalive=%v: %d connections", keepAlive, n)
			}
			m.settle(got.bytes)
			// What a connection still says after its last answer is nobody's.
			if b := got.bytes; b.Body != 20*331 || b.In < b.Body || b.In > m.out.Load() || b.Out < 20*7 || b.Out > m.in.Load() {
				t.Errorf("%+v, the server read %d and wrote %d", b, m.in.Load(), m.out.Load())
			}
			if d := cmp.Diff(results.SampleAnswer{Server: "hello/1", Document: "/", Length: 331}, final.Sample); d != "" {
				t.Error(d)
			}
		}
	})
}

func TestHTTP2FailuresAreCountedByKind(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) })
	mux.HandleFunc("/abort", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.Handle("/once", http.RedirectHandler("/", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	onHTTP2(t, mux, func(t *testing.T, _ *meter, job load.Job) {
		for _, c := range []struct {
			path      string
			redirects int
			want      load.Failure
		}{
			{"/", 0, load.None},
			{"/500", 0, load.BadStatus},
			{"/abort", 0, load.Reset},
			{"/hang", 0, load.Timeout},
			{"/half", 0, load.Timeout},
			{"/once", 1, load.None},
			{"/loop", 2, load.Redirect},
		} {
			for _, job.KeepAlive = range []bool{false, true} {
				job := job
				job.Mix = []load.Request{{Name: "home", Method: "GET", Path: c.path, Weight: 1}}
				job.Redirects = c.redirects
				job.Requests, job.Concurrency = 4, 1
				if c.want == load.Timeout {
					job.Timeout = 60 * ms
				}
				got, _ := run(t.Context(), t, load.NewGeneral(), job)
				if r := got.requests; c.want == load.None && r.OK != 4 || c.want != load.None && r.Errors[string(c.want)] != 4 {
					t.Errorf("%s, keepalive=%v: %+v, want %q", c.path, job.KeepAlive, r, c.want)
				}
			}
		}
	})
}

// TestHTTP2OfServersWithout: a target that speaks HTTP/1.1 only is told apart
// from one that is broken, and never silently spoken to in HTTP/1.1.
func TestHTTP2OfServersWithout(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain, _ := serve(t, hello)
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	for _, c := range []struct {
		name, target string
		trust        load.Trust
		want         load.Failure
	}{
		{"plain HTTP/1.1", plain, load.Trust{}, load.Malformed},
		{"HTTP/1.1 over TLS", secure.URL, load.Trust{CA: pemOf(secure.Certificate())}, load.TLS},
		{"refused", "http://" + refusing.Addr().String(), load.Trust{}, load.Refused},
	} {
		for _, keepAlive := range []bool{false, true} {
			job := closed(3, 1, keepAlive, c.target)
			job.HTTP2, job.Trust = true, c.trust
			got, _ := run(t.Context(), t, load.NewGeneral(), job)
			if got.requests.Errors[string(c.want)] != 3 {
				t.Errorf("%s, keepalive=%v: %+v, want %q", c.name, keepAlive, got.requests, c.want)
			}
		}
	}
}

// TestHTTP2IdleConnectionsClosedByTheServer: a GOAWAY between requests is no
// failure.
func TestHTTP2IdleConnectionsClosedByTheServer(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.IdleTimeout = 20 * ms
	server.Start()
	t.Cleanup(server.Close)
	job := open(10, 500*ms, server.URL)
	job.HTTP2 = true
	if got, _ := run(t.Context(), t, load.NewGeneral(), job); got.requests.OK != 5 {
		t.Errorf("%+v, want 5 answers", got.requests)
	}
}

func TestHTTP2Cookies(t *testing.T) {
	var fresh atomic.Int64
	onHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session"); err != nil {
			fresh.Add(1)
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		}
	}), func(t *testing.T, _ *meter, job load.Job) {
		fresh.Store(0)
		job.Cookies = true
		if got, _ := run(t.Context(), t, load.NewGeneral(), job); got.requests.OK != 20 || fresh.Load() != 2 {
			t.Errorf("%+v, %d requests without a cookie; of 2 senders it should be 2", got.requests, fresh.Load())
		}
	})
}

func TestHTTP2EndedEarly(t *testing.T) {
	arrived := make(chan struct{}, 10)
	onHTTP2(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}), func(t *testing.T, _ *meter, job load.Job) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			<-arrived
			cancel()
		}()
		got, final := run(ctx, t, load.NewGeneral(), job)
		if got.requests.Errors[string(load.CutOff)] != 2 || final.Length > 5*time.Second {
			t.Errorf("%+v in %v, want the two in flight to be cut off", got.requests, final.Length)
		}
	})
}

// TestHTTP2OverALink: the handshake of TLS costs a round trip, that of HTTP/2
// none, since nobody waits for it.
func TestHTTP2OverALink(t *testing.T) {
	onHTTP2(t, http.HandlerFunc(hello), func(t *testing.T, _ *meter, job load.Job) {
		job.Requests, job.Concurrency = 2, 1
		job.Link = load.Link{RTT: rtt}
		got, _ := run(t.Context(), t, load.NewGeneral(), job)
		if got.requests.OK != 2 {
			t.Fatalf("%+v", got.requests)
		}
		connect := rtt
		if strings.HasPrefix(job.Targets[0], "https") {
			connect = 2 * rtt
		}
		within(t, "connect", got.latencies.Connect.Max(), connect)
		within(t, "waiting", got.latencies.Waiting.Min(), rtt)
		within(t, "the shorter request", got.latencies.Service.Min(), rtt)
	})
}

func TestHTTP2Refused(t *testing.T) {
	job := overTCP(closed(1, 1, true, "tcp://127.0.0.1:1"), load.Reply{}, "x")
	job.HTTP2 = true
	if err := job.Validate(); err == nil || !strings.Contains(err.Error(), "over TCP") {
		t.Errorf("HTTP/2 over bare TCP: %v", err)
	}
	job = closed(1, 1, true, "http://127.0.0.1:1")
	job.HTTP2 = true
	if _, err := load.Choose(load.FastName, []load.Job{job}); err == nil || !strings.Contains(err.Error(), "HTTP/2") {
		t.Errorf("HTTP/2 by the fast transport: %v", err)
	}
}
