package plot

import (
	"fmt"
	"html"
	"image/color"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// palette is Okabe and Ito's, which colour-blind readers can tell apart, in an
// order that puts what is readable on light and dark ground first.
var palette = []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C7A00", "#7F7F7F"}

// Palette returns the colours of environments, by their place. Further ones
// begin again with the first.
func Palette() []string { return append([]string(nil), palette...) }

// Colour is the CSS colour of an environment.
func Colour(i int) string {
	i %= len(palette)
	return fmt.Sprintf("var(--env-%d,%s)", i, palette[i])
}

// Dash is the stroke-dasharray of a pattern; "none" for the first.
func Dash(i int) string {
	lengths := dashes(i)
	if len(lengths) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(lengths))
	for _, l := range lengths {
		parts = append(parts, strconv.FormatFloat(float64(l), 'g', -1, 64))
	}
	return strings.Join(parts, ",")
}

func dashes(i int) []vg.Length {
	patterns := [][]vg.Length{nil, {7, 4}, {2, 3}, {9, 3, 2, 3}, {12, 3}, {4, 2, 1, 2, 1, 2}}
	return patterns[i%len(patterns)]
}

func shape(i int) draw.GlyphDrawer {
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}
	return shapes[i%len(shapes)]
}

// Colours that stand for the page's own. They are opaque, and told from each
// other by their last byte, so that inline can find them in the SVG.
var (
	quiet = color.NRGBA{R: 0xE0, G: 0x02, A: 0xFF}
	faint = color.NRGBA{R: 0xE0, G: 0x02, B: 1, A: 0xFF}
)

// faintColour stands for an environment's, faintly.
func faintColour(i int) color.Color {
	return color.NRGBA{R: 0xE0, G: 0x03, B: uint8(i % len(palette)), A: 0xFF}
}

// FaintOpacity is that of faint lines.
const FaintOpacity = "0.4"

// colour stands for an environment's.
func colour(i int) color.Color {
	return color.NRGBA{R: 0xE0, G: 0x01, B: uint8(i % len(palette)), A: 0xFF}
}

var (
	svgHead     = regexp.MustCompile(`(?s)^.*?<svg[^>]*?viewBox="([^"]+)"[^>]*>`)
	ownColour   = regexp.MustCompile(`#E00([123])([0-9A-F]{2})`)
	fontOfText  = regexp.MustCompile(`font-family:[^;"]*;font-variant:[^;"]*;font-weight:[^;"]*;font-style:[^;"]*;`)
	spaceInText = regexp.MustCompile(`>\n\s*`)
)

// inline turns a stand-alone SVG document into one that is part of a page.
func inline(svg, label string) string {
	head := svgHead.FindStringSubmatch(svg)
	body := svg[len(head[0]):]
	body = ownColour.ReplaceAllStringFunc(body, func(c string) string {
		i, err := strconv.ParseUint(c[5:], 16, 8)
		switch {
		case err != nil:
			return c
		case c[4] == '1':
			return Colour(int(i))
		case c[4] == '3': // stands where a stroke's colour does
			return Colour(int(i)) + ";stroke-opacity:" + FaintOpacity
		case i == 1:
			return "var(--grid,#e4e4e0)"
		}
		return "var(--quiet,#5c5f66)"
	})
	body = fontOfText.ReplaceAllString(body, "")
	body = strings.ReplaceAll(body, "\n\tstyle=", " style=")
	body = spaceInText.ReplaceAllString(body, ">")
	return fmt.Sprintf(`<svg class="plot" role="img" aria-label="%s" viewBox="%s">%s`,
		html.EscapeString(label), head[1], body)
}
