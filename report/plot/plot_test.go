package plot

import (
	"os"
	"testing"
)

func TestPreview(t *testing.T) {
	f, _ := os.Create("/tmp/preview.html")
	defer f.Close()
	f.WriteString("<body style='font-family:system-ui;width:480px'>")
	mk := func(c, d int, k float64) Line {
		l := Line{Colour: c, Dash: d}
		for i := 0; i <= 50; i++ {
			p := float64(i) * 2
			if i == 50 {
				p = 99.5
			}
			l.Points = append(l.Points, Point{X: p, Y: k * 1e6 / (1 - p/101)})
		}
		return l
	}
	b, err := LatencyByPercentile("x", []Line{mk(0, 0, 3), mk(1, 0, 5), mk(0, 1, 4), mk(1, 1, 8)})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b)
	sc := func(c int, y float64) Line {
		return Line{Colour: c, Points: []Point{{X: 0, Y: y, Low: y * .9, High: y * 1.2}, {X: 1, Y: y * 2}}}
	}
	b, err = ThroughputByScale("x", []string{"as written", "static=2,web=3"}, []Line{sc(0, 650), sc(1, 255)})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b)
	b, err = LatencyByScale("x", []string{"as written", "static=2,web=3"}, []Line{sc(0, 65e6), sc(1, 255e6)})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b)
	tm := func(c, d int, y float64) Line {
		l := Line{Colour: c, Dash: d}
		for i := 1; i <= 10; i++ {
			l.Points = append(l.Points, Point{X: float64(i) * 1e9, Y: y * (1 + float64(i%3)/10)})
		}
		return l
	}
	b, err = LatencyOverTime("x", []Line{tm(0, 0, 65e6), tm(1, 1, 2.55e9)})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b)
	b, err = CPUOverTime("x", []Line{tm(0, 0, .65), tm(0, 1, 0.2)}, 2)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b)
}
