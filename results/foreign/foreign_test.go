package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, format, file string) *Result {
	t.Helper()
	r, _, err := Parse(format, open(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

func tells(t *testing.T, r *Result, places ...string) {
	t.Helper()
	for _, place := range places {
		want := !strings.HasPrefix(place, "!")
		if place = strings.TrimPrefix(place, "!"); r.Trial.Tells(place) != want {
			t.Errorf("tells %s: %v", place, !want)
		}
	}
}

// fails parses text that is wrong and wants the error to say so.
func fails(t *testing.T, parse Parser, text, want string) {
	t.Helper()
	if _, err := parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v does not say %q", err, want)
	}
}

const ms = time.Millisecond

// fuzz holds a parser to never panicking and to figures that are none below 0.
func fuzz(f *testing.F, parse Parser, files ...string) {
	for _, file := range files {
		f.Add(open(f, file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(strings.NewReader(string(text)))
		if (r == nil) == (err == nil) {
			t.Fatalf("result %v and error %v", r, err)
		}
		if err != nil {
			return
		}
		trial := r.Trial
		if trial.Foreign == nil || trial.Mode == "" || r.Load.Text == "" {
			t.Errorf("foreign %v, mode %q, load %q", trial.Foreign, trial.Mode, r.Load.Text)
		}
		if trial.Requests.OK < 0 || trial.Requests.Failed < 0 || trial.Bytes.In < 0 || trial.Latency.Response.P99 < 0 || trial.Duration < 0 {
			t.Errorf("below 0: %+v", trial)
		}
		if _, err := trial.MarshalJSON(); err != nil {
			t.Errorf("cannot be stored: %v", err)
		}
	})
}
