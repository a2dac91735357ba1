package shell

import (
	"testing"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"
)

func TestWordsAreQuotedForAShell(t *testing.T) {
	words := []string{"printf", `<%s>`, "plain", "two words", "it's", `$HOME "x" \n`, "*", "", "#", "~", "^TestX$", "a\nb"}
	line := Join(words...)
	require.Equal(t, `printf '<%s>' plain 'two words' 'it'\''s' '$HOME "x" \n' '*' '' '#' '~' '^TestX$' 'a`+"\n"+`b'`, line)
	back, err := shellquote.Split(line)
	require.NoError(t, err)
	require.Equal(t, words, back)
}
