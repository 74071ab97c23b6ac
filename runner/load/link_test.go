package load_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

const rtt = 60 * ms

// late is how much later than exact things may be on a machine that is busy.
const late = 400 * ms

func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	// Histograms tell the edge of a bucket, up to 0.1 % off.
	if got < want-want/500 || got > want+late {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

// TestLinkPhases: a connect takes one round trip, a request with its answer
// one more, and the target sees the request half way through.
func TestLinkPhases(t *testing.T) { onEach(t, checkLinkPhases) }

func checkLinkPhases(t *testing.T, with load.Transport) {
	const work = 30 * ms
	var seen arrivals
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.now()
		time.Sleep(work)
		hello(w, r)
	})
	job := closed(1, 1, false, url)
	job.Link = load.Link{RTT: rtt}
	begin := time.Now()
	got, _ := run(t.Context(), t, with, job)
	l := got.latencies
	within(t, "connect", l.Connect.Max(), rtt)
	within(t, "waiting", l.Waiting.Max(), rtt+work)
	within(t, "processing", l.Processing.Max(), rtt+work)
	within(t, "service", l.Service.Max(), 2*rtt+work)
	within(t, "response", l.Response.Max(), 2*rtt+work)
	within(t, "the request reached the target after", seen.all()[0].Sub(begin), rtt+rtt/2)

	// Over a kept connection, one round trip less for all but the first.
	job = closed(3, 1, true, url)
	job.Link = load.Link{RTT: rtt}
	got, final := run(t.Context(), t, with, job)
	within(t, "three requests", final.Length, 4*rtt+3*work)
	within(t, "the shortest", got.latencies.Service.Min(), rtt+work)
	if got.requests.OK != 3 {
		t.Errorf("%+v", got.requests)
	}
}

// TestLinkTLS: the handshake is one more round trip.
func TestLinkTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(server.Close)
	job := closed(1, 1, false, server.URL)
	job.Link, job.Trust = load.Link{RTT: rtt}, load.Trust{CA: pemOf(server.Certificate())}
	got, _ := run(t.Context(), t, load.NewGeneral(), job)
	if got.requests.OK != 1 {
		t.Fatalf("%+v", got.requests)
	}
	within(t, "connect", got.latencies.Connect.Max(), 2*rtt)
}

// TestLinkJitter: each round trip differs, within the range, and the seed
// decides by how much.
func TestLinkJitter(t *testing.T) { onEach(t, checkLinkJitter) }

func checkLinkJitter(t *testing.T, with load.Transport) {
	url, _ := serve(t, hello)
	job := closed(40, 40, false, url)
	job.Link = load.Link{RTT: 100 * ms, Jitter: 80 * ms}
	got, _ := run(t.Context(), t, with, job)
	shortest, longest := got.latencies.Connect.Min(), got.latencies.Connect.Max()
	if got.requests.OK != 40 || shortest < 19*ms || longest-shortest < 60*ms {
		t.Errorf("%d answers, connects of %v to %v; the range is 20 ms to 180 ms", got.requests.OK, shortest, longest)
	}
}

// TestLinkFailures: what fails at the target is known half a round trip
// later, and what takes too long with the way included has timed out.
func TestLinkFailures(t *testing.T) { onEach(t, checkLinkFailures) }

func checkLinkFailures(t *testing.T, with load.Transport) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	answering, _ := serve(t, hello)
	for name, c := range map[string]struct {
		url       string
		keepAlive bool
		timeout   time.Duration
		want      load.Failure
		after     time.Duration
	}{
		"refused":             {nobody, false, time.Minute, load.Refused, rtt},
		"reset":               {raw(t, reset("")), false, time.Minute, load.Reset, 2 * rtt},
		"malformed":           {raw(t, say("hello\r\n")), false, time.Minute, load.Malformed, 2 * rtt},
		"before the connect":  {answering, false, rtt / 4, load.Timeout, rtt / 4},
		"on the way there":    {answering, false, rtt + rtt/4, load.Timeout, rtt + rtt/4},
		"on the way back":     {answering, false, 2*rtt - rtt/8, load.Timeout, 2*rtt - rtt/8},
		"no answer":           {raw(t, hang("")), true, 3 * rtt, load.Timeout, 3 * rtt},
		"closed on their way": {raw(t, func(conn *net.TCPConn) { _ = conn.Close() }), false, time.Minute, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			job := closed(2, 2, c.keepAlive, c.url)
			job.Link, job.Timeout = load.Link{RTT: rtt}, c.timeout
			got, _ := run(t.Context(), t, with, job)
			if c.want == "" { // a matter of the instant: reset or short read
				if got.requests.Failed != 2 || got.requests.Timeouts != 0 {
					t.Errorf("%+v", got.requests)
				}
				return
			}
			if got.requests.Errors[string(c.want)] != 2 {
				t.Errorf("%+v, want %q", got.requests, c.want)
			}
			within(t, "known after", got.latencies.Response.Min(), c.after)
		})
	}
}

// TestLinkEndedEarly ends a load while everything is on its way.
func TestLinkEndedEarly(t *testing.T) { onEach(t, checkLinkEndedEarly) }

func checkLinkEndedEarly(t *testing.T, with load.Transport) {
	url, _ := serve(t, hello)
	for _, keepAlive := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
		job := closed(100, 3, keepAlive, url)
		job.Link = load.Link{RTT: time.Hour}
		job.Timeout = 10 * time.Hour
		begin := time.Now()
		got, _ := run(ctx, t, with, job)
		cancel()
		if got.requests.Errors[string(load.CutOff)] != 3 || got.requests.Sent != 3 || time.Since(begin) > 5*time.Second {
			t.Errorf("%+v after %v", got.requests, time.Since(begin))
		}
	}
}

// TestLinkOpenLoop: distance changes nothing about when requests are due, and
// few connections can carry only so many.
func TestLinkOpenLoop(t *testing.T) { onEach(t, checkLinkOpenLoop) }

func checkLinkOpenLoop(t *testing.T, with load.Transport) {
	url, _ := serve(t, hello)
	job := open(100, 500*ms, url)
	job.Link = load.Link{RTT: rtt}
	got, _ := run(t.Context(), t, with, job)
	if got.requests.OK != 50 || got.latencies.Lag.Percentile(50) > rtt/2 || got.blocked != 0 {
		t.Errorf("%+v, lag p50 %v, blocked %v", got.requests, got.latencies.Lag.Percentile(50), got.blocked)
	}
	job.Connections = 2
	if got, _ = run(t.Context(), t, with, job); got.requests.OK != 50 || got.blocked < 200*ms {
		t.Errorf("%+v, blocked %v", got.requests, got.blocked)
	}
	// 50 round trips on 2 connections.
	if longest := got.latencies.Response.Max(); longest < 25*rtt-500*ms {
		t.Errorf("the last was answered after %v", longest)
	}
}

// TestLinkRests: while requests travel there is nothing to do, also when the
// server has closed its end already.
func TestLinkRests(t *testing.T) { onEach(t, checkLinkRests) }

func checkLinkRests(t *testing.T, with load.Transport) {
	for name, keepAlive := range map[string]bool{"closed by the server": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			url := raw(t, say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
			if keepAlive {
				url, _ = serve(t, hello)
			}
			job := closed(60, 20, keepAlive, url)
			job.Link = load.Link{RTT: 300 * ms}
			before := processCPU(t)
			got, final := run(t.Context(), t, with, job)
			used := processCPU(t) - before
			if got.requests.OK != 60 || used > final.Length/3 {
				t.Errorf("%+v, %v of CPU in %v", got.requests, used, final.Length)
			}
		})
	}
}

func TestLinkValidate(t *testing.T) {
	for _, c := range []struct {
		link load.Link
		ok   bool
	}{{load.Link{}, true}, {load.Link{RTT: ms}, true}, {load.Link{RTT: ms, Jitter: ms}, true},
		{load.Link{RTT: ms, Jitter: 2 * ms}, false}, {load.Link{RTT: -1}, false}, {load.Link{Jitter: ms}, false}, {load.Link{RTT: ms, Jitter: -1}, false}} {
		job := jobWith(func(j *load.Job) { j.Phase, j.Requests, j.Concurrency, j.Link = results.Measure, 1, 1, c.link })
		if err := job.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.link, err)
		}
	}
}
