package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A container's engine says 137 of SIGKILL, and of a shell whose child was killed.
func TestExitCode137OfAnEngineIsSIGKILLOnlyWhereTheLogSaysSo(t *testing.T) {
	evidence := func(kills uint64, victims ...int) Evidence {
		e := Evidence{
			Status: ExitStatus{Ended: true, Code: 137, Engine: "podman"}, Ready: true, PID: 7, Cage: "/oomcage/cage-1",
			Limits: Limits{Max: 64 * MiB}, Peak: 64 * MiB,
			Events:      Events{OOM: kills, OOMKill: kills},
			EventsLocal: Events{OOM: kills, OOMKill: kills},
		}
		for _, pid := range victims {
			e.Kills = append(e.Kills, OOMKill{PID: pid, Name: "app", Group: "/oomcage/cage-1/libpod-1", Limit: e.Cage})
		}
		return e
	}
	for _, c := range []struct {
		name   string
		e      Evidence
		want   Verdict
		reason string
	}{
		{"the log names it", evidence(1, 7), OOMKilled, "killed by its own limit: 64.0 of 64.0 MiB"},
		{"the log names another", evidence(1, 8), ChildOOMKilled, "a process inside was killed by an OOM killer, and the target ended with exit code 137"},
		{"the log says nothing", evidence(1), Inconclusive,
			"a process inside was killed by an OOM killer, the target ended with exit code 137, as podman says, which says the same of SIGKILL, and the kernel log does not say which it was"},
		{"nobody was killed", evidence(0), Exited, "ended by itself with exit code 137, as podman says, which says the same of SIGKILL"},
	} {
		v, why := Classify(c.e)
		require.Equal(t, c.want, v, c.name)
		require.Equal(t, c.reason, why, c.name)
	}

	e := evidence(1)
	e.Status.Spared = true
	v, why := Classify(e)
	require.Equal(t, ChildOOMKilled, v, "it was alive after the kill")
	require.Equal(t, "a process inside was killed by an OOM killer, and the target ended with exit code 137", why)

	e = evidence(1, 7)
	e.Status = ExitStatus{Ended: true, Code: -1, Signal: UnknownSignal, Engine: "podman"}
	v, _ = Classify(e)
	require.Equal(t, OOMKilled, v, "the log needs no engine")
	e.Kills = nil
	v, why = Classify(e)
	require.Equal(t, Inconclusive, v)
	require.Equal(t, "the target has ended, and how is not known, of which podman said nothing in time", why)

	e = evidence(1)
	e.Status.Code = 3
	v, _ = Classify(e)
	require.Equal(t, ChildOOMKilled, v, "another code has one meaning")
}
