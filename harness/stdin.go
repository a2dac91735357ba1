package harness

import (
	"fmt"
	"io/fs"
	"os"

	"oomcage/harness/internal/guest"
)

// openStdin opens what the target reads; nil is nothing: /dev/null.
func openStdin(path string) (*os.File, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // both are meant
	}
	if err := checkStdin(path); err != nil { // to open a pipe would wait for whoever writes to it
		return nil, err
	}
	return os.Open(path)
}

// checkStdin refuses what cannot be read, and what cannot be read again by the next run.
func checkStdin(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return guest.ExplainMissing(err)
	}
	if kind := info.Mode() & (fs.ModeDir | fs.ModeNamedPipe | fs.ModeSocket); kind != 0 {
		return fmt.Errorf("%s is a folder, a pipe or a socket: give a file, which each run reads from its beginning", path)
	}
	return nil
}
