package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

func init() {
	// told N: takes N bytes when it gets SIGUSR1, and then idles; it ends with 3 when it gets SIGUSR2.
	roles["told"] = func() {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGUSR1, syscall.SIGUSR2)
		fmt.Println("waiting")
		if <-told == syscall.SIGUSR2 {
			os.Exit(3)
		}
		take(mustAtoi(os.Args[1]))
		wait()
	}
	// forks: forks a process without an exec into each cgroup of its stdin, which takes far less time than to start a program. Its
	// child takes 64 MiB when there is another line.
	roles["forks"] = func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			pid, begin, err := forkInto(lines.Text())
			fail(err)
			fmt.Println(pid)
			lines.Scan()
			fail(begin())
			var status unix.WaitStatus
			_, err = unix.Wait4(pid, &status, 0, nil)
			fail(err)
			fmt.Println(status.Signal())
		}
	}
	// removes: removes each directory of its stdin as soon as the kernel lets it, as a service manager does.
	roles["removes"] = func() {
		for paths := bufio.NewScanner(os.Stdin); paths.Scan(); fmt.Println("removed") {
			changed, stop, err := cgroup.Watch(paths.Text() + "/cgroup.events")
			fail(err)
			for errors.Is(unix.Rmdir(paths.Text()), unix.EBUSY) {
				select {
				case <-changed:
				case <-time.After(time.Millisecond): // to lose no time where the kernel holds the notification back
				}
			}
			stop()
		}
	}
}

// helper is a process of this test binary that is told what to do, line by line.
type helper struct {
	to   io.Writer
	from *bufio.Scanner
}

func newHelper(t *testing.T, role string) *helper {
	t.Helper()
	target := as(t, role)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), target.Path) // it ends with its stdin
	cmd.Env, cmd.Stderr = append(os.Environ(), target.Env...), os.Stderr
	to, err := cmd.StdinPipe()
	require.NoError(t, err)
	from, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, to.Close())
		require.NoError(t, cmd.Wait())
	})
	return &helper{to, bufio.NewScanner(from)}
}

func (h *helper) tell(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(h.to, line)
	require.NoError(t, err)
}

func (h *helper) await(t *testing.T) (line string) {
	t.Helper()
	require.True(t, h.from.Scan())
	return h.from.Text()
}

// forkInto forks a process that takes 64 MiB when begin is called.
func forkInto(cgroup string) (pid int, begin func() error, err error) {
	dir, err := unix.Open(cgroup, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	defer unix.Close(dir)
	var told [2]int
	if err := unix.Pipe2(told[:], unix.O_CLOEXEC); err != nil {
		return 0, nil, err
	}
	pid, errno := cloneInto(dir, told[0])
	unix.Close(told[0])
	if errno != 0 {
		return 0, nil, errno
	}
	return pid, func() error {
		defer unix.Close(told[1])
		_, err := unix.Write(told[1], []byte{0})
		return err
	}, nil
}

// cloneInto is clone3. In the child there is no Go runtime, so that it makes system calls alone.
//
//go:norace
func cloneInto(dir, told int) (pid int, errno syscall.Errno) {
	args := struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64 }{
		flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(dir),
	}
	var one [1]byte
	r, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 || r != 0 {
		return int(r), errno
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_READ, uintptr(told), uintptr(unsafe.Pointer(&one)), 1)
	_, _, _ = syscall.RawSyscall6(unix.SYS_MMAP, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE, ^uintptr(0), 0)
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 3, 0, 0)
	}
}
