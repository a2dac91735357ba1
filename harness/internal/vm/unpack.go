package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cavaliergopher/cpio"
	"golang.org/x/sys/unix"
)

// unpackArchive does with an archive what the kernel does with an initramfs. What is there of a name is replaced, not written
// to: this process may run from it.
func unpackArchive(r io.Reader, root string) error {
	archive := cpio.NewReader(endless{r})
	buf := make([]byte, 256<<10)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		path := filepath.Join(root, filepath.Clean("/"+h.Name))
		if err := unpackEntry(archive, h, path, buf); err != nil {
			return err
		}
	}
}

// endless is what a disk is: an archive ends before it does.
type endless struct{ io.Reader }

// Read takes the end for one that came too early.
func (e endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func unpackEntry(archive io.Reader, h *cpio.Header, path string, buf []byte) error {
	mode := uint32(h.Mode &^ cpio.ModeType)
	kind := h.Mode & cpio.ModeType
	if kind == cpio.TypeDir {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return chmod(path, mode)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch kind {
	case cpio.TypeSymlink:
		return os.Symlink(h.Linkname, path)
	case cpio.TypeReg:
		return unpackFile(archive, h, path, mode, buf)
	default:
		return fmt.Errorf("the archive has %s, which is neither a folder nor a file nor a link", path)
	}
}

func unpackFile(archive io.Reader, h *cpio.Header, path string, mode uint32, buf []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	// As a plain writer: a file would choose a small buffer of its own.
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, archive, buf)
	if err == nil && n != h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := chmod(path, mode); err != nil {
		return err
	}
	return os.Chtimes(path, h.ModTime, h.ModTime)
}

// chmod is chmod(2), with all bits of a mode.
func chmod(path string, mode uint32) error {
	if err := unix.Chmod(path, mode); err != nil {
		return &os.PathError{Op: "chmod", Path: path, Err: err}
	}
	return nil
}
