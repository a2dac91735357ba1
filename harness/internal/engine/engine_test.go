package engine

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/advise"
)

func TestFindPrefersPodmanAndSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find("")
	require.EqualError(t, err, "no container engine was found: podman and docker are looked for in $PATH\n  to help: apt-get install podman")
	_, err = Find("lxc")
	require.EqualError(t, err, `there is no engine "lxc": podman or docker`)
	docker, _ := mustFake(t, Docker, fake{})
	found, err := Find("")
	require.NoError(t, err)
	require.Equal(t, docker, found)
	podman, _ := mustFake(t, Podman, fake{})
	found, err = Find("")
	require.NoError(t, err)
	require.Equal(t, podman, found)
}

func TestCheckRefusesEnginesThatPutContainersElsewhere(t *testing.T) {
	for _, c := range []struct {
		engine, info string
		want         string // of what is found; "" is an engine that will do
	}{
		{Podman, `{"host":{"cgroupVersion":"v2","serviceIsRemote":false},"version":{"Version":"5.4.2"}}`, ""},
		{Podman, `{"host":{"cgroupVersion":"v2"},"version":{"Version":"4.3.1"}}`, ""},
		{Podman, `{"host":{"cgroupVersion":"v1"},"version":{"Version":"5.4.2"}}`, "podman uses cgroup v1, and a cage is a cgroup v2"},
		{Podman, `{"host":{"cgroupVersion":"v2","serviceIsRemote":true},"version":{"Version":"5.4.2"}}`, "podman talks to a service elsewhere, and a cage is on this machine"},
		{Podman, `{"host":{"cgroupVersion":"v2"},"version":{"Version":"3.4.4"}}`, `this is podman "3.4.4": 4.0 or later is needed`},
		{Podman, `{"host":{"cgroupVersion":"v2"}}`, `this is podman "": 4.0 or later is needed`},
		{Docker, `{"CgroupDriver":"cgroupfs","CgroupVersion":"2"}`, ""},
		{Docker, `{"CgroupDriver":"systemd","CgroupVersion":"2"}`, "docker's cgroup driver is systemd, which puts containers into slices of systemd alone, never below a cage"},
		{Docker, `{"CgroupDriver":"cgroupfs","CgroupVersion":"1"}`, "docker uses cgroup v1, and a cage is a cgroup v2"},
		{Docker, `{"ServerErrors":["Cannot connect to the Docker daemon"]}`, "the docker daemon does not answer: Cannot connect to the Docker daemon"},
	} {
		e, _ := mustFake(t, c.engine, fake{Out: c.info})
		err := e.Check(t.Context())
		if c.want == "" {
			require.NoError(t, err, c.info)
			continue
		}
		require.Error(t, err, c.info)
		found, help := advise.Parts(err)
		require.Equal(t, c.want, found)
		require.NotEmpty(t, help, c.info)
	}
}

func TestAnEngineThatDoesNotAnswerIsNamedWithItsLastLine(t *testing.T) {
	e, _ := mustFake(t, Podman, fake{Err: "warning\nError: the database is locked", Code: 125})
	require.EqualError(t, e.Check(t.Context()), "podman does not answer: Error: the database is locked\n  to help: podman info")
}

func TestCreateAsksForACgroupBelowTheCageAndForNothingElse(t *testing.T) {
	s := Spec{
		Image: "localhost/app:1", Command: []string{"/app", "-addr", "127.0.0.1:10001"}, Env: []string{"A=b c"}, Dir: "/srv", User: "1:2",
		Cgroup: "/oomcage/run-1-a/cage-1", OOMScoreAdj: -5, HostPort: 10001,
		Owner: Owner{"/sys/fs/cgroup/oomcage/run-1-a/cage-1", Place{"boot", "cgroup:[1]"}},
	}
	common := []string{
		"create", "--pull=never", "--cgroup-parent=/oomcage/run-1-a/cage-1", "--no-healthcheck", "--oom-score-adj=-5", "--cgroups=no-conmon", "--log-driver=none",
		"--label=oomcage.cage=/sys/fs/cgroup/oomcage/run-1-a/cage-1", "--label=oomcage.place=boot/cgroup:[1]",
		"--network=host", "--workdir=/srv", "--user=1:2", "--env=A=b c", "--", "localhost/app:1", "/app", "-addr", "127.0.0.1:10001",
	}
	require.Equal(t, common, Engine{Name: Podman}.createArgs(s))
	s.ContainerPort = 8080
	docker := Engine{Name: Docker}.createArgs(s)
	require.NotContains(t, docker, "--cgroups=no-conmon")
	require.NotContains(t, docker, "--network=host")
	require.Contains(t, docker, "--publish=127.0.0.1:10001:8080")
	require.Equal(t, []string{"--", "localhost/app:1", "/app", "-addr", "127.0.0.1:10001"}, docker[len(docker)-5:])
}

// Seen of docker 26.1: unknown flag: --sig-proxy.
func TestTheCommandThatStartsHasTheEnginesOwnFlags(t *testing.T) {
	podman := Engine{Name: Podman, Path: "podman"}.Attach("abc")
	require.Equal(t, []string{"podman", "--cgroup-manager", "cgroupfs", "start", "--attach", "--sig-proxy=false", "abc"}, podman.Args)
	docker := Engine{Name: Docker, Path: "docker"}.Attach("abc")
	require.Equal(t, []string{"docker", "start", "--attach", "abc"}, docker.Args)
}

func TestCreateTakesTheIDAndExplainsAnImageThatIsNotThere(t *testing.T) {
	e, calls := mustFake(t, Podman, fake{Err: "warning", Out: "abc123"})
	id, err := e.Create(t.Context(), Spec{Image: "localhost/app"})
	require.NoError(t, err)
	require.Equal(t, "abc123", id)
	require.Regexp(t, "^--cgroup-manager cgroupfs create --pull=never ", calls()[0])

	e, _ = mustFake(t, Podman, fake{Err: "Error: localhost/nope: image not known", Code: 125})
	_, err = e.Create(t.Context(), Spec{Image: "localhost/nope"})
	require.EqualError(t, err, "podman has no image localhost/nope here, and a run pulls none: that would count as its time\n"+
		"  to help: podman pull localhost/nope, or podman images for the names of those that are here")
}

func TestInspectTellsWhoRunsAndHowItEnded(t *testing.T) {
	e, _ := mustFake(t, Docker, fake{Out: `[{"Id":"abc1","State":{"Status":"exited","Pid":0,"ExitCode":137,"Error":"","OOMKilled":true}}]`})
	s, err := e.Inspect(t.Context(), "abc")
	require.NoError(t, err)
	require.Equal(t, Container{Engine: Docker, ID: "abc1", Status: "exited", ExitCode: 137}, s)
	require.True(t, s.Ended())
	require.False(t, Container{Status: "running", PID: 7}.Ended())
	require.False(t, Container{Status: "created"}.Ended())
}

func TestWhatIsStartedByAnEngineAndLivesOnHoldsUpNobody(t *testing.T) {
	e, _ := mustFake(t, Podman, fake{Leaves: true})
	require.NoError(t, e.Init(t.Context(), "abc")) // as conmon has its stderr
	pid, err := os.ReadFile(e.Path + ".pid")
	require.NoError(t, err)
	t.Cleanup(func() { mustKill(t, strings.TrimSpace(string(pid))) })
}

func TestOnlyContainersWhoseCageIsGoneAreLeft(t *testing.T) {
	here := Place{"boot", "cgroup:[1]"}
	const cage = "/sys/fs/cgroup/oomcage/run-1-a/cage-1"
	of := func(boot, namespace, status string) Container {
		return Container{Status: status, labels: map[string]string{cageLabel: cage, placeLabel: boot + "/" + namespace}}
	}
	gone, there := func(string) bool { return false }, func(string) bool { return true }
	require.True(t, here.isLeft(of("boot", "cgroup:[1]", "running"), gone))
	require.False(t, here.isLeft(of("boot", "cgroup:[1]", "exited"), there), "its run goes on")
	require.False(t, here.isLeft(of("boot", "cgroup:[2]", "exited"), gone), "that of another cgroup namespace cannot be seen")
	require.True(t, here.isLeft(of("earlier", "cgroup:[2]", "exited"), there), "the machine was booted since")
	require.False(t, here.isLeft(of("earlier", "cgroup:[2]", "running"), gone), "another machine has it run")
	require.False(t, here.isLeft(Container{Status: "exited", labels: map[string]string{cageLabel: cage}}, gone), "it is not one of ours")
	require.False(t, here.isLeft(Container{Status: "exited"}, gone))
}

func TestRemoveLeftAsksForEachAndRemovesTheOnesThatAreLeft(t *testing.T) {
	here, err := Here()
	require.NoError(t, err)
	place := here.Boot + "/" + here.Namespace
	labelled := func(cage string) string {
		return fmt.Sprintf(`[{"Id":"a","Config":{"Labels":{"%s":"%s","%s":"%s"}}}]`, cageLabel, cage, placeLabel, place)
	}
	e, calls := mustFake(t, Podman, fake{Of: map[string]string{
		" ps ":              "aaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbb",
		" aaaaaaaaaaaaaaaa": labelled("/no/such/cage"),
		" bbbbbbbbbbbbbbbb": labelled("/"),
	}})
	lines, err := e.RemoveLeft(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"removed the container aaaaaaaaaaaa, left by a run that was killed"}, lines)
	removed := 0
	for _, call := range calls() {
		if strings.Contains(call, " rm ") {
			removed++
			require.Equal(t, "--cgroup-manager cgroupfs rm --force --volumes --time=0 --ignore aaaaaaaaaaaaaaaa", call)
		}
	}
	require.Equal(t, 1, removed)
}

func TestRemoveHoldsAContainerThatIsGoneForNoError(t *testing.T) {
	e, _ := mustFake(t, Docker, fake{Err: "Error response from daemon: No such container: abc", Code: 1})
	require.NoError(t, e.Remove(t.Context(), "abc"))
	e, _ = mustFake(t, Docker, fake{Err: "Error: it is stuck", Code: 1})
	require.EqualError(t, e.Remove(t.Context(), "abc"), "docker: remove the container abc: Error: it is stuck")
}

func mustKill(t *testing.T, pid string) {
	t.Helper()
	n := 0
	_, err := fmt.Sscan(pid, &n)
	require.NoError(t, err)
	p, err := os.FindProcess(n)
	require.NoError(t, err)
	require.NoError(t, p.Kill())
}
