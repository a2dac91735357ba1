//go:build vmhost

package vm

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGuestHasTheSwapAndTheScratchDiskAskedFor(t *testing.T) {
	for _, kernel := range testedKernels(t) {
		t.Run("kernel="+filepath.Base(filepath.Dir(kernel)), func(t *testing.T) {
			g := boot(t, "disks", func(o *Options) { o.Kernel, o.Swap, o.Scratch = kernel, 256<<20, 512<<20 })
			require.NoError(t, g.err)
			require.Zero(t, g.code, g.stderr.String())
			assert.Equal(t, "swap 262140\ntemporary 0xef53 dtrwxrwxrwx\n", g.stdout.String(), "256 MiB without the header, in KiB")
		})
	}
}

func TestScratchDiskAloneBringsNoSwap(t *testing.T) {
	g := boot(t, "disks", func(o *Options) { o.Scratch = 16 << 20 })
	require.NoError(t, g.err)
	assert.Equal(t, "temporary 0xef53 dtrwxrwxrwx\n", g.stdout.String())
}

func TestGuestWithoutDisksHasNeither(t *testing.T) {
	g := boot(t, "disks", nil)
	require.NoError(t, g.err)
	assert.Equal(t, "temporary 0x1021994 dtrwxrwxrwx\n", g.stdout.String(), "the root file system is a tmpfs")
}
