// Package shell writes command lines that people can paste.
package shell

import (
	"regexp"
	"strings"
)

// plainWord is what every shell takes as it is. It has no ^, which zsh takes for a pattern (EXTENDED_GLOB): that is
// why go-shellquote, which splits, does not join here.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Join makes a command line of words.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; !plainWord.MatchString(w) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
