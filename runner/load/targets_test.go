package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/load"
)

func TestReadTargets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"x-key": "all", "Accept": "text/html"}
	get := func(path string, headers map[string]string) load.Request {
		return load.Request{Name: "GET " + path, Method: "GET", Path: path, Headers: headers, Body: []byte("all"), Weight: 1}
	}
	for _, test := range []struct {
		name, text, base string
		want             []load.Request
	}{
		{
			"http", "# first\nGET http://h:81/a?b=c#d\nX-Key: own\nCookie: a=1\nCookie: b=2\n\nPOST http://h:81/post\n@" + file + "\nGET /", "http://h:81",
			[]load.Request{
				get("/a?b=c", map[string]string{"X-Key": "own", "Accept": "text/html", "Cookie": "a=1; b=2"}),
				{Name: "POST /post", Method: "POST", Path: "/post", Headers: given, Body: []byte(`{"a":1}`), Weight: 1},
				get("/", given),
			},
		},
		{
			"json, its last line without an end",
			`{"method":"GET","url":"https://h","header":{"Accept":["a","b"]}}` + "\n\n" + `{"method":"PUT","url":"https://h/x","body":"Zm9v"}`, "https://h",
			[]load.Request{
				get("/", map[string]string{"x-key": "all", "Accept": "a, b"}),
				{Name: "PUT /x", Method: "PUT", Path: "/x", Headers: given, Body: []byte("foo"), Weight: 1},
			},
		},
		{"only paths", "GET /one\nGET /two\n", "", []load.Request{get("/one", given), get("/two", given)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			mix, base, err := load.ReadTargets([]byte(test.text), given, []byte("all"))
			if err != nil {
				t.Fatal(err)
			}
			if base != test.base {
				t.Errorf("base %q, want %q", base, test.base)
			}
			if diff := cmp.Diff(test.want, mix); diff != "" {
				t.Errorf("mix (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTargetsErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "\n# nothing\n", "no targets"},
		{"two hosts", "GET http://a/\nGET http://b/\n", "target 2 is at http://b, one before it at http://a"},
		{"no method", "GET http://a/\n\nhttp://a/b\n", "target 2: bad target"},
		{"no header", "GET http://a/\nfoo\n", "target 1: bad header"},
		{"no body file", "GET http://a/\n@/nosuch/file\n", "/nosuch/file"},
		{"user", "GET http://me:secret@a/\n", "Authorization"},
		{"two spellings", "GET http://a/\nx-key: 1\nX-KEY: 2\n", "is written"},
		{"json without a URL", `{"method":"GET"}`, "target 1: target: required url"},
		{"broken json", `{"method":"GET","url":"http://a"}` + "\n" + `{"meth`, "target 2"},
		{"long line", "GET http://a/\nX: " + strings.Repeat("x", 1<<16) + "\n\nGET http://a/b\n", "line 2 is longer"},
	} {
		if _, _, err := load.ReadTargets([]byte(test.text), nil, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v tells the password", test.name, err)
		}
	}
}

func FuzzReadTargets(f *testing.F) {
	for _, text := range []string{"GET http://a/\nX: y\n\nPOST /b\n", `{"method":"GET","url":"http://a"}`, "", "#", "{", "GET %zz"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "@") {
			return // names files
		}
		mix, _, err := load.ReadTargets(text, nil, nil)
		if err == nil && len(mix) == 0 {
			t.Error("neither targets nor an error")
		}
		for _, r := range mix {
			if r.Weight != 1 || r.Method == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestUntil(t *testing.T) {
	for _, test := range []struct {
		requests int64
		count    int
		per      time.Duration
	}{
		{1, 1, time.Second}, {1000, 333, time.Second}, {1001, 30_000, time.Second}, {7, 3, time.Minute}, {1 << 40, 1_000_000, time.Second},
	} {
		d, err := load.Until(test.requests, test.count, test.per)
		if err != nil {
			t.Fatal(err)
		}
		s, err := load.NewConstant(test.count, test.per, d)
		if err != nil {
			t.Fatal(err)
		}
		if s.Total() != test.requests {
			t.Errorf("%+v: %v holds %d requests", test, d, s.Total())
		}
	}
	for _, test := range []struct {
		requests int64
		count    int
		per      time.Duration
	}{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {1 << 62, 1, time.Hour}} {
		if d, err := load.Until(test.requests, test.count, test.per); err == nil {
			t.Errorf("%+v: %v, want an error", test, d)
		}
	}
}
