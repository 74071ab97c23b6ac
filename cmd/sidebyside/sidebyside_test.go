//go:build linux

package main

import (
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPacing(t *testing.T) {
	const rate = 1000
	steady := make([]int64, 1000)
	for i := range steady {
		steady[i] = 5e9 + int64(i)*1e6
	}
	late := slices.Clone(steady)
	for i := 500; i < 520; i++ { // 2 % of them come 4 ms late
		late[i] += 4e6
	}
	slow := make([]int64, 1000)
	for i := range slow { // half the rate
		slow[i] = int64(i) * 2e6
	}
	for _, test := range []struct {
		name          string
		arrivals      []int64
		rate          float64
		p50, p99, max time.Duration
	}{
		{"steady", steady, rate, 0, 0, 0},
		// Arrivals are taken in the order in which they came: those that
		// are late are overtaken, and count for the places they fill.
		{"late", late, rate, 0, 4 * time.Millisecond, 4 * time.Millisecond},
		{"slow", slow, rate / 2, 490 * time.Millisecond, 980 * time.Millisecond, 990 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pacing(slices.Clone(test.arrivals), rate)
			near := func(a, b time.Duration) bool { return (a - b).Abs() <= time.Millisecond }
			if math.Abs(got.Rate-test.rate) > .01 || !near(got.P50, test.p50) || !near(got.P99, test.p99) || got.P999 > test.max+time.Millisecond {
				t.Errorf("%+v", got)
			}
		})
	}
	if pacing(steady[:50], rate) != nil {
		t.Error("50 arrivals have percentiles")
	}
}

func TestRatiosArePairedByRound(t *testing.T) {
	made := func(round int, tool string, requests int64, others float64) sample {
		return sample{Round: round, Cell: "x", Tool: tool, Requests: requests,
			cost: cost{CPU: time.Second}, disturbance: disturbance{Others: others}}
	}
	r := record{Quiet: .02, Samples: []sample{
		made(0, fast, 100, 0), made(0, "wrk", 50, 0), // 2
		made(1, fast, 30, .5), made(1, "wrk", 10, 0), // 3, not quiet
		made(2, fast, 40, 0), made(2, "wrk", 10, .01), // 4
		made(3, fast, 70, 0), // wrk is missing
	}}
	if got := r.all().ratio("x", fast, "wrk", sample.perCPU); got != (quartiles{2.5, 3, 3.5, 3}) {
		t.Errorf("all: %+v", got)
	}
	if got := r.quiet().ratio("x", fast, "wrk", sample.perCPU); got != (quartiles{2.5, 3, 3.5, 2}) {
		t.Errorf("quiet: %+v", got)
	}
	if got := r.all().ratio("x", fast, "hey", sample.perCPU); got.n != 0 {
		t.Errorf("none: %+v", got)
	}
}

func TestGates(t *testing.T) {
	least, most := gate{least: true, bound: 1}, gate{bound: 1}
	for _, test := range []struct {
		g     gate
		value float64
		want  string
	}{
		{least, 1, "holds"}, {least, .99, "**does not hold**"},
		{most, 1, "holds"}, {most, 1.01, "**does not hold**"},
	} {
		if got := test.g.holds(summarize([]float64{test.value})); got != test.want {
			t.Errorf("least %v, %v: %s", test.g.least, test.value, got)
		}
	}
	if got := least.holds(summarize(nil)); got != "not measured" {
		t.Error(got)
	}
	// A gate on a cell that does not exist would never be measured.
	names := map[string]bool{}
	for _, c := range cells(time.Second) {
		names[c.String()] = true
	}
	for _, want := range []string{keepAlive(1), keepAlive(10), keepAlive(100), keepAlive(1000), "no keep-alive c=10", "1000/s", "10000/s", "30000/s"} {
		if !names[want] {
			t.Errorf("no cell %s", want)
		}
	}
}

func TestEveryToolCanDoItsCells(t *testing.T) {
	for _, c := range cells(time.Second) {
		for _, tool := range c.Tools {
			if _, _, err := arguments(tool, c, "http://127.0.0.1:1/"); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--length", "1500ms"}, {"more"}, {"--nothing"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	for only, want := range map[string]int{
		"c=10":          2,
		"/s,plimsoll":   3,
		"wrk":           8,
		"1000/s":        1,
		"wrk,ab,c=1000": 1,
	} {
		list, err := selectCells(options{length: time.Second, only: only})
		if err != nil || len(list) != want {
			t.Errorf("--only %s: %v, %v", only, list, err)
		}
	}
	if _, err := selectCells(options{length: time.Second, only: "wkr"}); err == nil {
		t.Error("--only wkr: no error")
	}
}

func TestReplaceTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("a\n"+beginMark+"old\n"+endMark+"b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "a\n" + beginMark + "new\n" + endMark + "b\n"; err != nil || string(got) != want {
		t.Errorf("%v: %q", err, got)
	}
	if err := os.WriteFile(path, []byte("no marks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(path, "new\n"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("without marks: %v", err)
	}
}

// The CPU time of grandchildren counts, and memory is the child's own, not
// that of the test which has forked it.
func TestExecuteMeasuresDescendants(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	ballast := make([]byte, 256<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	const busy = `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; sleep 0.2`
	used, err := execute(t.Context(), shell, []string{"-c", busy}, "")
	if err != nil {
		t.Fatal(err)
	}
	if used.CPU < 20*time.Millisecond || used.Wall < 200*time.Millisecond {
		t.Errorf("%+v", used)
	}
	if used.Largest == 0 || used.Together < used.Largest || used.Together > 128<<20 {
		t.Errorf("memory: %+v", used)
	}
	if ballast[4096] != 1 {
		t.Error("unreachable; keeps the ballast")
	}
	if _, err := execute(t.Context(), shell, []string{"-c", "echo because >&2; exit 3"}, ""); err == nil || !strings.Contains(err.Error(), "because") {
		t.Errorf("a command that fails: %v", err)
	}
}
