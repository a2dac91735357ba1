package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The consoles are what kernels really printed; the file's name is the condition and the kernel.
func TestConsoleExplainsWhyTheGuestEnded(t *testing.T) {
	for condition, c := range map[string]struct {
		booted bool
		kind   failureKind
		found  string
	}{
		"panic-after-boot":       {true, guestPanic, "the guest's kernel panicked: sysrq triggered crash"},
		"deadlocked-on-memory":   {false, guestOOM, "the guest ran out of memory: kernel panic: System is deadlocked on memory"},
		"nobody-left-to-kill":    {true, guestOOM, "the guest ran out of memory: kernel panic: System is deadlocked on memory"},
		"initramfs-does-not-fit": {false, guestOOM, "the guest ran out of memory while it booted: the initramfs does not fit"},
		"no-panic":               {true, "", ""},
	} {
		files, err := filepath.Glob(filepath.Join("testdata", "console", condition+"-*.txt"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				console, err := os.ReadFile(file)
				require.NoError(t, err)
				f := readConsole(console, c.booted)
				if c.kind == "" {
					assert.Nil(t, f)
					return
				}
				require.NotNil(t, f)
				assert.Equal(t, c.kind, f.kind)
				assert.Equal(t, c.found, f.Found)
				assert.NotEmpty(t, f.detail)
			})
		}
	}
}

func TestEmptyConsoleExplainsNothing(t *testing.T) {
	assert.Nil(t, readConsole(nil, false))
	assert.Nil(t, readConsole(nil, true))
}
