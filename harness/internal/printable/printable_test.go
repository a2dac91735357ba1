package printable

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestWhatHasNoShapeIsWrittenAsGoWritesIt(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"as it is: é 漢字 …":         "as it is: é 漢字 …",
		"\x1b]0;pwn\x07\x1b[31m":   `\x1b]0;pwn\a\x1b[31m`,
		"a\nb\r\tc":                `a\nb\r\tc`,
		"\x7f\u0085\u009b31m":      `\x7f\u0085\u009b31m`,
		"\u202egpj.exe\u2066":      `\u202egpj.exe\u2066`,
		"a\u200bb\u200d\ufeff":     `a\u200bb\u200d\ufeff`,
		"\u3164\u115f\u034f\ufe0f": `\u3164\u115f\u034f\ufe0f`,
		"\U000e0041":               `\U000e0041`,
		"\u2028\u00a0\u00ad":       `\u2028\u00a0\u00ad`,
		"caf\xe9 \x9b31m":          `caf\xe9 \x9b31m`,
		"was not UTF-8: \ufffd":    "was not UTF-8: \ufffd",
	} {
		require.Equal(t, want, Line(text), "%q", text)
		require.Equal(t, want, Line(Line(text)), "%q", text)
	}
	require.Equal(t, "a\n\tb\\r", Lines("a\n\tb\r"))
	require.Equal(t, "a\n  b\n  to help: c", Indented("a\nb\n  to help: c\n"))
}

func FuzzLine(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		line := Line(s)
		if !utf8.ValidString(line) || Line(line) != line {
			t.Fatalf("%q became %q", s, line)
		}
		for _, r := range line {
			if !visible(r) {
				t.Fatalf("%q became %q", s, line)
			}
		}
		var got string
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		shown := JSON(text)
		if Line(string(shown)) != string(shown) {
			t.Fatalf("%q became %q", s, shown)
		}
		var want string
		if json.Unmarshal(text, &want) != nil || json.Unmarshal(shown, &got) != nil || got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func TestATextIsCutOffByWhatIsSeenOfIt(t *testing.T) {
	for text, want := range map[string]string{"": "", "äöü": "äöü", "äöü€": "äöü€", "äöü€x": "äöü…", "a\x1b": `a\x…`} {
		require.Equal(t, want, Short(text, 4), text)
	}
}
