package kubelet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	webUID  = "0f8c2c1e-5b4a-4c0a-9a57-3d1f3c1e2b11"
	otherID = "11111111-2222-3333-4444-555555555555"
	static  = "b0f2f8ac0d5a1d4c8f3ad6d5e5f0a9c1" // of a pod from a file, which has a hash
	app     = "3e0b6a3f2c1d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab"
	sandbox = "77aa6a3f2c1d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab"
)

// mustNode makes the folders of a node: those of the logs of pods, the links to the logs of containers (name to what it points
// at), and cgroups.
func mustNode(t *testing.T, pods []string, links map[string]string, groups ...string) Node {
	t.Helper()
	root := t.TempDir()
	n := Node{Logs: filepath.Join(root, "log"), Cgroups: filepath.Join(root, "cgroup")}
	dirs := []string{"log/containers", "log/pods", "cgroup"}
	for _, p := range pods {
		dirs = append(dirs, "log/pods/"+p)
	}
	for _, g := range groups {
		dirs = append(dirs, "cgroup/"+g)
	}
	for _, d := range dirs {
		require.NoError(t, os.MkdirAll(filepath.Join(root, d), 0o755)) //nolint:gosec // as the kubelet's
	}
	for name, to := range links {
		require.NoError(t, os.Symlink(to, filepath.Join(n.Logs, "containers", name)))
	}
	return n
}

func TestAPodIsFoundByItsNameOrUID(t *testing.T) {
	for driver, groups := range map[string][]string{
		"systemd": {
			"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(webUID, "-", "_") + ".slice",
			"kubepods.slice/kubepods-pod" + static + ".slice",
		},
		"systemd, below another": {
			"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + strings.ReplaceAll(webUID, "-", "_") + ".slice",
			"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + static + ".slice",
		},
		"cgroupfs": {"kubepods/burstable/pod" + webUID, "kubepods/pod" + static},
	} {
		n := mustNode(t, []string{"default_web_" + webUID, "default_web_" + otherID, "kube-system_etcd-a_" + static, "no_pod"}, nil,
			append(groups, groups[0]+"/cri-containerd-"+app+".scope", "system.slice/ssh.service")...)
		for asked, want := range map[string]Pod{
			"web":                {"default", "web", webUID, groups[0]}, // the other one of that name is gone
			"default/web":        {"default", "web", webUID, groups[0]},
			webUID:               {"default", "web", webUID, groups[0]},
			"kube-system/etcd-a": {"kube-system", "etcd-a", static, groups[1]},
			static:               {"kube-system", "etcd-a", static, groups[1]},
		} {
			got, err := n.Find(asked)
			require.NoError(t, err, driver)
			want.Cgroup = filepath.Join(n.Cgroups, want.Cgroup)
			require.Equal(t, want, got, "%s: %s", driver, asked)
		}
	}
}

func TestAPodThatIsNotThereIsAnErrorThatHelps(t *testing.T) {
	n := mustNode(t, []string{"a_web_" + webUID, "b_web_" + otherID, "c_gone_7", "evil\x1b[2J_x\n_8"}, nil,
		"kubepods/pod"+webUID, "kubepods/burstable/pod"+otherID, "kubepods/pod8")
	for asked, want := range map[string]string{
		"web":    "2 pods of this node are called web: a/web (" + webUID + "), b/web (" + otherID + "); name one of them with its namespace, or by its UID",
		"gone":   "the pod gone does not run here any more: it has logs in " + n.Logs + "/pods, and no cgroup below " + n.Cgroups,
		"c/web":  `there is no pod c/web on this node; these run here: a/web, b/web, evil\x1b[2J/x\n`,
		"web/a":  "there is no pod web/a on this node",
		"pod":    "there is no pod pod on this node",
		"a_web_": "there is no pod a_web_ on this node",
	} {
		_, err := n.Find(asked)
		require.ErrorContains(t, err, want)
	}

	n = mustNode(t, []string{"c_gone_7"}, nil)
	_, err := n.Find("web")
	require.EqualError(t, err, "there is no pod web on this node, and no other one runs here")
	n.Logs += "/none"
	_, err = n.Find("web")
	require.EqualError(t, err, "find the pod web: there is no "+n.Logs+"/pods, which each kubelet makes: run this on the pod's node, or in a container that has its "+n.Logs+" and cgroups")

	var many []string
	var groups []string
	for i := range 25 {
		uid := string(rune('a'+i)) + "1"
		many, groups = append(many, "many_p"+uid+"_"+uid), append(groups, "kubepods/pod"+uid)
	}
	_, err = mustNode(t, many, nil, groups...).Find("web")
	require.ErrorContains(t, err, "many/pt1, and 5 more")
}

func TestAContainerIsNamedByTheLinkToItsLog(t *testing.T) {
	long := strings.Repeat("n", 200)
	n := mustNode(t, nil, map[string]string{
		"web_default_app-" + app + ".log":          "/var/log/pods/default_web_" + webUID + "/app/3.log",
		"web_default_side-car-1111111111.log":      "/var/log/pods/default_web_" + webUID + "/side-car/0.log",
		"web_default_app-2222222222.log":           "/var/log/pods/default_web_" + otherID + "/app/0.log",
		"web-b_default_app-3333333333.log":         "/var/log/pods/default_web-b_7/app/0.log",
		"other.log":                                "elsewhere",
		long + "_default_app-" + app[:20] + ".log": "/var/log/pods/default_" + long + "_9/app/0.log",
	})
	got, err := n.Containers(Pod{Namespace: "default", Name: "web", UID: webUID})
	require.NoError(t, err)
	require.ElementsMatch(t, []Container{{app, "app"}, {"1111111111", "side-car"}}, got)
	for group, want := range map[string]string{
		"cri-containerd-" + app + ".scope": "app", "crio-" + app + ".scope": "app", "docker-" + app + ".scope": "app", app: "app", "crio-" + app: "app",
		"cri-containerd-" + sandbox + ".scope": "", "": "", "app": "",
	} {
		require.Equal(t, want, NameOf(group, got), group)
	}
	require.True(t, IsMonitor("crio-conmon-"+app+".scope"))
	require.False(t, IsMonitor("crio-"+app+".scope"))

	got, err = n.Containers(Pod{Namespace: "default", Name: long, UID: "9"})
	require.NoError(t, err)
	require.Equal(t, "app", NameOf("cri-containerd-"+app+".scope", got), "its ID is cut off in the link's name")

	_, err = Node{Logs: n.Logs + "/none"}.Containers(Pod{})
	require.ErrorIs(t, err, os.ErrNotExist)
}
