package load_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"plimsoll/runner/load"
)

// TestRedirects: one request, whatever the number of its hops.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(elsewhere.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.Handle("/once", http.RedirectHandler("/?x=1", http.StatusFound))
	mux.Handle("/twice", http.RedirectHandler("once", http.StatusMovedPermanently))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler(elsewhere.URL+"/", http.StatusFound))
	mux.Handle("/gone", http.RedirectHandler("/missing", http.StatusFound))
	mux.Handle("/missing", http.NotFoundHandler())
	server := httptest.NewUnstartedServer(mux)
	m := &meter{Listener: server.Listener}
	server.Listener = m
	server.Start()
	t.Cleanup(server.Close)
	for _, c := range []struct {
		path         string
		limit        int
		targets      []string
		status, kind string
		hops         int64
	}{
		{path: "/once", limit: 0, status: "302"},
		{path: "/once", limit: 2, status: "200", hops: 1},
		{path: "/twice", limit: 2, status: "200", hops: 2},
		{path: "/twice", limit: 1, kind: "redirect", hops: 1},
		{path: "/loop", limit: 5, kind: "redirect", hops: 5},
		{path: "/away", limit: 5, kind: "redirect"},
		{path: "/gone", limit: 5, status: "404", kind: "status", hops: 1},
	} {
		for _, keepAlive := range []bool{false, true} {
			m.in.Store(0)
			m.out.Store(0)
			job := closed(6, 2, keepAlive, server.URL)
			job.Mix[0].Path, job.Redirects = c.path, c.limit
			got, _ := run(t.Context(), t, load.NewGeneral(), job)
			m.settle(got.bytes)
			r := got.requests
			if r.Sent != 6 || r.Redirects != 6*c.hops || c.status != "" && r.Status[c.status] != 6 || c.kind != "" && r.Errors[c.kind] != 6 || c.kind == "" && r.OK != 6 {
				t.Errorf("%s up to %d, keepalive=%v: %+v", c.path, c.limit, keepAlive, r)
			}
			if got.bytes.In != m.out.Load() || got.bytes.Out != m.in.Load() {
				t.Errorf("%s: %+v, the server read %d and wrote %d", c.path, got.bytes, m.in.Load(), m.out.Load())
			}
		}
	}
	// Another target is one of ours.
	job := closed(6, 1, true, server.URL, elsewhere.URL)
	job.Mix[0].Path, job.Redirects = "/away", 1
	if got, _ := run(t.Context(), t, load.NewGeneral(), job); got.requests.OK != 6 || got.requests.Redirects != 6 {
		t.Errorf("to another target: %+v", got.requests)
	}
}

// TestRedirectMethods: what follows is what RFC 9110 says.
func TestRedirectMethods(t *testing.T) {
	for _, c := range []struct {
		status         int
		method, follow string
		body           string
	}{
		{301, "POST", "GET", ""}, {302, "POST", "GET", ""}, {303, "POST", "GET", ""},
		{307, "POST", "POST", "news"}, {308, "POST", "POST", "news"},
		{302, "PUT", "PUT", "news"}, {303, "PUT", "GET", ""}, {303, "HEAD", "HEAD", ""},
	} {
		var method, body string
		mux := http.NewServeMux()
		mux.Handle("/from", http.RedirectHandler("/to", c.status))
		mux.HandleFunc("/to", func(_ http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			method, body = r.Method, string(text)
		})
		server := httptest.NewServer(mux)
		job := closed(1, 1, false, server.URL)
		job.Mix[0].Method, job.Mix[0].Path, job.Redirects = c.method, "/from", 1
		if c.method != "HEAD" {
			job.Mix[0].Body = []byte("news")
		}
		got, _ := run(t.Context(), t, load.NewGeneral(), job)
		server.Close()
		if got.requests.OK != 1 || method != c.follow || body != c.body {
			t.Errorf("%d after %s: %s %q, %+v", c.status, c.method, method, body, got.requests)
		}
	}
}

// TestRedirectLink: each hop is one more exchange over the link.
func TestRedirectLink(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.Handle("/once", http.RedirectHandler("/", http.StatusFound))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	job := closed(1, 1, true, server.URL)
	job.Mix[0].Path, job.Redirects, job.Link = "/once", 1, load.Link{RTT: 50 * time.Millisecond}
	got, _ := run(t.Context(), t, load.NewGeneral(), job)
	// Connect, ask, ask again.
	if took := got.latencies.Service.Min(); got.requests.OK != 1 || took < 150*ms {
		t.Errorf("%v %+v", took, got.requests)
	}
}

// TestCookies: each sender is a user of its own.
func TestCookies(t *testing.T) {
	const senders, requests = 4, 40
	for _, c := range []struct{ keepAlive, cookies bool }{{false, true}, {true, true}, {true, false}} {
		var (
			mu    sync.Mutex
			users int
			seen  int
		)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(ms) // so that all senders have their turn
			if _, err := r.Cookie("user"); err == nil {
				seen++
				return
			}
			users++
			http.SetCookie(w, &http.Cookie{Name: "user", Value: "u", Path: "/"})
		}))
		job := closed(requests, senders, c.keepAlive, server.URL)
		job.Cookies = c.cookies
		got, _ := run(t.Context(), t, load.NewGeneral(), job)
		server.Close()
		want := senders
		if !c.cookies {
			want = requests
		}
		if got.requests.OK != requests || users != want || users+seen != requests {
			t.Errorf("%+v: %d users, %d requests with a cookie, %+v", c, users, seen, got.requests)
		}
	}
}
