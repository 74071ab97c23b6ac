package scenarios

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// An objective knows where it stands, however it is written.
func TestObjectivePlaces(t *testing.T) {
	const head = "environments:\n  there: {target: \"http://127.0.0.1:1\"}\nloads:\n  ab: {requests: 10, concurrency: 1}\n"
	tests := []struct {
		name, text string
		want       string // lines and columns
	}{
		{"below each other", head + "objectives:\n  - errors < 1%\n  # for all\n  -   'p(99) < 1s'\n", "6:5 8:7"},
		{"in brackets", head + "objectives: [errors < 1%, \"p(99) < 1s\"]\n", "5:14 5:27"},
		{"after letters of several bytes", "x-é: {ü: [\"ä\"]}\n" + head + "objectives: [errors < 1%]\n", "6:14"},
		{"line ends of Windows", "\ufeffname: x\r\n" + head + "objectives:\r\n  - errors < 1%\r\n", "7:5"},
		{"where the anchor is", "x-all: &all\n  - errors < 1%\n" + head + "objectives: *all\n", "2:5"},
		{"given twice", head + "objectives: [errors < 1%, errors < 1%]\n", "5:14 5:27"},
		{"in a Compose file", "services: {web: {image: x, expose: ['80']}}\nx-plimsoll:\n  target: http://web\n  loads: {ab: {requests: 10, concurrency: 1}}\n" +
			"  objectives:\n    - errors < 1%\n", "6:7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "there.yaml", tt.text)
			s, err := Read(filepath.Join(dir, "there.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range s.Objectives {
				got = append(got, fmt.Sprintf("%d:%d", o.Place.Line, o.Place.Column))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("the objectives stand at %s, want %s", got, tt.want)
			}
		})
	}
}
