package vm

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
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
		err = sys.Flock(lock)
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
// next run's to try. Anybody may make a folder of such a name beside ours, with whatever in it: a link for the lock,
// which would have us open a device, for example. So only a folder that this user alone can write to is looked into.
func removeStale(parent string) {
	dirs, _ := sys.WithPrefix(parent, tempPrefix) // what cannot be listed is the next run's to find
	for _, path := range dirs {
		dir, err := openOwn(path)
		if err != nil {
			continue
		}
		if isStale(dir, path) {
			os.RemoveAll(path)
		}
		dir.Close()
	}
}

// openOwn opens a folder of mode 0700 that is this user's, and no link to one.
func openOwn(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &stat); err != nil || int(stat.Uid) != os.Geteuid() || stat.Mode&0o077 != 0 {
		dir.Close()
		return nil, fmt.Errorf("open %s: another user may write to it", path)
	}
	return dir, nil
}

// isStale reports whether the owner of a private folder is gone. A folder without anything but its lock may be about to be
// locked by its owner, whom even a look at that lock would disturb: those are left alone. Where there is more, the owner has
// had the lock before.
func isStale(dir *os.File, path string) bool {
	if !filled(path) {
		return false
	}
	fd, err := unix.Openat(int(dir.Fd()), lockFile, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	lock := os.NewFile(uintptr(fd), filepath.Join(path, lockFile))
	defer lock.Close()
	return sys.Flock(lock) == nil
}

func filled(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 1
}
