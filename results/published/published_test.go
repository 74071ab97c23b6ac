package published_test

import (
	"math"
	"testing"
	"time"

	"plimsoll/results/foreign"
	"plimsoll/results/published"
)

func read(t *testing.T, file string) *foreign.Result {
	t.Helper()
	text, err := published.Files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := foreign.Parse(foreign.Auto, text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

// TestIdentities: ab's derived figures follow from those it counted, as far as
// its rounding lets one see.
func TestIdentities(t *testing.T) {
	for file, printed := range map[string]struct {
		rps, perRequest, across, kbytes float64
		p50, p99, longest               time.Duration
	}{
		"training.ab.txt":                  {1226.77, 8.151, .815, 706.73, 6, 32, 183},
		"production.ab.txt":                {649.83, 15.389, 1.539, 356.59, 14, 42, 83},
		"production@web=3,static=2.ab.txt": {255.01, 39.214, 3.921, 139.94, 11, 2145, 2328},
		"cloud.ab.txt":                     {17.79, 562.173, 56.217, 9.76, 400, 2148, 3664},
	} {
		trial := read(t, file).Trial
		n, took := float64(trial.Requests.OK), trial.Duration.Seconds()
		if n != 1000 || trial.Requests.Failed != 0 || trial.Concurrency != 10 || trial.Bytes.Body != 331_000 {
			t.Errorf("%s: %+v, %+v, concurrency %d", file, trial.Requests, trial.Bytes, trial.Concurrency)
		}
		within := .0005/took + .0001 // of the time's rounding
		for what, pair := range map[string][2]float64{
			"n/T":     {n / took, printed.rps},
			"told":    {trial.Throughput, printed.rps},
			"c·T/n":   {float64(trial.Concurrency) * 1000 * took / n, printed.perRequest},
			"T/n":     {1000 * took / n, printed.across},
			"bytes/T": {float64(trial.Bytes.In) / 1024 / took, printed.kbytes},
		} {
			if math.Abs(pair[0]-pair[1]) > within*pair[1]+.005 {
				t.Errorf("%s: %s = %g, printed %g", file, what, pair[0], pair[1])
			}
		}
		ms := time.Millisecond
		if l := trial.Latency.Response; l.P50 != printed.p50*ms || l.P99 != printed.p99*ms || l.Max != printed.longest*ms {
			t.Errorf("%s: %+v", file, l)
		}
	}
}

// TestBytesAgree: the balancer answers with one header more than it counts for
// its backends, and with that ab's count and the balancer's are the same.
func TestBytesAgree(t *testing.T) {
	const closes = "Connection: close\r\n"
	ab := read(t, "production@web=3,static=2.ab.txt").Trial
	rows := read(t, "production@web=3,static=2.haproxy.csv").Trial.Foreign.Balancer
	front := rows[0]
	if front.Server != "FRONTEND" || *front.Sessions != ab.Requests.Sent || ab.Bytes.In-*front.BytesOut != int64(len(closes))*ab.Requests.Sent {
		t.Errorf("ab counted %d bytes of %d answers, the balancer %d of %d", ab.Bytes.In, ab.Requests.Sent, *front.BytesOut, *front.Sessions)
	}
	var sessions, in, out int64
	for _, r := range rows[1:4] {
		sessions, in, out = sessions+*r.Sessions, in+*r.BytesIn, out+*r.BytesOut
	}
	if back := rows[4]; sessions != *back.Sessions || in != *back.BytesIn || out != *back.BytesOut || out != *front.BytesOut {
		t.Errorf("the servers have %d sessions, %d bytes in and %d out; all together %+v", sessions, in, out, back)
	}
}
