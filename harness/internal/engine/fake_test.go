package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is an engine that this test binary plays: where it runs there may be no shell. Its zero value says nothing and ends with 0.
type fake struct {
	Out, Err string
	Code     int
	Of       map[string]string // what it says instead of Out, by a part of its arguments
	Leaves   bool              // it leaves a process that has its stderr, as an engine does, whose pid is in the file PATH.pid
}

// leftBehind has the test binary be the process that a fake leaves.
const leftBehind = "OOMCAGE_TEST_LEFT_BEHIND"

func TestMain(m *testing.M) {
	if os.Getenv(leftBehind) != "" {
		time.Sleep(30 * time.Second) // it is killed before
		return
	}
	if slices.Contains([]string{Podman, Docker}, filepath.Base(os.Args[0])) {
		path, err := exec.LookPath(os.Args[0])
		fail(err)
		text, err := os.ReadFile(path + ".json")
		fail(err)
		var f fake
		fail(json.Unmarshal(text, &f))
		os.Exit(f.play(path))
	}
	m.Run()
}

func (f fake) play(path string) int {
	args := strings.Join(os.Args[1:], " ")
	calls, err := os.OpenFile(path+".calls", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	fail(err)
	_, err = fmt.Fprintln(calls, args)
	fail(err)
	fail(calls.Close())
	for part, out := range f.Of {
		if strings.Contains(args, part) {
			f.Out = out
		}
	}
	if f.Leaves {
		left := exec.Command("/proc/self/exe") //nolint:noctx // it is to outlive this process
		left.Env, left.Stderr = append(os.Environ(), leftBehind+"=1"), os.Stderr
		fail(left.Start())
		fail(os.WriteFile(path+".pid", fmt.Append(nil, left.Process.Pid), 0o600))
	}
	if f.Out != "" {
		fmt.Println(f.Out)
	}
	if f.Err != "" {
		fmt.Fprintln(os.Stderr, f.Err)
	}
	return f.Code
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mustFake puts an engine of that name in front of $PATH. What it was asked is a line for each command.
func mustFake(t *testing.T, name string, f fake) (e Engine, calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	test, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(test, path))
	text, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".json", text, 0o600))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	e, err = Find(name)
	require.NoError(t, err)
	return e, func() []string {
		text, err := os.ReadFile(path + ".calls")
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}
