package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"oomcage/harness"
)

// Results is a file of outcomes, one a line, that grows while a sweep runs. Each is on the disk when
// Append returns, so that a sweep which is killed, or whose machine is, has lost nothing but what was
// running. The zero value keeps them nowhere but in memory.
type Results struct {
	mu   sync.Mutex
	file *os.File
	done map[string]*harness.Outcome
}

// Create makes a new file, and its folder. One that exists is an error: it may be hours of work.
func Create(path string) (*Results, error) {
	f, err := open(path, os.O_WRONLY|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w; go on with it by -resume, or name another file", path, fs.ErrExist)
	}
	if err != nil {
		return nil, err
	}
	return lock(&Results{file: f})
}

// Resume opens a file to go on with it, or makes it. A last line that was torn when the sweep was killed is
// cut off; any other damage is an error that names the line, and nothing is changed.
func Resume(path string) (*Results, error) {
	f, err := open(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	r, err := lock(&Results{file: f, done: map[string]*harness.Outcome{}})
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err == nil {
		var outcomes []*harness.Outcome
		var whole int
		outcomes, whole, err = parse(path, data)
		for _, o := range outcomes {
			if r.done[o.Name] != nil {
				err = errors.Join(err, fmt.Errorf("%s has the point %s twice", path, o.Name))
			}
			r.done[o.Name] = o
		}
		if err == nil && whole < len(data) {
			err = f.Truncate(int64(whole))
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func open(path string, flags int) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flags|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, err
	}
	announce(path)
	return f, nil
}

// syncFolder puts the names in a folder on the disk: what is synced in a new file is of no use if the machine
// loses the file's name. A file system that cannot do so answers EINVAL.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// lock keeps a second sweep out: both would run the same points.
func lock(r *Results) (*Results, error) {
	if err := unix.Flock(int(r.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		name := r.file.Name()
		r.file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is being written by another sweep: wait for its end, or name another file", name)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return r, nil
}

// Earlier returns the outcome that is kept of the point, or nil. One of another spec is an error: the file
// would be about two things.
func (r *Results) Earlier(p Point) (*harness.Outcome, error) {
	r.mu.Lock()
	o := r.done[p.Name]
	r.mu.Unlock()
	if o == nil {
		return nil, nil
	}
	spec := p.Spec
	if spec.Timeout == 0 {
		spec.Timeout = o.Spec.Timeout // the default, which the outcome names
	}
	want, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	got, err := json.Marshal(o.Spec)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(want, got) {
		return nil, fmt.Errorf("the results have the point %s %w: its spec was %s, and now it is %s; name another file", p.Name, ErrOtherSweep, got, want)
	}
	return o, nil
}

// ErrOtherSweep is the error of results that are not those of the points to be run.
var ErrOtherSweep = errors.New("of another sweep")

// Append adds an outcome, and returns when it is on the disk. A line that did not fit is taken back.
func (r *Results) Append(o *harness.Outcome) error {
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("keep the outcome of %s: %w", o.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		if err := appendLine(r.file, append(line, '\n')); err != nil {
			return fmt.Errorf("keep the outcome of %s: %w", o.Name, err)
		}
	}
	if r.done == nil {
		r.done = map[string]*harness.Outcome{}
	}
	r.done[o.Name] = o
	return nil
}

func appendLine(f *os.File, line []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return f.Sync()
}

// Close closes the file.
func (r *Results) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Read reads a file of outcomes. Damage is an error that names the line. Where only the last line is
// torn (ErrTorn), the outcomes before it are returned too.
func Read(path string) ([]*harness.Outcome, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	outcomes, whole, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if whole < len(data) {
		return outcomes, fmt.Errorf("%s:%d: %w when its sweep was killed; go on with it by -resume", path, len(outcomes)+1, ErrTorn)
	}
	return outcomes, nil
}

// ErrTorn is the error of a last line that has no end.
var ErrTorn = errors.New("the line was torn")

// parse returns the outcomes and where their last whole line ends. A line is written with its line break, so
// only one without it can be torn.
func parse(path string, data []byte) (outcomes []*harness.Outcome, whole int, err error) {
	for n := 1; ; n++ {
		end := bytes.IndexByte(data[whole:], '\n')
		if end < 0 {
			return outcomes, whole, nil
		}
		o, err := harness.ParseOutcome(data[whole : whole+end])
		if err != nil {
			return nil, 0, fmt.Errorf("%s:%d: %w; repair or remove the line", path, n, err)
		}
		outcomes = append(outcomes, o)
		whole += end + 1
	}
}
