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
func (st store) make(ctx context.Context, m machine, k kind, o Options) (*snapshot, error) {
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
	for tried := (attempts{boots: 1}); ; tried.boots++ {
		booted := m
		if o.test.saved != nil {
			o.test.saved(tried.boots-1, &booted)
		}
		if s.dir, err = os.MkdirTemp(st.dir, makingPrefix); err != nil {
			return nil, err
		}
		err = s.fill(ctx, booted, o, o.saveTime(tried.boots-1))
		if err == nil {
			break
		}
		err = errors.Join(err, os.RemoveAll(s.dir))
		var f *Failure
		if ctx.Err() != nil || !errors.As(err, &f) || !tried.again(f) {
			return nil, err
		}
		warner(o.Stderr)(f.Found + "; nothing has run yet, so another is booted to be saved" + f.kept())
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
func (s *snapshot) fill(ctx context.Context, m machine, o Options, limit time.Duration) error {
	tmp, remove, err := privateDir()
	if err != nil {
		return err
	}
	defer remove()
	m.initramfs, m.console = filepath.Join(tmp, "initramfs.cpio"), filepath.Join(tmp, consoleFile)
	if err := writeSavedInitramfs(ctx, m); err != nil {
		return err
	}
	memory := filepath.Join(s.dir, memoryFile)
	if err := makeMemory(memory, m.memory); err != nil {
		return err
	}
	m = m.saving(memory)
	proc, err := m.start()
	if err != nil {
		return err
	}
	defer proc.stop()
	defer context.AfterFunc(ctx, proc.kill)()
	if err := proc.awaitSaved(ctx, m, o, limit); err != nil {
		return err
	}
	state, err := proc.save(time.Now().Add(limit))
	if err != nil {
		return err
	}
	proc.stop() // what it has written to the memory is in the file by now
	return s.describe(state)
}

// awaitSaved waits until a guest to be saved says that it can be. What is known of one that ends, or says nothing, is kept.
func (p *process) awaitSaved(ctx context.Context, m machine, o Options, limit time.Duration) error {
	word := make(chan error, 1)
	go func() { word <- readSaved(newFrameReader(p.conn)) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var err error
	var silent bool
	var state []byte
	select {
	case err = <-word:
	case <-timer.C:
		state = p.inspect(m.cpus)
		select {
		case err = <-word: // meanwhile: whatever was late, it was not the guest alone
		default:
			silent = true
		}
	}
	var flaw *Failure
	if !silent && (err == nil || errors.As(err, &flaw) || errors.Is(err, errCorrupt)) {
		return err
	}
	p.stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	console, _ := os.ReadFile(m.console) // QEMU may not have got as far
	f := readConsole(console, false)
	switch {
	case silent:
		f = failure(silentGuest, fmt.Sprintf("the guest to be saved said nothing for %v after QEMU was started", limit), "").with(tail(console, nil))
	case f == nil:
		f = failure(qemuFailed, "the guest to be saved did not boot: "+cmp.Or(lastWord(p.stderr.Bytes()), err.Error()), "").with(tail(console, nil))
	}
	f.Artifacts = o.keep("saved", m, map[string][]byte{stderrFile: p.stderr.Bytes(), machineFile: state})
	return f
}

// readSaved reads the first word of a guest to be saved.
func readSaved(r *frameReader) error {
	kind, flaw, err := r.next()
	switch {
	case err != nil:
		return err
	case kind != frameHello:
		return fmt.Errorf("%w: a frame of kind %q before the hello", errCorrupt, kind)
	case len(flaw) > 0:
		return failure(flawedGuest, "the guest to be saved is not right: "+string(flaw), "")
	}
	return nil
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
