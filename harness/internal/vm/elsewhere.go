package vm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// elsewherePrefix begins the name of the folder in $TMPDIR for what cannot be written where it belongs. It stays.
const elsewherePrefix = "oomcage-results-"

// unwritable reports whether the error is one of the place, so that another place may do.
func unwritable(err error) bool {
	for _, of := range []error{fs.ErrPermission, unix.EROFS, unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// Creatable returns why a file of this path cannot be made, or nil. It makes one that has no name, in the folder or, where that is not
// there yet, in the nearest above it.
func Creatable(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dir, err := os.OpenFile(deepest(filepath.Dir(realPath(path))), openFolder, 0)
	if err != nil {
		return cause(err)
	}
	defer dir.Close()
	p, err := newPending(dir)
	if err != nil {
		return err
	}
	p.discard()
	return nil
}

// elsewhere is a spot for what cannot be written to the path, in a folder of $TMPDIR for this user alone, which the first one makes. What
// belongs below a place has the same name below that folder.
func (r *results) elsewhere(path string) (spot, error) {
	if r.instead == "" {
		dir, err := os.MkdirTemp("", elsewherePrefix) // mode 0700
		if err != nil {
			return spot{}, err
		}
		r.instead = dir
	}
	name := filepath.Base(path)
	for _, o := range r.outs {
		if rel, err := filepath.Rel(o.Path, path); err == nil && o.Dir && filepath.IsLocal(rel) {
			name = rel
			break
		}
	}
	kept := filepath.Join(r.instead, name)
	dir, err := openRoot(filepath.Dir(kept))
	return spot{dir: dir, name: filepath.Base(kept), path: kept}, err
}

// grow begins a file that grows.
func (r *results) grow(path string, h fileHeader) (*growingFile, error) {
	at, err := r.spotOf(h)
	if err == nil {
		g := newGrowingFile(at, r.along[at.path], r.initramfs)
		g.elsewhere = r.elsewhere
		return g, nil
	}
	if !unwritable(err) {
		return nil, err
	}
	at, failed := r.elsewhere(path)
	if failed != nil {
		return nil, err
	}
	r.notes.moved(path, err, at.path)
	return newGrowingFile(at, r.along[path], r.initramfs), nil
}

// aside has a whole file go elsewhere. Its error is why it cannot be written where it belongs, if there is no other place either.
func (r *results) aside(c *arriving, path string, why error) error {
	at, err := r.elsewhere(path)
	if err != nil {
		return why
	}
	to, err := newPending(at.dir)
	if err != nil {
		at.close()
		return why
	}
	c.at.close()
	c.at, c.to, c.belongs, c.why = at, to, path, why
	return nil
}

// move has the growing file go elsewhere, with all that it has so far, where there is such a place.
func (g *growingFile) move(n *notes) {
	if g.elsewhere == nil {
		return
	}
	path := g.at.path
	at, err := g.elsewhere(path)
	g.elsewhere = nil // once
	if err != nil {
		return
	}
	n.moved(path, g.err, at.path)
	g.stop()
	g.at.close()
	g.at, g.written, g.last = at, 0, stamp{}
	g.err = g.onDisk(n)
}
