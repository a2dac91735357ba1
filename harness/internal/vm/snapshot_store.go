package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// snapshotFormat is raised when a guest that was saved by an older oomcage cannot be resumed by this one.
const snapshotFormat = 1

const (
	// maxSnapshots and maxSnapshotBytes bound what is kept. One of a guest of 1 GiB takes 150 MiB (November 2026).
	maxSnapshots     = 6
	maxSnapshotBytes = 2 << 30
	// neededRoom must be free where one is made: QEMU ends in the middle of it on a disk that is full.
	neededRoom = 1 << 30
)

// tscTolerance is the part by which two measurements of the frequency may differ: each is right to 50 parts per million,
// and to some more on a busy machine.
const tscTolerance = 500

// store is where the snapshots are: a folder for each, named by what it was made of.
type store struct{ dir string }

// kind is what a snapshot is made of. Another in any of it is another snapshot.
type kind struct {
	Format  int    `json:"format"`
	Boot    string `json:"boot"`    // boot_id of the host, by whose clock the guest's runs
	QEMU    string `json:"qemu"`    // path, size and time of QEMU's executable
	Kernel  string `json:"kernel"`  // and of the guest's kernel
	Init    string `json:"init"`    // hash of the guest's init, and of all that it needs
	Machine string `json:"machine"` // QEMU's arguments, which have the memory, the CPUs and the kernel's parameters
}

// about is what is known of a snapshot.
type about struct {
	Kind   kind   `json:"kind"`
	TSCKHz int64  `json:"tscKHz"` // by which the guest counts time
	State  string `json:"state"`  // SHA-256 of the state
	Memory string `json:"memory"` // of the file of the memory: its inode, size and time
}

// refusal is why there is no snapshot of a kind.
type refusal struct {
	Kind   kind      `json:"kind"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

func openStore() (store, error) {
	dir := cachePath("snapshots")
	if dir == "" {
		return store{}, errors.New("there is no home to keep snapshots in")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return store{}, err
	}
	own, err := openOwn(dir)
	if err != nil {
		return store{}, err
	}
	return store{dir}, own.Close()
}

// name is the kind's in the store.
func (k kind) name() (string, error) {
	data, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12]), nil
}

// kindOf is the kind of a machine's snapshot.
func kindOf(ctx context.Context, m machine) (kind, error) {
	k := kind{Format: snapshotFormat}
	var err error
	if k.Boot, err = bootID(); err != nil {
		return k, err
	}
	if k.QEMU, err = fileVersion(m.qemu); err != nil {
		return k, err
	}
	if k.Kernel, err = fileVersion(m.kernel); err != nil {
		return k, err
	}
	t, err := savedTree(ctx, m.arch)
	if err != nil {
		return k, err
	}
	if k.Init, err = t.sum(); err != nil {
		return k, err
	}
	m.console, m.initramfs, m.tscKHz, m.started = "", "", 0, time.Time{} // others each time
	k.Machine = fmt.Sprintf("%q", m.saving("").args())
	return k, nil
}

// savedTree is the root of a guest that is saved, without its job.
func savedTree(ctx context.Context, a arch) (*tree, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t, err := newTree()
	if err != nil {
		return nil, err
	}
	return t, addInit(ctx, newCarrier(t, a), self)
}

// sum is a hash of all that is in the tree.
func (t *tree) sum() (string, error) {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(t.entries)) {
		e := t.entries[path]
		fmt.Fprintf(h, "%q %o %q %q ", path, e.mode, e.link, e.data)
		if e.src == "" {
			continue
		}
		f, err := os.Open(e.src)
		if err != nil {
			return "", err
		}
		n, err := io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// get returns the snapshot of such a machine. It is made if it is not there; of several callers at once one makes it
// and the others wait.
func (st store) get(ctx context.Context, m machine, tsc tscSample, o Options) (*snapshot, error) {
	k, err := kindOf(ctx, m)
	if err != nil {
		return nil, err
	}
	m.tscKHz = tscKHz(tsc)
	warn := warner(o.Stderr)
	if s, err := st.find(k, m.tscKHz, warn); s != nil || err != nil {
		return s, err
	}
	unlock, err := st.lock(ctx, bootTime)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s, err := st.find(k, m.tscKHz, warn); s != nil || err != nil {
		return s, err
	}
	s, err := st.make(ctx, m, k, o)
	if err != nil && ctx.Err() == nil {
		st.refuse(k, err.Error())
	}
	return s, err
}

// lock keeps others from changing the store until unlock is called. It waits so long at most.
func (st store) lock(ctx context.Context, most time.Duration) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(st.dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	patient, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := sys.AwaitLock(patient, file); err != nil {
		file.Close()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = noSnapshotError{"another one is being saved: " + err.Error()}
		}
		return nil, err
	}
	return func() { file.Close() }, nil
}

// find returns a whole snapshot of the kind, or nil; a damaged one is removed. Its error says that there will be none.
func (st store) find(k kind, tscKHz int64, warn func(string)) (*snapshot, error) {
	name, err := k.name()
	if err != nil {
		return nil, err
	}
	var no refusal
	if readJSON(filepath.Join(st.dir, name+".refused"), &no) == nil && no.Kind == k && time.Now().Before(no.Until) {
		return nil, noSnapshotError{no.Reason}
	}
	s := &snapshot{dir: filepath.Join(st.dir, name)}
	if _, err := os.Stat(filepath.Join(s.dir, aboutFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // also where it is being removed
	}
	if err := s.check(k, tscKHz); err != nil {
		warn("the saved guest " + s.dir + " is damaged: " + err.Error() + "; it is thrown away, and another made")
		return nil, s.remove()
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(s.dir, aboutFile), now, now) // what was used last is kept longest
	return s, nil
}

// check reads what is known of the snapshot, and compares.
func (s *snapshot) check(k kind, tscKHz int64) error {
	if err := readJSON(filepath.Join(s.dir, aboutFile), &s.about); err != nil {
		return err
	}
	if s.about.Kind != k {
		return errors.New("it is one of another kind")
	}
	// A host that is itself a guest may have been moved to another machine meanwhile.
	if off := tscKHz - s.about.TSCKHz; max(off, -off) > tscKHz/tscTolerance {
		return fmt.Errorf("its clock counts %d kHz, and the host's %d", s.about.TSCKHz, tscKHz)
	}
	memory, err := memoryVersion(filepath.Join(s.dir, memoryFile))
	if err != nil {
		return err
	}
	if memory != s.about.Memory {
		return fmt.Errorf("its memory (inode, size, time) is %s, and was %s", memory, s.about.Memory)
	}
	_, err = s.readState()
	return err
}

func (s *snapshot) readState() ([]byte, error) {
	state, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(state); hex.EncodeToString(sum[:]) != s.about.State {
		return nil, errors.New("the state of its devices is not what was saved")
	}
	return state, nil
}

// memoryVersion changes when anything writes to the file, or it is a copy.
func memoryVersion(file string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: file, Err: err}
	}
	return fmt.Sprintf("%d %d %d", st.Ino, st.Size, unix.TimespecToNsec(st.Mtim)), nil
}

// remove removes the snapshot. Guests that were resumed from it have its memory open and go on.
func (s *snapshot) remove() error {
	// What has no description is no snapshot, should this be cut off in the middle.
	if err := os.Remove(filepath.Join(s.dir, aboutFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(s.dir)
}

// throwAwayTime is how long it waits for another who makes a snapshot: a guest is to be booted meanwhile.
const throwAwayTime = 5 * time.Second

// throwAway removes a snapshot that could not be resumed, unless another has taken its place. Where it had just been made the next
// would be no better.
func (s *snapshot) throwAway(ctx context.Context, f *Failure) error {
	st := store{filepath.Dir(s.dir)}
	if s.fresh {
		st.refuse(s.about.Kind, f.Found)
	}
	unlock, err := st.lock(ctx, throwAwayTime)
	if err != nil {
		return fmt.Errorf("throw %s away: %w", s.dir, err)
	}
	defer unlock()
	var now about
	if readJSON(filepath.Join(s.dir, aboutFile), &now) == nil && now != s.about {
		return nil
	}
	return s.remove()
}

// refuse notes that there is no snapshot of the kind. It may be the host's fault, which was too busy, so this is not
// believed for ever.
func (st store) refuse(k kind, reason string) {
	name, err := k.name()
	if err != nil {
		return
	}
	// Where this cannot be written it is tried again each time.
	_ = writeJSON(filepath.Join(st.dir, name+".refused"), refusal{k, reason, time.Now().Add(doubtTime)})
}

func readJSON(file string, to any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	return nil
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o600)
}

// openOwn opens a folder of mode 0700 that is this user's, and no link to one.
func openOwn(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &stat); err != nil || int(stat.Uid) != os.Geteuid() || stat.Mode&0o077 != 0 {
		dir.Close()
		return nil, fmt.Errorf("open %s: another user may write to it", path)
	}
	return dir, nil
}
