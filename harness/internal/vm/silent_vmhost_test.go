//go:build vmhost

package vm

import (
	"bufio"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSilentGuestIsReadAndAnotherBooted(t *testing.T) {
	var artifacts string
	g := boot(t, "exit", func(o *Options) {
		o.test.begin = func(boot int) time.Duration { return time.Second + time.Duration(boot)*time.Minute }
		o.Accel = "tcg"
		o.test.machine = func(boot int, m *machine) {
			if boot == 0 {
				m.params = append(m.params, stallVariable+"=1")
			}
		}
		artifacts = o.Artifacts
	})
	require.NoError(t, g.err, "stderr %q", &g.stderr)
	assert.Equal(t, 7, g.code)
	assert.Contains(t, g.stderr.String(), "the program had not begun; nothing has run yet, so guest 2 is booted; what is known of it: "+artifacts)
	state := machineStateIn(t, artifacts)
	for _, want := range []string{
		"== threads of QEMU\n", ": state S", `"running": true`, "CPU#1\n", "HLT=1", "LVTT", "current_count", "ioapic0:", "pic0:", "== real-time clock",
	} {
		assert.Contains(t, state, want)
	}
	assert.NotContains(t, state, "cannot be read: read QEMU's answer")
}

// machineStateIn is what was kept of a silent guest below the folder.
func machineStateIn(t *testing.T, artifacts string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(artifacts, "*", machineFile))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	state, err := os.ReadFile(files[0])
	require.NoError(t, err)
	return string(state)
}

func TestGuestThatFallsSilentTwiceIsAFailure(t *testing.T) {
	boots := 0
	g := boot(t, "exit", func(o *Options) {
		o.Accel = "tcg"
		o.test.begin = func(int) time.Duration { return time.Second }
		o.test.machine = func(boot int, m *machine) { boots++; m.params = append(m.params, stallVariable+"=1") }
	})
	f := g.failure(t)
	assert.Equal(t, silentGuest, f.kind)
	assert.Equal(t, 2, boots)
	assert.ErrorContains(t, f, "said nothing for 1s: the program had not begun (guest 2; in those before it the program had not begun)")
	assert.ErrorContains(t, f, "stalled: <nil>", "the tail of the console")
	assert.FileExists(t, filepath.Join(f.Artifacts, machineFile))
}

// QEMU that is stopped itself answers nothing; its threads can still be read.
func TestQEMUThatIsStoppedIsSaidToAnswerNothing(t *testing.T) {
	var artifacts string
	g := boot(t, "exit", func(o *Options) {
		o.Accel, o.Timeout, artifacts = "tcg", time.Minute, o.Artifacts
		o.test.begin = func(int) time.Duration { return time.Second }
		o.test.machine = func(_ int, m *machine) { m.params = append(m.params, stallVariable+"=1") }
		o.test.hello = func(_ int, p *process) { assert.NoError(t, unix.Kill(p.pid, unix.SIGSTOP)) }
	})
	assert.Equal(t, silentGuest, g.failure(t).kind)
	state := machineStateIn(t, artifacts)
	assert.Contains(t, state, ": state T")
	assert.Regexp(t, "cannot be read: read QEMU's .*: i/o timeout", state)
}

func TestTimeLimitHoldsWhileTheProgramHasNotBegun(t *testing.T) {
	g := boot(t, "exit", func(o *Options) {
		o.Accel, o.Timeout = "tcg", 2*time.Second
		o.test.machine = func(_ int, m *machine) { m.params = append(m.params, stallVariable+"=1") }
	})
	f := g.failure(t)
	assert.Equal(t, timeLimit, f.kind)
	assert.ErrorContains(t, f, "the time limit of 2s was reached, and the guest had not started the program yet")
	assert.FileExists(t, filepath.Join(f.Artifacts, machineFile))
}

// The kernel takes its readings of the timer while QEMU is stopped: all at one moment, or with a gap. Whether the stop
// comes in time is up to the host, so it is tried a few times; each guest must end right, and one must have been hit.
func TestGuestThatWasStoppedWhileItMeasuredItsTimerIsBootedAnew(t *testing.T) {
	for name, after := range map[string]time.Duration{"at the first reading": 0, "between the readings": 30 * time.Millisecond} {
		for _, kernel := range kernels(t) {
			t.Run(name+"/kernel="+kernel, func(t *testing.T) {
				for range 5 {
					if stoppedAtCalibration(t, kernel, after) {
						return
					}
				}
				t.Error("no guest was booted anew")
			})
		}
	}
}

// stoppedAtCalibration says whether the guest was booted anew.
func stoppedAtCalibration(t *testing.T, kernel string, after time.Duration) bool {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "trace")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	var watching sync.WaitGroup
	stops := 0
	g := boot(t, "exit", func(o *Options) {
		o.Kernel, o.Accel = kernel, "tcg"
		o.test.machine = func(boot int, m *machine) {
			if boot == 0 {
				m.more = append(m.more, "-trace", "apic_mem_writel", "-D", fifo)
			}
		}
		o.test.running = func(boot int, p *process) {
			if boot == 0 {
				watching.Go(func() { stops = stopAtCalibration(t, fifo, p.pid, after, 500*time.Millisecond) })
			}
		}
	})
	watching.Wait()
	require.NoError(t, g.err, "stderr %q", &g.stderr)
	assert.Equal(t, 7, g.code)
	assert.Equal(t, 1, stops)
	const says = "the guest's machine is not right: its kernel took the timer of the CPUs to run at "
	return strings.Contains(g.stderr.String(), says) && strings.Contains(g.stderr.String(), "nothing has run yet, so guest 2 is booted")
}

// stopAtCalibration stops QEMU after the kernel has set the timer to what it counts down from while it is measured,
// and returns how often it did.
func stopAtCalibration(t *testing.T, trace string, pid int, after, length time.Duration) int {
	t.Helper()
	f, err := os.Open(trace)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer f.Close()
	stops := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if stops > 0 || !strings.HasSuffix(lines.Text(), "0x380 = 0x0fffffff") {
			continue
		}
		stops++
		time.Sleep(after)
		stopFor(t, pid, length)
	}
	return stops
}

// stopFor stops QEMU and lets it go on. It may have ended.
func stopFor(t *testing.T, pid int, length time.Duration) {
	t.Helper()
	if unix.Kill(pid, unix.SIGSTOP) == nil {
		time.Sleep(length)
		assert.NoError(t, unix.Kill(pid, unix.SIGCONT))
	}
}

// How many guests TestEveryBootEndsRight boots, and what happens to each. See docs/design.md.
var (
	boots    = flag.Int("boots", 2, "guests to boot on each kernel")
	stopsMax = flag.Duration("stop", 2*time.Second, "the longest that QEMU is stopped, once, at a random moment; 0: never")
	stopsIn  = flag.Duration("stop-within", 10*time.Second, "of the start of QEMU")
	busy     = flag.Int("busy", 0, "busy loops beside")
)

func TestEveryBootEndsRight(t *testing.T) {
	for range *busy {
		var end atomic.Bool
		var loop sync.WaitGroup
		loop.Go(func() {
			for !end.Load() {
			}
		})
		t.Cleanup(func() { end.Store(true); loop.Wait() })
	}
	for _, kernel := range kernels(t) {
		t.Run("kernel="+kernel, func(t *testing.T) {
			anew := 0
			for n := range *boots {
				began := time.Now()
				var stops sync.WaitGroup
				g := boot(t, "exit", func(o *Options) {
					o.Kernel, o.Accel = kernel, "tcg"
					o.test.running = func(_ int, p *process) {
						if *stopsMax > 0 {
							stops.Go(func() { stopSometime(t, p) })
						}
					}
				})
				stops.Wait()
				again := strings.Count(g.stderr.String(), "nothing has run yet")
				anew += again
				if again > 0 {
					t.Logf("stderr %q", &g.stderr)
				}
				require.NoError(t, g.err, "boot %d, stderr %q", n+1, &g.stderr)
				require.Equal(t, 7, g.code)
				load, _ := os.ReadFile("/proc/loadavg")
				t.Logf("boot %d of %d: %.1f s, booted anew %d times so far, load %s", n+1, *boots, time.Since(began).Seconds(), anew, load)
			}
		})
	}
}

// stopSometime stops QEMU once, unless it has ended before.
func stopSometime(t *testing.T, p *process) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(rand.N(*stopsIn)):
		stopFor(t, p.pid, rand.N(*stopsMax))
	}
}
