package vm

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// growingVariable names a file to which a program adds the paths of its own that shall be with the host as they
// grow, a path a line.
const growingVariable = "OOMCAGE_VM_GROWING"

// growing sends what is added to some files while the program runs, so that a guest that is killed has lost
// nothing of them. They are those that the job names, and those that a program names itself.
type growing struct {
	send   sender
	job    job
	before map[string]stamp
	list   string // file to which a program adds paths
	files  []*grownFile
	events *os.File // inotify
	done   chan struct{}
	err    error // of the line; read it after done
}

// grownFile is one of the files.
type grownFile struct {
	header fileHeader
	path   string
	ino    uint64      // 0: not there yet
	sent   int64       // the host has its bytes up to here
	sum    hash.Hash32 // of them
	other  bool        // another file has taken its place: it goes back when the program has ended
}

const (
	// A program's list of files is no reason for init to need much memory.
	growingMax  = 1000
	fileEvents  = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVE_SELF
	placeEvents = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ONLYDIR
)

// watchGrowing makes the list and starts to watch, before the program starts.
func watchGrowing(w *frameWriter, j job, before map[string]stamp, list string) (*growing, error) {
	if err := os.WriteFile(list, nil, 0o666); err != nil {
		return nil, err
	}
	if err := os.Chmod(list, 0o666); err != nil { // whatever user the program runs as
		return nil, err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("start inotify: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, list, unix.IN_MODIFY); err != nil { // before it is read
		unix.Close(fd)
		return nil, &fs.PathError{Op: "watch", Path: list, Err: err}
	}
	g := &growing{send: sender{w: w}, job: j, before: before, list: list,
		events: os.NewFile(uintptr(fd), "inotify"), done: make(chan struct{})}
	for i, o := range j.Out {
		if o.Grows {
			g.add(o.Path, fileHeader{Place: i})
		}
	}
	go g.run()
	return g, nil
}

// add watches one more file. Of one that has been there since before the program ran, the host has the beginning.
func (g *growing) add(path string, h fileHeader) {
	for _, f := range g.files {
		if real, err := filepath.EvalSymlinks(f.path); f.path == path || err == nil && real == path {
			return
		}
	}
	h.Grows = true
	f := &grownFile{header: h, path: path, sum: crc32.NewIEEE()}
	g.files = append(g.files, f)
	old, existed := g.before[path]
	info, err := os.Stat(path)
	if !existed || err != nil {
		return
	}
	st := stampOf(info)
	f.ino, f.sent = st.ino, min(old.size, st.size)
	f.other = old.ino != st.ino || f.summed(f.sent) != nil
}

// summed makes sum that of the file's first size bytes.
func (f *grownFile) summed(size int64) error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	f.sum.Reset()
	_, err = io.CopyN(f.sum, file, size)
	return err
}

// run sends until the events are closed, and once more then.
func (g *growing) run() {
	defer close(g.done)
	buf := make([]byte, 64<<10)
	for ended := false; g.err == nil && !ended; {
		g.named()
		missing := g.missing()
		g.watch() // before looking, so that nothing comes between
		if g.err = g.pass(); g.err != nil || g.missing() < missing {
			continue // a file that has just been made is not watched itself yet
		}
		_, err := g.events.Read(buf) // what happened is seen in the files
		ended = err != nil
	}
	g.named()
	if g.err == nil {
		g.err = g.pass()
	}
}

// missing counts the files that are not there yet.
func (g *growing) missing() (n int) {
	for _, f := range g.files {
		if f.ino == 0 && !f.other {
			n++
		}
	}
	return n
}

// watch asks for the events of all files, and of where they will be made. What cannot be
// watched goes back when the program has ended.
func (g *growing) watch() {
	conn, err := g.events.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { // closed: then run ends
		add := func(path string, mask uint32) { _, _ = unix.InotifyAddWatch(int(fd), path, mask) }
		for _, f := range g.files {
			if f.ino == 0 {
				// Again where a folder was made before its parent was watched.
				for dir := ""; dir != deepest(filepath.Dir(f.path)); {
					dir = deepest(filepath.Dir(f.path))
					add(dir, placeEvents)
				}
			}
			if !f.other {
				add(f.path, fileEvents)
			}
		}
	})
}

// named adds the files that the program has named and that lie where results do.
func (g *growing) named() {
	list, err := os.Open(g.list)
	if err != nil {
		return
	}
	defer list.Close()
	for lines := bufio.NewScanner(list); lines.Scan() && len(g.files) < growingMax; {
		path := realPath(lines.Text()) // a program may name a file before it makes it
		if !filepath.IsAbs(path) || inGit(path) || isLink(path) {
			continue
		}
		for i, o := range g.job.Out {
			if o.Dir && inside(o.Path, path) && !hidden(o.Path, path) {
				g.add(path, fileHeader{Place: i, Name: []byte(nameBelow(o, path))})
				break
			}
		}
	}
}

// isLink reports whether the path is a link still, which is one to what is not there.
func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// hidden reports whether the path lies below one of the private ones, for a walk of root.
func hidden(root, path string) bool {
	for dir := path; dir != root && dir != "/"; dir = filepath.Dir(dir) {
		if isPrivate(root, dir) {
			return true
		}
	}
	return false
}

// pass sends what has changed.
func (g *growing) pass() error {
	for _, f := range g.files {
		if f.other {
			continue
		}
		if err := g.grow(f); err != nil {
			return err
		}
	}
	return nil
}

func (g *growing) grow(f *grownFile) error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		f.other = true
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || f.ino != 0 && f.ino != stampOf(info).ino {
		f.other = true
		return nil
	}
	f.ino = stampOf(info).ino
	size := info.Size()
	if size == f.sent {
		return nil
	}
	h := f.header
	h.Mode, h.Size = uint32(info.Mode().Perm()), size
	if size < f.sent {
		f.sent = size
		if f.summed(size) != nil {
			f.other = true
			return nil
		}
	}
	if err := g.send.json(frameFile, h); err != nil {
		return err
	}
	for buf := make([]byte, pieceMax); f.sent < size; {
		n, err := file.ReadAt(buf[:min(pieceMax, size-f.sent)], f.sent)
		if n == 0 {
			f.other = err != nil && !errors.Is(err, io.EOF)
			break // cut meanwhile, which is another event
		}
		piece, err := g.send.encode(f.sent, buf[:n])
		if err != nil {
			return err
		}
		if err := g.send.w.frame(frameData, piece); err != nil {
			return err
		}
		f.sum.Write(buf[:n])
		f.sent += int64(n)
	}
	return g.send.w.frame(frameFileEnd, nil)
}

// finish stops the watch when the program has ended, and returns the files that the host has as they are.
func (g *growing) finish() (map[string]bool, error) {
	g.events.Close()
	<-g.done
	done := map[string]bool{}
	for _, f := range g.files {
		if f.sent > 0 && f.asSent() {
			done[f.path] = true
			if real, err := filepath.EvalSymlinks(f.path); err == nil {
				done[real] = true
			}
		}
	}
	return done, g.err
}

// asSent reports whether all of the file is what was sent: a program may also write in the middle.
func (f *grownFile) asSent() bool {
	info, err := os.Stat(f.path)
	if err != nil || f.other || stampOf(info).ino != f.ino || info.Size() != f.sent {
		return false
	}
	sent := f.sum.Sum32()
	return f.summed(f.sent) == nil && f.sum.Sum32() == sent
}
