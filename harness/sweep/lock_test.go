//go:build linux

package sweep

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hold names a file for this test binary to lock, as anybody can who may read it.
const hold = "OOMCAGE_TEST_HOLD"

// holdLocks takes all locks that a descriptor for reading can take, says so, and holds them until its stdin is closed.
func holdLocks(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// A stranger who may only read the results stops no sweep that goes on with them, and a second sweep is kept out.
func TestAReaderOfTheResultsStopsNoSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r, err := Create(path)
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB")
	require.NoError(t, r.Close())

	exe, err := os.Executable()
	require.NoError(t, err)
	holder := exec.CommandContext(t.Context(), exe)
	holder.Env = append(os.Environ(), hold+"="+path)
	holder.Stderr = os.Stderr
	stdin, err := holder.StdinPipe()
	require.NoError(t, err)
	stdout, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line := make([]byte, len("held\n"))
	_, err = io.ReadFull(stdout, line)
	require.NoError(t, err)

	r, err = Resume(path)
	require.NoError(t, err)
	mustAppend(t, r, "max=2MiB")
	require.NoError(t, r.Close())
	require.NoError(t, stdin.Close())
	require.NoError(t, holder.Wait())

	r, err = Resume(path)
	require.NoError(t, err)
	defer r.Close()
	require.Len(t, r.done, 2)
	_, err = Resume(path)
	require.ErrorContains(t, err, "is being written by another sweep")
}
