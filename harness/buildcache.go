package harness

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

const (
	// buildPrefix begins the names of the folders in which something is being compiled.
	buildPrefix = "tmp-"
	// buildAge is how long an executable is kept after it was compiled last. Each process compiles what it
	// needs anew, so it is longer than any process that still starts it; Go keeps its own for 5 days.
	buildAge = 30 * 24 * time.Hour
)

// buildDir makes entry, and a folder in it for one compilation. The folder is locked until it is removed; no other user
// may open it, and so lock it.
func buildDir(entry string) (dir string, remove func(), err error) {
	for range 10 { // another may trim away what is not locked yet
		if err = os.MkdirAll(entry, 0o755); err != nil {
			return "", nil, err
		}
		dir, err = os.MkdirTemp(entry, buildPrefix) // mode 0700
		if err == nil {
			var lock *os.File
			if lock, err = lockDir(dir); err == nil {
				return dir, func() {
					os.RemoveAll(dir)
					lock.Close()
				}, nil
			}
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
	}
	return "", nil, err
}

// lockDir locks a folder that is there when it is locked. The kernel drops the lock with the process.
func lockDir(dir string) (*os.File, error) {
	f, err := sys.LockFolder(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// trimBuilds removes from the cache what nobody has compiled for long, and what compilations that were killed have
// left. What cannot be removed is the next one's to try.
func trimBuilds(cache string, now time.Time) {
	paths, _ := filepath.Glob(filepath.Join(cache, "*", "*")) // a cache whose path is a bad pattern is not trimmed
	for _, path := range paths {
		info, err := os.Lstat(path)
		switch {
		case err != nil:
		case !info.IsDir():
			if now.Sub(info.ModTime()) > buildAge {
				os.Remove(path)
			}
		default:
			if lock, err := lockDir(path); err == nil { // its owner is gone
				os.RemoveAll(path)
				lock.Close()
			}
		}
		_ = os.Remove(filepath.Dir(path)) // unless something is in it
	}
}
