package scenarios

import (
	"path/filepath"
	"testing"
	"time"
)

func TestWarmup(t *testing.T) {
	for written, want := range map[string]struct {
		warmup Warmup
		text   string
	}{
		"":                                    {Warmup{For: 5 * time.Second}, "5s"},
		"warmup: 10s":                         {Warmup{For: 10 * time.Second}, "10s"},
		"warmup: none":                        {Warmup{}, "none"},
		"warmup: steady":                      {Warmup{For: 2 * time.Minute, UntilSteady: true}, "until steady, at most 2m"},
		"warmup: {until: steady}":             {Warmup{For: 2 * time.Minute, UntilSteady: true}, "until steady, at most 2m"},
		"warmup: {until: steady, limit: 4m}":  {Warmup{For: 4 * time.Minute, UntilSteady: true}, "until steady, at most 4m"},
		"warmup: {limit: 40s, until: steady}": {Warmup{For: 40 * time.Second, UntilSteady: true}, "until steady, at most 40s"},
	} {
		t.Run(written, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "s.yaml", "environments: {a: {target: http://b}}\nloads: {ab: {requests: 1, concurrency: 1}}\n"+written+"\n")
			s, err := Read(filepath.Join(dir, "s.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if s.Warmup != want.warmup || s.Warmup.Text() != want.text {
				t.Errorf("%+v, %q; want %+v, %q", s.Warmup, s.Warmup.Text(), want.warmup, want.text)
			}
			stored, _, err := s.Resolved()
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "stored.yaml", string(stored))
			again, err := Read(filepath.Join(dir, "stored.yaml"))
			if err != nil || again.Warmup != s.Warmup {
				t.Errorf("stored and read again: %+v, %v\n%s", again, err, stored)
			}
		})
	}
}
