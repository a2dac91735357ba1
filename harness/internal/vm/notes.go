package vm

import (
	"fmt"
	"io"
	"strconv"
)

// notesMax bounds what is said about files one by one.
const notesMax = 20

// notes are about what the program wrote and is not on the host under its own name.
type notes struct {
	lines  []string
	more   int  // those that are not in lines
	beside bool // one is kept beside the host's
}

func (n *notes) add(line string) {
	if len(n.lines) == notesMax {
		n.more++
		return
	}
	n.lines = append(n.lines, line)
}

func (n *notes) kept(path, beside string) {
	n.beside = true
	n.add(fmt.Sprintf("%s is the host's own and stays as it is; the guest's is in %s", shownPath(path), shownPath(beside)))
}

func (n *notes) moved(path string, why error, kept string) {
	n.add(fmt.Sprintf("%s: %v; it is in %s", shownPath(path), cause(why), shownPath(kept)))
}

func (n *notes) failed(path string, err error) {
	n.add(fmt.Sprintf("%s: %v", shownPath(path), cause(err)))
}

func (n *notes) empty() bool { return len(n.lines) == 0 && n.more == 0 }

// print says all of it.
func (n *notes) print(w io.Writer) {
	if n.empty() {
		return
	}
	fmt.Fprintf(w, "oomcage vm: not all that the program wrote is where it wrote it, which makes an exit code of 0 one of %d:\n", exitNotAll)
	for _, line := range n.lines {
		fmt.Fprintln(w, "  "+line)
	}
	if n.more > 0 {
		fmt.Fprintf(w, "  and %d more\n", n.more)
	}
	if n.beside {
		fmt.Fprintln(w, "  to help: a file that goes along is changed where it is; name it among the arguments, or by -add FILE")
	}
}

// shownPath is the path, quoted where a byte of it could do something to a terminal or look like another line.
func shownPath(path string) string {
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` {
		return quoted
	}
	return path
}
