package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// arriving is a whole file that is on its way. It has no name until all of it is there.
type arriving struct {
	header fileHeader
	at     spot
	to     *pending
	// mayReplace reports whether a plain file with this stamp, which is there already, may be replaced.
	mayReplace func(is stamp) bool
	err        error  // why it is not written; its pieces are let pass
	why        error  // why it goes elsewhere
	belongs    string // and where it belongs
}

func (c *arriving) drop() {
	if c.to != nil {
		c.to.discard()
	}
	c.at.close()
}

// sameMax bounds the files that are compared with what is there.
const sameMax = 64 << 20

// keep gives the file its name, or one beside it, and returns its path. Where the host has the same content
// already, that is left alone.
func (c *arriving) keep() (string, error) {
	if err := c.to.complete(c.header); err != nil {
		return "", err
	}
	for range besideMax { // somebody else makes and removes such a file at the same time
		is, err := c.at.stamp()
		switch {
		case errors.Is(err, unix.ENOENT):
			if err = c.to.as(c.at.name); errors.Is(err, unix.EEXIST) {
				continue
			}
			return c.at.path, err
		case err != nil:
			return "", err
		case is.regular() && c.mayReplace(is):
			if err = c.to.over(c.at.name); err == nil {
				return c.at.path, nil
			}
		case is.regular() && is.size == c.header.Size && is.size <= sameMax && c.sameAsThere():
			c.to.discard()
			return c.at.path, nil
		}
		name, besideErr := beside(c.at.name, c.to.as)
		return filepath.Join(filepath.Dir(c.at.path), name), besideErr
	}
	return "", fmt.Errorf("%s comes and goes", shownPath(c.at.path))
}

// sameAsThere reports whether the file of that name has the content that has come.
func (c *arriving) sameAsThere() bool {
	fd, err := unix.Openat(int(c.at.dir.Fd()), c.at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	there := os.NewFile(uintptr(fd), c.at.path)
	defer there.Close()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for offset := int64(0); offset < c.header.Size; {
		n, err := io.ReadFull(io.NewSectionReader(there, offset, int64(len(a))), a)
		m, otherErr := io.ReadFull(io.NewSectionReader(c.to.f, offset, int64(len(b))), b)
		if n == 0 || n != m || !bytes.Equal(a[:n], b[:m]) || !ended(err) || !ended(otherErr) {
			return false
		}
		offset += int64(n)
	}
	return true
}

// ended reports whether a read got to the end of the file.
func ended(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// pending is a file that has no name, so that nothing is left of it however this process ends; or, on a file
// system that has no such files, one with a name that says what it is.
type pending struct {
	f    *os.File
	dir  *os.File
	name string // empty: none
}

// pendingName is another one each time: of two containers that write to one folder both may be process 7.
func pendingName() string { return fmt.Sprintf(".oomcage-%d-%08x.coming", os.Getpid(), rand.Uint32()) }

func newPending(dir *os.File) (*pending, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return namedPending(dir)
	}
	return &pending{dir: dir, f: os.NewFile(uintptr(fd), dir.Name())}, nil
}

// namedPending is one of a file system without files that have no name.
func namedPending(dir *os.File) (*pending, error) {
	name := pendingName()
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return &pending{dir: dir, name: name, f: os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name))}, nil
}

// complete gives it its size, which holes may make up, its permissions and its time.
func (p *pending) complete(h fileHeader) error {
	if err := p.f.Truncate(h.Size); err != nil {
		return err
	}
	if err := p.f.Chmod(os.FileMode(h.Mode).Perm()); err != nil {
		return err
	}
	at := []unix.Timeval{unix.NsecToTimeval(h.Modified), unix.NsecToTimeval(h.Modified)}
	return unix.Futimes(int(p.f.Fd()), at)
}

// as gives it a name that nothing has; else the error is EEXIST.
func (p *pending) as(name string) error {
	dir := int(p.dir.Fd())
	if p.name == "" {
		return p.link(name)
	}
	err := unix.Renameat2(dir, p.name, dir, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot refuse to replace
		if err = unix.Linkat(dir, p.name, dir, name, 0); err == nil {
			err = unix.Unlinkat(dir, p.name, 0)
		}
	}
	if err == nil {
		p.name = ""
		err = p.f.Close()
	}
	return err
}

func (p *pending) link(name string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", p.f.Fd())
	return unix.Linkat(unix.AT_FDCWD, from, int(p.dir.Fd()), name, unix.AT_SYMLINK_FOLLOW)
}

// over takes the place of the file of that name, once it is on the disk: it may be the only one.
func (p *pending) over(name string) error {
	if err := p.f.Sync(); err != nil {
		return err
	}
	var old unix.Stat_t
	if unix.Fstatat(int(p.dir.Fd()), name, &old, unix.AT_SYMLINK_NOFOLLOW) == nil {
		_ = p.f.Chown(int(old.Uid), int(old.Gid)) // root's runs leave a user's file the user's; others may not
	}
	if p.name == "" {
		other := pendingName()
		if err := p.link(other); err != nil {
			return err
		}
		p.name = other
	}
	dir := int(p.dir.Fd())
	if err := unix.Renameat(dir, p.name, dir, name); err != nil {
		return err
	}
	p.name = ""
	return p.f.Close()
}

func (p *pending) discard() {
	p.f.Close()
	if p.name != "" {
		_ = unix.Unlinkat(int(p.dir.Fd()), p.name, 0) // nothing more can be done
		p.name = ""
	}
}
