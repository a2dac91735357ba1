package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"oomcage/harness/internal/sys"
)

// scratch is the folder that a target has as TMPDIR. What one run leaves there, in memory where it is a tmpfs, would
// be missing in the next.
type scratch struct {
	outer string   // only this user can list it, and so lock it
	lock  *os.File // of outer, as long as its owner lives
	gone  sync.Once
	err   error // set by gone
}

const scratchPrefix = "oomcage-tmp-"

// removeStaleScratch runs once in a process, before its first own folder.
var removeStaleScratch = sync.OnceFunc(func() { removeScratchIn(tempDir()) })

// tempDir is where the folders are made.
var tempDir = os.TempDir

// scratchFor makes the folder, or takes that of the target's life before, unless the target is given a TMPDIR, or there is no
// /tmp here: then there is none (nil).
func scratchFor(t Target) (*scratch, error) {
	if t.tmp != nil {
		return t.tmp, nil
	}
	if slices.ContainsFunc(t.Env, func(e string) bool { return strings.HasPrefix(e, "TMPDIR=") }) {
		return nil, nil //nolint:nilnil // both are meant
	}
	s, err := newScratch()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("TMPDIR") == "" {
		return nil, nil //nolint:nilnil // an image of nothing but programs has no /tmp, and they find none there either
	}
	if err != nil {
		return nil, fmt.Errorf("make a TMPDIR for the target (one in its Env is taken instead): %w", err)
	}
	return s, nil
}

// newScratch makes the folder. Any user may write to it, as to /tmp: a target may change its own.
func newScratch() (*scratch, error) {
	removeStaleScratch()
	lock, err := sys.MakeLockedFolder(tempDir(), scratchPrefix)
	if err != nil {
		return nil, err
	}
	s := &scratch{outer: lock.Name(), lock: lock}
	err = os.Mkdir(s.dir(), 0o700)
	if err == nil {
		err = os.Chmod(s.dir(), 0o777|os.ModeSticky) // whatever the umask is
	}
	if err == nil {
		err = os.Chmod(s.outer, 0o711) //nolint:gosec // it is to be walked through, by any user
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *scratch) dir() string { return filepath.Join(s.outer, "tmp") }

// remove removes the folder with all in it. It may be called again, and for none.
func (s *scratch) remove() error {
	if s == nil {
		return nil
	}
	s.gone.Do(func() {
		if err := removeAll(s.outer); err != nil {
			s.err = fmt.Errorf("remove the target's TMPDIR: %w", err)
		}
		s.lock.Close()
	})
	return s.err
}

// removeAll is os.RemoveAll, also where whoever made the folders in it has left them without the right to write, as Go does with its
// module cache: that stops every user but root.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, openErr := os.OpenRoot(dir) // no link leads out of it
	if openErr != nil {
		return err
	}
	defer root.Close()
	_ = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = root.Chmod(path, 0o700) // before it is read; another user's cannot be changed
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// removeScratchIn removes this user's folders whose owner is gone.
func removeScratchIn(parent string) { sys.RemoveUnlockedFolders(parent, scratchPrefix, removeAll) }
