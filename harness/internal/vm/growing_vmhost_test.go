//go:build vmhost

package vm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// points goes on with a file of points, as a sweep does: each is on the disk before it is said.
func points(path string, last int) {
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	data, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		must(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	must(f.Truncate(int64(bytes.LastIndexByte(data, '\n') + 1)))
	for n := bytes.Count(data, []byte("\n")) + 1; n <= last; n++ {
		_, err = fmt.Fprintf(f, "point %d\n", n)
		must(err)
		must(f.Sync())
		fmt.Printf("synced %d.\n", n)
	}
	must(f.Close())
}

func init() {
	roles["points"] = func() int {
		last, err := strconv.Atoi(os.Args[2])
		must(err)
		points(os.Args[1], last)
		if len(os.Args) > 3 {
			time.Sleep(10 * time.Second) // a second, by what is promised; a guest cannot see what the host has
			must(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0))
		}
		return roles["hang"]()
	}
	roles["names-growing"] = func() int {
		path, err := filepath.Abs(os.Args[1])
		must(err)
		must(os.WriteFile(os.Getenv(growingVariable), []byte(path+"\n"), 0))
		f, err := os.Create(path)
		must(err)
		_, err = f.WriteString("synced\n")
		must(err)
		must(f.Sync())
		return roles["hang"]()
	}
	roles["last-points"] = func() int {
		last, err := strconv.Atoi(os.Args[2])
		must(err)
		points(os.Args[1], last)
		return 0
	}
}

// pointsTo are the lines of the first n points.
func pointsTo(n int) string {
	var want strings.Builder
	for i := range n {
		fmt.Fprintf(&want, "point %d\n", i+1)
	}
	return want.String()
}

// Nothing that the program has synced is lost, and nothing is there twice, however often the guest is killed.
func TestWhatIsSyncedOutlivesAGuestThatIsKilled(t *testing.T) {
	requireHost(t)
	t.Chdir(t.TempDir())
	path := filepath.Join(t.TempDir(), "new", "results")
	exe, err := os.Executable()
	require.NoError(t, err)
	const kills, each = 5, 3
	for kill := 1; kill <= kills; kill++ {
		t.Setenv("VM_TEST_ROLE", "points")
		want := pointsTo(kill * each)
		killed := make(chan struct{})
		killOnce := func() { // while the line is read on
			defer close(killed)
			assert.Eventually(t, func() bool { got, _ := os.ReadFile(path); return string(got) == want }, waitMax, tick)
			if qemu := children(t, os.Getpid()); assert.Len(t, qemu, 1) {
				assert.NoError(t, syscall.Kill(qemu[0], syscall.SIGKILL))
			}
		}
		var stderr bytes.Buffer
		_, err := Run(t.Context(), Options{
			Program: exe, Args: []string{path, strconv.Itoa(kill * each)}, Results: []string{path}, Accel: "tcg",
			Stdout: &waitFor{text: fmt.Sprintf("synced %d.", kill*each), found: func() { go killOnce() }},
			Stderr: &stderr, Artifacts: t.TempDir(),
		})
		var f *Failure
		require.ErrorAs(t, err, &f, "%s", &stderr)
		assert.Equal(t, noExitCode, f.kind, "%v", f)
		<-killed
		assert.Contains(t, stderr.String(), path+" has what was written to it until then")
		require.Equal(t, want, content(t, path))
	}
	g := boot(t, "last-points", func(o *Options) {
		o.Args, o.Results = []string{path, strconv.Itoa(kills*each + 1)}, []string{path}
	})
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	require.Equal(t, pointsTo(kills*each+1), content(t, path))
	require.Equal(t, []string{"results"}, names(t, filepath.Dir(path)))
}

func TestWhatIsSyncedOutlivesAPanic(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("results", []byte("point 1\npoi"), 0o600))
	g := boot(t, "points", func(o *Options) {
		o.Args, o.Results = []string{"results", "3", "panic"}, []string{"results"}
	})
	assert.Equal(t, guestPanic, g.failure(t).kind, "%v", g.err)
	require.Equal(t, pointsTo(3), content(t, "results"))
}

func TestAProgramNamesWhatShallGrow(t *testing.T) {
	t.Chdir(t.TempDir())
	g := boot(t, "names-growing", func(o *Options) {
		o.Args, o.Accel = []string{"own-results"}, "tcg"
		o.test.running = func(_ int, p *process) {
			go func() {
				for {
					if got, _ := os.ReadFile("own-results"); string(got) == "synced\n" {
						assert.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
						return
					}
					select {
					case <-time.After(tick):
					case <-p.done:
						return
					}
				}
			}()
		}
	})
	assert.Equal(t, noExitCode, g.failure(t).kind, "%v", g.err)
	require.Equal(t, "synced\n", content(t, "own-results"))
}
