package harness

import (
	"testing"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"

	"github.com/stretchr/testify/require"
)

// The kernel's log is everybody's: kills of others, of an earlier cage, in a namespace's cgroups.
func TestOnlyTheCagesOwnKillsAreTakenFromTheLog(t *testing.T) {
	const cage = "/oomcage/run-1-abc/cage-1"
	log := []kmsg.Kill{
		{PID: 1, VictimGroup: "/docker/x", LimitGroup: "/docker/x"},
		{PID: 2, VictimGroup: cage + "0", LimitGroup: cage + "0"},
		{PID: 3, VictimGroup: cage, LimitGroup: cage, AnonRSS: 4096, Name: "a"},
		{PID: 4, VictimGroup: cage + "/below", LimitGroup: "/oomcage"},
		{PID: 5, VictimGroup: "/docker/y" + cage, LimitGroup: "/docker/y"},
		{PID: 6, VictimGroup: "/docker/y" + cage, LimitGroup: "/docker/y" + cage},
		{PID: 7, Name: "rate-limited"},
		{PID: 8, Name: "rate-limited too, and not the target"},
		{PID: 9, VictimGroup: cage, Global: true},
	}
	require.Equal(t, []outcome.OOMKill{
		{PID: 3, Group: cage, Limit: cage, Anon: 4096, Name: "a"},
		{PID: 4, Group: cage + "/below", Limit: "/oomcage"},
		{PID: 5, Group: cage, Limit: "/docker/y"},
		{PID: 6, Group: cage, Limit: cage},
		{PID: 7, Name: "rate-limited"},
		{PID: 9, Group: cage, Global: true},
	}, killsIn(cage, 7, log))
	require.EqualValues(t, 1, unplaced(7, log), "of 8")
	require.Empty(t, killsIn(cage, 0, []kmsg.Kill{{PID: 0, Name: "a PID that is unknown is nobody's"}}))
}
