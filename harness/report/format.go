package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Format is what a report is written as. It is a value for flag and pflag; the zero value is none of the formats.
type Format string

// The formats.
const (
	HTML     Format = "html"  // one page that needs no network
	Markdown Format = "md"    // for the summary of a CI job
	CSV      Format = "csv"   // a line for each point
	PNG      Format = "png"   // the plots: the map of the points, and the kills over memory.max
	SVG      Format = "svg"   // the same plots
	Table    Format = "table" // for a terminal
)

// formats returns all formats.
func formats() []Format { return []Format{HTML, Markdown, CSV, PNG, SVG, Table} }

// FormatOf returns the format that a file's extension names, in upper or lower case: Table for .txt, and where there is no file (""). An
// unknown extension is an error.
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

// String returns the format's name.
func (f *Format) String() string { return string(*f) }

// Set makes f the format of that name, as flag.Value has it. An unknown name is an error.
func (f *Format) Set(name string) error {
	if !slices.Contains(formats(), Format(name)) {
		return unknown(name)
	}
	*f = Format(name)
	return nil
}

func unknown(name string) error {
	return fmt.Errorf("%q is no format; take one of %s", name, names())
}

// Type returns what help texts call the value, as pflag.Value has it.
func (f *Format) Type() string { return "FORMAT" }

func names() string {
	var all []string
	for _, f := range formats() {
		all = append(all, string(f))
	}
	return strings.Join(all, ", ")
}

// Write writes the report of s to w. An unknown format is an error, and so is what w returns.
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
		return unknown(string(f))
	}
}
