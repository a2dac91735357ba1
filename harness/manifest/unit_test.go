package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// What decides how a unit ends and is not of a cage is said: of the environment the names alone, whatever quotes are around it.
func TestWhatAUnitLosesIsSaid(t *testing.T) {
	dir := t.TempDir()
	const none = "it has no MemoryMax: there the slice above it or the machine's memory is its limit"
	for _, c := range []struct {
		name, lines string
		want        []string
	}{
		{"a.service", "Delegate=yes\nManagedOOMMemoryPressure=kill\nManagedOOMSwap=auto", []string{none, "ManagedOOMMemoryPressure=kill may have systemd-oomd kill it"}},
		{"a.service", "Delegate=memory pids\nMemoryZSwapMax=1G\nMemoryZSwapMax=", []string{none}},
		{"a.service", "Delegate=no\nMemoryMax=64M", []string{"OOMPolicy=stop, the default: systemd stops what is left of it when one of its processes was killed"}},
		{"a.scope", "OOMPolicy=continue\nMemoryZSwapMax=1G", []string{none, "MemoryZSwapMax=1G limits its compressed swap"}},
		{"a.slice", "DefaultMemoryMin=1M", []string{none, "DefaultMemoryMin=1M is of the units below it"}},
		{"a.service", "OOMPolicy=kill\nEnvironment=\"TOKEN=a secret=b\" 'X Y' Z=\\\" W=1\nEnvironmentFile=-/etc/default/a\nEnvironmentFile=/etc/a", []string{
			none, "its environment that comes of /etc/default/a", "its environment that comes of /etc/a", "its environment: TOKEN, Z, W",
		}},
		{"a.service", "OOMPolicy=kill\nTemporaryFileSystem=/var:size=1G /run/a\nMemoryKSM=yes", []string{
			none, "/var is in memory (tmpfs), and what is written to it counts as the unit's", "/run/a is in memory (tmpfs), and what is written to it counts as the unit's",
			"MemoryKSM=yes says whether its equal pages are one",
		}},
	} {
		t.Run(c.name+" "+strings.ReplaceAll(c.lines, "/", "|"), func(t *testing.T) {
			path := filepath.Join(dir, c.name)
			section := unitKinds[filepath.Ext(c.name)]
			require.NoError(t, os.WriteFile(path, []byte("["+section+"]\n"+c.lines+"\n"), 0o600))
			s, err := Read(t.Context(), path, node)
			require.NoError(t, err)
			require.Equal(t, c.want, s.Lost)
		})
	}
}

// As sshd.service of Debian is ssh.service, of which systemctl edit makes the drop-in.
func TestTheDropInsOfAnAliasAreThoseOfTheUnit(t *testing.T) {
	root := t.TempDir()
	old := unitFolders
	t.Cleanup(func() { unitFolders = old })
	unitFolders = []string{root + "/etc", root + "/usr"}
	for file, text := range map[string]string{
		"usr/ssh.service": "MemoryMax=2M", "etc/ssh.service.d/1.conf": "MemoryHigh=1M", "etc/sshd.service.d/2.conf": "MemoryLow=1M",
		"usr/a@.service": "MemoryMax=2M", "etc/a@1.service.d/1.conf": "MemoryHigh=1M", "etc/a@2.service.d/1.conf": "MemoryHigh=2M",
	} {
		path := filepath.Join(root, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("[Service]\n"+text+"\n"), 0o600))
	}
	require.NoError(t, os.Symlink(root+"/usr/ssh.service", root+"/etc/sshd.service"))
	require.NoError(t, os.Symlink(root+"/usr/a@.service", root+"/etc/b@.service"))
	s, err := Read(t.Context(), "sshd.service", node)
	require.NoError(t, err)
	require.Equal(t, outcome.Limits{Max: 2 * mib, High: mib, Low: mib, Swap: outcome.Unlimited}, s.Limits)
	s, err = Read(t.Context(), "b@1.service", node)
	require.NoError(t, err)
	require.Equal(t, outcome.Limits{Max: 2 * mib, High: mib, Swap: outcome.Unlimited}, s.Limits)
}
