//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/guptarohit/asciigraph"
	"golang.org/x/term"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// drawable reports whether w is a terminal that says it can move its cursor: TERM names one, and not "dumb".
func drawable(w io.Writer) bool {
	name := os.Getenv("TERM")
	return isTerminal(w) && name != "" && name != "dumb"
}

// coloured reports whether colours are wanted on a terminal (no-color.org).
func coloured() bool { return os.Getenv("NO_COLOR") == "" }

// frameTime is how often the graph is drawn anew: often enough for the eye, and cheap.
const frameTime = 200 * time.Millisecond

// Rows of the graph where the terminal has them, and what is written around it: the legend, its caption, an
// empty row, and the cursor's.
const (
	graphHeight = 10
	graphMargin = 5
)

// liveGraph draws memory.current against memory.max on a terminal, over and over in the same place.
type liveGraph struct {
	w io.Writer

	mu      sync.Mutex
	p       *harness.Process // nil before it is ready
	acked   int
	current readings // memory.current in MiB
	limits  readings // memory.max in MiB, which a schedule moves
	last    composed
	highest composed // in the end its last reading tells nothing
	drawn   int      // lines of the last graph; for who draws alone

	stop chan struct{}
	done chan struct{}
}

// noSteps stands for how many were acknowledged where there is no load.
const noSteps = -1

func newLiveGraph(w io.Writer, l harness.Load) *liveGraph {
	g := &liveGraph{w: w, stop: make(chan struct{}), done: make(chan struct{})}
	if l.Step == nil {
		g.acked = noSteps
	}
	go g.follow()
	return g
}

func (g *liveGraph) ready(p *harness.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p = p
	g.read()
}

func (g *liveGraph) stepped(_ *harness.Process, _ int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.acked++
	}
	g.read()
}

// end draws the last graph, which stays.
func (g *liveGraph) end() {
	close(g.stop)
	<-g.done
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = g.highest
	g.last.note = " at the highest reading"
	g.draw(g.frame())
}

func (g *liveGraph) follow() {
	defer close(g.done)
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		g.mu.Lock()
		g.read()
		text := g.frame()
		g.mu.Unlock()
		g.draw(text) // while nobody waits: the terminal may be slow
	}
}

// read adds a reading, if there is something to read.
func (g *liveGraph) read() {
	if g.p == nil {
		return
	}
	m, err := g.p.Cage().Memory()
	if err != nil {
		return // the cage is gone
	}
	g.current.add(float64(m.Current) / float64(harness.MiB))
	g.last.used, g.last.full = m.Current, max(g.last.full, m.Current)
	limit, inMiB := inForce(g.p), math.NaN()
	if limit > 0 && limit != harness.Unlimited {
		g.last.full, inMiB = limit, float64(limit)/float64(harness.MiB)
	}
	g.limits.add(inMiB)
	g.last.stat, _ = g.p.Cage().MemoryStat() // zero where it cannot be read, of which the outcome says why
	if g.last.used >= g.highest.used && g.last.whole() {
		g.highest = g.last
	}
}

// frame is the graph of the readings so far; "" before there is one.
func (g *liveGraph) frame() string {
	if len(g.current.values) == 0 {
		return ""
	}
	columns, rows := terminalSize(g.w)
	text := g.current.plot(&g.limits, g.acked, columns, rows, coloured())
	if filled := g.last.lines(columns); strings.Count(text+filled, "\n") < rows {
		text += filled
	}
	return text
}

// draw draws over what it has drawn before.
func (g *liveGraph) draw(text string) {
	if text == "" {
		return
	}
	if g.drawn > 0 {
		fmt.Fprintf(g.w, "\x1b[%dA\x1b[J", g.drawn) // up, and clear from there on
	}
	fmt.Fprint(g.w, text)
	g.drawn = strings.Count(text, "\n")
}

// composed is what a cage is filled with.
type composed struct {
	used, full harness.Bytes
	stat       outcome.MemoryStat
	note       string // behind the sizes
}

// whole reports whether nearly all of what is used was seen: after a kill the kinds are gone, one before the other, before
// memory.current is. memory.stat may lag.
func (c composed) whole() bool {
	var sum harness.Bytes
	for _, k := range outcome.Kinds() {
		sum += c.stat.Of(k)
	}
	lag := outcome.Baseline{CPUs: runtime.NumCPU(), PageSize: harness.Bytes(os.Getpagesize())}.StatLag()
	return sum >= c.used-c.used/64-lag
}

// lines are a bar of the kinds of memory and their sizes below it; "" where there is one kind alone, or no room.
func (c composed) lines(columns int) string {
	kinds := outcome.BarKindsOf(c.full, c.stat)
	if len(kinds) == 0 {
		return ""
	}
	var sizes []string
	for _, k := range kinds {
		sizes = append(sizes, fmt.Sprintf("%s %s %s", k.Letter(), k, human.Size(c.stat.Of(k))))
	}
	text := fmt.Sprintf("  %s\n  %s\n", kinds.Bar(c.used, c.full, c.stat), strings.Join(sizes, ", ")+c.note)
	if widest(text) > columns {
		return ""
	}
	return text
}

// terminalSize is that of the terminal, which may change at any time.
func terminalSize(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if c, r, err := term.GetSize(int(f.Fd())); err == nil && c > 0 && r > 0 {
			return c, r
		}
	}
	return 80, 24
}

// readings are those of a run, however long it takes, in no more values than a plot has columns: each is the
// highest of as many readings, so that no peak is lost.
type readings struct {
	values []float64
	each   int // how many readings a value is of
	last   int // how many the last value is of, so far
}

func (r *readings) add(v float64) {
	if r.last < r.each {
		end := len(r.values) - 1
		r.values[end] = max(r.values[end], v)
		r.last++
		return
	}
	r.values = append(r.values, v)
	r.each, r.last = max(r.each, 1), 1
}

// fit makes one of each two values until they are at most that many.
func (r *readings) fit(maxValues int) {
	for len(r.values) > maxValues {
		if len(r.values)%2 == 0 {
			r.last += r.each
		}
		half := r.values[:0]
		for two := range slices.Chunk(r.values, 2) {
			half = append(half, slices.Max(two))
		}
		r.values = half
		r.each *= 2
	}
}

// wide are the readings in so many values.
func (r *readings) wide(width int) []float64 {
	r.fit(width)
	values := make([]float64, min(width, width*len(r.values)))
	for i := range values {
		values[i] = r.values[i*len(r.values)/width]
	}
	return values
}

// plot draws the readings for a terminal of that size. No line is wider, since the cursor goes up by lines, and what
// has left the top of the terminal cannot be drawn over. Where there is no room for a graph, it is "".
// Without colours a caption says which line is which.
func (r *readings) plot(limits *readings, acked, columns, rows int, coloured bool) string {
	width, height := max(10, min(columns-14, 100)), max(2, min(rows-graphMargin, graphHeight))
	lines := [][]float64{r.wide(width)}
	legends := []string{"memory.current"}
	colours := []asciigraph.AnsiColor{asciigraph.Default}
	if moving := limits.wide(width); slices.ContainsFunc(moving, func(v float64) bool { return !math.IsNaN(v) }) {
		lines = append(lines, moving)
		legends = append(legends, "memory.max")
		colours = append(colours, asciigraph.Red)
	}
	caption, more := "MiB, "+human.Count(acked, "step"), " acknowledged"
	if acked == noSteps {
		caption, more = "MiB", ""
	}
	captions := [][]asciigraph.Option{
		{asciigraph.Caption(caption + more), asciigraph.SeriesLegends(legends...)},
		{asciigraph.Caption(caption)},
	}
	if !coloured {
		captions[0] = []asciigraph.Option{asciigraph.Caption(strings.Join(legends, " below ") + ", " + caption + more)}
	}
	for _, below := range captions {
		text := asciigraph.PlotMany(lines, append(below, asciigraph.Height(height), asciigraph.LowerBound(0),
			asciigraph.Precision(0), asciigraph.SeriesColors(colours...))...)
		if !coloured {
			text = colour.ReplaceAllString(text, "")
		}
		if widest(text) <= columns && strings.Count(text, "\n")+1 < rows {
			return text + "\n"
		}
	}
	return ""
}

// colour is what changes the colour of text, and takes no room.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// widest is how many columns the longest line takes.
func widest(text string) int {
	width := 0
	for line := range strings.Lines(colour.ReplaceAllString(text, "")) {
		width = max(width, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return width
}
