package vm

import (
	"fmt"
	"io"
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is one of the host's that the program's output goes to, as large as it was at the start.
type terminal struct {
	Rows    uint16
	Columns uint16
}

// terminalOf returns the terminal that w is, or nil.
func terminalOf(w io.Writer) *terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return nil // nothing can be drawn where the size is unknown
	}
	return &terminal{Rows: uint16(rows), Columns: uint16(columns)}
}

// open returns both ends of a terminal in the guest that stands for t. The program writes to the second;
// from the first comes what it wrote, unchanged: line ends are the host's terminal's business.
func (t *terminal) open() (ours, programs *os.File, err error) {
	ours, programs, err = pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	if err = t.set(programs); err != nil {
		_ = ours.Close() // the other error says more
		_ = programs.Close()
		return nil, nil, fmt.Errorf("set up a terminal: %w", err)
	}
	return ours, programs, nil
}

func (t *terminal) set(f *os.File) error {
	if err := pty.Setsize(f, &pty.Winsize{Rows: t.Rows, Cols: t.Columns}); err != nil {
		return err
	}
	settings, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	settings.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, settings)
}
