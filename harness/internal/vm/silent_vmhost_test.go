//go:build vmhost

package vm

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
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
	assert.ErrorContains(t, f, "stalled", "the tail of the console")
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

// The kernel measures the timer by a counter that it is told to be three times as fast as it is.
func TestGuestWhoseTimerIsWrongIsBootedAnew(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+kernel, func(t *testing.T) {
			g := boot(t, "exit", func(o *Options) {
				o.Kernel, o.Accel = kernel, "tcg"
				o.test.machine = func(boot int, m *machine) {
					if boot == 0 {
						m.params = append(m.params, fmt.Sprintf("tsc_early_khz=%d", 3*m.tscKHz))
					}
				}
			})
			require.NoError(t, g.err, "stderr %q", &g.stderr)
			assert.Equal(t, 7, g.code)
			require.Contains(t, g.stderr.String(), "the guest's machine is not right: its kernel took the timer of the CPUs to run at ")
			require.Contains(t, g.stderr.String(), "nothing has run yet, so guest 2 is booted")
		})
	}
}

// stopAtCalibration stops QEMU once after the kernel has set the timer to what it counts down from while it is measured.
func stopAtCalibration(t *testing.T, trace string, pid int, after, length time.Duration) {
	t.Helper()
	f, err := os.Open(trace)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	stopped := false
	for lines := bufio.NewScanner(f); lines.Scan(); { // to its end, since QEMU waits for a reader
		if !stopped && strings.HasSuffix(lines.Text(), "0x380 = 0x0fffffff") {
			stopped = true
			time.Sleep(after)
			stopFor(t, pid, length)
		}
	}
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
	measured = flag.Duration("stop-measuring", -1, "stop QEMU, too, for 0.5 s so long after its kernel began to measure the timer")
)

func TestEveryBootEndsRight(t *testing.T) {
	before := runtime.GOMAXPROCS(runtime.NumCPU() + *busy) // the loops would share the CPUs of this process otherwise
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for range *busy {
		var end atomic.Bool
		var loop sync.WaitGroup
		loop.Go(func() {
			for !end.Load() {
			}
		})
		t.Cleanup(func() { end.Store(true); loop.Wait() })
	}
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+kernel, func(t *testing.T) {
			anew := 0
			for n := range *boots {
				began := time.Now()
				var stops sync.WaitGroup
				fifo := filepath.Join(t.TempDir(), "trace")
				require.NoError(t, unix.Mkfifo(fifo, 0o600))
				g := boot(t, "exit", func(o *Options) {
					o.Kernel, o.Accel = kernel, "tcg"
					if *measured >= 0 {
						o.test.machine = func(boot int, m *machine) {
							if boot == 0 {
								m.more = append(m.more, "-trace", "apic_mem_writel", "-D", fifo)
							}
						}
					}
					o.test.running = func(boot int, p *process) {
						if boot == 0 && *measured >= 0 {
							stops.Go(func() { stopAtCalibration(t, fifo, p.pid, *measured, 500*time.Millisecond) })
						}
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
