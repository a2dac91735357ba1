//go:build vmhost

package vm

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"
)

func init() {
	roles["terminals"] = func() int {
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			columns, rows, err := term.GetSize(int(f.Fd()))
			fmt.Fprintf(f, "%dx%d %v\n", columns, rows, err)
		}
		fmt.Print("\x1b[2A\rdrawn over\n")
		return 0
	}
}

// hostTerminal returns both ends of a terminal of the host, which changes nothing that is written to it.
func hostTerminal(t *testing.T, columns, rows uint16) (ours, programs *os.File) {
	t.Helper()
	ours, programs, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { ours.Close(); programs.Close() })
	require.NoError(t, pty.Setsize(programs, &pty.Winsize{Rows: rows, Cols: columns}))
	_, err = term.MakeRaw(int(programs.Fd()))
	require.NoError(t, err)
	return ours, programs
}

// shown is what was written to a terminal, of which no more than its buffer holds may be waiting.
func shown(t *testing.T, ours, programs *os.File) string {
	t.Helper()
	require.NoError(t, programs.Close())
	got, err := io.ReadAll(ours)
	require.ErrorContains(t, err, "input/output error", "so a terminal's other end ends")
	return string(got)
}

func TestATerminalIsOneInTheGuestToo(t *testing.T) {
	ours, programs := hostTerminal(t, 77, 33)
	g := boot(t, "terminals", func(o *Options) { o.Stdout, o.Stderr, o.Accel = programs, programs, "tcg" })
	require.NoError(t, g.err)
	assert.Equal(t, "77x33 <nil>\n77x33 <nil>\n\x1b[2A\rdrawn over\n", shown(t, ours, programs))
}

func TestTwoTerminalsStayTwo(t *testing.T) {
	out, programsOut := hostTerminal(t, 77, 33)
	err, programsErr := hostTerminal(t, 40, 10)
	g := boot(t, "terminals", func(o *Options) { o.Stdout, o.Stderr, o.Accel = programsOut, programsErr, "tcg" })
	require.NoError(t, g.err)
	assert.Equal(t, "77x33 <nil>\n\x1b[2A\rdrawn over\n", shown(t, out, programsOut))
	assert.Equal(t, "40x10 <nil>\n", shown(t, err, programsErr))
}

func TestWhatIsNoTerminalStaysNone(t *testing.T) {
	ours, programs := hostTerminal(t, 77, 33)
	g := boot(t, "terminals", func(o *Options) { o.Stderr, o.Accel = programs, "tcg" })
	require.NoError(t, g.err)
	assert.Equal(t, "77x33 <nil>\n", shown(t, ours, programs))
	assert.Equal(t, "0x0 inappropriate ioctl for device\n\x1b[2A\rdrawn over\n", g.stdout.String())
}
