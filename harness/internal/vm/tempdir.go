package vm

import (
	"os"

	"oomcage/harness/internal/sys"
)

// tempPrefix begins the names of the private folders, and of no others: what is known of a failure is kept in others.
const tempPrefix = "oomcage-guest-"

// privateDir makes a folder that only this user can read, and returns what removes it again. Before that
// it removes those that killed runs left behind.
func privateDir() (dir string, remove func(), err error) {
	sys.RemoveUnlockedFolders(os.TempDir(), tempPrefix, os.RemoveAll)
	lock, err := sys.MakeLockedFolder(os.TempDir(), tempPrefix)
	if err != nil {
		return "", nil, err
	}
	return lock.Name(), func() {
		os.RemoveAll(lock.Name())
		lock.Close()
	}, nil
}
