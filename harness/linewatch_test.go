package harness

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func matched(w *lineWatch) bool {
	select {
	case <-w.found:
		return true
	default:
		return false
	}
}

func TestALineIsSeenHoweverItIsWritten(t *testing.T) {
	ready := regexp.MustCompile(`^listening on \d+$`)
	for name, c := range map[string]struct {
		before, then []string
		want         bool
	}{
		"at once":                   {nil, []string{"listening on 80\n"}, true},
		"in pieces":                 {nil, []string{"loading\nlist", "ening on 8", "0", "\n"}, true},
		"before it was waited for":  {[]string{"listening on 80\n", "more\n"}, nil, true},
		"partly before":             {[]string{"listening "}, []string{"on 80\nmore"}, true},
		"of another system":         {nil, []string{"listening on 80\r\n"}, true},
		"and much behind it":        {nil, []string{"listening on 80\n" + strings.Repeat("x\n", 1<<20)}, true},
		"not whole yet":             {nil, []string{"listening on 80"}, false},
		"another":                   {nil, []string{"not listening on 80\n"}, false},
		"over two lines":            {nil, []string{"listening\non 80\n"}, false},
		"cut off before":            {[]string{strings.Repeat("x", 4*tailSize) + "listening on 80\n"}, nil, false},
		"behind one that is cut":    {[]string{strings.Repeat("x", 4*tailSize) + "\nlistening on 80\n"}, nil, true},
		"behind one that is long":   {nil, []string{strings.Repeat("x", 4*maxLine), "\nlistening on 80\n"}, true},
		"the rest of one too long":  {nil, []string{strings.Repeat("x", maxLine), "listening on 80\n"}, false},
		"the end of a line is over": {nil, []string{"\nlistening on 80\n\n"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out tail
			for _, text := range c.before {
				_, _ = out.Write([]byte(text))
			}
			w := out.watch(ready)
			for _, text := range c.then {
				_, _ = out.Write([]byte(text))
			}
			require.Equal(t, c.want, matched(w))
			require.LessOrEqual(t, cap(w.line), 2*maxLine)
			out.forget(w)
			require.Empty(t, out.watches)
		})
	}
}

func TestWhatWasSeenInsteadOfALineIsSaid(t *testing.T) {
	for output, want := range map[string]string{
		"":                             "there is none",
		"loading\n":                    `the last one is "loading"`,
		"loading\nstill":               `the last one is "still"`,
		"loading\nready":               `only "ready" does, which is no whole line`,
		"\x1b[2J\n":                    `the last one is "\x1b[2J"`,
		strings.Repeat("é", 999) + "x": `the last one is "` + strings.Repeat("é", 100) + `"`,
	} {
		var out tail
		_, _ = out.Write([]byte(output))
		require.Equal(t, want, out.seen(out.watch(regexp.MustCompile("ready"))))
	}
}
