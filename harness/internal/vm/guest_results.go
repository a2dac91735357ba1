package vm

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

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
// sent once. Deletions stay in the guest: a file that is not seen, for instance below something that the
// program mounted, may be there all the same, and the host's must not be lost for it.
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
			return sendFile(t, resultName(i, o, path), path, info)
		})
		if err != nil {
			return err
		}
	}
	return t.Close()
}

func resultName(i int, o out, path string) string {
	if !o.Dir {
		return strconv.Itoa(i) + "/" + filepath.Base(path)
	}
	return strconv.Itoa(i) + "/" + strings.TrimPrefix(strings.TrimPrefix(path, o.Path), "/")
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
