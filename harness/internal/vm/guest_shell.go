package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// guestShell is what system(3) and its like run. Where none goes along, init takes its place and says so: programs
// rarely do, and call it "exit status 127".
const (
	guestShell = "/bin/sh"
	guestInit  = "/init"
)

// noShellCode is the exit code of a command that a shell does not find.
const noShellCode = 127

// standInForShell puts init where the shell is missing.
func standInForShell() error {
	if _, err := os.Lstat(guestShell); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(guestShell), 0o755); err != nil {
		return err
	}
	return os.Symlink(guestInit, guestShell)
}

// NoShell reports whether this process was started as the shell of a guest that has none. It tells so on stderr, and
// returns the exit code.
func NoShell(args []string, stderr io.Writer) (code int, yes bool) {
	self, err := os.Executable()
	if err != nil || self != guestInit || len(args) == 0 || filepath.Base(args[0]) != filepath.Base(guestShell) {
		return 0, false
	}
	what := ""
	if len(args) > 2 && args[1] == "-c" {
		what = fmt.Sprintf(" to run %q", args[2])
	}
	fmt.Fprintf(stderr, "oomcage vm: the guest has no %s%s: -add %[1]s takes the host's along\n", guestShell, what)
	return noShellCode, true
}
