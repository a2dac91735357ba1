package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"oomcage/harness/internal/printable"
)

// Format is what a comparison is written as.
type Format string

// The formats.
const (
	Text     Format = "text"     // for a terminal
	Markdown Format = "markdown" // for a comment on a pull request
	HTML     Format = "html"     // one page that needs no network
	JSON     Format = "json"     // for programs
)

// formats returns all formats.
func formats() []Format { return []Format{Text, Markdown, HTML, JSON} }

// String is the format's name.
func (f *Format) String() string { return string(*f) }

// Set takes a format's name, as flag.Value wants it.
func (f *Format) Set(name string) error {
	if !slices.Contains(formats(), Format(name)) {
		return unknown(name)
	}
	*f = Format(name)
	return nil
}

func unknown(name string) error {
	var names []string
	for _, f := range formats() {
		names = append(names, string(f))
	}
	return fmt.Errorf("%q is no format; take one of %s", name, strings.Join(names, ", "))
}

// Type names the value in help texts of pflag.
func (f *Format) Type() string { return "FORMAT" }

// Write writes the comparison in one of the formats.
func Write(w io.Writer, c *Comparison, f Format) error {
	switch f {
	case Text:
		return c.writeText(w)
	case Markdown:
		return c.writeMarkdown(w)
	case HTML:
		return c.writeHTML(w)
	case JSON:
		return c.writeJSON(w)
	default:
		return unknown(string(f))
	}
}

// writeJSON writes the comparison as one object.
func (c *Comparison) writeJSON(w io.Writer) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(printable.JSON(text), '\n'))
	return err
}
