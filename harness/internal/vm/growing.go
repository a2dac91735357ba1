package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// growingFile is one that the guest adds to and that grows on the host too, where it is, as soon as the guest has
// written. All that the guest has of it is at hand, so that it can be kept beside a file that somebody else
// changes.
type growingFile struct {
	at        spot
	initramfs string
	along     alongFile // what the guest was started with
	begun     int64     // bytes of that which it still begins with
	tail      []byte    // what follows them
	mode      uint32

	f       *os.File // on the host, nil before the first flush
	last    stamp    // of it, as this process left it
	written int64    // bytes of it that are on the disk
	err     error    // of the last flush
	gap     bool     // bytes are missing: nothing of it is written any more
	// elsewhere finds another place where this one cannot be written to; nil: there is none, or it is there already.
	elsewhere func(path string) (spot, error)
}

func newGrowingFile(at spot, along alongFile, initramfs string) *growingFile {
	return &growingFile{at: at, along: along, initramfs: initramfs, begun: along.size, last: along.stamp, written: along.size}
}

func (g *growingFile) size() int64 { return g.begun + int64(len(g.tail)) }

// isLast reports whether the file is as we have written it: nobody else has changed it.
func (g *growingFile) isLast(is stamp) bool { return is == g.last }

// cut begins a change, to which the file may have been cut before.
func (g *growingFile) cut(h fileHeader) {
	g.mode = h.Mode & 0o777
	if h.Size >= g.size() {
		return
	}
	g.tail = g.tail[:max(0, h.Size-g.begun)]
	g.begun = min(g.begun, h.Size)
	g.written = min(g.written, h.Size)
}

// add adds a piece.
func (g *growingFile) add(offset int64, data []byte) error {
	if g.gap || offset != g.size() {
		if g.gap {
			return nil
		}
		g.gap = true
		return fmt.Errorf("bytes %d to %d did not come", g.size(), offset)
	}
	g.tail = append(g.tail, data...)
	return nil
}

// flush puts on the disk what has come. When it cannot, the file has what it had before, and the next flush
// tries again.
func (g *growingFile) flush(n *notes) {
	if g.gap || g.f != nil && g.written == g.size() && g.last.size == g.size() && g.err == nil {
		return
	}
	if g.err = g.onDisk(n); g.err != nil && g.f != nil {
		_ = g.f.Truncate(g.written) // the other error says more
		g.look()
	}
	if g.f == nil && unwritable(g.err) {
		g.move(n)
	}
}

func (g *growingFile) onDisk(n *notes) error {
	is, err := g.at.stamp()
	if g.f == nil || err != nil || is != g.last {
		if err := g.open(n, is, err); err != nil {
			return err
		}
	}
	if err := g.f.Truncate(g.written); err != nil {
		return err
	}
	if g.written < g.begun {
		archive, err := os.Open(g.initramfs)
		if err != nil {
			return err
		}
		defer archive.Close()
		rest := io.NewSectionReader(archive, g.along.offset+g.written, g.begun-g.written)
		if _, err := io.Copy(io.NewOffsetWriter(g.f, g.written), rest); err != nil {
			return err
		}
	}
	from := max(g.written, g.begun)
	if _, err := g.f.WriteAt(g.tail[from-g.begun:], from); err != nil {
		return err
	}
	if err := g.f.Sync(); err != nil {
		return err
	}
	g.written = g.size()
	g.look()
	return nil
}

// look remembers how this process left the file, if nobody else has written to it meanwhile.
func (g *growingFile) look() {
	var st unix.Stat_t
	g.last = stamp{}
	if unix.Fstat(int(g.f.Fd()), &st) == nil && st.Size == g.written {
		g.last = stampOfStat(&st)
	}
}

// open opens the file, where it is as it was left, or makes it, or one beside it.
func (g *growingFile) open(n *notes, is stamp, err error) error {
	g.stop()
	dir := int(g.at.dir.Fd())
	if err == nil && is.regular() && is == g.last {
		fd, err := unix.Openat(dir, g.at.name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			g.f = os.NewFile(uintptr(fd), g.at.path)
			return nil
		}
		// It may only be read. Then what comes is kept beside it.
	}
	fd := -1
	create := func(name string) (err error) {
		fd, err = unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, g.mode|0o200)
		return err
	}
	name := g.at.name
	if err = create(name); errors.Is(err, unix.EEXIST) {
		name, err = beside(name, create)
	}
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(g.at.path), name)
	if name != g.at.name {
		n.kept(g.at.path, path)
	}
	g.at.name, g.at.path, g.written = name, path, 0
	g.f = os.NewFile(uintptr(fd), path)
	return sys.SyncFolder(filepath.Dir(path))
}

// stop closes the file, which stays as it is.
func (g *growingFile) stop() {
	if g.f != nil {
		g.f.Close()
		g.f = nil
	}
}

// close ends it.
func (g *growingFile) close(n *notes) {
	if unwritable(g.err) {
		g.move(n)
	}
	g.stop()
	g.at.close()
	if g.err != nil {
		n.failed(g.at.path, fmt.Errorf("of %d bytes, %d are written: %w", g.size(), g.written, g.err))
	}
}
