package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/shell"
)

// subgroup is the shell command that starts a command as a plain user in a scope of its own, in a cgroup
// below that: the scope itself then holds no process, and can have children with controllers. It works with each
// version of systemd; DelegateSubgroup= exists from 254 on, for services. It has no $ in it: systemd-run warns from 254 on
// that it will expand that.
const subgroup = "systemd-run --user --scope -p Delegate=yes sh -c 'cd `sed -n \"s|^0::|/sys/fs/cgroup|p\" /proc/self/cgroup` && mkdir main && echo 0 >main/cgroup.procs && cd - && exec go test ./...'"

// access tells what this process may do with a cgroup, and what systemd has done with it.
type access struct {
	euid int
	// inNamespace is set where the mount shows a cgroup namespace, for example that of a container.
	inNamespace bool
	// inContainer is set in one of podman's or docker's.
	inContainer bool
	// mayWrite reports whether this process may write a path.
	mayWrite func(path string) bool
	// isDelegated reports whether systemd has marked a cgroup as one that it has given away.
	isDelegated func(dir string) bool
}

// isDelegated looks for the mark that the machine's systemd puts on a cgroup with Delegate=: anyone can read the first,
// and root the second.
func isDelegated(dir string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		var value [2]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// isUnit reports whether a cgroup is named as systemd names those of its units.
func isUnit(dir string) bool {
	switch filepath.Ext(dir) {
	case ".service", ".scope", ".slice":
		return true
	}
	return false
}

// findDelegated walks from the process's own cgroup towards the mount and takes the nearest
// one that is writable, has the memory controller and holds no process (the kernel's "no
// internal processes" rule). Where there is none but one is writable, that one is
// taken: its processes have to make way, see makeWay.
//
// It stops at the first cgroup that is one of systemd's units, or that systemd has marked as delegated: what lies above
// has another manager, whose limits and whose end must hold for the cages too (systemd's "single-writer rule",
// docs/CGROUP_DELEGATION.md). A user's own systemd is such a manager, although its cgroups belong to the user; what
// it delegates itself it does not mark (seen with version 252).
func findDelegated(mount, own string, may access) (base, error) {
	var busy, bare string
	for dir := own; dir != "" && strings.HasPrefix(dir, mount); dir = filepath.Dir(dir) {
		if !may.mayWrite(dir) || !may.mayWrite(filepath.Join(dir, "cgroup.procs")) {
			break // what lies above a delegation is not ours either
		}
		isDelegated := may.isDelegated(dir)
		if isUnit(dir) && !isDelegated && may.euid == 0 && may.inNamespace {
			continue // a container's root is to its systemd as the machine's is
		}
		switch {
		case !hasController(filepath.Join(dir, "cgroup.controllers")):
			bare = dir
		case hasController(filepath.Join(dir, "cgroup.subtree_control")), !hasProcesses(dir):
			return base{mount: mount, dir: dir, own: own}, nil
		case busy == "":
			busy = dir
		}
		if isDelegated || isUnit(dir) {
			break
		}
	}
	switch {
	case busy != "":
		return base{mount: mount, dir: busy, own: own}, nil
	case bare != "":
		return base{}, notSupported("the memory controller is not delegated to "+bare,
			"memory in its cgroup.controllers (by Delegate= of its unit and of user@.service)",
			`sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\nDelegate=cpu memory pids\n' | `+
				"sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload && sudo systemctl restart user@$(id -u)")
	case may.euid != 0 && may.inContainer: // where sudo and systemd are not
		return base{}, notSupported(fmt.Sprintf("this process runs as user %d of a container and may not write %s", may.euid, mount),
			"root of a privileged container", "run the container with --privileged --user 0")
	case may.euid != 0:
		return base{}, notSupported(fmt.Sprintf("this process runs as user %d and may not write %s", may.euid, mount),
			"root or a delegated cgroup", asRoot+", "+subgroup)
	case may.inContainer && !may.inNamespace: // a user's engine: the machine's root is not its to write
		return base{}, notSupported(fmt.Sprintf("root of this container may not write %s, which is the machine's", mount),
			"a cgroup namespace of its own", "run the container with --cgroupns=private")
	default:
		return base{}, notSupported(fmt.Sprintf("root may not write %s nor its own cgroup", mount),
			"a writable cgroup", "run the container with --privileged")
	}
}

// asRoot keeps the Go toolchain on the PATH, which sudo sets anew.
const asRoot = `sudo env "PATH=$PATH" go test ./...`

// requireAlone refuses a base that has to become empty and has other processes in it than this one: they are
// not the harness's to move. The kernel's root may hold processes; it has no cgroup.type.
func requireAlone(b base) error {
	g := &Group{b.mount, b.dir}
	if typed, err := g.Has("cgroup.type"); err != nil || !typed || hasController(filepath.Join(b.dir, "cgroup.subtree_control")) {
		return err
	}
	pids, err := g.members()
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(pids, func(pid uint64) bool { return pid == uint64(os.Getpid()) })
	if len(others) == 0 {
		return nil
	}
	help := fmt.Sprintf("mkdir %[1]s/others && for p in $(cat %[1]s/cgroup.procs); do echo $p >%[1]s/others/cgroup.procs || :; done", shell.Join(b.dir))
	if b.hostHelps {
		help = "run the container with --cgroupns=host, " + help
	}
	if isUnit(b.dir) {
		help += ", DelegateSubgroup=others in the unit (systemd 254 or later), " + subgroup
	}
	return notSupported(fmt.Sprintf("%s holds other processes: %s", b.dir, describe(others)),
		"a cgroup of its own for the tests (a cgroup with processes can have no children with controllers)", help)
}

// unheld names the limits of the cgroups that this process is in and that its cages are not, one a line: those
// of the session or the container of a root whose cages hang below the kernel's root.
func (b base) unheld() []string {
	var lines []string
	for _, l := range limitsBelow(b.mount, b.own, b.dir) {
		lines = append(lines, fmt.Sprintf("cages hang below %s, so %s of %s, %s, does not hold them",
			filepath.Join(b.dir, guardName), l.file, l.dir, human.Size(l.bytes)))
	}
	return lines
}
