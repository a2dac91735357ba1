//go:build linux

package main

import (
	"bytes"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/cgroup"
)

// mustDiagnose runs oomcage doctor and returns its exit code and what it says.
func mustDiagnose(t *testing.T) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute([]string{"doctor"}, &stdout, &stderr)
	require.Empty(t, stderr.String())
	return code, stdout.String()
}

func TestTheDoctorsWordsFitOneScreen(t *testing.T) {
	_, said := mustDiagnose(t)
	rows := 0
	for line := range strings.Lines(said) {
		rows += max(1, (len([]rune(strings.TrimSuffix(line, "\n")))+79)/80)
	}
	require.LessOrEqual(t, rows, 24, said)
	for _, name := range []string{"cages", "cgroup v2", "controllers", "limits above", "kernel log", "swap", "huge pages", "QEMU", "kernel", "KVM", "mkfs.ext4"} {
		require.Regexp(t, `(?m)^`+name+` +(ok|no|partly) +\S`, said)
	}
}

func TestTheDoctorFailsWhereNothingWorksAndSaysWhatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("OOMCAGE_KERNEL", filepath.Join(os.Getenv("XDG_CACHE_HOME"), "none"))
	code, said := mustDiagnose(t)
	require.Regexp(t, `(?m)^QEMU +no +qemu-system-x86_64 is missing.*\n +to help: \S`, said)
	require.Regexp(t, `(?m)^kernel +no +OOMCAGE_KERNEL names a kernel that cannot be booted.*\n +to help: .*oomcage kernels fetch`, said)
	if harness.Supported() == nil {
		require.Zero(t, code)
		require.Contains(t, said, "\nCages work here")
	} else {
		require.Equal(t, exitFailed, code)
		require.Contains(t, said, "\nNeither cages nor the microVM work here.\n")
	}
}

func TestTheDoctorSaysWhyThereAreNoCages(t *testing.T) {
	f := findingOf("cages", "", advise.New("no cgroup v2", "mount it"), worksNo)
	require.Equal(t, finding{"cages", worksNo, "no cgroup v2", "mount it"}, f)
	all := findKernel(cgroup.Look{V1: "/v1", V2: "/v2", Controllers: []string{"cpu"}, Limits: []string{"memory.max 1 of /v2/a"}})
	require.Equal(t, finding{"controllers", worksNo, "no memory, which is bound to cgroup v1 at /v1", ""}, all[1])
	require.Equal(t, finding{"limits above", partly, "not known without the memory controller", ""}, all[2])
	all = findKernel(cgroup.Look{V2: "/v2", Controllers: []string{"cpu", "memory"}, Limits: []string{"memory.max 1 of /v2/a"}})
	require.Equal(t, finding{"controllers", works, "cpu memory", ""}, all[1])
	require.Equal(t, finding{"limits above", partly, "memory.max 1 of /v2/a", ""}, all[2])
}

// fileOf is a file of a group.
type fileOf struct {
	os.FileInfo
	mode os.FileMode
	gid  uint32
}

func (f fileOf) Mode() os.FileMode { return f.mode }
func (f fileOf) Sys() any          { return &syscall.Stat_t{Gid: f.gid} }

// A machine whose /dev/kvm is root's alone has no group kvm that one could be in.
func TestTheDoctorNamesTheGroupOfKVMWhereOneHelps(t *testing.T) {
	const kvm = 107
	groups := func(gid string) (*user.Group, error) {
		if gid != strconv.Itoa(kvm) {
			return nil, user.UnknownGroupIdError(gid)
		}
		return &user.Group{Gid: gid, Name: "kvm"}, nil
	}
	require.Equal(t, "sudo usermod -a -G kvm $USER, and log in again", kvmHelp(fileOf{mode: 0o660, gid: kvm}, nil, groups))
	for _, file := range []fileOf{{mode: 0o600, gid: 0}, {mode: 0o660, gid: 0}, {mode: 0o600, gid: kvm}, {mode: 0o660, gid: 4_000_000_000}} {
		require.Contains(t, kvmHelp(file, nil, groups), "sudo chmod 666 /dev/kvm", "%v", file)
	}
	require.Contains(t, kvmHelp(nil, os.ErrNotExist, groups), "sudo")
}
