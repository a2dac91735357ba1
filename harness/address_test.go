package harness

import (
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPortsLieOutsideTheKernelsRangeWhereItLeavesAny(t *testing.T) {
	for text, want := range map[string]portRange{
		"32768\t60999\n": {10000, 32767}, "1024 65535": {10000, 65535}, "1024 50000": {50001, 65535}, "10000 65000": {10000, 65535}, "nonsense": {10000, 32767},
	} {
		path := t.TempDir() + "/range"
		mustWrite(t, path, text)
		require.Equal(t, want, portsBeside(path), text)
	}
}

// A process that is started just then has a copy of each socket of the harness until it is executed.
func TestAReservedPortIsFreeThoughProcessesAreBeingStarted(t *testing.T) {
	program := exitProgram(t)
	var starting sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.NoError(t, exec.CommandContext(t.Context(), program).Run())
				}
			}
		})
	}
	for range 500 {
		r, err := reserve()
		require.NoError(t, err)
		isFree, err := free(r.port)
		require.NoError(t, err)
		assert.True(t, isFree, "port %d", r.port)
		require.NoError(t, r.close())
	}
	close(stop)
	starting.Wait()
}
