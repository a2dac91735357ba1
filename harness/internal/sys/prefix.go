package sys

import (
	"os"
	"path/filepath"
	"strings"
)

// WithPrefix lists the paths of what is in a folder under a name that begins so. To filepath.Glob the folder's own path would be a
// pattern as well: systemd writes a backslash into the names of units and slices, such as system-ci\x2drunner.slice.
func WithPrefix(dir, prefix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var paths []string
	for _, e := range entries { // those that were read, where it fails
		if strings.HasPrefix(e.Name(), prefix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}
