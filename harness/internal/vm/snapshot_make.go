package vm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
)

// makingPrefix begins the names of snapshots that are not whole.
const makingPrefix = ".making-"

// make makes a snapshot of the kind. The store is locked.
func (st store) make(ctx context.Context, m machine, k kind) (*snapshot, error) {
	name, err := k.name()
	if err != nil {
		return nil, err
	}
	if err := st.prune(k.Boot, "", maxSnapshots-1, maxSnapshotBytes); err != nil {
		return nil, err
	}
	if err := st.room(); err != nil {
		return nil, err
	}
	s := &snapshot{fresh: true, about: about{Kind: k, TSCKHz: m.tscKHz}}
	for try := 1; ; try++ {
		if s.dir, err = os.MkdirTemp(st.dir, makingPrefix); err != nil {
			return nil, err
		}
		err = s.fill(ctx, m)
		if err == nil {
			break
		}
		err = errors.Join(err, os.RemoveAll(s.dir))
		var f *Failure
		again := errors.As(err, &f) && (f.kind == flawedGuest || f.kind == silentGuest)
		if !again || try == maxBoots || ctx.Err() != nil {
			return nil, err
		}
	}
	final := filepath.Join(st.dir, name)
	if err := os.Rename(s.dir, final); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	s.dir = final
	_ = st.prune(k.Boot, name, maxSnapshots, maxSnapshotBytes) // this one is good; what is too much goes with the next
	return s, nil
}

// room refuses a disk that a snapshot may fill.
func (st store) room() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(st.dir, &fs); err != nil {
		return fmt.Errorf("look for room in %s: %w", st.dir, err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < neededRoom {
		return fmt.Errorf("%s has %s free, and a saved guest needs %s", st.dir, human.Size(free), human.Size(int64(neededRoom)))
	}
	return nil
}

// fill boots a guest until it waits for its job, and saves it.
func (s *snapshot) fill(ctx context.Context, m machine) error {
	tmp, remove, err := privateDir()
	if err != nil {
		return err
	}
	defer remove()
	m.initramfs, m.console = filepath.Join(tmp, "initramfs.cpio"), filepath.Join(tmp, consoleFile)
	if err := writeSavedInitramfs(ctx, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	memory := filepath.Join(s.dir, memoryFile)
	if err := makeMemory(memory, m.memory); err != nil {
		return err
	}
	proc, err := m.saving(memory).start()
	if err != nil {
		return err
	}
	defer proc.stop()
	defer context.AfterFunc(ctx, proc.kill)()
	kind, flaw, err := newFrameReader(proc.conn).next()
	switch {
	case err != nil:
		proc.stop()
		console, _ := os.ReadFile(m.console) // QEMU may not have got as far
		f := failure(qemuFailed, "the guest to be saved did not boot: "+cmp.Or(lastWord(proc.stderr.Bytes()), err.Error()), "")
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			f = failure(silentGuest, "the guest to be saved said nothing within "+human.Duration(bootTime), "")
		}
		return f.with(tail(console, nil))
	case kind != frameHello:
		return fmt.Errorf("%w: a frame of kind %q before the hello", errCorrupt, kind)
	case len(flaw) > 0:
		return failure(flawedGuest, "the guest to be saved is not right: "+string(flaw), "")
	}
	state, err := proc.save(time.Now().Add(bootTime))
	if err != nil {
		return err
	}
	proc.stop() // what it has written to the memory is in the file by now
	return s.describe(state)
}

// makeMemory makes the file before QEMU does, which would let others read it.
func makeMemory(file string, size int64) error {
	f, err := makeSparse(file, size>>20<<20, blockSize) // as QEMU is told
	if err != nil {
		return err
	}
	return f.Close()
}

// describe writes what is beside the memory.
func (s *snapshot) describe(state []byte) error {
	sum := sha256.Sum256(state)
	s.about.State = hex.EncodeToString(sum[:])
	var err error
	if s.about.Memory, err = memoryVersion(filepath.Join(s.dir, memoryFile)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, stateFile), state, 0o600); err != nil {
		return err
	}
	return writeJSON(filepath.Join(s.dir, aboutFile), s.about)
}

// writeSavedInitramfs writes the root of a guest that is saved: an init, and the drivers of all disks.
func writeSavedInitramfs(ctx context.Context, m machine) error {
	modules, err := findModules(m.kernel, Options{Swap: 1, Scratch: 1}.drivers(m.arch))
	if err != nil {
		return err
	}
	t, err := savedTree(ctx, m.arch)
	if err != nil {
		return err
	}
	j := job{Save: true, Emulated: m.accel == accelTCG}
	if j.Modules, err = t.modules(modules); err != nil {
		return err
	}
	_, _, err = writeTree(ctx, t, m.initramfs, j)
	return err
}
