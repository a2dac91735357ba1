package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Format is what a report is written as.
type Format string

// The formats.
const (
	HTML     Format = "html"  // one page that needs no network
	Markdown Format = "md"    // for the summary of a CI job
	CSV      Format = "csv"   // a line for each point
	PNG      Format = "png"   // the map and the kills over the limit
	SVG      Format = "svg"   // the same
	Table    Format = "table" // for a terminal
)

// Formats returns all formats.
func Formats() []Format { return []Format{HTML, Markdown, CSV, PNG, SVG, Table} }

// FormatOf returns the format that a file's extension names; Table for no file.
func FormatOf(file string) (Format, error) {
	if file == "" {
		return Table, nil
	}
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".html", ".htm":
		return HTML, nil
	case ".md", ".markdown":
		return Markdown, nil
	case ".csv", ".png", ".svg":
		return Format(ext[1:]), nil
	case ".txt":
		return Table, nil
	default:
		return "", fmt.Errorf("%s: the extension %q names no format; there are %s", file, ext, names())
	}
}

// String is the format's name.
func (f *Format) String() string { return string(*f) }

// Set takes a format's name, as flag.Value wants it.
func (f *Format) Set(name string) error {
	for _, known := range Formats() {
		if name == string(known) {
			*f = known
			return nil
		}
	}
	return fmt.Errorf("%q is no format; take one of %s", name, names())
}

// Type names the value in help texts of pflag.
func (f *Format) Type() string { return "FORMAT" }

func names() string {
	var all []string
	for _, f := range Formats() {
		all = append(all, string(f))
	}
	return strings.Join(all, ", ")
}

// Write writes the report in one of the formats.
func Write(w io.Writer, s *Set, f Format) error {
	switch f {
	case HTML:
		return s.writeHTML(w)
	case Markdown:
		return s.writeMarkdown(w)
	case CSV:
		return s.writeCSV(w)
	case PNG, SVG:
		return s.writeImage(w, f)
	case Table:
		return s.writeTable(w)
	default:
		return fmt.Errorf("%q is no format; take one of %s", f, names())
	}
}
