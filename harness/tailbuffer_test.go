package harness

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATailKeepsTheEnd(t *testing.T) {
	var out tail
	for i := range 100000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	s := out.String()
	require.True(t, strings.HasPrefix(s, "[earlier output left out]\n"), s[:40])
	require.True(t, strings.HasSuffix(s, "line 99998\nline 99999\n"))
	require.LessOrEqual(t, len(s), tailSize+100)
	require.LessOrEqual(t, cap(out.buf), 8*tailSize)

	var short tail
	_, _ = short.Write([]byte("bad \xff byte"))
	require.Equal(t, "bad � byte", short.String())

	var long tail
	_, _ = long.Write(make([]byte, 10*tailSize))
	require.Contains(t, long.String(), "left out")
}

// The line stands before the traceback, at any place of what is left out, in one piece or in many.
func TestATailKeepsTheLineThatSaysWhyAGoProgramEnded(t *testing.T) {
	const line = "fatal error: runtime: out of memory"
	trace := bytes.Repeat([]byte("goroutine 7 [sleep]:\nmain.serve(0x7)\n\toom/main.go:7 +0x85\n"), 3*tailSize/60)
	for _, before := range []int{0, 1, 300, tailSize - 40, tailSize - 5, tailSize, 3 * tailSize} {
		for _, piece := range []int{1, 7, 4096, 8 * tailSize} {
			printed := append(append(bytes.Repeat([]byte("x"), max(before-1, 0)), "\n"[:min(before, 1)]...), line+"\n"...)
			printed = append(printed, trace...)
			var out tail
			for len(printed) > 0 {
				n := min(piece, len(printed))
				_, _ = out.Write(printed[:n])
				printed = printed[n:]
			}
			s := out.String()
			require.True(t, strings.HasPrefix(s, "[earlier output left out, but for this line]\n"+line+"\n[…]\n"), "%d, %d: %.100s", before, piece, s)
			require.LessOrEqual(t, len(s), tailSize+200)
			require.True(t, strings.HasSuffix(s, "main.go:7 +0x85\n"))
		}
	}

	var later tail
	_, _ = later.Write([]byte("fatal error: one\nhe said fatal error: two\npanic: three\n"))
	_, _ = later.Write(trace)
	require.Contains(t, later.String(), "\npanic: three\n[…]\n", "the last one counts")

	for _, line := range []string{"SIGSEGV: segmentation violation", "SIGBUS: bus error", "runtime/cgo: pthread_create failed: Resource temporarily unavailable"} {
		var out tail
		_, _ = out.Write([]byte(line + "\nSIGABRT: abort\nPC=0x7 m=0 sigcode=1\n"))
		_, _ = out.Write(trace)
		require.Contains(t, out.String(), "\n"+line+"\n[…]\n")
	}

	var endless tail
	_, _ = endless.Write(append([]byte("panic: "), bytes.Repeat([]byte("é"), 4*tailSize)...))
	require.LessOrEqual(t, len(endless.String()), tailSize+maxHeadline+200)
}
