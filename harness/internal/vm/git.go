package vm

import (
	"errors"
	"path/filepath"
	"strings"
)

// errInGit is why a result is not written: what lies there is run by git on the host, with the user's rights.
var errInGit = errors.New("nothing is written into .git")

// inGit reports whether an element of the path is .git, which is a file in a work tree of its own. A file system
// may not tell upper case from lower.
func inGit(path string) bool {
	for name := range strings.SplitSeq(filepath.Clean(path), "/") {
		if strings.EqualFold(name, ".git") {
			return true
		}
	}
	return false
}
