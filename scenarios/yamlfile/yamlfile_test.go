package yamlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# A comment before.
services:
  web.one:
    ports: [80, {target: 8080}]
  web:
    image: &image "é: quoted"
    text: |
      two
      lines
other: {copy: *image, <<: {merged: 1, copy: lost}}
`

func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("sample.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFind(t *testing.T) {
	f := parsed(t, sample)
	tests := []struct {
		path string
		want Place
	}{
		{"services", Place{2, 1}},
		{"services.web", Place{5, 3}},
		{"services.web.one", Place{3, 3}},
		{"services.web.one.ports[0]", Place{4, 13}},
		{"services.web.one.ports[1].target", Place{4, 18}},
		{"services.web.one.ports.1.target", Place{4, 18}},
		{"services.web.image", Place{6, 5}},
		{"services.web.image.deeper", Place{6, 5}}, // as far as it leads
		{"services.web.absent", Place{5, 3}},
		{"other.merged", Place{10, 28}},
		{"absent", Place{}},
	}
	for _, tt := range tests {
		if got, ok := f.Find(tt.path); got != tt.want || ok != (tt.want != Place{}) {
			t.Errorf("Find(%q) = %v, %v, want %v", tt.path, got, ok, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	f := parsed(t, sample)
	for path, want := range map[string]string{
		"services.web.image": "é: quoted", "other.copy": "é: quoted", "services.web.text": "two\nlines\n",
		"services.web.one.ports[0]": "80", "other.merged": "1",
	} {
		if got, ok := f.Text(path); got != want || !ok {
			t.Errorf("Text(%q) = %q, %v, want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"services", "services.web.one.ports", "absent"} {
		if got, ok := f.Text(path); ok {
			t.Errorf("Text(%q) = %q, want none", path, got)
		}
	}
	if diff := cmp.Diff([]string{"copy", "merged"}, f.Keys("other")); diff != "" {
		t.Errorf("keys (-want +got)\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	var billion strings.Builder
	billion.WriteString("a0: &a0 [x]\n")
	for i := range 12 {
		alias := fmt.Sprintf("*a%d, ", i)
		fmt.Fprintf(&billion, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(alias, 10), ", "))
	}
	tests := []struct{ name, text, want string }{
		{"itself", "a: &a {<<: *a}", "x.yaml:1:12: stands for itself"},
		{"itself deeper", "a: &a {b: &b {c: *a}}", "x.yaml:1:18: stands for itself"},
		{"billions", billion.String(), "x.yaml:6:15: aliases make more than 100000 values"},
		{"two documents", "a: 1\n---\nb: 1\n", "x.yaml:3:1: is a second document"},
		{"no UTF-8", "a: 1\nb: \xff\n", "x.yaml:2:1: is not UTF-8 text"},
		{"brace", "a: {b: 1\nc: 2\n", "x.yaml:2:1: is not YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(tt.text))
			var problems *Error
			if !errors.As(err, &problems) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v, want an *Error that begins with %q", err, tt.want)
			}
		})
	}
}

func TestProblemString(t *testing.T) {
	f := parsed(t, "é: {b: 1}\n#\tx\x1b[31m: 2\n")
	tests := []struct {
		name string
		p    Problem
		want string
	}{
		{"characters, not bytes", f.Problem(Place{1, 5}, "é.b", "is bad"),
			"sample.yaml:1:5: é.b: is bad\n    1 | é: {b: 1}\n      |     ^"},
		{"no escape sequence reaches the terminal", f.Problem(Place{2, 3}, "x", "is bad"),
			"sample.yaml:2:3: x: is bad\n    2 | #\tx\ufffd[31m: 2\n      |  \t^"},
		{"beyond the line", f.Problem(Place{1, 99}, "", "ends"),
			"sample.yaml:1:10: ends\n    1 | é: {b: 1}\n      |          ^"},
		{"no place", f.Problem(Place{}, "", "is lost"), "sample.yaml: is lost"},
		{"no file", Problem{Message: "is lost"}, "is lost"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.p.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestNewErrorSorts(t *testing.T) {
	a, b := Problem{File: "a", Place: Place{2, 1}}, Problem{File: "a", Place: Place{1, 9}}
	c := Problem{File: "c", Place: Place{1, 1}}
	got := NewError(a, c, b, a, c).Problems
	if diff := cmp.Diff([]Problem{b, a, c}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"rate", "requests", "concurrency", "duration", "production", "web"}
	tests := []struct{ written, want string }{
		{"rte", "rate"}, {"Rate", "rate"}, {"concurency", "concurrency"}, {"prod", "production"},
		{"wbe", "web"}, {"webs", "web"}, {"durration", "duration"},
		{"x", ""}, {"zebra", ""}, {"", ""}, {"nonsense", ""},
	}
	for _, tt := range tests {
		want := ""
		if tt.want != "" {
			want = fmt.Sprintf("; did you mean %q?", tt.want)
		}
		if got := DidYouMean(tt.written, words); got != want {
			t.Errorf("DidYouMean(%q) = %q, want %q", tt.written, got, want)
		}
	}
}

// TestDecodeAt decodes a part of a file: paths begin there, problems have the
// whole of them, and an alias stands for the top.
func TestDecodeAt(t *testing.T) {
	f, err := Parse("a.yaml", []byte("before: 1\nours:\n  name: x\n  nmae: y\n  count: many\n"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Name  string `json:"name"`
		Count int    `json:"count"`
	}
	c := f.DecodeAt("ours", &v)
	c.Alias("other.way", "given")
	if v.Name != "x" {
		t.Errorf("name %q, want x", v.Name)
	}
	for path, want := range map[string]bool{
		"name": true, "other.way.name": true, "other.way": true, "given": true, "other.way.given": true,
		"missing": false, "other.wayname": false, "before": false, "ours.name": false,
	} {
		if c.Has(path) != want {
			t.Errorf("Has(%q) is %v", path, !want)
		}
	}
	if c.Sound("other.way.count") || !c.Sound("other.way.name") || !c.Strange("other.way") {
		t.Error("what is wrong is not known by its alias")
	}
	c.Add("other.way.missing", "is missing")
	c.AddKey("other.way.name", "is no name")
	want := `a.yaml:2:1: ours.missing: is missing
    2 | ours:
      | ^
a.yaml:3:3: ours.name: is no name
    3 |   name: x
      |   ^
a.yaml:4:3: ours.nmae: unknown key; did you mean "name"?
    4 |   nmae: y
      |   ^
a.yaml:5:10: ours.count: must be a whole number, not the text "many"
    5 |   count: many
      |          ^`
	if diff := cmp.Diff(want, c.Err().Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
