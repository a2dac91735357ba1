package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

func TestAnExecutableIsFoundAsTheTargetIsAndKnownByItsBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	sum := func(text string) string {
		s := sha256.Sum256([]byte(text))
		return hex.EncodeToString(s[:])
	}
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o700))
	t.Setenv("PATH", dir)
	for _, target := range []Target{{Path: path}, {Path: "./program", Dir: dir}, {Path: "program"}, {Path: "program", Dir: "/"}} {
		e, err := target.Executable()
		require.NoError(t, err)
		require.Equal(t, outcome.Executable{Path: path, SHA256: sum("one")}, e)
	}

	info, err := os.Stat(path)
	require.NoError(t, err)
	for i := range 100 { // some of them in one tick of the kernel, which all its file times are of
		text := strconv.Itoa(100 + i)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime())) // as make and rsync do
		e, err := Target{Path: path}.Executable()
		require.NoError(t, err)
		require.Equal(t, sum(text), e.SHA256)
	}
}

func TestAFileIsSettledWhenItsNextChangeHasAnotherTime(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]bool{-time.Hour: false, 0: false, coarsestTime: false, coarsestTime + 1: true} {
		ctime := unix.NsecToTimespec(now.Add(-age).UnixNano())
		require.Equal(t, want, fileState{ctime: ctime}.settled(now), age)
	}
}

func TestWhatCannotBeReadHasNoSum(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o700))
	for _, path := range []string{filepath.Join(dir, "none"), dir, fifo} {
		e, err := Target{Path: path}.Executable()
		require.Error(t, err)
		require.Equal(t, outcome.Executable{Path: path}, e)
	}
	_, err := Target{Path: "no-such-program"}.Executable()
	require.ErrorContains(t, err, "find the executable")
}

func TestWhyAFileCannotBeExecutedIsSaid(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "a text")
	require.NoError(t, os.WriteFile(text, []byte("no program\n"), 0o644))
	start := func(path, in string) error {
		cmd := exec.CommandContext(t.Context(), path)
		cmd.Dir = in
		return explainExec(cmd.Start(), in)
	}
	require.ErrorContains(t, start(dir, ""), "permission denied: it is a folder: name a program in it")
	require.ErrorContains(t, start("./a text", dir), "nobody may execute it: chmod +x './a text'")
	require.NoError(t, os.Chmod(text, 0o755))
	require.ErrorContains(t, start("./a text", dir), "exec format error: it is no program of this machine, and no script, which begins with #! and an interpreter")
	require.NoError(t, os.WriteFile(text, []byte("#!/no/such/interpreter\n"), 0o755))
	require.ErrorContains(t, start(text, ""), "no such file or directory: the file is there, and what it names to run it is not")
	require.EqualError(t, start(filepath.Join(dir, "none"), ""), "fork/exec "+filepath.Join(dir, "none")+": no such file or directory")
}
