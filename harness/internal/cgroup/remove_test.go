package cgroup

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// cgroup.procs holds a 0 for a process that is reaped while the file is read: cgroup_procs_show
// prints the id that is left of it (kernel/cgroup/cgroup.c). Seen with 100 cages at once.
func TestAProcessThatIsReapedJustThenIsNotKilled(t *testing.T) {
	g := &Group{mount: "/sys/fs/cgroup", path: "/sys/fs/cgroup"}
	killed, err := g.killMember(0, os.Getpid())
	require.NoError(t, err)
	require.False(t, killed)
}

// A process may be reaped while it is looked up, too: pidfd_open then finds the id, and no process
// that has it (pidfd_prepare in kernel/fork.c). An id that only a thread has is the same to it.
func TestAProcessThatIsReapedWhileItIsLookedUpIsNotKilled(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	if thread == os.Getpid() { // the first thread's id is the process's own
		found := make(chan int)
		go func() {
			runtime.LockOSThread()
			found <- unix.Gettid()
			<-found
		}()
		thread = <-found
		defer close(found)
	}
	g := &Group{mount: "/sys/fs/cgroup", path: "/sys/fs/cgroup"}
	killed, err := g.killMember(thread, unix.Getpgrp())
	require.NoError(t, err)
	require.False(t, killed)
}
