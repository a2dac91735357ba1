package vm

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A guest that QEMU emulates takes seconds to boot, and does the same each time until it knows its program. So one
// that has come as far is saved: its memory in a file that QEMU maps, the state of its devices beside it. Later
// guests are resumed from it: QEMU maps the same file copy-on-write. With KVM a boot is quick, and the state of its
// CPUs is the host's: nothing is saved there.

const (
	// resumeTime bounds the time from QEMU's start to the first word of a resumed guest. Measured: 0.6 s on 2 idle
	// cores, 4 s at load 18 (November 2026). One that takes longer is given up, and one is booted.
	resumeTime = 30 * time.Second
	// smallestSaved is the least memory of a guest that is saved. Below, what goes along may not fit, and the guest's
	// own report of that is of a boot.
	smallestSaved = 256 << 20
	// archiveShare is the part of the memory that the archive may take in a resumed guest: it is read beside what is
	// unpacked from it.
	archiveShare = 8
)

// payloadSerial is the disk that has the archive of a resumed guest.
const payloadSerial = "payload"

// noFile is QEMU's name for a disk without a file behind it.
const noFile = "null-co://"

// Files of a snapshot.
const (
	memoryFile = "memory"
	stateFile  = "state"
	aboutFile  = "about.json"
)

// snapshot is a saved guest.
type snapshot struct {
	dir   string
	about about
	fresh bool // this process has made it
}

// resumeWord is what the host tells a guest that goes on.
type resumeWord struct {
	Now  int64  `json:"now"`  // the host's clock, in nanoseconds since 1970
	Seed []byte `json:"seed"` // for the kernel's random numbers
}

// noSnapshotError says that guests of a kind are not saved.
type noSnapshotError struct{ reason string }

// Error is the reason.
func (e noSnapshotError) Error() string { return e.reason }

// mayResume reports whether a guest with these options may be resumed. It was tried on x86-64 alone.
func (o Options) mayResume(m machine) bool {
	return o.Resume && m.accel == accelTCG && m.arch.name == archAMD64.name && !m.arch.foreign() && o.test.machine == nil && cmp.Or(o.Memory, defaultMemory) >= smallestSaved
}

// findSnapshot returns the snapshot of such a machine, which it makes if need be, or nil where there is none. What
// the user should know is told by warn.
func (o Options) findSnapshot(ctx context.Context, m machine, tsc tscSample, warn func(string)) (*snapshot, error) {
	if !o.mayResume(m) {
		return nil, nil
	}
	m.memory = cmp.Or(o.Memory, defaultMemory)
	store, err := openStore()
	if err != nil {
		return nil, nil //nolint:nilerr // without a home nothing is saved, and guests are booted
	}
	s, err := store.get(ctx, m, tsc, o)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var none noSnapshotError
	if errors.As(err, &none) {
		if note := "guests are booted, which takes longer than to resume a saved one: " + none.reason; firstTime(note) {
			warn(note)
		}
		return nil, nil
	}
	if err != nil {
		warn("no guest could be saved, so each is booted: " + err.Error())
		return nil, nil
	}
	return s, nil
}

// saveTime bounds the time from QEMU's start to the first word of a guest to be saved, and from there until it is saved.
func (o Options) saveTime(boot int) time.Duration {
	if o.test.save != nil {
		return o.test.save(boot)
	}
	return bootTime
}

// pack writes what goes along with the guest, and decides with how much memory it is started.
func (s *session) pack(ctx context.Context) error {
	more, memory := s.carried, s.opts.Memory
	more.initThere = s.saved != nil
	var err error
	if s.saved == nil {
		if more.modules, err = findModules(s.machine.kernel, s.opts.drivers(s.machine.arch)); err != nil {
			return err
		}
	}
	s.size, s.along, err = writeInitramfs(ctx, s.machine.initramfs, s.job, s.flags, more, s.warn)
	if errors.Is(err, errNeedsBoot) {
		return s.packAnew(ctx)
	}
	if err != nil {
		return err
	}
	if s.saved == nil {
		// The archive and what is unpacked from it are in memory at the same time.
		s.machine.memory = cmp.Or(memory, max(defaultMemory, (4*s.size+512<<20)>>20<<20))
		return nil
	}
	s.machine.memory = cmp.Or(memory, defaultMemory)
	if s.size > s.machine.memory/archiveShare {
		return s.packAnew(ctx)
	}
	return os.Truncate(s.machine.initramfs, (s.size+blockSize-1)/blockSize*blockSize) // a disk has whole blocks
}

// packAnew packs for a guest that is booted after all.
func (s *session) packAnew(ctx context.Context) error {
	s.saved = nil
	if err := os.Remove(s.machine.initramfs); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.pack(ctx)
}

// errNeedsBoot says that what goes along cannot do so into a guest that runs already.
var errNeedsBoot = errors.New("what goes along lies where something is mounted in a guest that runs")

// suits returns an error where the tree has what would be put into a file system of the kernel's, and not be covered by it.
func (t *tree) suits() error {
	for path := range t.entries {
		for _, mounted := range []string{"/dev", "/proc", "/sys"} {
			if inside(mounted, path) {
				return errNeedsBoot
			}
		}
	}
	return nil
}

// mayBootInstead reports whether a guest may be booted after one that was resumed went wrong. Nothing has run in it.
func (s *session) mayBootInstead(f *Failure) bool {
	return s.saved != nil && !s.begun && f.kind != guestFailed && f.kind != noReader && f.kind != timeLimit
}

// bootInstead throws the snapshot away.
func (s *session) bootInstead(ctx context.Context, f *Failure) error {
	s.warn("the saved guest " + s.saved.dir + " cannot be resumed: " + f.Found + "; it is thrown away, nothing has run yet, and one is booted" + f.kept())
	if err := s.saved.throwAway(ctx, f); err != nil {
		s.warn(err.Error())
	}
	return s.packAnew(ctx)
}

// saving is the machine that is booted to be saved, with its memory in the file.
func (m machine) saving(memory string) machine {
	m = m.withMemory(memory, "on")
	m.disks = []disk{{payloadSerial, noFile}, {swapSerial, noFile}, {scratchSerial, noFile}}
	return m
}

// resuming is the same machine again, with the archive and the disks of a guest. Its memory is the file's, and what is
// written to it goes nowhere.
func (m machine) resuming(dir string) machine {
	files := map[string]string{payloadSerial: m.initramfs, swapSerial: noFile, scratchSerial: noFile}
	for _, d := range m.disks {
		files[d.serial] = d.file
	}
	m = m.saving("").withMemory(filepath.Join(dir, memoryFile), "off")
	for i, d := range m.disks {
		m.disks[i].file = files[d.serial]
	}
	m.initramfs = ""
	m.more = append(m.more, "-incoming", "defer")
	return m
}

func (m machine) withMemory(file, share string) machine {
	m.more = []string{
		"-object", "memory-backend-file,id=ram,size=" + strconv.FormatInt(m.memory>>20, 10) + "M,share=" + share +
			",mem-path=" + escapeOption(file),
		"-machine", "memory-backend=ram",
	}
	return m
}
