package vm

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A result's name in the tar stream is the index of the job's out, a slash, and the path below that
// folder; for an out that is a single file, the file's name.

// extract writes the results below the outs they belong to, as the calling user, and refuses everything
// that is not a plain file or folder below one of them.
//
// What is in earlier and no longer as it was then is not written over: it belongs to somebody who wrote there
// while the guest ran. The guest's is kept beside it, and the error says where.
func extract(r io.Reader, outs []out, earlier onTheHost) error {
	roots := map[int]*os.Root{}
	defer func() {
		for _, root := range roots {
			root.Close()
		}
	}()
	var changed error
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return changed
		}
		if err != nil {
			return fmt.Errorf("read the results: %w", err)
		}
		index, name, _ := strings.Cut(h.Name, "/")
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(outs) {
			return fmt.Errorf("refuse the result %q: no such place", h.Name)
		}
		name = strings.TrimRight(name, "/")
		if name == "" && h.Typeflag == tar.TypeDir && outs[i].Dir {
			continue // the place itself; it is made when something goes there
		}
		if !filepath.IsLocal(name) || !outs[i].Dir && name != filepath.Base(outs[i].Path) {
			return fmt.Errorf("refuse the result %q: it is not below its place", h.Name)
		}
		dir := outs[i].Path
		path := filepath.Join(dir, name)
		if !outs[i].Dir {
			path = dir
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dir = real
			}
			dir, name = filepath.Split(dir)
		}
		root, ok := roots[i]
		if !ok {
			if root, err = openOut(dir); err != nil {
				return fmt.Errorf("write the results: %w", err)
			}
			roots[i] = root
		}
		if earlier.changed(path) {
			name += fmt.Sprintf(".guest-%d", os.Getpid())
			changed = errors.Join(changed, fmt.Errorf("%s was written to while the guest ran; what the guest wrote is in %s", path, filepath.Join(root.Name(), name)))
		}
		if err := extractOne(root, name, h, t); err != nil {
			return fmt.Errorf("write the result %s: %w", filepath.Join(root.Name(), name), err)
		}
	}
}

// onTheHost is how files were found before the guest was started, by their paths.
type onTheHost map[string]stamp

// look remembers how the file is, which need not be there.
func (o onTheHost) look(path string) { o[path] = stampOfFile(path) }

func (o onTheHost) changed(path string) bool {
	was, known := o[path]
	return known && was != stampOfFile(path)
}

// stampOfFile is the zero stamp where there is no file.
func stampOfFile(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stampOf(info)
}

func openOut(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	// The program made the folder in the guest.
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

func extractOne(root *os.Root, name string, h *tar.Header, content io.Reader) error {
	perm := fs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		// The user must be able to write into it, whatever root could do in the guest.
		return root.MkdirAll(name, perm|0o700)
	case tar.TypeReg:
	default:
		return fmt.Errorf("refuse a result of type %q", h.Typeflag)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	// What is there stays whole until all of the new has come, unless it is a link to somewhere else.
	to := name + fmt.Sprintf(".coming-%d", os.Getpid())
	if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
		to = name
	}
	if err := errors.Join(fill(root, to, perm, content), root.Chtimes(to, time.Time{}, h.ModTime)); err != nil {
		if to != name {
			_ = root.Remove(to) // the other error says more
		}
		return err
	}
	if to == name {
		return nil
	}
	return root.Rename(to, name)
}

func fill(root *os.Root, name string, perm fs.FileMode, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Close(), root.Chmod(name, perm))
}
