package harness

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// report is what a harness in a process of its own says of its one run.
type report struct {
	Outcome      *Outcome
	Error        string
	NotSupported bool
}

// confinedHarness is a harness that shuts itself in, as each of its arguments tells, and then runs a
// target that takes 100 MB. The last argument is the memory.max of that: none if it is 0.
func confinedHarness() {
	last := len(os.Args) - 1
	for _, how := range os.Args[1:last] {
		fail(confine[how]())
	}
	o, err := Run(context.Background(), Spec{
		Target: Target{Path: "/proc/self/exe", Args: []string{"100000000"}, Env: []string{roleVariable + "=eat"}, OOMScoreAdj: ptr(0)}, // spared is not inherited
		Limits: Limits{Max: Bytes(mustAtoi(os.Args[last]))},
	})
	r := report{Outcome: o, NotSupported: errors.Is(err, ErrNotSupported)}
	if err != nil {
		r.Error = err.Error()
	}
	fail(json.NewEncoder(os.Stdout).Encode(r))
}

const cgroupMount = "/sys/fs/cgroup"

var confine = map[string]func() error{
	// As the mount namespace of a container shows its own cgroup namespace.
	"own-cgroups": func() error {
		return errors.Join(unix.Unmount(cgroupMount, unix.MNT_DETACH), unix.Mount("cgroup2", cgroupMount, "cgroup2", 0, ""))
	},
	// What the error about other processes in the cgroup tells its reader to do.
	"make-way": func() error {
		others := cgroupMount + "/others"
		pids, err := os.ReadFile(cgroupMount + "/cgroup.procs")
		err = errors.Join(err, os.Mkdir(others, 0o755))
		for pid := range strings.FieldsSeq(string(pids)) {
			err = errors.Join(err, os.WriteFile(others+"/cgroup.procs", []byte(pid), 0))
		}
		return err
	},
	// The kernel may look for a victim when the first one is dead, and take the harness (oom_evaluate_task in mm/oom_kill.c).
	"spared": func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) },
	"read-only-cgroups": func() error {
		return unix.Mount("", cgroupMount, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	},
	// A container's /dev has no kernel log.
	"own-devices": func() error {
		dev, err := os.MkdirTemp("", "dev")
		if err != nil {
			return err
		}
		defer os.Remove(dev)
		null := filepath.Join(dev, "null")
		return errors.Join(unix.Mount("tmpfs", dev, "tmpfs", 0, ""), os.WriteFile(null, nil, 0o600),
			unix.Mount("/dev/null", null, "", unix.MS_BIND, ""), unix.Mount(dev, "/dev", "", unix.MS_MOVE, ""))
	},
	// As some sandboxes hide the kernel log.
	"null-log": func() error { return unix.Mount("/dev/null", string(outcome.KernelLog), "", unix.MS_BIND, "") },
	"file-log": func() error {
		f, err := os.CreateTemp("", "kmsg")
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), unix.Mount(f.Name(), string(outcome.KernelLog), "", unix.MS_BIND, ""), os.Remove(f.Name()))
	},
	// All that this user may have.
	"no-inotify": func() error {
		for {
			_, err := unix.InotifyInit1(unix.IN_CLOEXEC)
			if errors.Is(err, unix.EMFILE) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	},
}

// nobody is a plain user.
const nobody = 65534

// confined starts a harness in the cgroup of that directory, and returns its report.
func confined(t *testing.T, dir string, attr syscall.SysProcAttr, args ...string) report {
	t.Helper()
	requireRoot(t)
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	attr.UseCgroupFD, attr.CgroupFD = true, fd
	self := as(t, "confined-harness")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), self.Env...)
	cmd.SysProcAttr = &attr
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var r report
	require.NoError(t, json.Unmarshal(out, &r), "%s", out)
	return r
}

// asUser runs this program as a user who may do nothing but what is delegated to it.
func asUser(t *testing.T, uid uint32) syscall.SysProcAttr {
	t.Helper()
	require.NoError(t, os.Chmod("/proc/self/exe", 0o755), "under a umask of 077 only its owner may run what go test has built")
	return syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: nobody}}
}

// inContainer runs with a cgroup namespace whose root is the cgroup that it is started in.
func inContainer() syscall.SysProcAttr {
	return syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS}
}

// delegate gives a cgroup to a user, as the kernel's documentation has it (cgroup-v2.rst, "Model of
// Delegation"): the directory and these files, without the limits.
func delegate(t *testing.T, dir string, files ...string) {
	t.Helper()
	requireRoot(t)
	for _, file := range append([]string{"."}, files...) {
		require.NoError(t, os.Chown(filepath.Join(dir, file), nobody, nobody))
	}
}

// cgroupsBelow are the names of the cgroups in a directory.
func cgroupsBelow(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
