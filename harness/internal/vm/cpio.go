package vm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
)

// write writes the tree as an initramfs, folders before what they hold, and returns what it wrote of the host's
// files.
func (t *tree) write(w io.Writer) (alongFiles, error) {
	buf := bufio.NewWriterSize(w, 1<<20)
	out := &counter{w: buf}
	c := cpio.NewWriter(out)
	along := alongFiles{}
	for _, path := range slices.Sorted(maps.Keys(t.entries)) {
		if path == "/" {
			continue
		}
		e := t.entries[path]
		if err := e.write(c, path, out, along); err != nil && !e.vanished(err) {
			return nil, fmt.Errorf("add %s to the initramfs: %w", path, err)
		}
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	return along, buf.Flush()
}

// counter counts the bytes that go through it.
type counter struct {
	w io.Writer
	n int64
}

// Write counts what could be written.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// vanished reports whether an error of opening its file says that a file is there no more that nobody has named.
func (e entry) vanished(err error) bool {
	if !e.found || !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(e.src)
	return errors.Is(err, fs.ErrNotExist)
}

func (e entry) write(c *cpio.Writer, path string, out *counter, along alongFiles) error {
	h := &cpio.Header{Name: strings.TrimPrefix(path, "/"), Mode: e.mode, Links: 1}
	switch {
	case e.mode&cpio.ModeType == cpio.TypeSymlink:
		return writeData(c, h, []byte(e.link))
	case e.mode&cpio.ModeType == cpio.TypeDir:
		h.Links = 2
		return c.WriteHeader(h)
	case e.src == "":
		return writeData(c, h, e.data)
	}
	f, err := os.Open(e.src)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= 1<<32 {
		return errors.New("a file of an initramfs is smaller than 4 GiB")
	}
	h.Size, h.ModTime = info.Size(), cpioTime(info.ModTime())
	if err := c.WriteHeader(h); err != nil {
		return err
	}
	a := alongFile{offset: out.n, size: h.Size}
	if e.src == path {
		a.stamp = stampOf(info)
	}
	along[path] = a
	_, err = io.CopyN(c, f, h.Size)
	return err
}

// cpioTime is the nearest time that an archive can hold: it has eight hexadecimal digits for the seconds since 1970, and the library
// would write the sign of an earlier one into them.
func cpioTime(t time.Time) time.Time {
	return time.Unix(min(max(t.Unix(), 0), math.MaxUint32), 0)
}

func writeData(c *cpio.Writer, h *cpio.Header, data []byte) error {
	h.Size = int64(len(data))
	if err := c.WriteHeader(h); err != nil {
		return err
	}
	_, err := c.Write(data)
	return err
}

func cpioPerm(m fs.FileMode) cpio.FileMode {
	p := cpio.FileMode(m.Perm())
	if m&fs.ModeSetuid != 0 {
		p |= cpio.ModeSetuid
	}
	if m&fs.ModeSetgid != 0 {
		p |= cpio.ModeSetgid
	}
	if m&fs.ModeSticky != 0 {
		p |= cpio.ModeSticky
	}
	return p
}
