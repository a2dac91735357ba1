//go:build linux

package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// Results is a file of outcomes, one a line, that grows while a sweep runs. Each is on the disk when
// Append returns, so that a sweep which is killed, or whose machine loses its power, has lost nothing but what was
// running. Create and Resume make one. The zero value has no file, and keeps outcomes in memory. Earlier, Has and
// Append may be called by several goroutines at once.
type Results struct {
	// Rebuilt lets a sweep go on though the target's executable has changed since its earlier outcomes. Without it that
	// is ErrRebuilt.
	Rebuilt bool

	mu   sync.Mutex
	file *os.File
	made bool             // by this sweep
	done map[string]*kept // by the name of the point, as it is in JSON
	torn error            // the file has the beginning of a line that could not be taken back
}

// kept is what is known of an outcome that the results have: where it is, and what must be the same to go on.
type kept struct {
	outcome *outcome.Outcome // nil where it is in the file
	from    int64            // where its line is there
	length  int

	spec       [sha256.Size]byte // of its spec, but for the timeout
	timeout    time.Duration
	executable outcome.Executable
}

// Create makes a new file, and its folder. A file that exists is fs.ErrExist, as it may be hours of work; what is no regular file is
// ErrNotAFile.
func Create(path string) (*Results, error) {
	f, err := open(path, os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	if err != nil {
		return nil, err
	}
	announce(path)
	return &Results{file: f, made: true, done: map[string]*kept{}}, nil
}

// Resume opens a file to go on with it, or makes it. It cuts off a last line that is torn (ErrTorn). Any other line that is no outcome,
// a point that is there twice, and a file that another sweep is writing are errors, and the file stays as it was. What is no regular
// file is ErrNotAFile.
func Resume(path string) (*Results, error) {
	f, err := open(path, os.O_EXCL)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		f, err = open(path, 0)
	}
	if err != nil {
		return nil, err
	}
	r := &Results{file: f, made: made, done: map[string]*kept{}}
	if err := r.load(path); err != nil {
		f.Close()
		return nil, err
	}
	announce(path)
	return r, nil
}

// load reads what the file has, and makes it ready for the next line.
func (r *Results) load(path string) error {
	in := NewReader(r.file)
	in.Summary = true
	for {
		o, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			if in.ended {
				return nil
			}
			_, err := r.file.WriteString("\n") // of a line that is whole
			return err
		case errors.Is(err, ErrTorn):
			return r.file.Truncate(in.from)
		case err != nil:
			return fmt.Errorf("%w, and nothing was changed: name another file", inFile(path, in.some, err))
		}
		k, err := keptOf(o)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, in.line, err)
		}
		if r.done[o.Name] != nil {
			return fmt.Errorf("%s has the point %s twice; nothing was changed: take one of the lines out, or name another file", path, o.Name)
		}
		k.outcome, k.from, k.length = nil, in.from, len(in.text)
		r.done[o.Name] = k
	}
}

// open opens a regular file to read it and add to it, makes it if it is not there, and keeps a second sweep out of
// it: both would run the same points.
func open(path string, flags int) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	for {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // to open a device may already do something
			return nil, notRegular(path, info)
		}
		f, err := os.OpenFile(path, flags|os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK, 0o666)
		if err != nil {
			return nil, err
		}
		again, err := secure(f, path)
		if err == nil && !again {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

func notRegular(path string, info fs.FileInfo) error {
	kind := "a " + info.Mode().Type().String()
	switch m := info.Mode(); {
	case m.IsDir():
		kind = "a directory"
	case m&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case m&fs.ModeDevice != 0:
		kind = "a device"
	case m&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("%s is %s: %w; name one", path, kind, ErrNotAFile)
}

// secure locks a file that was just opened, and puts its name on the disk. Again is set where the name leads to
// another file by now: a sweep that had made the file, and kept nothing in it, has removed it.
func secure(f *os.File, path string) (again bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, notRegular(path, info)
	}
	if err := sys.LockFile(f); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, fmt.Errorf("%s is being written by another sweep: wait for its end, or name another file", path)
		}
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(info, now) {
		return true, nil
	}
	return false, sys.SyncFolder(filepath.Dir(path))
}

// Earlier returns the outcome that is kept of the point; nil where there is none. One of another spec is ErrOtherSweep: Timeout does
// not count, nor do values that Spec.WithoutSecrets hides. One of another executable is ErrRebuilt, unless Rebuilt is set.
func (r *Results) Earlier(p Point) (*outcome.Outcome, error) {
	k, err := r.find(p)
	if k == nil || err != nil {
		return nil, err
	}
	return r.read(k)
}

// Has reports whether an outcome of the point is kept. Its errors are those of Earlier.
func (r *Results) Has(p Point) (bool, error) {
	k, err := r.find(p)
	return k != nil && err == nil, err
}

// read returns the outcome.
func (r *Results) read(k *kept) (*outcome.Outcome, error) {
	if k.outcome != nil {
		return k.outcome, nil
	}
	line := make([]byte, k.length)
	if _, err := r.file.ReadAt(line, k.from); err != nil {
		return nil, fmt.Errorf("read an outcome again: %w", err)
	}
	o, err := outcome.ParseOutcome(line)
	if err != nil {
		return nil, fmt.Errorf("read an outcome again from %s, which something else has changed: %w", r.file.Name(), err)
	}
	return o, nil
}

// find returns what is kept of the point, or nil.
func (r *Results) find(p Point) (*kept, error) {
	r.mu.Lock()
	k := r.done[inJSON(p.Name)]
	r.mu.Unlock()
	if k == nil {
		return nil, nil
	}
	want, err := specSum(p.Spec)
	if err != nil {
		return nil, err
	}
	if want != k.spec || p.Spec.Timeout != 0 && p.Spec.Timeout != k.timeout { // 0 is the default, which the outcome names
		return nil, r.otherSweep(p, k)
	}
	if r.Rebuilt || k.executable.SHA256 == "" {
		return k, nil
	}
	now, err := harness.SpecOf(p.Spec).Target.Executable()
	if err == nil && now.SHA256 != k.executable.SHA256 {
		return nil, fmt.Errorf("the results have the point %s, and %w since: the SHA-256 of %s was %s, and is %s",
			p.Name, ErrRebuilt, now.Path, k.executable.SHA256, now.SHA256)
	}
	return k, nil // what is not there cannot be run: if a point is left, that will be said
}

// highest is the highest memory.max in the names of the points that are kept, or 0.
func (r *Results) highest() (most outcome.Bytes) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.done {
		for _, v := range ParseName(name) {
			if limit, err := outcome.ParseBytes(v.Text); v.Axis == maxAxis && err == nil && limit != outcome.Unlimited {
				most = max(most, limit)
			}
		}
	}
	return most
}

// otherSweep says what differs.
func (r *Results) otherSweep(p Point, k *kept) error {
	o, err := r.read(k)
	if err != nil {
		return err
	}
	got, err := json.Marshal(o.Spec.WithoutSecrets())
	if err != nil {
		return err
	}
	want, err := json.Marshal(p.Spec.WithoutSecrets())
	if err != nil {
		return err
	}
	return fmt.Errorf("the results have the point %s %w: its spec was %s, and now it is %s; name another file", p.Name, ErrOtherSweep, got, want)
}

// keptOf is what to know of an outcome.
func keptOf(o *outcome.Outcome) (*kept, error) {
	sum, err := specSum(o.Spec)
	if err != nil {
		return nil, err
	}
	return &kept{outcome: o, spec: sum, timeout: o.Spec.Timeout, executable: o.Executable}, nil
}

// specSum is equal for equal specs, whether they were stored as JSON, which has no bytes that are not UTF-8, or not.
// The timeout is left out.
func specSum(s outcome.Spec) (sum [sha256.Size]byte, err error) {
	s.Timeout = 0
	text, err := json.Marshal(s.WithoutSecrets()) // whose values results do not have: they are taken to be what they were
	if err != nil {
		return sum, err
	}
	// It writes the replacement character in two ways.
	return sha256.Sum256(bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\uFFFD"))), nil
}

// inJSON is a text as it comes back from JSON: each byte that is not UTF-8 is a replacement character.
func inJSON(text string) string { return string([]rune(text)) }

// Append adds an outcome, and returns when it is on the disk. A line that could not be written whole is taken back; where
// not even that can be done, this and all later calls are errors.
func (r *Results) Append(o *outcome.Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.add(o); err != nil {
		return fmt.Errorf("keep the outcome of %s: %w", o.Name, err)
	}
	return nil
}

func (r *Results) add(o *outcome.Outcome) error {
	k, err := keptOf(o)
	if err != nil {
		return err
	}
	if r.file != nil {
		line, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if k.from, err = r.write(append(line, '\n')); err != nil {
			return err
		}
		k.outcome, k.length = nil, len(line)
	}
	if r.done == nil {
		r.done = map[string]*kept{}
	}
	r.done[inJSON(o.Name)] = k
	return nil
}

// write adds a line at the end of the file, and returns where it begins.
func (r *Results) write(line []byte) (from int64, err error) {
	if r.torn != nil {
		return 0, r.torn // a line behind the beginning of another would be lost with it
	}
	if len(line) > longestLine {
		return 0, fmt.Errorf("it takes %d MiB, and the lines of results may have %d", len(line)>>20, longestLine>>20)
	}
	var info unix.Stat_t
	if err := unix.Fstat(int(r.file.Fd()), &info); err != nil {
		return 0, fmt.Errorf("look at %s: %w", r.file.Name(), err)
	}
	if info.Nlink == 0 {
		return 0, fmt.Errorf("%s was removed while the sweep ran, and what was kept in it is lost", r.file.Name())
	}
	if _, err := r.file.Write(line); err != nil {
		if back := r.file.Truncate(info.Size); back != nil {
			r.torn = fmt.Errorf("%w, and what of the line was written could not be taken back: %w", err, back)
			return 0, r.torn
		}
		return 0, err
	}
	return info.Size, r.file.Sync()
}

// Close closes the file, if there is one.
func (r *Results) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Discard closes the file, if there is one, and removes it where Create or Resume made it and it is still empty.
func (r *Results) Discard() error {
	if r.file == nil {
		return nil
	}
	path := r.file.Name()
	info, err := r.file.Stat()
	if err == nil && info.Size() == 0 && r.made {
		if now, statErr := os.Lstat(path); statErr == nil && os.SameFile(info, now) { // another may have its name by now
			err = os.Remove(path)
		}
	}
	return errors.Join(err, r.file.Close())
}
