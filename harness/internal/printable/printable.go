// Package printable makes text that others have chosen fit to be shown: what a target prints, the name that it gives
// itself, a path, a line of a results file. All that goes to a terminal, a page, a picture, a CSV file or Markdown
// goes through here.
package printable

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns the text fit for a line: what has no shape of its own is written as Go writes it. That is control
// characters, line ends and tabs too, marks that turn the direction of writing, what takes no room, and bytes that are
// not UTF-8. The result of Line is left as it is by Line.
func Line(s string) string { return show(s, "") }

// Lines is Line for a text of several lines, which keep their ends and their tabs.
func Lines(s string) string { return show(s, "\n\t") }

// Indented is Lines with all lines but the first indented, so that none can be taken for one of somebody else.
func Indented(s string) string {
	lines := strings.Split(strings.TrimRight(Lines(s), "\n"), "\n")
	for i, line := range lines[1:] {
		if !strings.HasPrefix(line, "  ") {
			lines[i+1] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// Short is Line, of which the end is cut off where it has more than that many runes.
func Short(s string, maxRunes int) string {
	runes := []rune(Line(s))
	switch {
	case len(runes) <= maxRunes:
		return string(runes)
	case maxRunes < 1:
		return ""
	}
	return string(runes[:maxRunes-1]) + "…"
}

// JSON returns JSON, as encoding/json writes it, with the same value and nothing in its strings that has no shape.
func JSON(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range string(line) {
		switch {
		case visible(r) || r == '\n':
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

func show(s, keep string) string {
	clean := func(r rune) bool { return r != utf8.RuneError && (visible(r) || strings.ContainsRune(keep, r)) }
	if !strings.ContainsFunc(s, func(r rune) bool { return !clean(r) }) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == utf8.RuneError || clean(r):
			b.WriteString(s[:size])
		default:
			escaped := strconv.QuoteRuneToASCII(r)
			b.WriteString(escaped[1 : len(escaped)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// visible reports whether a rune is seen where it is written. Unicode calls some letters and marks ignorable that
// strconv.IsPrint takes for print: fillers, joiners, selectors of variants.
func visible(r rune) bool {
	return strconv.IsPrint(r) && (r <= unicode.MaxASCII ||
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// NewWriter returns a writer of messages: what is written to it comes out as Lines makes it. A message is one Write.
func NewWriter(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

// Write reports p as written as soon as its printable form is.
func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, Lines(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
