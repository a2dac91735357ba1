package compare

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/printable"
)

var (
	//go:embed page.html.tmpl
	pageMarkup   string
	pageTemplate = template.Must(template.New("page").Parse(pageMarkup))

	//go:embed page.css
	pageStyle string
)

// How much of each a page gets.
const (
	pageRows   = 2000 // of each measure
	pageCurves = 24   // series
	pageFailed = 200
	pageNames  = 100
)

// page is what the template fills in. All of its texts are printable, and the template escapes them.
type page struct {
	Title      string
	Policy     string
	Style      template.CSS
	About      []string
	Failures   []string
	Notes      []string
	Curves     []pageCurve
	What       string // the curves are over
	MoreCurves int
	Sections   []pageSection
	Right      []bool // which columns are numbers
	Only       []string
}

type pageCurve struct {
	Name  string
	Plots []template.HTML // drawn by chart, which escapes what others have chosen
}

type pageSection struct {
	Title, Left string
	Header      []string
	Rows        []pageRow
}

type pageRow struct {
	Class string
	Cells []string
}

// newPage is an empty page that lets nothing in from outside.
func newPage(title string) page {
	style := pageStyle + chart.Style
	sum := sha256.Sum256([]byte(style))
	return page{
		Title: printable.Line(title), Style: template.CSS(style),
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:])),
	}
}

// writeHTML writes the comparison as a page.
func (c *Comparison) writeHTML(w io.Writer) error {
	p := newPage("oomcage: " + c.summary())
	p.Right, p.What = []bool{false, true, true, false}, "Over memory.max"
	for i, s := range []Side{c.Base, c.Head} {
		text := []string{"base: ", "head: "}[i] + s.describe()
		if s.Origin.Command != "" {
			text += "; " + s.Origin.Command
		}
		p.About = append(p.About, printable.Line(text))
	}
	for _, f := range c.Failures[:min(len(c.Failures), pageFailed)] {
		p.Failures = append(p.Failures, printable.Line(f.String()))
	}
	if more := len(c.Failures) - pageFailed; more > 0 {
		p.Failures = append(p.Failures, fmt.Sprintf("and %d more", more))
	}
	for _, n := range c.Notes {
		p.Notes = append(p.Notes, printable.Line(n))
	}
	curves, more := c.curves(pageCurves)
	p.MoreCurves = more
	for _, one := range curves {
		p.Curves = append(p.Curves, pageCurve{one.series, drawn(one.plots)})
	}
	for _, s := range c.sections(pageRows) {
		shown := pageSection{Title: s.title, Left: s.left(), Header: []string{"point", "base", "head", "change"}}
		for _, r := range s.rows {
			change := r.change
			if r.note != "" {
				change += "; " + r.note
			}
			shown.Rows = append(shown.Rows, pageRow{r.class(), []string{r.name, r.base, r.head, change}})
		}
		if mean := s.mean(c); mean != "" {
			shown.Rows = append(shown.Rows, pageRow{"", []string{"geometric mean", "", "", mean}})
		}
		p.Sections = append(p.Sections, shown)
	}
	for i, names := range [][]string{c.OnlyBase, c.OnlyHead} {
		if len(names) > 0 {
			p.Only = append(p.Only, []string{"Only in the base: ", "Only in the head: "}[i]+listed(names, pageNames))
		}
	}
	return pageTemplate.Execute(w, p)
}

func drawn(plots []chart.Plot) (all []template.HTML) {
	for _, p := range plots {
		all = append(all, template.HTML(p.SVG()))
	}
	return all
}

// class marks what has changed, for the better or the worse.
func (r row) class() string {
	switch {
	case r.worse:
		return "worse"
	case r.changed:
		return "better"
	}
	return ""
}
