package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testMachine is one whose QEMU and kernel are files of no use.
func testMachine(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{
		arch: archAMD64,
		qemu: filepath.Join(dir, "qemu"), kernel: filepath.Join(dir, "kernel"), initramfs: filepath.Join(dir, "initramfs"),
		console: filepath.Join(dir, "console"), memory: 1 << 30, cpus: 2, accel: "tcg", tscKHz: 2_600_000,
	}
	for _, file := range []string{m.qemu, m.kernel} {
		require.NoError(t, os.WriteFile(file, []byte("x"), 0o700))
	}
	return m
}

func TestSnapshotIsOfOneKindOfGuest(t *testing.T) {
	m := testMachine(t)
	name := func(m machine) string {
		k, err := kindOf(t.Context(), m)
		require.NoError(t, err)
		boot, err := bootID()
		require.NoError(t, err)
		assert.Equal(t, boot, k.Boot)
		name, err := k.name()
		require.NoError(t, err)
		return name
	}
	usual := name(m)
	for what, change := range map[string]func(m *machine){
		"another place for its files": func(m *machine) { m.initramfs, m.console = "/a", "/b" },
		"disks":                       func(m *machine) { m.disks = []disk{{swapSerial, "/swap"}} },
		"the moment":                  func(m *machine) { m.started = time.Now() },
		"another measurement":         func(m *machine) { m.tscKHz++ },
	} {
		other := m
		change(&other)
		assert.Equal(t, usual, name(other), what)
	}
	for what, change := range map[string]func(m *machine){
		"more memory":       func(m *machine) { m.memory *= 2 },
		"more CPUs":         func(m *machine) { m.cpus++ },
		"another parameter": func(m *machine) { m.params = []string{"quiet"} },
		"another kernel":    func(m *machine) { m.kernel = m.qemu },
		"a newer QEMU": func(m *machine) {
			require.NoError(t, os.Chtimes(m.qemu, time.Unix(1, 0), time.Unix(1, 0)))
		},
	} {
		other := m
		change(&other)
		assert.NotEqual(t, usual, name(other), what)
	}
}

func TestHashOfAnInitIsThatOfItsContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "init")
	sum := func(content string, mode cpio.FileMode) string {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o700))
		tr := emptyTree()
		require.NoError(t, tr.set("/init", entry{mode: cpio.TypeReg | mode, src: file}))
		sum, err := tr.sum()
		require.NoError(t, err)
		return sum
	}
	usual := sum("a", 0o755)
	assert.NotEqual(t, usual, sum("b", 0o755))
	assert.NotEqual(t, usual, sum("a", 0o700))
	assert.Equal(t, usual, sum("a", 0o755), "the file is a newer one")
}

func TestResumedMachineDiffersFromTheSavedOneInFilesAlone(t *testing.T) {
	m := testMachine(t)
	m.disks = []disk{{scratchSerial, "/t/scratch.img"}}
	saving, resuming := m.saving("/s,1/memory").args(), m.resuming("/s,1").args()
	assert.Contains(t, strings.Join(saving, " "), "id=ram,size=1024M,share=on,mem-path=/s,,1/memory -machine memory-backend=ram")
	assert.Contains(t, strings.Join(saving, " "), "-initrd "+m.initramfs)
	devices := func(args []string) (found []string) {
		for i, a := range args {
			if a == "-device" {
				found = append(found, args[i+1])
			}
		}
		return found
	}
	require.Len(t, devices(saving), 4, "the second serial port and three disks")
	assert.Equal(t, devices(saving), devices(resuming))
	text := strings.Join(resuming, " ")
	assert.Contains(t, text, "share=off,mem-path=/s,,1/memory")
	assert.Contains(t, text, "-incoming defer")
	assert.Contains(t, text, "id=payload,format=raw,cache=unsafe,werror=report,file="+m.initramfs)
	assert.Contains(t, text, "id=scratch,format=raw,cache=unsafe,werror=report,file=/t/scratch.img")
	assert.Contains(t, text, "id=swap,format=raw,cache=unsafe,werror=report,file=null-co://")
	assert.NotContains(t, text, "-initrd")
}

func TestOnlyAnEmulatedGuestIsResumed(t *testing.T) {
	tcg := machine{arch: hostArch, accel: accelTCG}
	if hostArch.name != archAMD64.name {
		assert.False(t, Options{Resume: true}.mayResume(tcg))
		return
	}
	assert.True(t, Options{Resume: true}.mayResume(tcg))
	assert.True(t, Options{Resume: true, Memory: 256 << 20}.mayResume(tcg))
	assert.False(t, Options{Resume: true}.mayResume(machine{arch: hostArch, accel: accelKVM}))
	assert.False(t, Options{Resume: true}.mayResume(machine{arch: archARM64, accel: accelTCG}))
	assert.False(t, Options{}.mayResume(tcg))
	assert.False(t, Options{Resume: true, Memory: 128 << 20}.mayResume(tcg))
	assert.False(t, Options{Resume: true, test: stage{machine: func(int, *machine) {}}}.mayResume(tcg))
}

// putSnapshot puts one into the store that nothing can be resumed from.
func putSnapshot(t *testing.T, st store, k kind, size int64, used time.Time) *snapshot {
	t.Helper()
	name, err := k.name()
	require.NoError(t, err)
	s := &snapshot{dir: filepath.Join(st.dir, name), about: about{Kind: k, TSCKHz: 2_600_000}}
	require.NoError(t, os.Mkdir(s.dir, 0o700))
	memory := filepath.Join(s.dir, memoryFile)
	require.NoError(t, makeMemory(memory, 1<<30))
	f, err := os.OpenFile(memory, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write(bytes.Repeat([]byte{1}, int(size)))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, s.describe([]byte("state")))
	require.NoError(t, os.Chtimes(filepath.Join(s.dir, aboutFile), used, used))
	return s
}

func quiet(string) {}

func TestStoreFindsWhatIsWhole(t *testing.T) {
	st := store{t.TempDir()}
	k := kind{Format: snapshotFormat, Boot: "b", Kernel: "k"}
	s, err := st.find(k, 2_600_000, quiet)
	require.NoError(t, err)
	assert.Nil(t, s, "there is none")
	put := putSnapshot(t, st, k, 4096, time.Unix(1, 0))
	s, err = st.find(k, 2_600_100, quiet)
	require.NoError(t, err)
	require.NotNil(t, s)
	assert.Equal(t, put.about, s.about)
	state, err := s.readState()
	require.NoError(t, err)
	assert.Equal(t, "state", string(state))
	info, err := os.Stat(filepath.Join(s.dir, aboutFile))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), info.ModTime(), time.Minute, "it was used")
	memory, err := os.Stat(filepath.Join(s.dir, memoryFile))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), memory.Mode(), "it has what ran in the guest")
	other, err := st.find(kind{Format: snapshotFormat, Boot: "b", Kernel: "other"}, 0, quiet)
	require.NoError(t, err)
	assert.Nil(t, other)
}

// Its description is JSON.
func TestSnapshotOfAKernelWhosePathIsNotUTF8IsFound(t *testing.T) {
	m := testMachine(t)
	other := filepath.Join(t.TempDir(), "\xe9")
	require.NoError(t, os.Rename(m.kernel, other))
	m.kernel = other
	k, err := kindOf(t.Context(), m)
	require.NoError(t, err)
	st := store{t.TempDir()}
	putSnapshot(t, st, k, 4096, time.Now())
	s, err := st.find(k, 2_600_000, func(said string) { t.Error(said) })
	require.NoError(t, err)
	assert.NotNil(t, s)
}

func TestDamagedSnapshotIsRemovedAndSaid(t *testing.T) {
	k := kind{Format: snapshotFormat, Boot: "b"}
	for name, test := range map[string]struct {
		damage func(t *testing.T, s *snapshot)
		says   string
	}{
		"truncated": {func(t *testing.T, s *snapshot) {
			t.Helper()
			require.NoError(t, os.Truncate(filepath.Join(s.dir, memoryFile), 1<<20))
		}, "its memory (inode, size, time) is "},
		"written to": {func(t *testing.T, s *snapshot) {
			t.Helper()
			f, err := os.OpenFile(filepath.Join(s.dir, memoryFile), os.O_WRONLY, 0)
			require.NoError(t, err)
			require.NoError(t, os.Chtimes(f.Name(), time.Unix(5, 0), time.Unix(5, 0)))
			require.NoError(t, f.Close())
		}, "its memory (inode, size, time) is "},
		"no memory": {func(t *testing.T, s *snapshot) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(s.dir, memoryFile)))
		}, "no such file"},
		"another state": {func(t *testing.T, s *snapshot) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, stateFile), []byte("other"), 0o600))
		}, "the state of its devices is not what was saved"},
		"half a description": {func(t *testing.T, s *snapshot) {
			t.Helper()
			require.NoError(t, os.Truncate(filepath.Join(s.dir, aboutFile), 10))
		}, "parse "},
		"of another kind": {func(t *testing.T, s *snapshot) {
			t.Helper()
			s.about.Kind.Init = "other"
			require.NoError(t, writeJSON(filepath.Join(s.dir, aboutFile), s.about))
		}, "it is one of another kind"},
		"another clock": {func(t *testing.T, s *snapshot) {
			t.Helper()
			s.about.TSCKHz = 2_650_000
			require.NoError(t, writeJSON(filepath.Join(s.dir, aboutFile), s.about))
		}, "its clock counts 2650000 kHz, and the host's 2600000"},
	} {
		t.Run(name, func(t *testing.T) {
			st := store{t.TempDir()}
			put := putSnapshot(t, st, k, 4096, time.Now())
			test.damage(t, put)
			var said []string
			s, err := st.find(k, 2_600_000, func(line string) { said = append(said, line) })
			require.NoError(t, err)
			assert.Nil(t, s)
			require.Len(t, said, 1)
			assert.Contains(t, said[0], test.says)
			assert.Contains(t, said[0], "thrown away")
			assert.NoDirExists(t, put.dir)
		})
	}
}

// Its description goes first.
func TestSnapshotThatIsBeingRemovedIsNone(t *testing.T) {
	st := store{t.TempDir()}
	k := kind{Format: snapshotFormat, Boot: "b"}
	put := putSnapshot(t, st, k, 4096, time.Now())
	require.NoError(t, os.Remove(filepath.Join(put.dir, aboutFile)))
	s, err := st.find(k, 2_600_000, func(line string) { assert.Fail(t, line) })
	require.NoError(t, err)
	assert.Nil(t, s)
	require.NoError(t, st.prune("b", "", 1, 1<<40))
	assert.NoDirExists(t, put.dir, "and nothing is in the way of the next")
}

func TestSnapshotThatTookThePlaceOfAnotherIsNotThrownAway(t *testing.T) {
	st := store{t.TempDir()}
	k := kind{Format: snapshotFormat, Boot: "b"}
	old := putSnapshot(t, st, k, 4096, time.Now())
	current := *old
	current.about.State = "another"
	require.NoError(t, writeJSON(filepath.Join(old.dir, aboutFile), current.about))
	require.NoError(t, old.throwAway(t.Context(), failure(notResumed, "QEMU did not take it", "")))
	assert.DirExists(t, old.dir)
	require.NoError(t, current.throwAway(t.Context(), failure(notResumed, "QEMU did not take it", "")))
	assert.NoDirExists(t, old.dir)
}

func TestOfTwoThatSaveTheSecondGivesUpInTime(t *testing.T) {
	st := store{t.TempDir()}
	unlock, err := st.lock(t.Context(), time.Minute)
	require.NoError(t, err)
	_, err = st.lock(t.Context(), time.Millisecond)
	require.ErrorContains(t, err, "another one is being saved")
	require.ErrorAs(t, err, &noSnapshotError{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = st.lock(ended, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, &noSnapshotError{}, "nobody said that another one is saved")
	unlock()
}

func TestKindThatCannotBeSavedIsNotTriedEachTime(t *testing.T) {
	st := store{t.TempDir()}
	k := kind{Format: snapshotFormat, Boot: "b"}
	st.refuse(k, "the kernel lacks the driver")
	_, err := st.find(k, 0, quiet)
	var none noSnapshotError
	require.ErrorAs(t, err, &none)
	assert.Equal(t, "the kernel lacks the driver", none.reason)
	k.Kernel = "another"
	_, err = st.find(k, 0, quiet)
	assert.NoError(t, err)
}

// One that was just made and cannot be resumed would be made in vain each time.
func TestFreshSnapshotThatCannotBeResumedIsNotMadeAgain(t *testing.T) {
	st := store{t.TempDir()}
	k := kind{Format: snapshotFormat, Boot: "b"}
	for _, fresh := range []bool{false, true} {
		s := putSnapshot(t, st, k, 4096, time.Now())
		s.fresh = fresh
		require.NoError(t, s.throwAway(t.Context(), failure(notResumed, "QEMU did not take it", "")))
		assert.NoDirExists(t, s.dir)
		_, err := st.find(k, 0, quiet)
		assert.Equal(t, fresh, errors.As(err, &noSnapshotError{}), "%v", err)
	}
}

func TestPruneKeepsWhatWasUsedLast(t *testing.T) {
	const boot = "this boot"
	kernels := func(st store) []string {
		var found []string
		files, err := filepath.Glob(filepath.Join(st.dir, "*", aboutFile))
		require.NoError(t, err)
		for _, file := range files {
			var a about
			require.NoError(t, readJSON(file, &a))
			found = append(found, a.Kind.Kernel)
		}
		slices.Sort(found)
		return found
	}
	filled := func() (store, string) {
		st := store{t.TempDir()}
		var oldest string
		for i, kernel := range []string{"a", "b", "c", "d"} { // a was used last
			s := putSnapshot(t, st, kind{Boot: boot, Kernel: kernel}, 1<<20, time.Unix(int64(1000-i), 0))
			oldest = filepath.Base(s.dir)
		}
		putSnapshot(t, st, kind{Boot: "an earlier one", Kernel: "z"}, 1<<20, time.Now().Add(-foreignAge-time.Minute))
		require.NoError(t, os.Mkdir(filepath.Join(st.dir, makingPrefix+"1"), 0o700))
		require.NoError(t, os.Mkdir(filepath.Join(st.dir, "half"), 0o700))
		st.refuse(kind{Boot: boot}, "no")
		require.NoError(t, writeJSON(filepath.Join(st.dir, "old.refused"), refusal{kind{Boot: boot}, "no", time.Now().Add(-time.Minute)}))
		return st, oldest
	}
	st, _ := filled()
	require.NoError(t, st.prune(boot, "", 2, 1<<40))
	assert.Equal(t, []string{"a", "b"}, kernels(st), "the number")
	entries, err := os.ReadDir(st.dir)
	require.NoError(t, err)
	assert.Len(t, entries, 3, "two and what is refused: %v", entries)
	st, _ = filled()
	require.NoError(t, st.prune(boot, "", 10, 3<<20+1<<19))
	assert.Equal(t, []string{"a", "b", "c"}, kernels(st), "the room that they take, not their size")
	st, oldest := filled()
	require.NoError(t, st.prune(boot, oldest, 2, 1<<40))
	assert.Equal(t, []string{"a", "d"}, kernels(st), "the one that was just made stays")
	st, oldest = filled()
	require.NoError(t, st.prune(boot, oldest, 2, 1))
	assert.Equal(t, []string{"d"}, kernels(st), "even when it alone is too large")
	st, _ = filled()
	putSnapshot(t, st, kind{Boot: "another machine's, which has the same home", Kernel: "y"}, 1<<20, time.Now())
	require.NoError(t, st.prune(boot, "", 2, 1<<40))
	assert.Equal(t, []string{"a", "b", "y"}, kernels(st), "what is in use elsewhere takes nobody's place")
}

func TestMonitorRemembersTheEventsThatAreWaitedFor(t *testing.T) {
	m := answering(t, `{"event": "RESUME", "data": {}}`+"\n"+`{"return": {}}`, `{"return": {}}`+"\n"+`{"event": "STOP"}`+"\n"+`{"event": "RESUME"}`)
	_, err := m.execute("migrate-incoming", nil)
	require.NoError(t, err)
	require.NoError(t, m.awaitResume(), "it came before the answer")
	_, err = m.execute("cont", nil)
	require.NoError(t, err)
	require.NoError(t, m.awaitResume(), "and after it")
	require.NoError(t, m.conn.SetDeadline(time.Now().Add(50*time.Millisecond)))
	require.ErrorIs(t, m.awaitResume(), os.ErrDeadlineExceeded)
}
