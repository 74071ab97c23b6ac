package plot

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestLatencyByRate(t *testing.T) {
	met := []Point{{X: 100, Y: 3e6}, {X: 150, Y: 4e6}, {X: 160, Y: 80e6}}
	missed := []Point{{X: 170, Y: 120e6}, {X: 225, Y: 2e9}}
	for _, tt := range []struct {
		name  string
		rates Rates
		dots  int
		bands int
		rules int // crosses have two lines each
	}{
		{"everything", Rates{Met: met, Missed: missed, Limit: 100e6, Supported: 155, Low: 150, High: 180}, 3, 1, 2 + 2*2},
		{"no number", Rates{Colour: 1, Met: met, Missed: missed, Limit: 100e6}, 3, 0, 1 + 2*2},
		{"nothing passed", Rates{Missed: missed, Limit: 100e6}, 0, 0, 1 + 2*2},
		{"one rate", Rates{Met: met[:1], Limit: 100e6, Supported: 100}, 1, 0, 2},
		{"an interval beyond the rates", Rates{Met: met, Limit: 100e6, Low: 10, High: 9000}, 3, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			svg, err := LatencyByRate("a <label>", "p99", tt.rates)
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, svg)
			again, err := LatencyByRate("a <label>", "p99", tt.rates)
			if err != nil || !bytes.Equal(svg, again) {
				t.Errorf("drawn again it differs (%v)", err)
			}
			text := string(svg)
			if found := regexp.MustCompile(`NaN|Inf|(fill|stroke):#|font-family| id=`).FindString(text); found != "" {
				t.Errorf("has %q", found)
			}
			own := Colour(tt.rates.Colour)
			if n := strings.Count(text, "fill:"+own); n != tt.dots {
				t.Errorf("%d dots, want %d", n, tt.dots)
			}
			if n := strings.Count(text, "fill:var(--grid"); n != tt.bands {
				t.Errorf("%d bands, want %d", n, tt.bands)
			}
			dashed := strings.Count(text, "stroke-dasharray")
			if n := strings.Count(text, "stroke:"+own) + dashed; n != tt.rules {
				t.Errorf("%d lines, want %d", n, tt.rules)
			}
		})
	}
	if _, err := LatencyByRate("", "p99", Rates{Limit: 1e6}); !errors.Is(err, ErrEmpty) {
		t.Errorf("of nothing: %v", err)
	}
}
