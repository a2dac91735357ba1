package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALookAroundSeesTheLimitsAboveThisProcess(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/self/mountinfo":                 "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"proc/self/cgroup":                    "0::/a/b\n",
		"sys/fs/cgroup/cgroup.controllers":    "cpu memory\n",
		"sys/fs/cgroup/a/memory.max":          "1048576\n",
		"sys/fs/cgroup/a/b/memory.max":        "max\n",
		"sys/fs/cgroup/a/b/memory.high":       "4096\n",
		"sys/fs/cgroup/elsewhere/memory.high": "4096\n",
	} {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	require.Equal(t, Look{
		V2: "/sys/fs/cgroup", Controllers: []string{"cpu", "memory"},
		Limits: []string{"memory.high 4.0 KiB of /sys/fs/cgroup/a/b", "memory.max 1.0 MiB of /sys/fs/cgroup/a"},
	}, lookAround(root))
	require.Zero(t, lookAround(t.TempDir()), "nothing can be read")
}
