package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// mustFakePodman puts the test binary into $PATH as podman, and returns its folder.
func mustFakePodman(t *testing.T) fakeEngine {
	t.Helper()
	return mustFakeEngine(t, "podman")
}

func mustFakeEngine(t *testing.T, name string) fakeEngine {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, name)))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv(engineFolder, dir)
	t.Setenv(roleVariable, name)
	return fakeEngine(dir)
}

// contained makes a target of this test binary in a container.
func contained(t *testing.T, role string, args ...string) Target {
	t.Helper()
	target := as(t, role, args...)
	target.Image = "localhost/app:1"
	return target
}

// endWasMissed reports whether nothing can tell SIGKILL from exit code 137: the log is closed or names processes as another PID
// namespace does, the kernel does not keep what was reaped (before Linux 6.15), and the engine has reaped the container's
// process before this one ran again, which had not run between the kill and that end either. Under load that is 1 end of
// 10 (18 ends, 2026-11).
func endWasMissed(o *Outcome) bool {
	e := o.Evidence
	_, closed := e.Unread[outcome.KernelLog]
	return e.Status.Code == 137 && e.Status.Engine != "" && !e.Status.Spared && (closed || e.PID == 0)
}

func TestAContainersEndIsJudgedByItsCage(t *testing.T) {
	for _, c := range []struct {
		name, role, arg string
		want            Verdict
	}{
		{"killed", "eat", "134217728", OOMKilled},
		{"a child, and 137", "wrapper", "134217728", outcome.ChildOOMKilled},
		{"ended", "exit", "3", outcome.Exited},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Supported(); err != nil {
				giveUp(t, err)
			}
			e := mustFakePodman(t)
			awaitPlacesInTheLog(t, 1)
			o := RunT(t, Spec{Target: contained(t, c.role, c.arg), Limits: Limits{Max: 64 * MiB}, Timeout: 2 * time.Minute})
			if endWasMissed(o) {
				o.RequireVerdict(t, outcome.Inconclusive)
				require.Contains(t, o.Why, "the target ended with exit code 137, as podman says, which says the same of SIGKILL")
				require.Equal(t, uint64(1), o.Evidence.Events.OOMKill, "%s", o)
			} else {
				o.RequireVerdict(t, c.want)
			}
			require.Equal(t, outcome.Executable{Path: "localhost/app:1", SHA256: "feed"}, o.Executable)
			if c.want == OOMKilled {
				requireKernelLog(t)
				require.NotEmpty(t, o.Evidence.Kills)
				require.Contains(t, o.Evidence.Kills[0].Group, "/libpod-"+fakeID)
				require.Positive(t, o.Evidence.EventsLocal.OOMKill, "its own cgroup is gone, and the cage's counters are not")
			}
			require.Equal(t, fakeID, e.await("removed"))
			requireNothingLeft(t)
		})
	}
}

func TestAContainerThatLivesIsRemovedWithItsCage(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	e := mustFakePodman(t)
	c := NewCageT(t, Limits{Max: 64 * MiB})
	p, err := c.Start(t.Context(), contained(t, "idle"))
	require.NoError(t, err)
	require.Equal(t, "app", p.Name())
	_, err = c.Start(t.Context(), contained(t, "idle"))
	require.ErrorContains(t, err, "has a target already: a container has a cage of its own")
	_, err = c.Start(t.Context(), as(t, "idle"))
	require.ErrorContains(t, err, "is for a container, and takes no other targets")
	_, err = c.Child("a", Limits{})
	require.ErrorContains(t, err, "is for a container, and has no children")
	require.NoFileExists(t, e.path("removed"))
	require.NoError(t, c.Close())
	require.FileExists(t, e.path("removed"))
	want := outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	if p.Status().Engine != "" { // which had waited for it before anybody else could ask
		want = outcome.ExitStatus{Ended: true, Code: 137, Engine: "podman"}
	}
	require.Equal(t, want, p.Status())
}

// What an engine says may be of another machine, or of another PID namespace.
func TestAStrangerThatAnEngineNamesIsNotSignalled(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	stranger := exec.CommandContext(t.Context(), "/proc/self/exe")
	stranger.Env = append(os.Environ(), roleVariable+"=told")
	from, err := stranger.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, stranger.Start())
	_, err = from.Read(make([]byte, 64)) // it is waiting
	require.NoError(t, err)
	e := mustFakeEngine(t, "docker")
	e.put("pid", strconv.Itoa(stranger.Process.Pid))
	c := NewCageT(t, Limits{Max: 64 * MiB})
	target := contained(t, "idle")
	target.Engine = "docker"
	p, err := c.prepare(t.Context(), target)
	require.NoError(t, err)
	require.ErrorContains(t, p.adopt(t.Context()), "and not below the cage "+c.group.Name())
	require.Zero(t, p.PID())
	require.NoError(t, c.Close())
	require.Equal(t, fakeID, e.await("removed"))
	require.NoError(t, stranger.Process.Signal(syscall.SIGUSR2))
	require.EqualError(t, stranger.Wait(), "exit status 3")
}

// Docker starts a container in one go, and the kernel knows of its end before docker does. Seen with docker 26.1.
func TestAContainerThatEndsBeforeItIsLookedAtIsSaidToHaveEnded(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	ended := exec.CommandContext(t.Context(), "/proc/self/exe", "0")
	ended.Env = append(os.Environ(), roleVariable+"=exit")
	require.NoError(t, ended.Run())
	e := mustFakeEngine(t, "docker")
	e.put("pid", strconv.Itoa(ended.Process.Pid))
	c := NewCageT(t, Limits{Max: 64 * MiB})
	target := contained(t, "idle")
	target.Engine = "docker"
	p, err := c.prepare(t.Context(), target)
	require.NoError(t, err)
	go func() {
		e.await("inspected")
		e.put("code", "3")
	}()
	require.ErrorContains(t, p.adopt(t.Context()), "docker says that it has ended before it could be looked at, with exit code 3")
	require.Zero(t, p.PID())
}

// Docker's client does not say why podman's service, to which it talks, does not attach to a container. Seen with podman 5.4.
func TestAContainerThatItsEngineDoesNotAttachToIsSaidWhy(t *testing.T) {
	if err := Supported(); err != nil {
		giveUp(t, err)
	}
	e := mustFakeEngine(t, "docker")
	e.put("refusal", "Error response from daemon: crun: executable file `/none` not found")
	target := contained(t, "idle")
	target.Engine = "docker"
	_, err := NewCageT(t, Limits{Max: 64 * MiB}).Start(t.Context(), target)
	require.EqualError(t, err, "start a container of localhost/app:1: docker start: Error response from daemon: crun: executable file `/none` not found")
	require.Equal(t, fakeID, e.await("removed"))
}

func TestAContainersOwnPortIsWhatItIsTold(t *testing.T) {
	c := &Cage{address: &reservation{port: 10001}}
	require.Equal(t, "0.0.0.0:8080 127.0.0.1", endpoint{"0.0.0.0", 8080}.expand("$ADDR 127.0.0.1", 0))
	require.Equal(t, "127.0.0.1:10001", c.Addr())
	own := Spec{Target: Target{Image: "app", Port: 8080, Args: []string{"$ADDR"}, Ready: TCPReady()}}
	require.False(t, own.isAsked(), "the engine listens there")
	own.Target.Port = 0
	require.True(t, own.isAsked())
}
