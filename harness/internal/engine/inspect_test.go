package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What podman 5.4.2 and docker 26.1 print, cut to what is read and a little more.
func TestWhatEnginesSayIsRead(t *testing.T) {
	podman := `[{"Id": "7d52a8c1", "Created": "2026-11-29T10:00:00Z", "State": {"OciVersion": "1.2.0", "Status": "running", "Running": true,
		"OOMKilled": false, "Pid": 4711, "ConmonPid": 4709, "ExitCode": 0, "CgroupPath": "/machine.slice/libpod-7d52a8c1.scope"}}]`
	c, err := parseContainer([]byte(podman))
	require.NoError(t, err)
	require.Equal(t, Container{ID: "7d52a8c1", PID: 4711, Cgroup: "/machine.slice/libpod-7d52a8c1.scope", Status: "running"}, c)

	docker := `[{"Id": "7d52a8c1", "State": {"Status": "exited", "Running": false, "OOMKilled": true, "Pid": 0, "ExitCode": 137}}]`
	c, err = parseContainer([]byte(docker))
	require.NoError(t, err)
	require.Equal(t, Container{ID: "7d52a8c1", Status: "exited", ExitCode: 137}, c)

	for _, text := range []string{"", "{}", "[]", "[{}]", `[{"Id":"a"},{"Id":"b"}]`} {
		_, err := parseContainer([]byte(text))
		require.Error(t, err, text)
	}
}

func TestAContainerThatIsNotThereIsAnErrorOfEachEngine(t *testing.T) {
	t.Setenv("PATH", "")
	mustFake(t, Podman, fake{Err: "Error: no such container web", Code: 125})
	_, err := Look(t.Context(), "", "web")
	require.EqualError(t, err, "there is no container web: podman: Error: no such container web, docker is not installed; podman ps lists those that run")
	_, err = Look(t.Context(), "docker", "web")
	require.EqualError(t, err, "there is no container web: docker is not installed")
}
