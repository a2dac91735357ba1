package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// moveToDisk moves what is in dir to the folder disk, and puts that in its place. What is mounted in dir stays
// where it is, so the root stays in memory, which holds all else.
func moveToDisk(dir, disk string) error {
	if dir == "/" {
		return nil
	}
	err := copyFolder(dir, disk)
	if errors.Is(err, unix.ENOSPC) {
		err = fmt.Errorf("%w; a larger -scratch helps", err)
	}
	if err == nil {
		err = unix.Mount(disk, dir, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("move the working directory to the scratch disk: %w", err)
	}
	return nil
}

// copyFolder copies folders, files and links from src to the new folder dst, and frees what the files took in
// memory. Everything belongs to root already.
func copyFolder(src, dst string) error {
	device, err := deviceOf(src)
	if err != nil {
		return err
	}
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(dst, rel)
		switch {
		case d.IsDir():
			if here, err := deviceOf(path); err != nil || here != device || path == guestFolder {
				return errors.Join(err, fs.SkipDir)
			}
			return makeLike(target, info)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case info.Mode().IsRegular():
			return moveFile(path, target, info)
		}
		return nil
	})
}

func deviceOf(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return st.Dev, nil
}

func makeLike(dir string, like fs.FileInfo) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, like.Mode()) // the sticky bit too, which mkdir leaves out
}

func moveFile(src, dst string, info fs.FileInfo) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	err = errors.Join(out.Chmod(info.Mode()), out.Close(), os.Chtimes(dst, info.ModTime(), info.ModTime()))
	if err != nil {
		return err
	}
	return os.Remove(src)
}
