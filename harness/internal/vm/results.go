package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"oomcage/harness/internal/human"
)

// flushEvery bounds how long what has come of a growing file may wait for the disk while more is coming.
const flushEvery = 500 * time.Millisecond

// results writes what comes back from the guest, as the calling user, and nothing that is not a plain file or
// folder below one of the job's outs.
//
// What the guest made gets its name where the host has nothing of that name, where the file went along and is
// still as it was then, or where the command line gives it as the file to write. Else it is kept beside it. What
// goes wrong with one costs no other, and all of it is in the notes.
type results struct {
	outs      []out
	along     alongFiles
	initramfs string // holds what went along
	notes     notes

	messages chan message
	closed   chan struct{} // nothing more is taken
	done     chan struct{}
	close    func()

	moved   map[string]string       // folders that have another name on the host, by their path
	instead string                  // the folder for what cannot be written where it belongs; empty: none so far
	growing map[string]*growingFile // by path in the guest
	current *arriving
	grown   *growingFile // the one whose pieces come
	flushed time.Time

	coming             coming
	files, comingFiles atomic.Int64 // that have come and that will in all
	bytes, comingBytes atomic.Int64 // of their data
}

// message is a frame about results.
type message struct {
	kind    frameKind
	payload []byte
}

func newResults(outs []out, along alongFiles, initramfs string) *results {
	r := &results{
		outs: outs, along: along, initramfs: initramfs,
		messages: make(chan message, 64), closed: make(chan struct{}), done: make(chan struct{}),
		moved: map[string]string{}, growing: map[string]*growingFile{},
	}
	r.close = sync.OnceFunc(func() { close(r.closed) })
	go r.run()
	return r
}

// put hands a frame over. The disk may be slower than the line, and the program's output shall not wait for it
// longer than it must.
func (r *results) put(kind frameKind, payload []byte) {
	select {
	case r.messages <- message{kind, payload}:
	case <-r.closed:
	}
}

// finish writes what has come, drops what came in part, and returns what there is to say. complete says that
// the guest has sent all.
func (r *results) finish(complete bool) *notes {
	r.close()
	<-r.done
	if !complete {
		r.lostOnTheWay()
	}
	return &r.notes
}

func (r *results) run() {
	defer close(r.done)
	defer r.end()
	for {
		select {
		case m := <-r.messages:
			r.handle(m)
		case <-r.closed:
			for { // what was put before
				select {
				case m := <-r.messages:
					r.handle(m)
				default:
					return
				}
			}
		}
		if len(r.messages) == 0 || time.Since(r.flushed) > flushEvery {
			r.flush()
		}
	}
}

// flush puts on the disk what has come of the growing files.
func (r *results) flush() {
	for _, g := range r.growing {
		g.flush(&r.notes)
	}
	r.flushed = time.Now()
}

func (r *results) end() {
	r.flush()
	for _, g := range r.growing {
		g.close(&r.notes)
	}
	if c := r.current; c != nil && c.err == nil {
		c.drop()
		r.notes.failed(c.at.path, errors.New("the guest ended before all of it had come"))
		r.current = nil
	}
}

func (r *results) handle(m message) {
	switch m.kind {
	case frameComing:
		if json.Unmarshal(m.payload, &r.coming) == nil {
			r.comingFiles.Store(int64(r.coming.Files))
			r.comingBytes.Store(r.coming.Bytes)
		}
	case frameProblem:
		r.notes.add(string(m.payload))
	case frameFile:
		var h fileHeader
		if err := json.Unmarshal(m.payload, &h); err != nil {
			r.notes.add(fmt.Sprintf("a result that makes no sense: %v", err))
			return
		}
		r.begin(h)
	case frameData:
		r.piece(m.payload)
	case frameFileEnd:
		r.finished(string(m.payload))
	}
}

// begin begins a result.
func (r *results) begin(h fileHeader) {
	r.current, r.grown = nil, nil
	path, err := r.pathOf(h)
	if err != nil {
		r.refuse(fmt.Sprintf("place %d, %q", h.Place, h.Name), err)
		return
	}
	switch {
	case h.Dir:
		if err := r.makeFolder(h); err != nil {
			r.notes.failed(path, err)
		}
	case h.Grows:
		g := r.growing[path]
		if g == nil {
			if g, err = r.grow(path, h); err != nil {
				r.refuse(path, err)
				return
			}
			r.growing[path] = g
		}
		g.cut(h)
		r.grown = g
	default:
		r.current = r.arrive(path, h)
	}
}

// refuse notes that a result is not written. The pieces of it that follow are ignored.
func (r *results) refuse(path string, err error) {
	r.notes.failed(path, err)
	r.current = &arriving{err: err}
}

// arrive begins a whole file.
func (r *results) arrive(path string, h fileHeader) *arriving {
	c := &arriving{header: h, mayReplace: func(stamp) bool { return false }}
	if g := r.growing[path]; g != nil { // all of it follows: it was not only added to
		delete(r.growing, path)
		c.at, c.mayReplace = g.at, g.isLast
		g.stop()
	} else if c.at, c.err = r.spotOf(h); c.err == nil {
		was, wentAlong := r.along[c.at.path]
		given := r.outs[h.Place].Given
		c.mayReplace = func(is stamp) bool { return given || wentAlong && is == was.stamp }
	}
	if c.err == nil {
		c.to, c.err = newPending(c.at.dir)
	}
	if unwritable(c.err) {
		c.err = r.aside(c, path, c.err)
	}
	if c.err != nil {
		r.notes.failed(path, c.err)
		c.at.close()
	}
	return c
}

func (r *results) piece(payload []byte) {
	offset, data, err := decodePiece(payload)
	switch c, g := r.current, r.grown; {
	case c != nil && c.err == nil:
		r.bytes.Add(int64(len(data)))
		if err == nil {
			_, err = c.to.f.WriteAt(data, offset)
		}
		if err != nil {
			r.drop(c, err)
		}
	case c == nil && g != nil:
		if err == nil {
			err = g.add(offset, data)
		}
		if err != nil {
			r.notes.failed(g.at.path, err)
		}
	}
}

// drop gives up a file, and its room on the disk at once.
func (r *results) drop(c *arriving, err error) {
	c.err = cause(err)
	c.drop()
	r.notes.failed(c.at.path, c.err)
}

// finished ends a result; reason is why the guest could not read all of it, or empty.
func (r *results) finished(reason string) {
	c := r.current
	r.current, r.grown = nil, nil
	if c == nil {
		return
	}
	r.files.Add(1)
	if c.err != nil {
		return
	}
	if reason != "" {
		r.drop(c, errors.New("read it in the guest: "+reason))
		return
	}
	kept, err := c.keep()
	if err != nil {
		r.drop(c, err)
		return
	}
	switch {
	case c.why != nil:
		r.notes.moved(c.belongs, c.why, kept)
	case kept != c.at.path:
		r.notes.kept(c.at.path, kept)
	}
	c.drop() // what is left of it has no name
}

// grownPaths are the growing files that the host has. Call it after finish.
func (r *results) grownPaths() []string {
	var paths []string
	for _, g := range r.growing {
		if g.written > 0 {
			paths = append(paths, g.at.path)
		}
	}
	slices.Sort(paths)
	return paths
}

// progress says how much has come of what follows the program's end.
func (r *results) progress() string {
	return fmt.Sprintf("%d files of %d, %s", r.files.Load(), r.comingFiles.Load(), human.Of(r.bytes.Load(), r.comingBytes.Load()))
}

// lostOnTheWay names what had not come when the guest ended.
func (r *results) lostOnTheWay() {
	left := r.coming.Files - int(r.files.Load())
	if left <= 0 {
		return
	}
	last := r.coming.Last[max(0, len(r.coming.Last)-left):]
	for _, name := range last {
		r.notes.add(name + ": it had not come back when the guest ended")
	}
	r.notes.more += left - len(last)
}

// pathOf is where the result is in the guest.
func (r *results) pathOf(h fileHeader) (string, error) {
	if h.Place < 0 || h.Place >= len(r.outs) {
		return "", errors.New("refuse a result of no known place")
	}
	o, name := r.outs[h.Place], string(h.Name)
	if !o.Dir {
		if name != "" || h.Dir {
			return "", errors.New("refuse a result that is not the file of its place")
		}
		return o.Path, nil
	}
	if !filepath.IsLocal(name) || name == "." || filepath.Clean(name) != name {
		return "", errors.New("refuse a result that is not below its place")
	}
	return filepath.Join(o.Path, name), nil
}

// alongFiles are the files that the guest was started with, by their path in it.
type alongFiles map[string]alongFile

// alongFile is one of them.
type alongFile struct {
	stamp  stamp // of the host's file of the same path when it was read; zero: it is a copy of another
	offset int64 // of its content in the initramfs
	size   int64
}
