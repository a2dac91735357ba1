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
	for _, c := range []Container{{Status: "exited"}, {Status: "created"}, {Status: "dead"}} {
		require.True(t, c.isOver(), "%+v", c)
	}
	for _, c := range []Container{{Status: "running", PID: 7}, {Status: "paused", PID: 7}, {Status: "restarting"}, {}} {
		require.False(t, c.isOver(), "%+v", c)
	}
}
