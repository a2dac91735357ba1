package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// spot is where a result goes: a name in a folder that is held open, so that nobody can put another in its
// place.
type spot struct {
	dir  *os.File // without rights, see O_PATH in open(2)
	name string
	path string // for people
}

func (s spot) close() {
	if s.dir != nil {
		s.dir.Close()
	}
}

// stamp is that of what is there, links not followed, and fs.ErrNotExist if nothing is.
func (s spot) stamp() (stamp, error) { return stampAt(s.dir, s.name) }

func stampAt(dir *os.File, name string) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return stamp{}, err
	}
	return stampOfStat(&st), nil
}

func stampOfStat(st *unix.Stat_t) stamp {
	return stamp{size: st.Size, ino: st.Ino, ctime: unix.TimespecToNsec(st.Ctim), dev: int64(st.Dev), mode: st.Mode}
}

func (s stamp) regular() bool { return s.mode&unix.S_IFMT == unix.S_IFREG }

// spotOf opens the folder that the result goes to, and makes what is missing of it.
func (r *results) spotOf(h fileHeader) (spot, error) {
	path, err := r.pathOf(h)
	if err != nil {
		return spot{}, err
	}
	root, name := r.outs[h.Place].Path, string(h.Name)
	if !r.outs[h.Place].Dir {
		root, name = filepath.Split(realPath(path))
	}
	if inGit(path) || inGit(filepath.Join(root, name)) {
		return spot{}, errInGit
	}
	dir, err := openRoot(root)
	if err != nil {
		return spot{}, err
	}
	at := spot{dir: dir, path: filepath.Clean(root)}
	guest := at.path
	names := strings.Split(name, "/")
	for _, folder := range names[:len(names)-1] {
		guest = filepath.Join(guest, folder)
		if err := r.enter(&at, guest, 0); err != nil {
			at.close()
			return spot{}, err
		}
	}
	at.name = names[len(names)-1]
	at.path = filepath.Join(at.path, at.name)
	return at, nil
}

// realPath follows the links on the way to the file, and those that it is itself.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := deepest(filepath.Dir(path))
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return path
	}
	return filepath.Join(real, strings.TrimPrefix(path, dir))
}

const openFolder = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

func openRoot(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, openFolder, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	// The program made the folder in the guest.
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, err
	}
	return os.OpenFile(path, openFolder, 0)
}

// enter moves the spot into the folder that the guest calls path, and makes it if need be, with perm, or as the
// umask leaves it if that is 0. Where the host has something else of its name, a link too, all that the guest has
// in it goes into a folder beside that.
func (r *results) enter(at *spot, path string, perm uint32) error {
	made := false
	name := filepath.Base(path)
	if other, ok := r.moved[path]; ok {
		name = other
	}
	here := int(at.dir.Fd())
	mode := perm
	if perm == 0 {
		mode = 0o777
	}
	fd, err := unix.Openat(here, name, openFolder|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Mkdirat(here, name, mode)
		if made = err == nil; errors.Is(err, unix.EEXIST) { // somebody else has just made it
			fd, err = unix.Openat(here, name, openFolder|unix.O_NOFOLLOW, 0)
		}
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		taken := filepath.Join(at.path, name)
		name, err = beside(name, func(other string) error { return unix.Mkdirat(here, other, mode) })
		if made = err == nil; made {
			r.moved[path] = name
			r.notes.kept(taken, filepath.Join(at.path, name))
		}
	}
	if made && perm != 0 {
		err = unix.Fchmodat(here, name, perm, 0) // the umask is of no account, as for files
	}
	if made && err == nil {
		fd, err = unix.Openat(here, name, openFolder|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return fmt.Errorf("make the folder %s: %w", shownPath(filepath.Join(at.path, name)), err)
	}
	at.dir.Close()
	at.path = filepath.Join(at.path, name)
	at.dir = os.NewFile(uintptr(fd), at.path)
	return nil
}

// makeFolder makes a folder of the guest's. One that is there stays as it is.
func (r *results) makeFolder(h fileHeader) error {
	path, err := r.pathOf(h)
	if err != nil {
		return err
	}
	// The user must be able to write into it, whatever root could do in the guest.
	mode := h.Mode&0o777 | 0o700
	at, err := r.spotOf(h)
	if err == nil {
		err = r.makeAt(at, path, mode)
	}
	if !unwritable(err) {
		return err
	}
	at, failed := r.elsewhere(path)
	if failed == nil {
		failed = r.makeAt(at, path, mode)
	}
	if failed == nil {
		r.notes.moved(path, err, at.path)
		return nil
	}
	return err
}

// makeAt makes the folder that the guest calls path at a spot, which is closed.
func (r *results) makeAt(at spot, path string, mode uint32) error {
	defer func() { at.close() }()
	at.path = filepath.Dir(at.path)
	return r.enter(&at, path, mode)
}

// besideMax bounds the names that are tried: each is a run that found the one before taken.
const besideMax = 10000

// beside calls try with NAME.guest, NAME.guest-2 and so on until it does not say that the name is taken.
func beside(name string, try func(other string) error) (string, error) {
	const longest = 255 // bytes, of Linux's file systems
	for i := 1; i <= besideMax; i++ {
		suffix := ".guest"
		if i > 1 {
			suffix += fmt.Sprintf("-%d", i)
		}
		other := name[:min(len(name), longest-len(suffix))] + suffix
		err := try(other)
		if !errors.Is(err, fs.ErrExist) {
			return other, err
		}
	}
	return "", fmt.Errorf("%s.guest and %d more names are taken", shownPath(name), besideMax-1)
}
