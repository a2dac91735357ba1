package harness

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// stranger is a user who wants to stop the harnesses of others. It locks each cgroup and each file of one that
// it can open, binds every abstract address that stands for a port, says what it has got, and holds it
// until its stdin is closed. Its argument, if any, is where to begin with the addresses: a process
// may not have as many descriptors as there are ports.
func stranger() {
	if len(os.Args) > 1 {
		bindAddresses(mustAtoi(os.Args[1]), mustAtoi(os.Args[2]))
	} else {
		lockCgroups()
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	fail(err)
}

func bindAddresses(first, last int) {
	bound := 0
	for port := first; port <= last; port++ {
		if _, err := tellOthers(port); err == nil {
			bound++
		}
	}
	fmt.Println(bound)
}

func lockCgroups() {
	locked := 0
	fail(filepath.WalkDir(cgroupMount, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // closed to this user, or gone
		}
		if d.IsDir() && filepath.Dir(path) == cgroupMount && d.Name() != "oomcage" {
			return fs.SkipDir
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil //nolint:nilerr // closed to this user
		}
		all := unix.Flock_t{Type: unix.F_RDLCK}
		if unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == nil && unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &all) == nil {
			locked++
		}
		return nil
	}))
	fmt.Println(locked)
}

// perStranger is how many addresses one process binds: it may have 4096 descriptors at least, as the kernel
// starts init.
const perStranger = 4000

// startStranger returns what the stranger has got hold of. It ends with the test.
func startStranger(t *testing.T, args ...string) int {
	t.Helper()
	self := as(t, "stranger", args...)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), self.Env...)
	cmd.SysProcAttr = new(asUser(t, nobody))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return n
}

// Root, a user with a delegated cgroup, and harnesses that come and go, while another user holds what can be held.
func TestAStrangerStopsNobody(t *testing.T) {
	open := NewCageT(t, Limits{}) // so that the stranger finds the cgroups of a run
	requireRoot(t)
	require.Positive(t, startStranger(t))
	ports := targetPorts()
	bound, want := 0, 0
	for first := ports.first; first <= ports.last; first += perStranger {
		last := min(first+perStranger-1, ports.last)
		bound += startStranger(t, strconv.Itoa(first), strconv.Itoa(last))
		want += last - first + 1
	}
	require.Greater(t, bound, want*9/10) // one is the open cage's, and others are those of other packages' tests beside these on a host

	seen := map[string]bool{open.Addr(): true}
	for range 5 {
		c := NewCageT(t, Limits{})
		require.False(t, seen[c.Addr()], "%s twice", c.Addr())
		seen[c.Addr()] = true
	}
	delegated := NewCageT(t, Limits{Max: roomForHarness})
	delegate(t, delegated.Path(), "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
	attr := asUser(t, nobody-1)
	require.NoError(t, os.Chown(delegated.Path(), nobody-1, nobody))
	for _, file := range []string{"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		require.NoError(t, os.Chown(filepath.Join(delegated.Path(), file), nobody-1, nobody))
	}
	r := confined(t, delegated.Path(), attr, "33554432")
	require.Empty(t, r.Error)
	r.Outcome.RequireVerdict(t, OOMKilled)

	self := as(t, "churning-harness", "5")
	var others [3]*exec.Cmd
	var out [len(others)]strings.Builder
	for i := range others {
		others[i] = exec.CommandContext(t.Context(), self.Path, self.Args...)
		others[i].Env = append(os.Environ(), self.Env...)
		others[i].Stderr = &out[i]
		require.NoError(t, others[i].Start())
	}
	for i, cmd := range others {
		require.NoError(t, cmd.Wait(), out[i].String())
		require.NotContains(t, out[i].String(), "left by a run")
	}
}
