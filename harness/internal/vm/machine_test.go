package vm

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommandLineCanBePastedIntoAShell(t *testing.T) {
	m := machine{
		arch: archAMD64,
		qemu: "/usr/bin/qemu", kernel: "/boot/it's, here", initramfs: "/t/i", console: "/t/a,b", memory: 1 << 30,
		cpus: 2, accel: "tcg", tscKHz: 2600000,
	}
	line := m.commandLine()
	assert.Contains(t, line, `-kernel '/boot/it'\''s, here'`)
	assert.Contains(t, line, "path=/t/a,,b", "QEMU's options end at a single comma")
	assert.Contains(t, line, "-m 1024M")
	assert.Contains(t, line, "tsc_early_khz=2600000")
	assert.Contains(t, line, "-chardev null,id=stream")
	assert.Contains(t, line, "-chardev null,id=monitor")
	assert.NotContains(t, line, "OOMCAGE_TIME", "that is another moment")
	m.disks = []disk{{swapSerial, "/t/a,b.img"}}
	assert.Contains(t, m.commandLine(), "format=raw,cache=unsafe,werror=report,file=/t/a,,b.img")
	assert.Contains(t, m.commandLine(), "virtio-blk-device,drive=swap,serial=swap")
	m.accel = "kvm"
	assert.NotContains(t, m.commandLine(), "tsc_early_khz", "with KVM the guest knows")
}

func TestTheGuestGetsPathsArgumentsAndVariablesThatAreNotUTF8(t *testing.T) {
	for _, j := range []job{{Probe: true}, {
		Path: "/caf\xe9/prog", Args: []string{"./prog", "\xff", ""}, Env: []string{"A=\xe9"}, Dir: "/caf\xe9", Host: "host",
		Stdout: &terminal{}, Out: []out{{Path: "/caf\xe9", Dir: true}, {Path: "/caf\xe9/f", Grows: true, Given: true}},
	}} {
		data, err := j.encode()
		require.NoError(t, err)
		got, err := parseJob(data)
		require.NoError(t, err)
		assert.Equal(t, j, got)
	}
}

func TestGuestEnvironmentIsTheCallersWithoutItsFolders(t *testing.T) {
	env := guestEnv([]string{
		"HOME=/home/u", "PATH=/home/u/bin", "TMPDIR=/var/u", "XDG_RUNTIME_DIR=/run/u", "GOMEMLIMIT=1GiB",
		"OOMCAGE_STRICT=0", "OOMCAGE_BUILT=/stale", "EMPTY=",
	}, "/pkg", false, false)
	slices.Sort(env)
	assert.Equal(t, []string{
		"EMPTY=", "GOMEMLIMIT=1GiB", "HOME=/root", "LOGNAME=root", "OOMCAGE_STRICT=1",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/pkg", "TMPDIR=/tmp", "USER=root",
	}, env)
	assert.Contains(t, guestEnv(nil, "/pkg", true, false), "OOMCAGE_BUILT="+guestManifest)
	assert.Contains(t, guestEnv(nil, "/pkg", false, true), "TMPDIR="+guestScratch)
}

func TestTheGuestIsToldWhatMachineItIs(t *testing.T) {
	assert.Empty(t, Options{Kernel: "6.1", Build: []string{"./app"}}.machineFlags())
	assert.Equal(t, []string{"-mem", "2147483648", "-swap", "268435456", "-scratch", "536870912", "-cpus", "2", "-add", "a b:/c"},
		Options{Memory: 2 << 30, Swap: 256 << 20, Scratch: 512 << 20, CPUs: 2, Add: []string{"a b:/c"}}.machineFlags())
}

func TestOneFileForBothStreamsIsSeen(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer again.Close()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.True(t, sameFile(w, again))
	assert.False(t, sameFile(w, null))
	assert.False(t, sameFile(w, &strings.Builder{}))
}

func TestWhatMakesNoSenseIsRefusedBeforeAnythingIsTried(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no QEMU, and no program
	t.Setenv("TMPDIR", "/no/such/folder")
	for want, o := range map[string]Options{
		"-accel is auto, kvm or tcg, not hvf":              {Accel: "hvf"},
		"-cpus 0, -timeout 0s, -mem -1, ":                  {Memory: -1},
		"-add a:b: the path in the guest must be absolute": {Add: []string{"/a:/b", "a:b"}},
	} {
		o.Program = "/no/such/program"
		_, err := Run(t.Context(), o)
		var f *Failure
		require.ErrorAs(t, err, &f)
		assert.ErrorContains(t, err, want)
		assert.True(t, f.UsageError(), want)
	}
	_, err := Run(t.Context(), Options{Program: "/no/such/program", Add: []string{"a", "a:/b"}})
	var f *Failure
	require.ErrorAs(t, err, &f)
	assert.ErrorContains(t, err, "the program cannot be run: exec: \"/no/such/program\"")
	assert.False(t, f.UsageError(), "on another machine it may be there")
}

// Without a QEMU that could be asked, and whatever /dev/kvm is here.
func TestAcceleratorAskedForIsNotProbed(t *testing.T) {
	for _, asked := range []string{"kvm", "tcg"} {
		accel, note, err := chooseAccel(t.Context(), asked, machine{arch: hostArch, qemu: "/no/such/qemu"})
		require.NoError(t, err)
		assert.Equal(t, asked, accel)
		assert.Empty(t, note)
	}
}

// The frequency is checked against the counter itself over another span of time.
func TestCounterFrequencyPredictsTheCounter(t *testing.T) {
	if readTSC() == 0 {
		return // this processor has none, and guests are not told of one
	}
	first := sampleTSC()
	khz := tscKHz(first)
	require.Positive(t, khz)
	from := sampleTSC()
	busy := time.Now()
	for time.Since(busy) < 20*time.Millisecond {
		_ = strings.Repeat("x", 100)
	}
	to := sampleTSC()
	want := float64(khz) * 1000 * to.at.Sub(from.at).Seconds()
	assert.InEpsilon(t, want, float64(to.ticks-from.ticks), 0.01)
}
