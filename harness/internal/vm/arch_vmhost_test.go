//go:build vmhost

package vm

import (
	"debug/elf"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// It compiles the whole command, which takes minutes where nothing is compiled yet.
func TestTheInitOfAnotherProcessorIsCompiledOnceAndKept(t *testing.T) {
	objects, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	t.Setenv("GOCACHE", strings.TrimSpace(string(objects))) // which is in the user's cache as well
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	other := otherArch()
	file, err := other.initFor(t.Context(), t.TempDir())
	require.NoError(t, err)
	e, err := elf.Open(file)
	require.NoError(t, err)
	defer e.Close()
	assert.Equal(t, other.elf, e.Machine)
	assert.False(t, linked(e))
	t.Setenv("PATH", t.TempDir()) // no compiler
	again, err := other.initFor(t.Context(), t.TempDir())
	require.NoError(t, err)
	assert.Equal(t, file, again)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err = other.initFor(t.Context(), t.TempDir())
	require.ErrorContains(t, err, "the guest's init could not be compiled for "+string(other.name))
}
