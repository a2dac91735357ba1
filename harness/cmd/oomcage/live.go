package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/guptarohit/asciigraph"
	"golang.org/x/term"

	"oomcage/harness"
)

// isTerminal tells whether w is one, where things can be drawn over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// frame is how often the graph is drawn anew: often enough for the eye, and cheap.
const frame = 200 * time.Millisecond

// Rows of the graph where the terminal has them, and what is written around it: the legend, its caption, an
// empty row, and the cursor's.
const (
	graphHeight = 10
	graphMargin = 5
)

// liveGraph draws memory.current against memory.max on a terminal, over and over in the same place.
type liveGraph struct {
	w io.Writer

	mu     sync.Mutex
	p      *harness.Process // nil before it is ready
	acked  int
	series []float64 // memory.current in MiB, a reading a column
	drawn  int       // lines of the last graph

	stop chan struct{}
	done chan struct{}
}

func newLiveGraph(w io.Writer) *liveGraph {
	g := &liveGraph{w: w, stop: make(chan struct{}), done: make(chan struct{})}
	go g.follow()
	return g
}

func (g *liveGraph) ready(p *harness.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p = p
	g.read()
}

func (g *liveGraph) stepped(_ *harness.Process, n int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.acked = n
	}
	g.read()
}

// end draws the last graph, which stays.
func (g *liveGraph) end() {
	close(g.stop)
	<-g.done
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draw()
}

func (g *liveGraph) follow() {
	defer close(g.done)
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		g.mu.Lock()
		g.read()
		g.draw()
		g.mu.Unlock()
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
	g.series = append(g.series, float64(m.Current)/float64(harness.MiB))
}

func (g *liveGraph) draw() {
	if len(g.series) == 0 {
		return
	}
	width, height := g.size()
	lines := [][]float64{g.series}
	legends := []string{"memory.current"}
	colours := []asciigraph.AnsiColor{asciigraph.Default}
	if limit := g.p.Cage().Limits().Max; limit > 0 && limit != harness.Unlimited {
		flat := make([]float64, len(g.series))
		for i := range flat {
			flat[i] = float64(limit) / float64(harness.MiB)
		}
		lines, legends = append(lines, flat), append(legends, "memory.max")
		colours = append(colours, asciigraph.Red)
	}
	text := asciigraph.PlotMany(lines, asciigraph.Height(height), asciigraph.Width(width), asciigraph.LowerBound(0),
		asciigraph.Precision(0), asciigraph.SeriesColors(colours...), asciigraph.SeriesLegends(legends...),
		asciigraph.Caption(fmt.Sprintf("MiB, %d steps acknowledged", g.acked)))
	if g.drawn > 0 {
		fmt.Fprintf(g.w, "\x1b[%dA\x1b[J", g.drawn) // up, and clear from there on
	}
	fmt.Fprintln(g.w, text)
	g.drawn = 1
	for _, r := range text {
		if r == '\n' {
			g.drawn++
		}
	}
}

// size is how much of the terminal the graph takes, which may change at any time. What has left its top
// cannot be drawn over.
func (g *liveGraph) size() (width, height int) {
	columns, rows := 80, 24
	if f, ok := g.w.(*os.File); ok {
		if c, r, err := term.GetSize(int(f.Fd())); err == nil {
			columns, rows = c, r
		}
	}
	return max(20, min(columns-14, 100)), max(2, min(rows-graphMargin, graphHeight))
}
