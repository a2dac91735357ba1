package harness

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

func TestAStatSaysHowAProcessEnds(t *testing.T) {
	stat := func(state, start, code string) string {
		zeros := func(n int) string { return strings.Repeat(" 0", n) }
		return "7 (a) b) " + state + zeros(startCodeOf-1) + " " + start + zeros(exitCodeOf-startCodeOf-1) + " " + code
	}
	sigkill, exit137 := outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}, outcome.ExitStatus{Ended: true, Code: 137}
	for _, c := range []struct {
		name, text string
		root       bool
		want       outcome.ExitStatus
		known      bool
		alive      bool
	}{
		{"a zombie that was killed", stat("Z", "0", "9"), true, sigkill, true, false},
		{"one with a code", stat("Z", "0", "35072"), false, exit137, true, false},
		{"one that root sees", stat("Z", "0", "0"), true, outcome.ExitStatus{Ended: true}, true, false},
		{"one of which a user may not know", stat("Z", "0", "0"), false, outcome.ExitStatus{}, false, false},
		{"killed, and asleep yet", stat("S", "4194304", "9"), false, sigkill, true, false},
		{"killed, and its memory is gone", stat("R", "0", "9"), true, sigkill, true, false},
		{"it exits", stat("R", "0", "35072"), true, exit137, true, false},
		{"its memory is gone, and a user may not know more", stat("R", "0", "0"), false, outcome.ExitStatus{}, false, false},
		{"alive", stat("S", "4194304", "0"), false, outcome.ExitStatus{}, false, true},
		{"it runs, and a user may not know more", stat("S", "1", "0"), false, outcome.ExitStatus{}, false, false},
		{"stopped by SIGSTOP", stat("T", "4194304", "19"), true, outcome.ExitStatus{}, false, false},
		{"traced, at a breakpoint", stat("t", "4194304", "5"), true, outcome.ExitStatus{}, false, false},
		{"nothing was read", "", true, outcome.ExitStatus{}, false, false},
	} {
		at := readStatLine(c.text, c.root)
		got, known := at.status()
		require.Equal(t, c.known, known, c.name)
		require.Equal(t, c.want, got, c.name)
		require.Equal(t, c.alive, at.alive(), c.name)
		require.Equal(t, strings.HasPrefix(c.name, "killed, and"), at.isBeingKilled(), c.name)
	}
}

// A process that another one waits for is known by its handle from Linux 6.15 on, and before that by its zombie.
func TestAHandleSaysHowAProcessEnded(t *testing.T) {
	child := exec.CommandContext(t.Context(), "/proc/self/exe")
	child.Env = append(os.Environ(), roleVariable+"=idle")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err) // its program runs
	handle, err := os.FindProcess(child.Process.Pid)
	require.NoError(t, err)
	l := newLastLook(handle.Pid, nil)
	defer l.close()
	require.True(t, l.read().alive())
	require.NoError(t, child.Process.Kill())
	got, known := l.awaitEnd(handle)
	require.True(t, known, "nobody has waited for it")
	require.Equal(t, "SIGKILL", got.Signal)
	require.Error(t, child.Wait())
	if got, known := statusByHandle(handle); known {
		require.Equal(t, "SIGKILL", got.Signal)
	}
}

func TestWhoIsSeenAliveAfterAKillWasNotItsVictim(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	c := NewCageT(t, Limits{Max: 64 * MiB})
	changed, stop, err := cgroup.Watch(c.eventsFile())
	require.NoError(t, err)
	defer stop()
	p, err := c.Start(t.Context(), as(t, "child", "134217728"))
	require.NoError(t, err)
	l := newLastLook(p.PID(), c.group)
	defer l.close()
	for l.kills == 0 {
		_, known := l.look()
		require.False(t, known)
		require.False(t, l.spared(), "nobody was killed")
		select {
		case <-changed:
		case <-p.Done():
			require.Fail(t, "the target itself was killed")
		}
		require.NoError(t, l.count())
	}
	require.False(t, l.spared(), "it was not looked at since")
	_, known := l.look()
	require.False(t, known)
	require.NoError(t, p.Signal(syscall.SIGKILL))
	<-p.Done()
	require.True(t, l.spared(), "somebody else's SIGKILL was later")
}

func TestAVictimIsNeverSeenAliveAfterItsKillWasCounted(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	c := NewCageT(t, Limits{Max: 64 * MiB})
	p, err := c.Start(t.Context(), as(t, "eat", "134217728"))
	require.NoError(t, err)
	l := newLastLook(p.PID(), c.group)
	defer l.close()
	for !p.Status().Ended { // at once again: a kill takes µs
		require.NoError(t, l.count())
		if s, known := l.look(); known {
			require.Equal(t, "SIGKILL", s.Signal)
		}
	}
	require.False(t, l.spared())
	require.Equal(t, uint64(1), l.kills)
}
