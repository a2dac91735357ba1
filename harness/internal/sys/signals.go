package sys

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// WithoutSignals calls f on a thread that takes no signal but SIGKILL and SIGSTOP. Where the kernel is long at work for one
// write, it leaves the rest undone when a signal is pending, and says nothing (memory_max_write in mm/memcontrol.c,
// set_max_huge_pages in mm/hugetlb.c). Go sends its threads SIGURG, and any of them may be told of the end of a child.
// The error is that of f, or of the system call.
func WithoutSignals(f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, &before); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	defer func() {
		if back := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err == nil {
			err = os.NewSyscallError("rt_sigprocmask", back)
		}
	}()
	return f()
}
