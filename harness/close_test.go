package harness

import (
	"context"
	"fmt"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A cage that is closed while a target is started in it keeps none, and a target that is not executed
// yet is not killed: it has the memory of this process, and with cgo its thread-local storage.
func TestACageIsClosedWhileTargetsAreStarted(t *testing.T) {
	pause := pauseProgram(t)
	for range 10 {
		c := NewCageT(t, Limits{})
		starts := make(chan error)
		for range 4 {
			go func() {
				_, err := c.Start(context.Background(), Target{Path: pause})
				starts <- err
			}()
		}
		require.NoError(t, <-starts) // one of them, while others are on their way
		require.NoError(t, c.Close())
		for range 3 {
			if err := <-starts; err != nil {
				t.Logf("refused, or ended: %v", err)
			}
		}
		require.NoDirExists(t, c.Path())
	}
}

// The kernel lists no processes of a threaded cgroup: they are those of the domain above it, which is the cage here.
func TestARunEndsWhereAThreadedCgroupIsBelowItsCage(t *testing.T) {
	cage := NewCageT(t, Limits{})
	step := func(context.Context, *Process, int) error {
		threads, err := cage.group.Child("threads")
		if err != nil {
			return err
		}
		return threads.Write("cgroup.type", "threaded")
	}
	o := mustRun(t, cage, Spec{Target: saying(t, "idle", "idle"), Load: Load{Step: step, Count: 1}})
	o.RequireVerdict(t, Survived)
	pids, err := cage.group.Procs()
	require.NoError(t, err)
	require.Empty(t, pids)
}

// fanotify(7) lets the execution of a program wait for a listener, as a file system does that does not answer. This one
// never allows it.
func TestACageIsClosedWhileAnExecutionHangs(t *testing.T) {
	program := pauseProgram(t)
	listener, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		giveUpToRoot(t, fmt.Errorf("no execution can be held up: %w", err))
	}
	defer unix.Close(listener)
	require.NoError(t, unix.FanotifyMark(listener, unix.FAN_MARK_ADD, unix.FAN_OPEN_EXEC_PERM, unix.AT_FDCWD, program))

	// Go's collector waits for all threads, and one that stands in vfork(2) does not come: no collection may begin meanwhile.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))

	parent := NewCageT(t, Limits{})
	child, err := parent.Child("child", Limits{})
	require.NoError(t, err)
	started := make(chan error)
	go func() {
		_, err := child.Start(context.Background(), Target{Path: program})
		started <- err
	}()
	var event unix.FanotifyEventMetadata // it has come to its execution
	_, err = unix.Read(listener, (*[unix.FAN_EVENT_METADATA_LEN]byte)(unsafe.Pointer(&event))[:])
	require.NoError(t, err)
	require.NoError(t, unix.Close(int(event.Fd)))
	require.NoError(t, parent.Close())
	t.Logf("ended: %v", <-started)
	require.NoDirExists(t, parent.Path())
}
