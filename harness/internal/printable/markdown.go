package printable

import (
	"regexp"
	"strings"
)

// inMarkdown escapes what means something in Markdown, or in the HTML that it may hold.
var inMarkdown = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`,
	"#", `\#`, "~", `\~`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "&#64;", "://", ":&#47;/",
	"www.", "www&#46;")

// beginsBlock is what would make a list of a text, or a heading of the line above it, where it begins a line. Its last
// byte is to be escaped.
var beginsBlock = regexp.MustCompile(`^([-+=]|\d+[.)])`)

// Markdown is Line for a text in Markdown, or in a cell of its tables: none of it means anything there.
func Markdown(s string) string {
	s = inMarkdown.Replace(Line(s))
	if m := beginsBlock.FindStringIndex(s); m != nil && (m[1] == 1 || m[1] == len(s) || s[m[1]] == ' ') {
		return s[:m[1]-1] + `\` + s[m[1]-1:]
	}
	return s
}
