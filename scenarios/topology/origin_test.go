package topology

import (
	"testing"

	"plimsoll/scenarios/yamlfile"
)

// TestOrigin asks two files, of which the second overrides the first, and none.
func TestOrigin(t *testing.T) {
	parse := func(file, text string) source {
		tree, err := yamlfile.Parse(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return source{file: file, tree: tree}
	}
	two := &Origin{[]source{
		parse("a.yaml", "services:\n  web:\n    image: x\n    ports: [\"80:80\"]\n"),
		parse("b.yaml", "services:\n  web:\n    cpus: 2\n    ports: [\"81:80\"]\n"),
	}}
	var none *Origin
	anything := func(string) bool { return true }
	tests := []struct {
		name string
		got  yamlfile.Problem
		want string
	}{
		{"in the first alone", two.Problem("services.web.image", "m"), "a.yaml:3:5: services.web.image: m"},
		{"in the second alone", two.Problem("services.web.cpus", "m"), "b.yaml:3:5: services.web.cpus: m"},
		{"in both", two.Problem("services.web.ports", "m"), "b.yaml:4:5: services.web.ports: m"},
		{"in none", two.Problem("services.web.user", "m"), "a.yaml:2:3: services.web.user: m"},
		{"an item of the first", two.ItemProblem("services.web.ports", func(s string) bool { return s == "80:80" }, "m"), "a.yaml:4:13: services.web.ports: m"},
		{"no such item", two.ItemProblem("services.web.ports", func(string) bool { return false }, "m"), "b.yaml:4:5: services.web.ports: m"},
		{"no file", none.Problem("services.web", "m"), "services.web: m"},
		{"no file, an item", none.ItemProblem("services.web", anything, "m"), "services.web: m"},
		{"not parsed", (&Origin{[]source{{file: "c.yaml"}}}).ItemProblem("services.web", anything, "m"), "c.yaml: services.web: m"},
	}
	for _, tt := range tests {
		tt.got.Excerpt = ""
		if got := tt.got.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if two.Holds("services.web.user") || !two.Holds("services.web.cpus") || none.Holds("services") {
		t.Error("Holds is wrong")
	}
	if two.Base() != "a.yaml" {
		t.Errorf("Base %q, want a.yaml", two.Base())
	}
}
