package harness

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

func TestOnlyANewMainProcessIsALifeOfAUnit(t *testing.T) {
	const before = 7
	for text, want := range map[string]bool{
		"MainPID=8\nActiveState=active\n":       true,
		"MainPID=8\nActiveState=activating\n":   true, // Type=notify and oneshot
		"MainPID=7\nActiveState=deactivating\n": false,
		"MainPID=0\nActiveState=deactivating\n": false, // ExecStopPost=
		"MainPID=0\nActiveState=activating\n":   false, // ExecStartPre=
		"MainPID=0\nActiveState=active\n":       true,  // Type=forking of which systemd has found no main process
		"ActiveState=active\n":                  true,  // a scope
		"":                                      false,
	} {
		require.Equal(t, want, startedOf(parseProperties(text), before), text)
	}
}

func TestAReadingThatFailsIsReadAgain(t *testing.T) {
	for err, removed := range map[error]bool{unix.ENODEV: true, os.ErrNotExist: true, unix.ENOMEM: false, unix.EINVAL: false} {
		var r lastReading
		r.take(outcome.Memory{}, 0, false, false, &os.PathError{Op: "read", Path: "memory.events", Err: err})
		require.Equal(t, removed, r.removed, err)
		require.ErrorIs(t, r.problem, err)
		r.take(outcome.Memory{Current: 1}, time.Second, true, true, nil)
		require.NoError(t, r.problem)
		require.True(t, r.final)
	}
}

func TestOnlyKillsMakeAReadingAboveUnsettled(t *testing.T) {
	require.True(t, sameKills(Events{Max: 1, OOM: 1}, Events{Max: 9, OOM: 1}))
	for _, e := range []Events{{OOM: 1}, {OOMKill: 1}, {OOMGroupKill: 1}} {
		require.False(t, sameKills(Events{}, e), "%s", e)
	}
}

func TestAProcessOfAnotherCgroupIsNotTheMainOne(t *testing.T) {
	c, other := NewCageT(t, Limits{Max: 32 * MiB}), NewCageT(t, Limits{Max: 32 * MiB})
	p := told(t, c)
	_, err := findMain(other.group, p.PID())
	require.ErrorContains(t, err, "is not in the cgroup "+other.group.Name()+" any more")
	m, err := findMain(c.group, p.PID())
	require.NoError(t, err)
	m.close()
}
