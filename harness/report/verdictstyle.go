package report

import (
	"fmt"
	"image/color"
	"strings"

	"oomcage/harness/outcome"
)

// look is how a verdict is drawn. The letter tells what the colour tells, for greyscale, for those who see
// colours differently, and for text. Colours are a fill and the ink on it, for a light page and for a
// dark one; their contrast is at least 7:1 (TestTheInkOnAVerdictCanBeRead).
type look struct {
	letter                  string
	fill, ink, dark, onDark uint32 // 0xRRGGBB
}

var looks = map[outcome.Verdict]look{
	outcome.Survived:          {"S", 0xc9e9d6, 0x0f3d26, 0x1d4a35, 0xd5f5e3},
	outcome.OOMKilled:         {"K", 0xf0a58f, 0x40100a, 0x70301f, 0xffe9e2},
	outcome.OOMGroupKilled:    {"G", 0xe89ab8, 0x3d0a22, 0x6b2647, 0xffe6f0},
	outcome.ChildOOMKilled:    {"C", 0xf2cf7e, 0x3d2c00, 0x5c4508, 0xfff1cc},
	outcome.AncestorOOMKilled: {"A", 0xc9b6ee, 0x24124d, 0x473180, 0xefe8ff},
	outcome.HostOOMKilled:     {"H", 0x5b3a8c, 0xffffff, 0xc9b6ee, 0x24124d},
	outcome.Killed:            {"X", 0xb6c1cc, 0x17212b, 0x3c4854, 0xeef3f8},
	outcome.Exited:            {"E", 0xb3d6f2, 0x0a2e4a, 0x1f4666, 0xe0f1ff},
	outcome.RuntimeOOM:        {"R", 0xf2b98a, 0x3a1c00, 0x66400f, 0xffefdc},
	outcome.Stalled:           {"L", 0xd9d3b0, 0x2f2a0a, 0x4a4526, 0xf7f3da},
	outcome.TimedOut:          {"T", 0xdfe3e8, 0x22282f, 0x333a43, 0xf0f3f6},
	outcome.Inconclusive:      {"?", 0xffffff, 0x3a0a0a, 0x14161a, 0xffe0e0},
}

// mark is the shape of a series' points: its corners, in radii from its middle, or none for a circle.
type mark [][2]float64

// marks tell the series of a plot apart for who sees no colours. All have about the same area. A plot of more series has
// neither names nor bands, which would cover each other.
var marks = []mark{
	{},
	{{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}},
	{{0, 1.2}, {-1.1, -0.8}, {1.1, -0.8}},
	{{-1.2, 0}, {0, 1.2}, {1.2, 0}, {0, -1.2}},
	{{0, -1.2}, {-1.1, 0.8}, {1.1, 0.8}},
	{
		{-0.4, 1.2}, {0.4, 1.2}, {0.4, 0.4}, {1.2, 0.4}, {1.2, -0.4}, {0.4, -0.4},
		{0.4, -1.2}, {-0.4, -1.2}, {-0.4, -0.4}, {-1.2, -0.4}, {-1.2, 0.4}, {-0.4, 0.4},
	},
	{
		{0, 0.5}, {0.7, 1.2}, {1.2, 0.7}, {0.5, 0}, {1.2, -0.7}, {0.7, -1.2},
		{0, -0.5}, {-0.7, -1.2}, {-1.2, -0.7}, {-0.5, 0}, {-1.2, 0.7}, {-0.7, 1.2},
	},
	{{-1, 1.2}, {1, 1.2}, {-1, -1.2}, {1, -1.2}},
}

// path draws the mark in SVG, around where the pen is.
func (m mark) path(radius float64) string {
	if len(m) == 0 {
		return fmt.Sprintf("m%[1]g 0a%[2]g %[2]g 0 1 0 %[3]g 0a%[2]g %[2]g 0 1 0 -%[3]g 0z", -radius, radius, 2*radius)
	}
	var path strings.Builder
	var pen [2]float64
	for i, p := range m {
		fmt.Fprintf(&path, "%c%.2f %.2f", "ml"[min(i, 1)], (p[0]-pen[0])*radius, (pen[1]-p[1])*radius)
		pen = p
	}
	return path.String() + "z"
}

func hex(c uint32) string { return fmt.Sprintf("#%06x", c) }

func rgb(c uint32) color.NRGBA {
	return color.NRGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255}
}

// class is the verdict's name in the style sheet.
func class(v outcome.Verdict) string { return "v-" + string(v) }

// sheet is the part of the style sheet that the looks make.
func sheet() string {
	var light, dark strings.Builder
	for _, v := range outcome.Verdicts() {
		l := looks[v]
		fmt.Fprintf(&light, ".%s { --fill: %s; --ink: %s; }\n", class(v), hex(l.fill), hex(l.ink))
		fmt.Fprintf(&dark, "\t.%s { --fill: %s; --ink: %s; }\n", class(v), hex(l.dark), hex(l.onDark))
	}
	return light.String() + "@media screen and (prefers-color-scheme: dark) {\n" + dark.String() + "}\n"
}
