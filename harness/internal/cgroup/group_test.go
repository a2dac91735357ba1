package cgroup

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// cgroup.procs holds a 0 for a process that is reaped while the file is read: cgroup_procs_show
// prints the id that is left of it (kernel/cgroup/cgroup.c). Seen with 100 cages at once.
func TestAProcessThatIsReapedJustThenIsNotKilled(t *testing.T) {
	g := &Group{mount: "/sys/fs/cgroup", path: "/sys/fs/cgroup"}
	killed, err := g.killMember(0, os.Getpid())
	require.NoError(t, err)
	require.False(t, killed)
}
