package vm

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of the private folders. One is locked as long as its owner lives.
const tempPrefix = "oomcage-vm-"

// lockFile is in every private folder, so that no other folder is taken for one.
const lockFile = "lock"

// privateDir makes a folder that only this user can read, and returns what removes it again. Before that
// it removes those that killed runs left behind.
func privateDir() (dir string, remove func(), err error) {
	removeStale(os.TempDir())
	dir, err = os.MkdirTemp("", tempPrefix) // mode 0700
	if err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return dir, func() {
		os.RemoveAll(dir)
		lock.Close()
	}, nil
}

// removeStale removes the private folders of this user whose owner is gone. What can't be removed is the
// next run's to try.
func removeStale(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, tempPrefix+"*", lockFile)) // the pattern is ours
	for _, path := range locks {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // another user's
		}
		// A folder whose owner has made but not yet locked its file could be lost here: leave those alone
		// that are still without anything else in them.
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && filled(filepath.Dir(path)) {
			os.RemoveAll(filepath.Dir(path))
		}
		lock.Close()
	}
}

func filled(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 1
}
