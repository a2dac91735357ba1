package sys

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MakeLockedFolder makes a folder of mode 0700 with a new name that begins so, and locks it as long as the file is open, by whose name it
// is known. RemoveUnlockedFolders removes it when its owner is gone, however early that was.
func MakeLockedFolder(parent, prefix string) (*os.File, error) {
	for {
		path, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, err
		}
		lock, err := LockFolder(path)
		if err == nil && IsAt(lock) {
			return lock, nil
		}
		if err == nil {
			lock.Close()
		}
		if err == nil || errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // RemoveUnlockedFolders of another process had the lock before, and removes it
		}
		return nil, errors.Join(err, os.Remove(path))
	}
}

// RemoveUnlockedFolders calls remove with each folder of this user that MakeLockedFolder has made there and that nobody holds any more.
// Anybody may make a folder of such a name: one that is not this user's, or that others may write to, is left alone, and no link is followed.
func RemoveUnlockedFolders(parent, prefix string, remove func(path string) error) {
	paths, _ := WithPrefix(parent, prefix) // what cannot be listed is the next one's to find
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || !isOwn(info) {
			continue
		}
		if lock, err := LockFolder(path); err == nil {
			if info, err := lock.Stat(); err == nil && isOwn(info) { // and has not been put there since
				_ = remove(path) // what cannot be removed is the next one's to try
			}
			lock.Close()
		}
	}
}

// isOwn reports whether it is a folder of this user's to which nobody else may write.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// IsAt reports whether a file that is open is still the one at its path: whoever had its lock before may have removed it, and another
// may have made it anew.
func IsAt(f *os.File) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(own, now)
}
