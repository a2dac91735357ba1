//go:build vmhost

package vm

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	roles["identity"] = identity
}

// identity prints what must differ between guests, and what must not be known from them.
func identity() int {
	var random [16]byte
	rand.Read(random[:])
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 3
	}
	at := time.Now()
	time.Sleep(100 * time.Millisecond)
	slept := time.Since(at)
	log := make([]byte, 1<<20)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, log)
	if err != nil {
		return 4
	}
	disks, _ := filepath.Glob("/sys/block/vd*") // the pattern is ours
	fmt.Printf("boot_id %srandom %x\ntime %d\nslept %d\ndisks %s\n", bootID, random, at.UnixNano(), slept, strings.Join(disks, " "))
	for line := range strings.Lines(string(log[:n])) {
		for _, bad := range []string{"stall", "lockup", "nstable", "WARNING", "BUG", "hung", "clocksource: timekeeping"} {
			if strings.Contains(line, bad) {
				fmt.Println("log", line)
			}
		}
	}
	return 0
}

// word is what follows the name at the beginning of a line.
func word(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+text, "\n"+name+" ")
	require.True(t, found, "no %q in %s", name, text)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

// ownStore has a test make its own snapshots, and returns their folder.
func ownStore(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	t.Setenv("XDG_CACHE_HOME", home)
	require.NoError(t, os.Mkdir(filepath.Join(home, "oomcage"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(cache, "oomcage", "kernels"), filepath.Join(home, "oomcage", "kernels")))
	return filepath.Join(home, "oomcage", "snapshots")
}

// snapshotsIn are the folders of whole snapshots.
func snapshotsIn(t *testing.T, store string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(store, "*", aboutFile))
	require.NoError(t, err)
	return found
}

// otherThanAnew are the lines but those that say that another guest was booted, which a busy host may come to.
func otherThanAnew(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "; nothing has run yet, so ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestSilentGuestToBeSavedIsReadAndAnotherBooted(t *testing.T) {
	store := ownStore(t)
	var artifacts string
	g := boot(t, "exit", func(o *Options) {
		o.Accel, o.Resume, artifacts = "tcg", true, o.Artifacts
		o.test.save = func(boot int) time.Duration { return time.Duration(boot)*bootTime + 10*time.Millisecond }
	})
	require.NoError(t, g.err, "stderr %q", &g.stderr)
	assert.Equal(t, 7, g.code)
	assert.Contains(t, g.stderr.String(), "oomcage vm: the guest to be saved said nothing for 10ms after QEMU was started; nothing has run yet, "+
		"so another is booted to be saved; what is known of it: "+artifacts)
	assert.Contains(t, machineStateIn(t, artifacts), "== threads of QEMU\n")
	assert.Len(t, snapshotsIn(t, store), 1)
	entries, err := os.ReadDir(store)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "and the lock: %v", entries)
}

// A kernel that has no timer stops for ever at the first sleep: that of its init has to come after the look at the timers.
func TestGuestToBeSavedThatHasNoTimerIsSaidToHaveNone(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
			store := ownStore(t)
			g := boot(t, "exit", func(o *Options) {
				o.Kernel, o.Accel, o.Resume = kernel, "tcg", true
				o.test.saved = func(boot int, m *machine) {
					if boot == 0 {
						m.params = append(m.params, "nolapic_timer")
					}
				}
			})
			require.NoError(t, g.err, "stderr %q", &g.stderr)
			assert.Equal(t, 7, g.code)
			assert.Contains(t, g.stderr.String(), "the guest to be saved is not right: its kernel took the timer of the CPUs to run at ")
			assert.NotContains(t, g.stderr.String(), "said nothing")
			assert.Len(t, snapshotsIn(t, store), 1)
		})
	}
}

func TestGuestToBeSavedThatFallsSilentTwiceIsBooted(t *testing.T) {
	store := ownStore(t)
	tried := 0
	g := boot(t, "exit", func(o *Options) {
		o.Accel, o.Resume = "tcg", true
		o.test.save = func(int) time.Duration { tried++; return 10 * time.Millisecond }
	})
	require.NoError(t, g.err, "stderr %q", &g.stderr)
	assert.Equal(t, 7, g.code)
	assert.Equal(t, 2, tried)
	assert.Contains(t, g.stderr.String(), "no guest could be saved, so each is booted: the guest to be saved said nothing for 10ms")
	assert.Empty(t, snapshotsIn(t, store))
}

func TestResumedGuestsDifferInWhatMustDiffer(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
			store := ownStore(t)
			seen := map[string]bool{}
			for n := range 4 {
				began := time.Now()
				g := boot(t, "identity", func(o *Options) { o.Kernel, o.Accel, o.Resume = kernel, "tcg", true })
				ended := time.Now()
				require.NoError(t, g.err, "stderr %q", &g.stderr)
				require.Zero(t, g.code)
				require.Empty(t, otherThanAnew(g.stderr.String()))
				require.Len(t, snapshotsIn(t, store), 1, "guest %d", n)
				out := g.stdout.String()
				for _, name := range []string{"boot_id", "random", "time"} {
					is := name + " " + word(t, out, name)
					assert.False(t, seen[is], "guest %d has the %s of another", n, is)
					seen[is] = true
				}
				var at, slept int64
				_, err := fmt.Sscan(word(t, out, "time")+" "+word(t, out, "slept"), &at, &slept)
				require.NoError(t, err)
				assert.True(t, began.UnixNano() <= at && at <= ended.UnixNano(), "%d is between %d and %d", at, began.UnixNano(), ended.UnixNano())
				assert.GreaterOrEqual(t, slept, int64(100*time.Millisecond))
				assert.Empty(t, word(t, out, "disks"))
				assert.NotContains(t, out, "\nlog ", "of a clock that has jumped, or a CPU that was not heard of")
				t.Logf("%v, slept %v\n%s", ended.Sub(began), time.Duration(slept), out)
			}
		})
	}
}

func TestResumedGuestHasItsDisks(t *testing.T) {
	store := ownStore(t)
	for range 2 { // with the machine of those that have none
		g := boot(t, "identity", func(o *Options) { o.Accel, o.Resume = "tcg", true })
		require.NoError(t, g.err, "stderr %q", &g.stderr)
		assert.Empty(t, word(t, g.stdout.String(), "disks"))
		g = boot(t, "identity", func(o *Options) { o.Accel, o.Resume, o.Swap, o.Scratch = "tcg", true, 64<<20, 64<<20 })
		require.NoError(t, g.err, "stderr %q", &g.stderr)
		assert.Equal(t, "/sys/block/vda /sys/block/vdb", word(t, g.stdout.String(), "disks"))
		require.Len(t, snapshotsIn(t, store), 1)
	}
}

func TestSeveralGuestsAtOnceMakeOneSnapshot(t *testing.T) {
	store := ownStore(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	t.Setenv("VM_TEST_ROLE", "exit")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			var stdout, stderr bytes.Buffer
			code, err := Run(t.Context(), Options{Program: exe, Accel: "tcg", Resume: true, Stdout: &stdout, Stderr: &stderr})
			if err != nil {
				t.Error(err)
			}
			assert.Equal(t, 7, code)
			assert.Equal(t, "to stderr\n", otherThanAnew(stderr.String()))
		})
	}
	all.Wait()
	assert.Len(t, snapshotsIn(t, store), 1)
	entries, err := os.ReadDir(store)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "and the lock: %v", entries)
}

func TestDamagedSnapshotIsThrownAwayAndTheGuestBooted(t *testing.T) {
	for name, test := range map[string]struct {
		damage  func(t *testing.T, dir string)
		says    string
		another bool // is made at once
	}{
		"truncated memory": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Truncate(filepath.Join(dir, memoryFile), 1<<20))
		}, "its memory (inode, size, time) is ", true},
		"other state": {func(t *testing.T, dir string) {
			t.Helper()
			state := filepath.Join(dir, stateFile)
			require.NoError(t, os.Truncate(state, 1000))
		}, "the state of its devices is not what was saved", true},
		"QEMU refuses": {func(t *testing.T, dir string) {
			t.Helper()
			s := snapshot{dir: dir}
			require.NoError(t, readJSON(filepath.Join(dir, aboutFile), &s.about))
			require.NoError(t, s.describe([]byte("QEVM no state of anything")))
			require.NoError(t, writeJSON(filepath.Join(dir, aboutFile), s.about))
		}, "cannot be resumed: QEMU did not take it: ", false},
		"a memory of zeros": {func(t *testing.T, dir string) {
			t.Helper()
			s := snapshot{dir: dir}
			require.NoError(t, readJSON(filepath.Join(dir, aboutFile), &s.about))
			state, err := s.readState()
			require.NoError(t, err)
			memory := filepath.Join(dir, memoryFile)
			info, err := os.Stat(memory)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(memory, 0))
			require.NoError(t, os.Truncate(memory, info.Size()))
			require.NoError(t, s.describe(state))
		}, "cannot be resumed: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			store := ownStore(t)
			run := func() *guest {
				g := boot(t, "exit", func(o *Options) { o.Accel, o.Resume = "tcg", true })
				require.NoError(t, g.err, "stderr %q", &g.stderr)
				require.Equal(t, 7, g.code)
				return g
			}
			run()
			found := snapshotsIn(t, store)
			require.Len(t, found, 1)
			test.damage(t, filepath.Dir(found[0]))
			g := run()
			t.Logf("stderr %q", &g.stderr)
			assert.Contains(t, g.stderr.String(), test.says)
			assert.Contains(t, g.stderr.String(), "thrown away")
			assert.Len(t, snapshotsIn(t, store), map[bool]int{true: 1}[test.another])
			assert.Equal(t, "to stderr\n", otherThanAnew(run().stderr.String()), "there is a whole one again")
			assert.Len(t, snapshotsIn(t, store), 1)
		})
	}
}
