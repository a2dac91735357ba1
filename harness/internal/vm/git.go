package vm

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// errInGit is why a result is not written: what lies there is run by git on the host, with the user's rights.
var errInGit = errors.New("nothing is written into .git")

// inGit reports whether an element of the path is .git, which is a file in a work tree of its own. A file system
// may not tell upper case from lower.
func inGit(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.Clean(path), "/"), func(name string) bool { return strings.EqualFold(name, ".git") })
}
