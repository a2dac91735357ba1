package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/sys"
)

// ErrNotSupported is wrapped by every error that says: this machine, or this user, cannot
// make cages. A test skips on it, and on nothing else.
var ErrNotSupported = errors.New("cages are not supported here")

// inVM is the advice that helps whatever is missing.
const inVM = "or run the tests in a microVM, which needs neither root nor cgroup v2: go test -exec 'go tool oomcage vm -build PKG' ./..., PKG being what they compile with harness.BuildT"

// notSupported says why cages are not supported here. Help is a command, or commands with commas between them.
func notSupported(found, need, help string) error {
	return &unsupported{advise.Finding{Found: found, Help: help, Kind: ErrNotSupported}, need}
}

type unsupported struct {
	advise.Finding
	need string
}

// Error says it all, with what helps whatever is missing.
func (u *unsupported) Error() string {
	return fmt.Sprintf("%v: %s; %s is needed: %s, %s", ErrNotSupported, u.Found, u.need, u.Help, inVM)
}

// unreadable says that cages are not supported where a file of /proc is missing or closed to this user.
// That there is no descriptor left to read it with, or that it is not understood here, says nothing of
// the machine, and must skip no test.
func unreadable(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: read %s: %w", ErrNotSupported, what, err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// base is where the cages of this machine hang.
type base struct {
	mount string // where cgroup2 is mounted
	dir   string // the cgroup below which the guard is made
	own   string // the cgroup of this process, as seen below mount; "" when it is not visible
	// hostHelps is set in a container of root's engine: with the machine's cgroup namespace its root would be that of the cages.
	hostHelps bool
}

// Supported reports whether this process can make cages here, without making anything: nil, or an error that
// wraps ErrNotSupported.
func Supported() error {
	_, err := support()
	return err
}

func support() (base, error) {
	if err := requireKernel(); err != nil {
		return base{}, err
	}
	b, err := findBase("", access{euid: os.Geteuid(), mayWrite: mayWrite, isDelegated: isDelegated})
	if err != nil {
		return base{}, err
	}
	return b, requireAlone(b)
}

// findBase looks for a cgroup in which this process may make others. root is prefixed to
// /proc, so that a test can show it other machines; it is "" in life.
func findBase(root string, may access) (base, error) {
	mounts, err := readMounts(filepath.Join(root, "/proc/self/mountinfo"))
	if err != nil {
		return base{}, unreadable("the mounts", err)
	}
	if v1, ok := mounts.memoryV1(); ok {
		return base{}, notSupported(fmt.Sprintf("the memory controller is bound to cgroup v1 (mounted at %s)", v1.point),
			"the memory controller on cgroup v2", "boot with systemd.unified_cgroup_hierarchy=1")
	}
	unified, ok := mounts.unified()
	if !ok {
		return base{}, notSupported("no cgroup v2 file system is mounted", "one with the memory controller",
			"mount -t cgroup2 none /sys/fs/cgroup")
	}
	mount := filepath.Join(root, unified.point)
	if !hasController(filepath.Join(mount, "cgroup.controllers")) {
		return base{}, notSupported(fmt.Sprintf("%s has no memory controller", filepath.Join(mount, "cgroup.controllers")),
			"the memory controller", "boot without cgroup_disable=memory, or delegate memory to this cgroup")
	}
	may.inContainer = inContainer(root)
	if unified.readOnly && may.inContainer {
		return base{}, notSupported(fmt.Sprintf("this is a container, in which cgroup v2 is mounted read-only at %s", unified.point),
			"a writable mount", "run the container with --privileged")
	}
	if unified.readOnly {
		return base{}, notSupported(fmt.Sprintf("cgroup v2 is mounted read-only at %s", unified.point),
			"a writable mount", "mount -o remount,rw "+unified.point+" (in a container: --privileged)")
	}
	own, err := ownCgroup(filepath.Join(root, "/proc/self/cgroup"), mount)
	if err != nil {
		return base{}, err
	}

	// The kernel's root has no cgroup.type, and may hold processes and children; the root of a cgroup
	// namespace has one.
	_, err = os.Stat(filepath.Join(mount, "cgroup.type"))
	may.inNamespace = !errors.Is(err, fs.ErrNotExist)
	if !may.inNamespace && may.mayWrite(mount) {
		return base{mount: mount, dir: mount, own: own}, nil
	}
	b, err := findDelegated(mount, own, may)
	b.hostHelps = may.inContainer && may.inNamespace && hasAllUsers(filepath.Join(root, "/proc/self/uid_map"))
	return b, err
}

// hasAllUsers reports whether a user namespace is the machine's, by its uid_map: root of another may not write the machine's cgroups.
func hasAllUsers(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}

// inContainer reports whether podman or docker has made this place.
func inContainer(root string) bool {
	for _, mark := range []string{"/run/.containerenv", "/.dockerenv"} {
		if _, err := os.Stat(filepath.Join(root, mark)); err == nil {
			return true
		}
	}
	return false
}

type mount struct {
	point, fstype, super string
	readOnly             bool
}

type mounts []mount

// unified takes the first mount of cgroup v2: they all show the same hierarchy.
func (ms mounts) unified() (mount, bool) {
	for _, m := range ms {
		if m.fstype == "cgroup2" {
			return m, true
		}
	}
	return mount{}, false
}

func (ms mounts) memoryV1() (mount, bool) {
	for _, m := range ms {
		if m.fstype == "cgroup" && slices.Contains(strings.Split(m.super, ","), "memory") {
			return m, true
		}
	}
	return mount{}, false
}

func readMounts(path string) (mounts, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	ms, err := parseMounts(string(b))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return ms, nil
}

// parseMounts parses mountinfo: "36 35 98:0 /root /point rw,noatime master:1 - type source super".
// The kernel escapes of white space only what separates fields and lines, so that a name may hold
// any other; and a source may be empty.
func parseMounts(text string) (mounts, error) {
	var ms mounts
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		l, r := strings.Split(left, " "), strings.SplitN(right, " ", 3)
		if !ok || len(l) < 6 || len(r) < 3 {
			return nil, fmt.Errorf("line %q has no mount in it", line)
		}
		ms = append(ms, mount{
			point:    sys.UnescapeMount(l[4]),
			fstype:   r[0],
			super:    r[2],
			readOnly: slices.Contains(strings.Split(l[5], ","), "ro") || slices.Contains(strings.Split(r[2], ","), "ro"),
		})
	}
	return ms, nil
}

// ownCgroup finds this process's cgroup below mount; "" when it lies outside the namespace.
func ownCgroup(path, mount string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", unreadable("this process's cgroup", err)
	}
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			if strings.HasPrefix(p, "/..") {
				return "", nil
			}
			return filepath.Join(mount, p), nil
		}
	}
	return "", fmt.Errorf("parse %s: it has no cgroup v2 line (0::), and cgroup v2 is mounted", path)
}

func hasController(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && slices.Contains(strings.Fields(string(b)), "memory")
}

func hasProcesses(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	return err != nil || len(b) > 0
}

func mayWrite(path string) bool { return unix.Access(path, unix.W_OK) == nil }
