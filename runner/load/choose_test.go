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
		want string // part of the error; empty: none
	}{
		{"", job("https://news.example", 0), ""},
		{"auto", job("http://127.0.0.1:80", time.Second), ""},
		{"general", nil, ""},
		{"fast", job("http://127.0.0.1:80", 0), ""},
		{"fast", job("http://[::1]:80", 0), ""},
		{"fast", job("https://127.0.0.1:80", 0), "use general"},
		{"fast", job("http://news.example", 0), "use general"},
		{"fast", job("http://127.0.0.1:80", time.Second), "use general"},
		{"quick", nil, "auto, fast and general"},
	} {
		transport, err := load.Choose(c.name, c.jobs)
		if c.name == "fast" && c.want == "" && runtime.GOOS != "linux" {
			c.want = "needs Linux"
		}
		switch {
		case c.want == "" && (err != nil || transport == nil):
			t.Errorf("%q for %+v: %v, %v", c.name, c.jobs, transport, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q for %+v: error %v, want %q", c.name, c.jobs, err, c.want)
		}
	}
}
