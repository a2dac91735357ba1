package report

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

var (
	//go:embed page/page.html.tmpl
	pageMarkup   string
	pageTemplate = template.Must(template.New("page").Parse(pageMarkup))

	//go:embed page/report.css
	pageStyle string

	// The modules beside it make it: .ci/tools/bundle.
	//
	//go:embed page/script.js
	pageScript string
)

const (
	// maxPage is how large a page may get: one that is mailed, or kept by a CI system, has to be below 10
	// MB. The style, the script and the tags take 65 KB of the difference.
	maxPage = 9_500_000

	// chunkSize is how many points' details the browser unpacks at once when one is opened: with 400
	// readings each, 64 are 2 MB.
	chunkSize = 64
)

// page is what the template fills in.
type page struct {
	Title      string
	Brand      string
	Summary    string // where the title has the answer
	Answers    *answers
	Incomplete string
	Mixed      string
	Findings   []pageFinding
	More       int // findings that are not listed
	Checks     string
	Places     []place
	Legend     []pageVerdict
	Curves     []template.HTML
	Thinned    string
	Style      template.CSS
	Script     template.JS
	Policy     string
	Index      template.HTML // from pack, so there is no markup in it
	Details    []template.HTML
}

type pageFinding struct {
	Check string
	Parts []string // of its text, between slashes, where a name may break
	First int      // the place of its first point in the table
}

type pageVerdict struct{ Letter, Text, What, Class string }

// writeHTML writes the page.
func (s *Set) writeHTML(w io.Writer) error { return s.writePage(w, maxPage) }

// writePage writes a page of which the packed data takes at most that many bytes.
func (s *Set) writePage(w io.Writer, maxBytes int) error {
	ranked := s.ranked()
	p := page{Title: s.summary(), Brand: s.brand(), Answers: s.answers(), Places: s.places(), Legend: s.pageLegend(), Curves: s.curves(), Style: template.CSS(pageStyle + sheet()), Script: template.JS(pageScript)}
	if p.Answers != nil {
		p.Title, p.Brand, p.Summary = p.Answers.Title, "", p.Title
	}
	if p.Curves != nil {
		p.Style += template.CSS(chart.Style)
	}
	p.Policy = fmt.Sprintf("default-src 'none'; img-src data:; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'",
		hash(string(p.Script)), hash(string(p.Style)))
	if err := s.Complete(); err != nil {
		p.Incomplete = err.Error()
	}
	p.Mixed = s.Mixed()
	at := map[string]int{}
	for i, o := range ranked {
		at[o.Name] = i
	}
	for _, f := range s.listed() {
		found := pageFinding{Check: checkText(f.Check), Parts: strings.Split(printable.Line(ends(f.Text, maxText)), "/"), First: -1}
		if len(f.Points) > 0 {
			found.First = at[f.Points[0]]
		}
		p.Findings = append(p.Findings, found)
	}
	var checks []string
	for _, c := range sweep.Checks {
		checks = append(checks, c.What)
	}
	p.Checks = "Looked at: " + strings.Join(checks, "; ") + "."
	p.More = len(s.Findings) - len(p.Findings)
	var err error
	if p.Index, err = pack(s.index(ranked, chunkSize)); err != nil {
		return err
	}
	if err := p.fill(s, ranked, maxBytes); err != nil {
		return err
	}
	return pageTemplate.Execute(w, p)
}

// fill packs the details, with as much of each as there is room for. Where even the least has none, it is an error:
// a page without some of its details looks like a whole one.
func (p *page) fill(s *Set, outcomes []*outcome.Outcome, maxBytes int) error {
	for a := generous(len(outcomes)); ; a = a.half() {
		size := len(p.Index)
		p.Details = nil
		for from := 0; from < len(outcomes) && size <= maxBytes; from += chunkSize {
			var details []detail
			for _, o := range outcomes[from:min(from+chunkSize, len(outcomes))] {
				shown := o
				if !s.ShowSecrets {
					shown = o.WithoutSecrets()
				}
				d, err := detailOf(shown, a)
				if err != nil {
					return err
				}
				d.Readings = max(d.Readings, s.readings[o])
				details = append(details, d)
			}
			packed, err := pack(details)
			if err != nil {
				return err
			}
			p.Details = append(p.Details, packed)
			size += len(packed)
		}
		switch {
		case size > maxBytes && a == (allowance{}):
			return fmt.Errorf("a page of %s is larger than %s, though there is the least of each: take another format, or sweeps of fewer points",
				human.Count(len(outcomes), "point"), sizeText(outcome.Bytes(maxBytes)))
		case size > maxBytes:
			continue
		}
		p.Thinned = fmt.Sprintf("Timelines have at most %d readings here, and texts %s.", a.samples, sizeText(outcome.Bytes(a.text)))
		return nil
	}
}

// checkText is a check's name in plain words.
func checkText(name string) string {
	if name == "monotone" {
		return "a higher limit did worse"
	}
	return name
}

// pageLegend names the verdicts that occur.
func (s *Set) pageLegend() []pageVerdict {
	var all []pageVerdict
	of := map[outcome.Verdict]int{}
	for _, o := range s.Outcomes {
		of[o.Verdict]++
	}
	for _, v := range cell(s.Outcomes).verdicts() {
		all = append(all, pageVerdict{looks[v].letter, string(v), fmt.Sprint(of[v]), class(v)})
	}
	return all
}

// pack makes text that a page can hold: no markup can be in it, whatever a target has printed.
func pack(v any) (template.HTML, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if err := json.NewEncoder(zip).Encode(v); err != nil {
		return "", err
	}
	if err := zip.Close(); err != nil {
		return "", err
	}
	return template.HTML(base64.StdEncoding.EncodeToString(packed.Bytes())), nil
}

// hash is how a Content-Security-Policy names what it lets through.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
