// Package kubelet finds pods on the node where they run, by what every kubelet writes there whatever runs its containers: the folders
// of their logs, whose names tell each pod, and links to the logs, whose names tell each container. It asks no API server and no
// container runtime.
package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/printable"
)

// Node is where a kubelet's files are.
type Node struct {
	Logs    string // /var/log
	Cgroups string // where cgroup v2 is mounted
}

// Pod is one of a node.
type Pod struct {
	Namespace, Name, UID string
	Cgroup               string // its directory, which has those of its containers
}

// String is its name as kubectl takes it.
func (p Pod) String() string { return p.Namespace + "/" + p.Name }

// Container is one of a pod's, which has a new ID each time that it is started.
type Container struct {
	ID   string // as far as the link's name has it: that is cut off where it would be too long for a file
	Name string
}

// Find looks for a pod that runs on the node, by [NAMESPACE/]NAME or by its UID.
func (n Node) Find(asked string) (Pod, error) {
	all, err := n.pods()
	if err != nil {
		return Pod{}, fmt.Errorf("find the pod %s: %w", asked, err)
	}
	var named, running, others []Pod
	for _, p := range all {
		is := asked == p.Name || asked == p.UID || asked == p.String()
		switch {
		case is && p.Cgroup == "":
			named = append(named, p)
		case is:
			running = append(running, p)
		case p.Cgroup != "":
			others = append(others, p)
		}
	}
	switch {
	case len(running) == 1:
		return running[0], nil
	case len(running) > 1:
		return Pod{}, fmt.Errorf("%d pods of this node are called %s: %s; name one of them with its namespace, or by its UID", len(running), asked, list(running, true))
	case len(named) > 0:
		return Pod{}, fmt.Errorf("the pod %s does not run here any more: it has logs in %s, and no cgroup below %s", asked, n.podLogs(), n.Cgroups)
	case len(others) == 0:
		return Pod{}, fmt.Errorf("there is no pod %s on this node, and no other one runs here", asked)
	}
	return Pod{}, fmt.Errorf("there is no pod %s on this node; these run here: %s", asked, list(others, false))
}

// maxListed bounds how many pods a message has: a node may have 110 by default.
const maxListed = 20

// list names pods for a message.
func list(pods []Pod, withUID bool) string {
	var names []string
	for _, p := range pods[:min(len(pods), maxListed)] {
		name := printable.Line(p.String())
		if withUID {
			name += " (" + printable.Line(p.UID) + ")"
		}
		names = append(names, name)
	}
	if more := len(pods) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func (n Node) podLogs() string { return filepath.Join(n.Logs, "pods") }

// pods are those that the node has logs of, in the order of their names. The folders of some that are gone may still be there: those
// have no cgroup.
func (n Node) pods() ([]Pod, error) {
	entries, err := os.ReadDir(n.podLogs())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s, which each kubelet makes: run this on the pod's node, or in a container that has its %s and cgroups", n.podLogs(), n.Logs)
	}
	if err != nil {
		return nil, err
	}
	var all []Pod
	for _, e := range entries {
		if p, ok := parseFolder(e.Name()); ok && e.IsDir() {
			all = append(all, p)
		}
	}
	groups := map[string]string{}
	for _, p := range all {
		for _, name := range groupNames(p.UID) {
			groups[name] = p.UID
		}
	}
	found, err := findGroups(n.Cgroups, groups)
	for i, p := range all {
		all[i].Cgroup = found[p.UID]
	}
	return all, err
}

// parseFolder reads NAMESPACE_NAME_UID (BuildPodLogsDirectory in pkg/kubelet/kuberuntime/helpers.go). None of the three may have an
// underscore.
func parseFolder(name string) (p Pod, ok bool) {
	parts := strings.Split(name, "_")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return p, false
	}
	return Pod{Namespace: parts[0], Name: parts[1], UID: parts[2]}, true
}

// groupNames are how the last part of a pod's cgroup may be called: by the cgroupfs driver as it is, and by the systemd driver as
// the end of the name of a slice, in which a dash would be a slash (pkg/kubelet/cm/cgroup_manager_linux.go).
func groupNames(uid string) []string {
	return []string{"pod" + uid, "pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"}
}

// findGroups looks for cgroups by the names that groupNames has, and returns the directory of each pod's. Cgroups that go away
// meanwhile are none.
func findGroups(root string, uids map[string]string) (map[string]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case path != root && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
			return nil
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		}
		name := d.Name()
		if strings.HasSuffix(name, ".slice") {
			name = name[strings.LastIndexByte(name, '-')+1:]
		}
		if uid, is := uids[name]; is {
			found[uid] = path
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the cgroups of pods: %w", err)
	}
	return found, nil
}

// Containers are those of a pod that were started and are not yet forgotten, by the links that the kubelet makes when it has started
// one: PODNAME_NAMESPACE_CONTAINER-ID.log to NAMESPACE_NAME_UID/CONTAINER/RESTARTS.log (startContainer in
// pkg/kubelet/kuberuntime/kuberuntime_container.go). The one that holds the pod's namespaces has none.
func (n Node) Containers(p Pod) ([]Container, error) {
	dir := filepath.Join(n.Logs, "containers")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("find the containers of the pod %s: %w", p, err)
	}
	var all []Container
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".log")
		if !is || !strings.HasPrefix(name, p.Name) {
			continue
		}
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // it is forgotten by now
		}
		of := filepath.Dir(to)
		if pod, ok := parseFolder(filepath.Base(filepath.Dir(of))); ok && pod.UID == p.UID {
			all = append(all, Container{ID: name[strings.LastIndexByte(name, '-')+1:], Name: filepath.Base(of)})
		}
	}
	return all, nil
}

// NameOf is the name of the container whose cgroup is called so, "" where it is none of these. The last part of the name of a
// cgroup is the ID: containerd's are ID and cri-containerd-ID.scope, CRI-O's crio-ID.scope and Docker's docker-ID.scope.
func NameOf(group string, containers []Container) string {
	id := strings.TrimSuffix(group, ".scope")
	id = id[strings.LastIndexByte(id, '-')+1:]
	for _, c := range containers {
		if len(c.ID) >= minID && strings.HasPrefix(id, c.ID) {
			return c.Name
		}
	}
	return ""
}

// minID is how much there has to be of an ID that was cut off.
const minID = 8

// IsMonitor reports whether a cgroup of this name holds what CRI-O has beside each container, and not the container.
func IsMonitor(group string) bool { return strings.HasPrefix(group, "crio-conmon-") }
