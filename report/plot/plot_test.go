package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot"
)

// drawings are all plots, drawn with the same lines.
func drawings(lines []Line) map[string]func() ([]byte, error) {
	scales := []string{"as written", "static=2,web=3"}
	return map[string]func() ([]byte, error){
		"percentile": func() ([]byte, error) { return LatencyByPercentile("a label", lines) },
		"throughput": func() ([]byte, error) { return ThroughputByScale("a label", scales, lines) },
		"scale":      func() ([]byte, error) { return LatencyByScale("a label", scales, lines) },
		"latency":    func() ([]byte, error) { return LatencyOverTime("a label", lines) },
		"CPU":        func() ([]byte, error) { return CPUOverTime("a label", lines, 2) },
		"memory":     func() ([]byte, error) { return MemoryOverTime("a label", lines, 1<<30) },
	}
}

func TestPlotsAreInline(t *testing.T) {
	lines := []Line{
		{Colour: 0, Dash: 0, Points: []Point{{X: 0, Y: 1e6, Low: 0.9e6, High: 1.2e6}, {X: 1, Y: 2e6}}},
		{Colour: 9, Dash: 7, Points: []Point{{X: 0, Y: 5e6}, {X: 1, Y: 90e6}}},
	}
	for name, draw := range drawings(lines) {
		t.Run(name, func(t *testing.T) {
			svg, err := draw()
			if err != nil {
				t.Fatal(err)
			}
			again, err := draw()
			if err != nil || !bytes.Equal(svg, again) {
				t.Errorf("drawn again it differs (%v)", err)
			}
			wellFormed(t, svg)
			text := string(svg)
			for what, pattern := range map[string]string{
				"a size of its own":  `<svg[^>]* (width|height)=`,
				"a font of its own":  `font-family`,
				"a fixed colour":     `(fill|stroke):#`,
				"an id":              ` id=`,
				"an address":         `https?:`,
				"a number of no use": `NaN|Inf`,
				"a declaration":      `<\?xml|<!`,
			} {
				if found := regexp.MustCompile(pattern).FindString(text); found != "" {
					t.Errorf("has %s: %q", what, found)
				}
			}
			for _, want := range []string{`aria-label="a label"`, `viewBox="0 0 440 264"`, "var(--env-0,", "var(--env-1,", "var(--grid,", "var(--quiet,"} {
				if !strings.Contains(text, want) {
					t.Errorf("has no %s", want)
				}
			}
			inside(t, text)
		})
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
}

// inside checks that no line leaves the picture.
func inside(t *testing.T, svg string) {
	t.Helper()
	for _, d := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		for _, p := range regexp.MustCompile(`[ML]([-0-9.e]+),([-0-9.e]+)`).FindAllStringSubmatch(d[1], -1) {
			x, errX := strconv.ParseFloat(p[1], 64)
			y, errY := strconv.ParseFloat(p[2], 64)
			if errX != nil || errY != nil || x < 0 || x > width || y < 0 || y > height {
				t.Errorf("point %s,%s is outside of the picture", p[1], p[2])
			}
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, draw := range drawings([]Line{{}}) {
		if svg, err := draw(); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s without points: %v and %d bytes, want ErrEmpty", name, err, len(svg))
		}
	}
	if _, err := LatencyOverTime("zeros", []Line{{Points: []Point{{X: 1}, {X: 2}}}}); !errors.Is(err, ErrEmpty) {
		t.Errorf("only zeros on a logarithmic axis: %v, want ErrEmpty", err)
	}
	if _, err := CPUOverTime("zeros", []Line{{Points: []Point{{X: 1e9}, {X: 2e9}}}}, 0); err != nil {
		t.Errorf("an idle service is a line at 0, not %v", err)
	}
}

// A single point has no line; it is drawn as a mark.
func TestSinglePoint(t *testing.T) {
	svg, err := LatencyOverTime("one", []Line{{Points: []Point{{X: 1e9, Y: 5e6}}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(svg), "fill:var(--env-0") {
		t.Error("the point is not there")
	}
}

func TestDrawingLeavesTheLinesAlone(t *testing.T) {
	fresh := func() []Line { return []Line{{Points: []Point{{X: 0, Y: 1e6, Low: 1, High: 2e6}, {X: 1, Y: 2e6}}}} }
	lines := fresh()
	for name, draw := range drawings(lines) {
		if _, err := draw(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(fresh(), lines); diff != "" {
			t.Errorf("%s changed its lines (-before +after):\n%s", name, diff)
		}
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []float64) string {
		var parts []string
		for _, v := range ticks {
			parts = append(parts, number(v))
		}
		return strings.Join(parts, " ")
	}
	for _, test := range []struct {
		name string
		got  []float64
		want string
	}{
		{"covering 1467", values(linearTicks(1467, true)), "0 500 1000 1500"},
		{"covering 10", values(linearTicks(10, true)), "0 2 4 6 8 10"},
		{"covering 0.3", values(linearTicks(0.3, true)), "0 0.05 0.1 0.15 0.2 0.25 0.3"},
		{"covering nothing", values(linearTicks(0, true)), "0 0.2 0.4 0.6 0.8 1"},
		{"inside of 10.04", values(linearTicks(10.04, false)), "0 2 4 6 8 10"},
		{"log 3 to 40", values(logTicks(3, 40)), "2 5 10 20 50"},
		{"log 10 to 100", values(logTicks(10, 100)), "10 20 50 100"},
		{"log of one value", values(logTicks(5, 5)), "5 10 20"},
		{"log of nothing", values(logTicks(math.Inf(1), 0)), "1 2 5 10"},
	} {
		if got := labels(test.got); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	var percentiles []string
	for _, tick := range percentileTicks(nines(99.9)) {
		percentiles = append(percentiles, tick.Label)
	}
	if got := strings.Join(percentiles, " "); got != "0 50 75 90 95 99 99.9" {
		t.Errorf("percentiles %s", got)
	}
}

func values(ticks plot.ConstantTicks) []float64 {
	var list []float64
	for _, t := range ticks {
		list = append(list, t.Value)
	}
	return list
}

// Every axis' ticks are ascending, few enough to read, and reach what they are
// to cover.
func FuzzTicks(f *testing.F) {
	f.Add(1.0, 10.0)
	f.Add(0.001, 3_600_000.0)
	f.Fuzz(func(t *testing.T, low, high float64) {
		if !(low > 1e-9) || !(high < 1e12) || low > high {
			t.Skip()
		}
		for name, list := range map[string]plot.ConstantTicks{"linear": linearTicks(high, true), "logarithmic": logTicks(low, high)} {
			labelled := 0
			for i, v := range list {
				if i > 0 && v.Value <= list[i-1].Value {
					t.Fatalf("%s: %v does not ascend", name, list)
				}
				if v.Label != "" {
					labelled++
				}
			}
			if labelled < 2 || labelled > 25 {
				t.Errorf("%s: %d labels from %v to %v", name, labelled, low, high)
			}
			if last := list[len(list)-1].Value; last < high*(1-1e-6) {
				t.Errorf("%s: ends at %v, below %v", name, last, high)
			}
		}
		if first := logTicks(low, high)[0].Value; first > low*(1+1e-6) {
			t.Errorf("begins at %v, above %v", first, low)
		}
	})
}
