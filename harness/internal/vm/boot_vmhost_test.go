//go:build vmhost

// These tests boot guests, so they need QEMU and a kernel on the host and cannot run inside a guest, where
// nothing may be skipped. Hence the build tag; run them on the host with
//
//	go test -tags vmhost ./harness/internal/vm/
package vm

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kernels"
)

// guest is one finished run.
type guest struct {
	code           int
	err            error
	stdout, stderr bytes.Buffer
}

func (g *guest) failure(t *testing.T) *Failure {
	t.Helper()
	var f *Failure
	require.ErrorAs(t, g.err, &f, "exit code %d, stdout %q, stderr %q", g.code, &g.stdout, &g.stderr)
	return f
}

// requireHost stops the test where no guest can boot: a failure under OOMCAGE_STRICT=1, else a skip.
func requireHost(t *testing.T) {
	t.Helper()
	_, err := FindQEMU()
	if err == nil {
		_, err = FindKernel("")
	}
	if err == nil {
		return
	}
	if os.Getenv("OOMCAGE_STRICT") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// With it, all guests of these tests are resumed that can be, and so must end as those that are booted.
var resumed = flag.Bool("resumed", false, "resume guests that were saved")

// guestMax is for guests that hang by a fault: no program of these tests needs a minute.
const guestMax = 10 * time.Minute

// boot runs a role of this executable in a guest, with a fresh working directory unless the test has
// changed into one already.
func boot(t *testing.T, role string, change func(*Options)) *guest {
	t.Helper()
	requireHost(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	t.Setenv("VM_TEST_ROLE", role)
	g := &guest{}
	o := Options{
		Program: exe, Stdout: &g.stdout, Stderr: &g.stderr, Artifacts: t.TempDir(), Resume: *resumed,
		Timeout: guestMax,
	}
	if change != nil {
		change(&o)
	}
	g.code, g.err = Run(t.Context(), o)
	return g
}

// testedKernels are those that the tests of boots themselves should know: the oldest and the newest that were fetched, or
// the default.
func testedKernels(t *testing.T) []string {
	t.Helper()
	store, err := kernels.User(kernels.Host)
	require.NoError(t, err)
	have, err := store.List()
	require.NoError(t, err)
	if len(have) == 0 {
		return []string{""}
	}
	return slices.Compact([]string{have[0].Image, have[len(have)-1].Image})
}

func TestBootsAndReturnsExitCode(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
			g := boot(t, "exit", func(o *Options) { o.Kernel = kernel })
			require.NoError(t, g.err)
			assert.Equal(t, 7, g.code)
			assert.Equal(t, "to stdout\n", g.stdout.String())
			assert.Contains(t, g.stderr.String(), "to stderr\n")
			assert.NotContains(t, g.stderr.String(), "to stdout")
		})
	}
}

func TestGuestLooksLikeARootShell(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "testdata"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "testdata", "carried.txt"), []byte("from the host\n"), 0o644))
	t.Chdir(dir)
	g := boot(t, "facts", nil)
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	assert.Equal(t, strings.Join([]string{
		"dir " + dir, "uid 0", "oom_score_adj 0", "cgroup 0::/", "memory controller true", "strict 1",
		"release matches true", "testdata from the host", "temporary /tmp/", "stdin is null true", "",
	}, "\n"), g.stdout.String())
}

func TestSignalledProgramIs128AndTheSignal(t *testing.T) {
	g := boot(t, "terminate", nil)
	require.NoError(t, g.err)
	assert.Equal(t, 128+15, g.code)
	assert.Contains(t, g.stderr.String(), "ended by signal 15 (SIGTERM)")
}

func TestOrphanThatHoldsTheOutputDoesNotHoldTheExitCode(t *testing.T) {
	g := boot(t, "orphan", nil)
	require.NoError(t, g.err)
	assert.Equal(t, 3, g.code)
}

func TestOutputThatFlowsAfterTheProgramsEndIsNotCut(t *testing.T) {
	g := boot(t, "dribble", nil)
	require.NoError(t, g.err)
	assert.Equal(t, 5, g.code)
	assert.Equal(t, "0\n1\n2\n3\n", g.stdout.String(), "it takes longer than the wait for a silent one")
}

func TestStdoutAndStderrInOneFileKeepTheirOrder(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "output"))
	require.NoError(t, err)
	defer f.Close()
	g := boot(t, "both", func(o *Options) { o.Stdout, o.Stderr, o.Accel = f, f, "tcg" })
	require.NoError(t, g.err)
	var want strings.Builder
	for i := range 50 {
		fmt.Fprintf(&want, "%d out\n%d err\n", i, i)
	}
	got, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got))
}

func TestDynamicExecutableBringsItsLibraries(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	n, err := hostArch.needs(t.Context(), sh)
	require.NoError(t, err)
	require.NotEmpty(t, n.files, "%s is static, so it shows nothing", sh)
	g := boot(t, "", func(o *Options) { o.Program, o.Args = "sh", []string{"-c", "echo $0 $1; exit 4", "a", "b c"} })
	require.NoError(t, g.err)
	assert.Equal(t, 4, g.code)
	assert.Equal(t, "a b c\n", g.stdout.String())
}

func TestFilesComeBack(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "testdata"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "testdata", "changed.golden"), []byte("old"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "testdata", "same.golden"), []byte("same"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "testdata", "stale.got"), []byte("stale"), 0o644))
	t.Chdir(dir)
	profile := filepath.Join(elsewhere, "cover.out")
	g := boot(t, "files", func(o *Options) {
		o.Args = []string{
			"-test.coverprofile=" + profile, "-test.outputdir", dir,
			profile, filepath.Join(elsewhere, "secret"), "here.got",
		}
	})
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	for path, want := range map[string]string{
		profile:                        "written in the guest\n",
		filepath.Join(dir, "here.got"): "written in the guest\n",
		filepath.Join(dir, "testdata", "fuzz", "FuzzX", "seed"): "seed",
		filepath.Join(dir, "testdata", "changed.golden"):        "new",
		filepath.Join(dir, "testdata", "same.golden"):           "same",
	} {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), path)
	}
	assert.FileExists(t, filepath.Join(dir, "testdata", "stale.got"), "deletions stay in the guest")
	assert.NoFileExists(t, filepath.Join(elsewhere, "secret"), "nobody asked for it")
	assert.NoFileExists(t, "/tmp/not-carried-back")
	info, err := os.Stat(filepath.Join(dir, "here.got"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestKernelPanicIsAMachineFailure(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
			f := boot(t, "panic", func(o *Options) { o.Kernel = kernel }).failure(t)
			assert.Equal(t, guestPanic, f.kind, "%v", f)
			console, err := os.ReadFile(filepath.Join(f.Artifacts, consoleFile))
			require.NoError(t, err)
			assert.Contains(t, string(console), "Kernel panic - not syncing: sysrq triggered crash", "%v", f)
			command, err := os.ReadFile(filepath.Join(f.Artifacts, commandFile))
			require.NoError(t, err)
			assert.Contains(t, string(command), "-M microvm")
		})
	}
}

func TestProgramKilledByTheGuestsOwnOOMIsAMachineFailure(t *testing.T) {
	f := boot(t, "hog", func(o *Options) { o.Memory = 256 << 20 }).failure(t)
	assert.Equal(t, guestOOM, f.kind, "%v", f)
	assert.Contains(t, f.Error(), "-mem")
	assert.Contains(t, f.Error(), "killed: vm.test[")
	dmesg, err := os.ReadFile(filepath.Join(f.Artifacts, dmesgFile))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^<6>\[ +0\.000000\] Command line: `, string(dmesg), "its first lines are there")
	assert.Contains(t, string(dmesg), "Out of memory: Killed process")
}

func TestChildKilledByTheGuestsOwnOOMIsTheProgramsBusiness(t *testing.T) {
	g := boot(t, "hog-child", func(o *Options) { o.Memory = 256 << 20 })
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	assert.Equal(t, "the child was killed\n", g.stdout.String())
}

func TestForgedLineInTheKernelLogIsNoMachineFailure(t *testing.T) {
	g := boot(t, "forge", func(o *Options) { o.Memory = 256 << 20 })
	require.NoError(t, g.err)
	assert.Equal(t, 128+9, g.code, g.stderr.String())
	assert.Equal(t, "the child was killed\n", g.stdout.String(), "the lie was staged")
}

func TestInitramfsThatDoesNotFitIsAMachineFailure(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		for _, memory := range []int64{64 << 20, 96 << 20} {
			t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
				big := filepath.Join(t.TempDir(), "big")
				require.NoError(t, os.WriteFile(big, bytes.Repeat([]byte("oomcage "), 8<<20), 0o644))
				f := boot(t, "exit", func(o *Options) { o.Kernel, o.Memory, o.Add = kernel, memory, []string{big} }).failure(t)
				assert.Equal(t, guestOOM, f.kind, "%v", f)
				assert.Contains(t, f.Error(), "-mem")
			})
		}
	}
}

func TestTimeLimitIsAMachineFailureAndShowsGoroutines(t *testing.T) {
	over, stdout := make(chan struct{}), &waitFor{text: "hanging\n"}
	stdout.found = func() { close(over) }
	g := boot(t, "hang", func(o *Options) { o.Stdout, o.test.over = stdout, over })
	f := g.failure(t)
	assert.Equal(t, timeLimit, f.kind, "%v", f)
	assert.Equal(t, "hanging\n", stdout.buf.String())
	assert.Contains(t, g.stderr.String(), "SIGQUIT: quit")
	assert.NotEmpty(t, f.Artifacts)
}

func TestQEMUThatFailsToStartShowsItsMessage(t *testing.T) {
	f := boot(t, "exit", func(o *Options) { o.CPUs = 1 << 20 }).failure(t)
	assert.Equal(t, qemuFailed, f.kind, "%v", f)
	assert.Contains(t, f.Error(), "CPUs")
}

func TestCancelEndsQEMU(t *testing.T) {
	requireHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen := &waitFor{text: "hanging", found: cancel}
	t.Setenv("VM_TEST_ROLE", "hang")
	exe, err := os.Executable()
	require.NoError(t, err)
	_, err = Run(ctx, Options{Program: exe, Stdout: seen, Stderr: &bytes.Buffer{}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, children(t, os.Getpid()))
}

// waitFor is a writer that calls found once the text has gone through it.
type waitFor struct {
	text  string
	found func()
	buf   bytes.Buffer
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.buf.Write(p)
	if w.found != nil && strings.Contains(w.buf.String(), w.text) {
		w.found()
		w.found = nil
	}
	return len(p), nil
}

func TestSignalledWrapperLeavesNothingBehind(t *testing.T) {
	requireHost(t)
	for name, sig := range map[string]os.Signal{"interrupt": os.Interrupt, "kill": os.Kill} {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			cmd := self("wrapper")
			cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
			var qemu []int
			var signalErr error
			cmd.Stdout = &waitFor{text: "hanging", found: func() {
				qemu = children(t, cmd.Process.Pid)
				signalErr = cmd.Process.Signal(sig)
			}}
			cmd.Stderr = &bytes.Buffer{}
			err := cmd.Run()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.NoError(t, signalErr)
			require.Len(t, qemu, 1, "%v", cmd.Stderr)
			require.Eventually(t, func() bool { return !alive(qemu[0]) }, waitMax, tick)
			if sig == os.Interrupt {
				assert.Equal(t, 130, exit.ExitCode())
				left, err := os.ReadDir(tmp)
				require.NoError(t, err)
				assert.Empty(t, left)
			}
		})
	}
}

// alive reports whether the process runs; one that nobody has reaped yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// children returns the children of all threads of the process.
func children(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	require.NoError(t, err)
	require.NotEmpty(t, tasks)
	var pids []int
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		require.NoError(t, err)
		for _, f := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(f)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}
