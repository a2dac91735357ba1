//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"oomcage/harness"
)

// onTerminal runs a command on a terminal of this size, and returns its exit code and all that was written.
func onTerminal(t *testing.T, columns, rows uint16, args ...string) (code int, all string) {
	t.Helper()
	all = written(t, columns, rows, func(terminal *os.File) { code = execute(args, terminal, terminal) })
	return code, all
}

// written returns all that is written to a terminal of this size.
func written(t *testing.T, columns, rows uint16, write func(terminal *os.File)) string {
	t.Helper()
	if os.Getenv("TERM") != "dumb" { // what runs the tests may have none
		t.Setenv("TERM", "xterm")
	}
	ours, commands, err := pty.Open()
	require.NoError(t, err)
	defer ours.Close()
	require.NoError(t, pty.Setsize(commands, &pty.Winsize{Rows: rows, Cols: columns}))
	_, err = term.MakeRaw(int(commands.Fd())) // line ends stay what they are
	require.NoError(t, err)
	read := make(chan string)
	go func() {
		all, _ := io.ReadAll(ours) // its end is an error, EIO
		read <- string(all)
	}()
	write(commands)
	require.NoError(t, commands.Close())
	return <-read
}

var upAndClear = regexp.MustCompile(`\x1b\[(\d+)A\x1b\[J`)

// screen is what is left to be seen of what was written, when the cursor moves up over whole rows and clears
// them. It fails the test when the cursor leaves the top of a terminal of that size.
func screen(t *testing.T, written string, columns, rows int) string {
	t.Helper()
	var lines []string
	for written != "" {
		at := upAndClear.FindStringSubmatchIndex(written)
		piece := written
		if at != nil {
			piece = written[:at[0]]
		}
		for line := range strings.Lines(piece) {
			lines = append(lines, line)
			for left := widest(line) - columns; left > 0; left -= columns {
				lines = append(lines, "") // a row more that it takes
			}
		}
		if at == nil {
			break
		}
		up, err := strconv.Atoi(written[at[2]:at[3]])
		require.NoError(t, err)
		require.Less(t, up, rows, "the cursor cannot go above the first row")
		lines = lines[:len(lines)-up]
		written = written[at[1]:]
	}
	return strings.Join(lines, "")
}

func TestOnATerminalARunIsAGraphThatIsDrawnOver(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	for _, size := range []struct{ columns, rows uint16 }{{80, 24}, {200, 60}, {40, 9}, {30, 9}} {
		t.Run(fmt.Sprintf("%dx%d", size.columns, size.rows), func(t *testing.T) {
			code, written := onTerminal(t, size.columns, size.rows, "run", "--max", "64M", "--post", "/generate-load/memory?bytes=$step",
				"--step", "10MiB", "--", app, "-addr", "$ADDR")
			require.Zero(t, code, written)
			require.NotContains(t, written, "\nready ", "no line for each step")
			seen := screen(t, written, int(size.columns), int(size.rows))
			if size.columns >= 40 {
				require.Equal(t, 2, strings.Count(seen, "■"), "a legend of memory.current and memory.max")
			}
			graph, outcome, found := strings.Cut(seen, "\n\noom-killed: killed by its own limit: ")
			require.True(t, found, seen)
			acked := regexp.MustCompile(`MiB, (\d+) steps`).FindAllStringSubmatch(graph, -1)
			require.Len(t, acked, 1, seen)
			require.Contains(t, outcome, "  steps      "+acked[0][1]+" acknowledged", seen)
		})
	}
}

func TestOnATerminalTheKindsOfMemoryAreBelowTheGraph(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	code, written := onTerminal(t, 80, 24, "run", "--max", "64M", "--post", "/generate-load/memory?kind=sock&bytes=$step", "--step", "4MiB", "--", app, "-addr", "$ADDR")
	require.Zero(t, code, written)
	seen := screen(t, written, 80, 24)
	graph, _, found := strings.Cut(seen, "\n\noom-killed: killed by its own limit: ")
	require.True(t, found, seen)
	require.Regexp(t, `\n  a+n{20,}[k█]*·*\n  a anon \d+\.\d MiB, n sock [3-6]\d\.\d MiB at the highest reading$`, graph)
}

func TestOnATerminalASweepIsABar(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	out := filepath.Join(t.TempDir(), "results.jsonl")
	args := []string{
		"sweep", "-o", out, "--max", "32MiB,40MiB", "--step", "8MiB", "--post", "/generate-load/memory?bytes=$step",
		"--", app, "-addr", "$ADDR",
	}
	code, written := onTerminal(t, 100, 24, args...)
	require.Zero(t, code, written)
	require.Contains(t, written, "(1/2)")
	require.Regexp(t, `max=(32|40)MiB/step=8MiB +50% \|█+ +\|`, written)
	require.NotContains(t, written, "1/2  oom-killed", "no line for each point")
	require.Contains(t, written, "2 outcomes in "+out+": oom-killed 2\nThe checks found nothing.\n")
}

func TestABarIsForTerminalsAndNotForJSON(t *testing.T) {
	t.Setenv("TERM", "xterm")
	ours, commands, err := pty.Open()
	require.NoError(t, err)
	defer ours.Close()
	defer commands.Close()
	require.NotNil(t, newProgress(1, 1, false, commands).bar)
	require.Nil(t, newProgress(1, 1, true, commands).bar)
	require.Nil(t, newProgress(1, 1, false, &bytes.Buffer{}).bar)
	require.Nil(t, newProgress(1, 0, false, commands).bar, "nothing is left to run")
	for _, cannotMove := range []string{"dumb", ""} {
		t.Setenv("TERM", cannotMove)
		require.Nil(t, newProgress(1, 1, false, commands).bar, "TERM=%s", cannotMove)
	}
}

func TestADumbTerminalGetsLinesAndNoEscapeSequence(t *testing.T) {
	needCages(t)
	t.Setenv("TERM", "dumb")
	app := harness.BuildT(t, "../../../app")
	load := []string{"--max", "40MiB", "--post", "/generate-load/memory?bytes=$step", "--step", "8MiB"}
	target := []string{"--", app, "-addr", "$ADDR"}
	code, written := onTerminal(t, 80, 24, append(append([]string{"run"}, load...), target...)...)
	require.Zero(t, code, written)
	require.Contains(t, written, "\nready ")
	require.NotContains(t, written, "\x1b")
	out := filepath.Join(t.TempDir(), "results.jsonl")
	code, written = onTerminal(t, 80, 24, append(append([]string{"sweep", "-o", out}, load...), target...)...)
	require.Zero(t, code, written)
	require.Contains(t, written, "1/1  oom-killed ")
	require.NotContains(t, written, "\x1b")
}

func TestTheBarIsThereFromTheStartAndStaysInItsLine(t *testing.T) {
	for _, columns := range []uint16{40, 80, 100} {
		written := written(t, columns, 24, func(terminal *os.File) {
			p := newProgress(4, 2, false, terminal)
			for _, name := range []string{"kept/1", "kept/2"} {
				p.done(&harness.Outcome{Name: name}, true)
			}
			p.done(&harness.Outcome{Name: "max=64MiB/" + strings.Repeat("x", 100)}, false)
			p.done(&harness.Outcome{Name: "max=64MiB"}, false)
			require.NoError(t, p.end())
		})
		first, _, _ := strings.Cut(written, "max=")
		require.Contains(t, first, "(0/2)", "before the first point has ended")
		require.NotContains(t, written, "kept", "what an earlier sweep ran says nothing of the time that is left")
		require.Contains(t, written, "(1/2)")
		for line := range strings.SplitSeq(regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`).ReplaceAllString(written, ""), "\r") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), int(columns), line)
		}
	}
}
