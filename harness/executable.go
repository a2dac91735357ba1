package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
	"oomcage/harness/outcome"
)

// Executable finds the file that t runs, and reads it once: again only when it is new or has changed. So its pages are
// in the page cache, charged to the harness, before a cage runs it. Of a container it is the image, with its id.
func (t Target) Executable() (outcome.Executable, error) {
	if t.Image != "" {
		return t.image()
	}
	path, err := exec.LookPath(t.Path)
	if strings.Contains(t.Path, "/") { // the kernel looks it up from the working directory on
		path, err = t.Path, nil
		if !filepath.IsAbs(path) && t.Dir != "" {
			path = filepath.Join(t.Dir, path)
		}
	}
	if err != nil {
		return outcome.Executable{}, fmt.Errorf("find the executable: %w", err)
	}
	e := outcome.Executable{Path: path}
	e.SHA256, err = sumOf(path)
	return e, err
}

// explainExec says what is wrong with a file that could not be executed (execve(2)), in the working directory dir.
func explainExec(err error, dir string) error {
	at := new(fs.PathError)
	if !errors.As(err, &at) || at.Op != "fork/exec" {
		return err
	}
	if errors.Is(err, unix.ENOEXEC) {
		return fmt.Errorf("%w: it is no program of this machine, and no script, which begins with #! and an interpreter", err)
	}
	file := at.Path
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	info, statErr := os.Stat(file)
	switch {
	case statErr != nil:
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the file is there, and what it names to run it is not: the interpreter of its first line, or a dynamic loader", err)
	case !errors.Is(err, fs.ErrPermission):
		return err
	case info.IsDir():
		return fmt.Errorf("%w: it is a folder: name a program in it, or one that was built from it", err)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%w: nobody may execute it: chmod +x %s", err, shell.Join(at.Path))
	}
	return err
}

// fileState changes when the contents of a file do, once it is settled.
type fileState struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

// coarsestTime is that of the file times of FAT, the coarsest of Linux's file systems. Those of the others are as fine as
// the kernel's tick before Linux 6.13 (fs/inode.c, multigrain timestamps): 1 to 10 ms.
const coarsestTime = 2 * time.Second

// settled reports whether a change from now on can be seen by the file's time: two changes within one tick of the
// file system's clock look the same.
func (s fileState) settled(now time.Time) bool {
	return now.Sub(time.Unix(s.ctime.Unix())) > coarsestTime
}

// sums are those of the executables that this process has read.
var sums struct {
	sync.Mutex
	of map[fileState]string
}

// sumOf is the SHA-256 of a regular file.
func sumOf(path string) (string, error) {
	var info unix.Stat_t
	now := time.Now() // before what is looked at changes
	if err := unix.Stat(path, &info); err != nil {
		return "", &os.PathError{Op: "look at", Path: path, Err: err}
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", fmt.Errorf("read %s: it is no regular file", path)
	}
	state := fileState{uint64(info.Dev), info.Ino, info.Size, info.Mtim, info.Ctim} //nolint:unconvert // 32 bits elsewhere
	sums.Lock()
	defer sums.Unlock() // of two that want the same sum, one reads
	if sum, ok := sums.of[state]; ok {
		return sum, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if !state.settled(now) {
		return sum, nil
	}
	if sums.of == nil {
		sums.of = map[fileState]string{}
	}
	sums.of[state] = sum
	return sum, nil
}
