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
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A result's name in the tar stream is the index of the job's out, a slash, and the path below that
// folder; for an out that is a single file, the file's name.

// stamp tells whether a file changed. The change time cannot be set back by a program.
type stamp struct {
	size       int64
	ino        uint64
	ctime, dev int64
	mode       uint32
}

// privatePaths are no results even when they lie below a folder of results, for instance when that is /.
var privatePaths = []string{"/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/root", guestFolder}

// snapshot lists the files of all outs before the program runs.
func snapshot(j job) (map[string]stamp, error) {
	files := map[string]stamp{}
	for _, o := range j.Out {
		err := eachFile(o, func(path string, st stamp, _ fs.FileInfo) error {
			files[path] = st
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// eachFile calls f for the regular files and folders of the out. What vanishes meanwhile is left out:
// processes that the program left behind may still be at work.
func eachFile(o out, f func(path string, st stamp, info fs.FileInfo) error) error {
	if !o.Dir {
		info, err := os.Stat(o.Path) // a profile may be a link to somewhere else
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		return f(o.Path, stampOf(info), info)
	}
	root, err := os.Stat(o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	device := stampOf(root).dev
	return filepath.WalkDir(o.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		st := stampOf(info)
		if d.IsDir() && (st.dev != device || isPrivate(o.Path, path)) {
			return filepath.SkipDir
		}
		if !d.IsDir() && !info.Mode().IsRegular() {
			return nil
		}
		return f(path, st, info)
	})
}

func isPrivate(root, path string) bool {
	for _, p := range privatePaths {
		if path == p && !inside(p, root) {
			return true
		}
	}
	return false
}

func stampOf(info fs.FileInfo) stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{size: info.Size(), mode: uint32(info.Mode())}
	}
	return stamp{
		size: st.Size, ino: st.Ino, ctime: unix.TimespecToNsec(unix.Timespec(st.Ctim)),
		dev: int64(st.Dev), mode: st.Mode,
	}
}

// sendResults writes what is new or changed since before as a tar stream. A file that two outs share is
// sent once.
func sendResults(w io.Writer, j job, before map[string]stamp) error {
	t := tar.NewWriter(w)
	sent := map[string]bool{}
	for i, o := range j.Out {
		err := eachFile(o, func(path string, st stamp, info fs.FileInfo) error {
			old, existed := before[path]
			if sent[path] || info.IsDir() && existed || existed && old == st {
				return nil
			}
			sent[path] = true
			name := filepath.Base(path)
			if o.Dir {
				rel, err := filepath.Rel(o.Path, path)
				if err != nil {
					return err
				}
				name = rel
			}
			return sendFile(t, strconv.Itoa(i)+"/"+name, path, info)
		})
		if err != nil {
			return err
		}
	}
	return t.Close()
}

func sendFile(t *tar.Writer, name, path string, info fs.FileInfo) error {
	if info.IsDir() {
		return t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeDir, Name: name + "/", Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(),
		})
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	// The size must be right even if somebody still writes: hold it, and fill up what was cut off.
	size := info.Size()
	err = t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm()), Size: size,
		ModTime: info.ModTime(), Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	n, err := io.Copy(t, io.LimitReader(f, size))
	if err != nil {
		return err
	}
	_, err = io.CopyN(t, zeros{}, size-n)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// extract writes the results below the outs they belong to, as the calling user, and refuses everything
// that is not a plain file or folder below one of them.
func extract(r io.Reader, outs []out) error {
	roots := map[int]*os.Root{}
	defer func() {
		for _, root := range roots {
			root.Close()
		}
	}()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the results: %w", err)
		}
		index, name, _ := strings.Cut(h.Name, "/")
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(outs) {
			return fmt.Errorf("refuse the result %q: no such place", h.Name)
		}
		name = strings.TrimSuffix(name, "/")
		if name == "." && h.Typeflag == tar.TypeDir && outs[i].Dir {
			continue
		}
		if !filepath.IsLocal(name) || !outs[i].Dir && name != filepath.Base(outs[i].Path) {
			return fmt.Errorf("refuse the result %q: it is not below its place", h.Name)
		}
		root, ok := roots[i]
		if !ok {
			dir := outs[i].Path
			if !outs[i].Dir {
				dir = filepath.Dir(dir)
			}
			if root, err = openOut(dir); err != nil {
				return fmt.Errorf("write the results: %w", err)
			}
			roots[i] = root
		}
		if err := extractOne(root, name, h, t); err != nil {
			return fmt.Errorf("write the result %s: %w", filepath.Join(root.Name(), name), err)
		}
	}
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
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := root.Chmod(name, perm); err != nil {
		return err
	}
	return root.Chtimes(name, time.Time{}, h.ModTime)
}
