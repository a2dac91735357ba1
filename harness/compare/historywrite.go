package compare

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// How many builds of a series are shown, the newest, and how many series.
const (
	historyText     = 50
	historyMarkdown = 20
	historyPage     = 1000
	historySeries   = 50
)

// WriteText writes the history for a terminal.
func (h *History) WriteText(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintln(&out, printable.Line(h.summary()))
	series, more := h.shownSeries(historySeries)
	for _, name := range series {
		t := h.table(name, historyText)
		fmt.Fprintf(&out, "\n%s\n", shown(name))
		if t.limits != "" {
			fmt.Fprintf(&out, "  smallest limit  %s\n", t.limits)
		}
		fmt.Fprintf(&out, "  peak            %s\n\n", t.peaks)
		var width [4]int
		rows := append([][]string{t.header}, t.rows...)
		for _, r := range rows {
			for i, c := range r {
				width[i] = max(width[i], utf8.RuneCountInString(c))
			}
		}
		for _, r := range rows {
			line := " "
			for i, c := range r {
				line += " " + padded(c, width[i]) + " "
			}
			fmt.Fprintln(&out, strings.TrimRight(line, " "))
		}
		if t.older > 0 {
			fmt.Fprintf(&out, "  and %s before\n", human.Count(t.older, "build"))
		}
	}
	if more > 0 {
		fmt.Fprintf(&out, "\nand %d more series\n", more)
	}
	_, err := out.WriteTo(w)
	return err
}

// WriteMarkdown writes the history for a job's summary or a comment. Where names are long, there is less of it.
func (h *History) WriteMarkdown(w io.Writer) error {
	for builds := historyMarkdown; ; builds /= 2 {
		var out bytes.Buffer
		h.comment(&out, max(builds, 1))
		if out.Len() <= maxComment || builds <= 1 {
			_, err := w.Write(out.Bytes()[:min(out.Len(), maxComment)])
			return err
		}
	}
}

func (h *History) comment(out io.Writer, builds int) {
	fmt.Fprintf(out, "### oomcage: %s\n\n", markdown(h.summary()))
	series, more := h.shownSeries(builds)
	for _, name := range series {
		t := h.table(name, builds)
		t.header[0] = shown(name)
		for _, r := range append([][]string{t.header}, t.rows...) {
			for i := range r {
				r[i] = markdown(r[i])
			}
		}
		fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(t.header, " | "), strings.Repeat(" --- |", len(t.header)))
		for _, r := range t.rows {
			fmt.Fprintf(out, "| %s |\n", strings.Join(r, " | "))
		}
		fmt.Fprintln(out)
		if t.older > 0 {
			fmt.Fprintf(out, "%s before.\n\n", human.Count(t.older, "build"))
		}
	}
	if more > 0 {
		fmt.Fprintf(out, "%d more series.\n", more)
	}
}

// WriteSVG draws the curves.
func (h *History) WriteSVG(w io.Writer) error {
	series, _ := h.shownSeries(historySeries)
	var plots []chart.Plot
	for _, name := range series {
		plots = append(plots, h.plot(name))
	}
	_, err := io.WriteString(w, chart.Image(h.summary(), plots...))
	return err
}

// WriteHTML writes the history as a page.
func (h *History) WriteHTML(w io.Writer) error {
	p := newPage("oomcage: " + h.summary())
	p.Right = make([]bool, 4)
	p.What = "Over the builds"
	series, more := h.shownSeries(historySeries)
	p.MoreCurves = more
	for _, name := range series {
		t := h.table(name, historyPage)
		p.Curves = append(p.Curves, pageCurve{shown(name), []template.HTML{template.HTML(h.plot(name).SVG())}})
		table := pageSection{Title: shown(name), Header: t.header}
		for _, r := range slices.Backward(t.rows) { // the newest first
			table.Rows = append(table.Rows, pageRow{"", r})
		}
		if t.older > 0 {
			table.Left = human.Count(t.older, "build") + " before"
		}
		p.Sections = append(p.Sections, table)
	}
	return pageTemplate.Execute(w, p)
}

// summary is a line: "3 builds in results/, by the time when their sweeps began".
func (h *History) summary() string {
	order := "by their names"
	if h.Dated {
		order = "by the time when their sweeps began"
	}
	return fmt.Sprintf("%s in %s, %s", human.Count(len(h.Builds), "build"), h.Dir, order)
}

// shownSeries are the first ones, and how many more there are.
func (h *History) shownSeries(most int) (names []string, more int) {
	names = h.Series[:min(len(h.Series), most)]
	return names, len(h.Series) - len(names)
}

// historyTable is what is shown of a series.
type historyTable struct {
	header        []string
	rows          [][]string
	limits, peaks string // as sparks; limits are "" where none were searched
	older         int
}

func (h *History) table(series string, most int) historyTable {
	t := historyTable{header: []string{"build", "began", "smallest limit", "peak"}}
	builds, older := h.newest(series, most)
	t.older = older
	var limits, peaks []float64
	for _, b := range builds {
		s := b.Of[series]
		began := ""
		if !b.Start.IsZero() {
			began = b.Start.UTC().Format("2006-01-02 15:04")
		}
		limit := ""
		if s.HasLimit {
			limit = limitText(s.Limit) + moved(s.LimitChanged, s.limitBy)
		}
		peak := ""
		if s.Peak.Median > 0 {
			peak = measureOf("peak").summary(s.Peak) + moved(s.PeakChanged, s.peakBy)
		}
		t.rows = append(t.rows, []string{printable.Line(b.Name), began, limit, peak})
		limits, peaks = append(limits, float64(s.Limit)), append(peaks, s.Peak.Median)
	}
	t.peaks = sparks(peaks)
	if slices.ContainsFunc(builds, func(b Build) bool { return b.Of[series].HasLimit }) {
		t.limits = sparks(limits)
	}
	return t
}

// moved marks what differs from the build before, beyond noise.
func moved(changed bool, by float64) string {
	switch {
	case !changed:
		return ""
	case by < 0:
		return " ▼"
	}
	return " ▲"
}

// plot draws the smallest limit and the peak over the builds.
func (h *History) plot(series string) chart.Plot {
	builds, _ := h.newest(series, historyPage)
	p := chart.Plot{Title: "smallest limit and peak: " + shown(series), X: "build"}
	limits, peaks := chart.Line{Name: "smallest limit"}, chart.Line{Name: "peak"}
	top := 1.0
	for i, b := range builds {
		s, name := b.Of[series], printable.Line(b.Name)
		if s.HasLimit && s.Limit > 0 {
			v := float64(s.Limit)
			top = max(top, v)
			limits.Spots = append(limits.Spots, chart.Spot{X: float64(i), Y: v, Text: name + ": smallest limit " + sizeText(s.Limit)})
		}
		if s.Peak.Median > 0 {
			top = max(top, s.Peak.Hi)
			peaks.Spots = append(peaks.Spots, chart.Spot{
				X: float64(i), Y: s.Peak.Median, Lo: s.Peak.Lo, Hi: s.Peak.Hi, Text: name + ": peak " + measureOf("peak").summary(s.Peak),
			})
		}
	}
	p.Lines = []chart.Line{limits, peaks}
	p.Up = chart.Sizes(top*1.08, 5)
	last := len(builds) - 1
	p.Across = chart.Scale{From: -0.5, Top: float64(last) + 0.5}
	const labels = 5
	for i := 0; i <= last; i += max(1, (last+labels-1)/labels) {
		p.Across.Ticks = append(p.Across.Ticks, chart.Tick{At: float64(i), Text: printable.Short(builds[i].Name, 12)})
	}
	return p
}
