package vm

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Stand-ins for QEMU. Each run leaves a file in the folder VM_TEST_RUNS.
func init() {
	record := func() {
		f, err := os.CreateTemp(os.Getenv("VM_TEST_RUNS"), "run")
		if err != nil {
			panic(err)
		}
		f.Close()
	}
	roles["qemu-asserts"] = func() int {
		record()
		os.Stderr.WriteString("warning: something\nqemu: Assertion failed\n")
		return 134
	}
	roles["qemu-boots"] = func() int {
		record()
		w := &frameWriter{w: os.NewFile(3, "second serial port")}
		if err := w.frame(frameHello, nil); err != nil {
			panic(err)
		}
		wait()
		return 0
	}
	roles["qemu-ends"] = func() int {
		record()
		return 0
	}
	roles["qemu-hangs"] = func() int {
		record()
		os.Stderr.WriteString("warning: something\n")
		time.Sleep(time.Hour) // where nothing else is left, a select without cases is a deadlock
		return 0
	}
}

// fakeQEMU makes this executable play QEMU; runs returns how often it did.
func fakeQEMU(t *testing.T, role string) (m machine, runs func() int) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	t.Setenv("VM_TEST_ROLE", role)
	t.Setenv("VM_TEST_RUNS", dir)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	kernel := filepath.Join(t.TempDir(), "kernel")
	require.NoError(t, os.WriteFile(kernel, nil, 0o600))
	return machine{arch: hostArch, qemu: exe, kernel: kernel, cpus: 1}, func() int {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(entries)
	}
}

func TestProbeIsMadeOnceForAll(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-asserts")
	var wg sync.WaitGroup
	var results [4]kvmResult
	var errs [4]error
	for i := range results {
		wg.Go(func() { results[i], errs[i] = probeOnce(t.Context(), m, time.Minute) })
	}
	wg.Wait()
	for i, r := range results {
		require.NoError(t, errs[i])
		assert.False(t, r.Works)
		assert.Equal(t, "QEMU: Assertion failed", r.Reason)
	}
	assert.Equal(t, 1, runs())
}

func TestGuestThatSaysHelloProvesKVM(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-boots")
	for range 2 {
		r, err := probeOnce(t.Context(), m, time.Minute)
		require.NoError(t, err)
		assert.True(t, r.Works)
	}
	assert.Equal(t, 1, runs())
}

func TestProbeThatHangsIsBounded(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-hangs")
	for range 2 {
		r, err := probeOnce(t.Context(), m, 500*time.Millisecond)
		require.NoError(t, err)
		assert.False(t, r.Works)
		assert.Equal(t, "a guest did not boot with it within 500ms", r.Reason, "a warning is no reason")
	}
	assert.LessOrEqual(t, runs(), 1)
}

// A machine had no memory for a moment, and emulated its guests until it was booted again.
func TestFailureIsForgotten(t *testing.T) {
	for _, role := range []string{"qemu-hangs", "qemu-ends", "qemu-asserts"} {
		t.Run(role, func(t *testing.T) {
			m, _ := fakeQEMU(t, role)
			r, err := probeOnce(t.Context(), m, 500*time.Millisecond)
			require.NoError(t, err)
			assert.False(t, r.Works)
			assert.WithinDuration(t, time.Now().Add(doubtTime), r.Until, time.Minute)

			r.Until = time.Now()
			data, err := json.Marshal(r)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(cachePath("kvm.json"), data, 0o600))
			t.Setenv("VM_TEST_ROLE", "qemu-boots")
			r, err = probeOnce(t.Context(), m, time.Minute)
			require.NoError(t, err)
			assert.True(t, r.Works)
			assert.Zero(t, r.Until)
		})
	}
}

func TestAKernelThatDoesNotBootSaysNothingOfOthers(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-asserts")
	_, err := probeOnce(t.Context(), m, time.Minute)
	require.NoError(t, err)
	t.Setenv("VM_TEST_ROLE", "qemu-boots")
	require.NoError(t, os.WriteFile(m.kernel, []byte("mended"), 0o600))
	r, err := probeOnce(t.Context(), m, time.Minute)
	require.NoError(t, err)
	assert.True(t, r.Works)
	assert.Equal(t, 2, runs())
}

func TestReasonIsQEMUsLastWordWithoutItsPlace(t *testing.T) {
	for stderr, want := range map[string]string{
		"": "",
		"qemu-system-x86_64: warning: x\nit broke\n\n":                             "it broke",
		"qemu-system-x86_64: Could not access KVM kernel module: No such device\n": "Could not access KVM kernel module: No such device",
		"qemu-system-x86_64: ../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == n' failed.\n": "kvm_buf_set_msrs: " +
			"Assertion `ret == n' failed",
	} {
		assert.Equal(t, want, lastWord([]byte(stderr)))
	}
}

func TestProbeIsMadeAgainAfterAReboot(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-asserts")
	file := cachePath("kvm.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"boot": "another", "qemu": "another", "works": true, `+
		`"reason": "longer than what is written over it, so that a rest of it would show"}`), 0o600))
	for range 2 {
		r, err := probeOnce(t.Context(), m, time.Minute)
		require.NoError(t, err)
		assert.False(t, r.Works)
	}
	assert.Equal(t, 1, runs())
}

func TestProbeWithoutACacheIsStillRight(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-boots")
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	t.Setenv("XDG_CACHE_HOME", blocked)
	r, err := probeOnce(t.Context(), m, time.Minute)
	require.NoError(t, err)
	assert.True(t, r.Works)
	assert.Equal(t, 1, runs())
}

func TestProbeThatCannotBeRememberedIsStillRight(t *testing.T) {
	m, runs := fakeQEMU(t, "qemu-boots")
	require.NoError(t, os.Symlink("/dev/full", cachePath("kvm.json")))
	r, err := probeOnce(t.Context(), m, time.Minute)
	require.NoError(t, err)
	assert.True(t, r.Works)
	assert.Equal(t, 1, runs())
}

func TestInterruptedProbeIsNotRemembered(t *testing.T) {
	m, _ := fakeQEMU(t, "qemu-hangs")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := probeOnce(ctx, m, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	data, err := os.ReadFile(cachePath("kvm.json"))
	require.NoError(t, err)
	assert.Empty(t, data)
}
