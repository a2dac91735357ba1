package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADockerOfAnotherMachineIsRefused(t *testing.T) {
	info := func(name string) []byte {
		return []byte(`{"CgroupDriver":"cgroupfs","CgroupVersion":"2","Name":"` + name + `"}`)
	}
	require.NoError(t, checkDocker(info("here"), "here"))
	require.ErrorContains(t, checkDocker(info("there"), "here"), "docker talks to a daemon elsewhere (there, and this is here)")
}

func TestOnlyWhatDoesNotRunIsOver(t *testing.T) {
	for s, want := range map[State]bool{
		{Status: "exited"}: true, {Status: "created"}: true, {Status: "dead"}: true,
		{Status: "running", PID: 7}: false, {Status: "paused", PID: 7}: false, {Status: "restarting"}: false, {}: false,
	} {
		require.Equal(t, want, s.isOver(), "%+v", s)
	}
}
