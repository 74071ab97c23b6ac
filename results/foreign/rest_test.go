package foreign

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/internal/latency"
)

func hlog(t testing.TB, tags ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	start := time.Unix(1_700_000_000, 0)
	w, err := latency.NewLogWriter(&b, start)
	if err != nil {
		t.Fatal(err)
	}
	for second := range 3 {
		for i, tag := range tags {
			h := latency.New()
			for n := range 100 {
				h.Record(time.Duration(1+n+100*i) * ms)
			}
			if err := w.Write(tag, start.Add(time.Duration(second)*time.Second), time.Second, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

func FuzzHLog(f *testing.F) {
	f.Add(hlog(f, ""))
	f.Add(hlog(f, "a", "b"))
	fuzz(f, HLog)
}

func TestHLog(t *testing.T) {
	r, format, err := Parse(Auto, hlog(t, "", "lag"))
	if err != nil || format != "hlog" {
		t.Fatal(format, err)
	}
	l := r.Trial.Latency.Response
	if l.Count != 300 || l.P50.Round(ms) != 50*ms || l.Max.Round(ms) != 100*ms || r.Trial.Duration != 3*time.Second {
		t.Errorf("%+v, %v", l, r.Trial.Duration)
	}
	tells(t, r, "started", "!requests.ok", "!throughput_rps")
	fails(t, HLog, string(hlog(t, "a", "b")), "several tags (a, b)")
	one, _, err := Parse("hlog", hlog(t, "a"))
	if err != nil || one.Trial.Latency.Response.Count != 300 {
		t.Errorf("%v, %+v", err, one)
	}
	text := string(hlog(t, ""))
	fails(t, HLog, strings.Replace(text, ",HIST", ",XIST", 1), "line ")
	fails(t, HLog, text+"1,2,3\n", "3 columns")
	fails(t, HLog, strings.Replace(text, ",100.0", ",9100.0", 1), "only logs of nanoseconds")
	fails(t, HLog, "#x\n", "no interval")
}

func FuzzHAProxy(f *testing.F) { fuzz(f, HAProxy, "haproxy.csv") }

func TestHAProxy(t *testing.T) {
	r := parse(t, Auto, "haproxy.csv")
	rows := r.Trial.Foreign.Balancer
	if len(rows) != 9 || rows[1].Server != "prod_web_1" || *rows[1].Sessions != 334 || *rows[0].BytesOut != 542_938 {
		t.Errorf("%+v", rows)
	}
	if rows[0].DowntimeSeconds != nil || rows[0].Answers5xx != nil {
		t.Errorf("the page does not tell this: %+v", rows[0])
	}
	text := string(open(t, "haproxy.csv"))
	fails(t, HAProxy, strings.Replace(text, ",334,", ",many,", 1), "line 3: stot")
	fails(t, HAProxy, strings.Replace(text, "svname", "server", 1), "line 1")
	fails(t, HAProxy, text+"a,b,c,d,e,f,g,h,i,j,k\n", "line 11: 11 columns")
	fails(t, HAProxy, "# pxname,svname\n", "no rows")
}

func FuzzK6(f *testing.F) { fuzz(f, K6, "k6-export.json", "k6-handle.json", "k6-machine.json") }

func TestK6(t *testing.T) {
	for _, file := range []string{"k6-export.json", "k6-handle.json", "k6-machine.json"} {
		r := parse(t, Auto, file)
		if c := r.Trial.Requests; c.OK != 396 || c.Failed != 4 || r.Trial.Latency.Response.Mean != 12500*time.Microsecond || r.Trial.Concurrency != 10 {
			t.Errorf("%s: %+v", file, r.Trial)
		}
		if got := r.Trial.Throughput; got < 39.3 || got > 39.5 {
			t.Errorf("%s: throughput %g", file, got)
		}
	}
	tells(t, parse(t, "k6", "k6-export.json"), "latency_ns.response.p95", "bytes.in", "!latency_ns.response.p99", "!duration_ns", "!latency_ns.response.stddev")
	tells(t, parse(t, "k6", "k6-handle.json"), "latency_ns.response.p99.9", "duration_ns", "!latency_ns.response.p50", "!latency_ns.connect.max")
	if r := parse(t, "k6", "k6-machine.json"); r.Trial.Foreign.Tool != "k6 1.5.0" || r.Trial.Duration != 10050250*time.Microsecond {
		t.Errorf("%+v", r.Trial.Foreign)
	}
	text := string(open(t, "k6-export.json"))
	fails(t, K6, strings.Replace(text, `"passes": 4`, `"passes": 4000`, 1), "4000 of 400 requests failed")
	fails(t, K6, strings.Replace(text, `"avg": 12.5`, `"avg": -1`, 1), "http_req_duration: avg")
	fails(t, K6, text[:100], "line ")
	fails(t, K6, text+"{}", "something follows")
	fails(t, K6, "{}", "neither")
}

// attack is 100 requests, 50 a second, every tenth of which fails.
func attack() []vegeta.Result {
	var list []vegeta.Result
	for i := range 100 {
		code := uint16(200)
		if i%10 == 9 {
			code = 503
		}
		list = append(list, vegeta.Result{
			Attack: "a", Seq: uint64(i), Code: code, Timestamp: time.Unix(1_700_000_000, 0).Add(time.Duration(20*i) * ms).UTC(),
			Latency: time.Duration(1+i) * ms, BytesIn: 331, Method: "GET", URL: "http://127.0.0.1/",
		})
	}
	return list
}

// vegetaFiles are one attack in all of vegeta's forms.
func vegetaFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for name, encoder := range map[string]func(*bytes.Buffer) vegeta.Encoder{
		"json": func(b *bytes.Buffer) vegeta.Encoder { return vegeta.NewJSONEncoder(b) },
		"csv":  func(b *bytes.Buffer) vegeta.Encoder { return vegeta.NewCSVEncoder(b) },
		"gob":  func(b *bytes.Buffer) vegeta.Encoder { return vegeta.NewEncoder(b) },
	} {
		var b bytes.Buffer
		enc := encoder(&b)
		for _, r := range attack() {
			if err := enc.Encode(&r); err != nil {
				t.Fatal(err)
			}
		}
		files[name] = b.Bytes()
	}
	var m vegeta.Metrics
	for _, r := range attack() {
		m.Add(&r)
	}
	m.Close()
	var b bytes.Buffer
	if err := vegeta.NewJSONReporter(&m).Report(&b); err != nil {
		t.Fatal(err)
	}
	files["report"] = b.Bytes()
	return files
}

func FuzzVegeta(f *testing.F) {
	for _, text := range vegetaFiles(f) {
		f.Add(text)
	}
	fuzz(f, Vegeta)
}

func TestVegeta(t *testing.T) {
	for name, text := range vegetaFiles(t) {
		r, format, err := Parse(Auto, text)
		if err != nil || format != "vegeta" {
			t.Errorf("%s: %s, %v", name, format, err)
			continue
		}
		c := r.Trial
		if c.Requests.Sent != 100 || c.Requests.OK != 90 || c.Requests.Failed != 10 || c.Requests.Status["503"] != 10 || c.Bytes.Body != 33_100 {
			t.Errorf("%s: %+v", name, c.Requests)
		}
		// The last was sent after 1.98 s and took 0.1 s.
		if c.Duration != 2080*ms || c.Latency.Response.Max.Round(ms) != 100*ms || c.Throughput < 43.2 || c.Throughput > 43.3 {
			t.Errorf("%s: %v, %v, %g/s", name, c.Duration, c.Latency.Response.Max, c.Throughput)
		}
		if got := fmt.Sprint(r.Load.Text); got != "about 51/s for about 2s" && got != "about 50/s for about 2s" {
			t.Errorf("%s: load %q", name, got)
		}
		tells(t, r, "latency_ns.response.p99", "!bytes.out", "!requested_rate", "!latency_ns.lag.p99")
		if curve := len(r.Log) > 0; curve != (name != "report") {
			t.Errorf("%s: a log of %d lines", name, len(r.Log))
		}
	}
	text := string(vegetaFiles(t)["json"])
	r, err := Vegeta(strings.NewReader(strings.TrimSuffix(text, "\n")))
	if err != nil || r.Trial.Requests.Sent != 100 {
		t.Errorf("without the last line's end: %v", err)
	}
	fails(t, Vegeta, text+"{\"code\": oops}\n", "result 101")
	fails(t, Vegeta, string(vegetaFiles(t)["csv"])+"1,2,3\n", "result 101")
	fails(t, Vegeta, "hello", "line 1")
	report := string(vegetaFiles(t)["report"])
	fails(t, Vegeta, strings.Replace(report, `"requests":100`, `"requests":101`, 1), "status_codes")
	fails(t, Vegeta, strings.Replace(report, `"earliest"`, `"first"`, 1), `no "earliest"`)
}

func TestUnknown(t *testing.T) {
	for _, text := range []string{"", "hello\n", "{}", "a,b\n1,2\n"} {
		if _, format, err := Parse(Auto, []byte(text)); err == nil {
			t.Errorf("%q was taken for %s", text, format)
		}
	}
	if _, _, err := Parse("jmeter", nil); err == nil || !strings.Contains(err.Error(), "haproxy") {
		t.Errorf("error %v does not list the formats", err)
	}
}
