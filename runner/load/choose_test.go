package load_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"plimsoll/runner/load"
)

func TestChoose(t *testing.T) {
	job := func(target string, think time.Duration) []load.Job {
		return []load.Job{{Targets: []string{target}, Think: think}}
	}
	for _, c := range []struct {
		name string
		jobs []load.Job
		want string // the transport, or part of the error
	}{
		{"", job("https://news.example", 0), "general"},
		{"auto", job("http://127.0.0.1:80", time.Second), "fast"},
		{"auto", append(job("http://127.0.0.1:80", 0), job("http://localhost", 0)...), "general"},
		{"general", nil, "general"},
		{"fast", job("http://127.0.0.1:80", 0), "fast"},
		{"fast", job("http://[::1]:80", 0), "fast"},
		{"fast", job("http://[fe80::1%25eth0]:80", 0), "use general"},
		{"fast", job("https://127.0.0.1:80", 0), "use general"},
		{"fast", job("http://news.example", 0), "use general"},
		{"quick", nil, "auto, fast and general"},
	} {
		transport, err := load.Choose(c.name, c.jobs)
		if runtime.GOOS != "linux" && c.want == "fast" {
			c.want = map[string]string{"fast": "needs Linux", "auto": "general"}[c.name]
		}
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = transport.Name()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q for %+v: %s, want %q", c.name, c.jobs, got, c.want)
		}
	}
}
