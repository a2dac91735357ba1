package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// below allows writing to what lies at or below a path of the tree, "" for nothing.
func below(tree, dir string) func(string) bool {
	return func(path string) bool { return dir != "" && strings.HasPrefix(path, filepath.Join(tree, dir)) }
}

// may is what user 1000 may do in a tree, where systemd has delegated these paths.
func may(tree, mayWrite string, delegated ...string) access {
	return access{euid: 1000, mayWrite: below(tree, mayWrite), isDelegated: func(dir string) bool {
		return slices.ContainsFunc(delegated, func(d string) bool { return dir == filepath.Join(tree, d) })
	}}
}

func TestBaseOfMachinesThatSupportCages(t *testing.T) {
	const (
		user  = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"
		scope = user + "/app.slice/run-1.scope"
	)
	for _, c := range []struct {
		tree, mayWrite string
		delegated      []string
		dir            string
	}{
		{"unified-root", "/sys", nil, "/sys/fs/cgroup"},
		// Above the scope is another manager's: the user's systemd, which marks nothing.
		{"delegated-user", user, []string{user, scope}, scope},
		{"delegated-user", user, []string{user}, scope},
		{"delegated-user", user, nil, scope},
		{"delegated-user", scope, nil, scope},
		{"delegated-subgroup", user, []string{user, scope}, scope},
		{"delegated-subgroup", user, []string{user}, scope},
		{"delegated-subgroup", user, nil, scope},
		// One with a mark need have no unit's name.
		{"delegated-by-mark", "/sys/fs/cgroup/above", []string{"/sys/fs/cgroup/above/marked"}, "/sys/fs/cgroup/above/marked"},
		{"container", "/sys", nil, "/sys/fs/cgroup"},
	} {
		tree := filepath.Join("testdata", c.tree)
		b, err := findBase(tree, may(tree, c.mayWrite, c.delegated...))
		require.NoError(t, err, c.tree)
		require.Equal(t, filepath.Join(tree, c.dir), b.dir, c.tree)
	}
}

func TestEachMachineThatDoesNotSupportCagesSaysWhy(t *testing.T) {
	const user = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"
	for _, c := range []struct {
		tree, mayWrite string
		euid           int
		found, helps   string
	}{
		{"v1-only", "/", 0, "bound to cgroup v1 (mounted at /sys/fs/cgroup/memory)", "systemd.unified_cgroup_hierarchy=1"},
		{"hybrid", "/", 0, "bound to cgroup v1 (mounted at /sys/fs/cgroup/memory)", "systemd.unified_cgroup_hierarchy=1"},
		{"no-mounts", "/", 0, "no cgroup v2 file system is mounted", "mount -t cgroup2"},
		{"memory-disabled", "/", 0, "has no memory controller", "cgroup_disable=memory"},
		{"read-only", "/", 0, "mounted read-only at /sys/fs/cgroup", "--privileged"},
		{"container-read-only", "/", 0, "this is a container, in which cgroup v2 is mounted read-only at /sys/fs/cgroup; a writable mount is needed: run the container with --privileged, or", ""},
		{"container-of-a-user", "", 1000, "runs as user 1000 of a container", "--privileged --user 0"},
		{"unified-root", "", 1000, "runs as user 1000", `sudo env "PATH=$PATH" go test`},
		{"unified-root", "", 0, "root may not write", "--privileged"},
		{"delegated-without-memory", user, 1000, "memory controller is not delegated to", "Delegate=cpu memory pids"},
	} {
		tree := filepath.Join("testdata", c.tree)
		may := may(tree, c.mayWrite)
		may.euid = c.euid
		_, err := findBase(tree, may)
		require.ErrorIs(t, err, ErrNotSupported, c.tree)
		require.ErrorContains(t, err, c.found, c.tree)
		require.ErrorContains(t, err, c.helps, c.tree)
		require.ErrorContains(t, err, "go tool oomcage vm", c.tree)
	}
}

func TestRootOfAUsersContainerIsToldOfANamespaceOfItsOwn(t *testing.T) {
	tree := t.TempDir()
	require.NoError(t, os.CopyFS(tree, os.DirFS("testdata/unified-root")))
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "run"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(tree, "run/.containerenv"), nil, 0o600))
	may := may(tree, "")
	may.euid = 0
	_, err := findBase(tree, may)
	require.ErrorIs(t, err, ErrNotSupported)
	require.ErrorContains(t, err, "which is the machine's; a cgroup namespace of its own is needed: run the container with --cgroupns=private, or run the tests in a microVM")
}

func TestFilesThatCannotBeUnderstoodAreNamedAndSkipNothing(t *testing.T) {
	for tree, want := range map[string]string{"broken-mountinfo": "has no mount in it", "no-cgroup-line": "no cgroup v2 line"} {
		_, err := findBase(filepath.Join("testdata", tree), may("", "/"))
		require.NotErrorIs(t, err, ErrNotSupported, tree)
		require.ErrorContains(t, err, want, tree)
	}
}

// Go beside the test binary, or the steps of a job in a container, are others in the cgroup that is its root. Root's engine can show the
// machine's instead, a user's cannot.
func TestAContainerWithOtherProcessesIsToldOfTheMachinesNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		mark, users string
		want        string
	}{
		"of docker, as root":   {".dockerenv", "         0          0 4294967295\n", "is needed: run the container with --cgroupns=host, mkdir "},
		"of podman, as root":   {"run/.containerenv", "         0          0 4294967295\n", "is needed: run the container with --cgroupns=host, mkdir "},
		"of podman, as a user": {"run/.containerenv", "         0       1000          1\n         1     100000      65536\n", "is needed: mkdir "},
		"of systemd-nspawn":    {"etc/os-release", "         0          0 4294967295\n", "is needed: mkdir "},
	} {
		t.Run(name, func(t *testing.T) {
			tree := t.TempDir()
			require.NoError(t, os.CopyFS(tree, os.DirFS("testdata/container")))
			for path, text := range map[string]string{c.mark: "", "proc/self/uid_map": c.users} {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(tree, path)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(tree, path), []byte(text), 0o600))
			}
			b, err := findBase(tree, may(tree, "/sys"))
			require.NoError(t, err)
			err = requireAlone(b)
			require.ErrorIs(t, err, ErrNotSupported)
			require.ErrorContains(t, err, "holds other processes")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A container's root has its systemd below it, which has delegated nothing.
func TestTheRootOfAContainerTakesNoUnitOfItsSystemd(t *testing.T) {
	tree := t.TempDir()
	for path, text := range map[string]string{
		"proc/self/mountinfo":                               "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"proc/self/cgroup":                                  "0::/system.slice/a.service\n",
		"sys/fs/cgroup/cgroup.type":                         "domain\n",
		"sys/fs/cgroup/cgroup.controllers":                  "memory pids\n",
		"sys/fs/cgroup/cgroup.subtree_control":              "memory pids\n",
		"sys/fs/cgroup/system.slice/cgroup.controllers":     "memory pids\n",
		"sys/fs/cgroup/system.slice/cgroup.subtree_control": "memory pids\n",
		"sys/fs/cgroup/system.slice/a.service/memory.max":   "4096\n",
		"sys/fs/cgroup/system.slice/a.service/memory.high":  "max\n",
		"sys/fs/cgroup/system.slice/a.service/cgroup.procs": "1\n",
	} {
		path = filepath.Join(tree, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	may := may(tree, "/sys")
	may.euid = 0
	b, err := findBase(tree, may)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(tree, "/sys/fs/cgroup"), b.dir)
	require.Equal(t, []string{fmt.Sprintf("cages hang below %s/oomcage, so memory.max of %s/system.slice/a.service, 4.0 KiB, does not hold them",
		b.dir, b.mount)}, b.unheld())
}

func TestFilesThatAreMissingOrClosedAreNotSupported(t *testing.T) {
	_, err := findBase(filepath.Join("testdata", "absent"), may("", "/"))
	require.ErrorIs(t, err, ErrNotSupported)
	require.ErrorContains(t, err, "no such file")
	for err, want := range map[error]bool{unix.ENOENT: true, unix.EACCES: true, unix.EPERM: true, unix.EMFILE: false, unix.EIO: false} {
		err := unreadable("the mounts", &fs.PathError{Op: "open", Path: "/proc/self/mountinfo", Err: err})
		require.Equal(t, want, errors.Is(err, ErrNotSupported), err)
	}
}

func TestParseKeyed(t *testing.T) {
	m, err := parseKeyed([]byte("low 0\nhigh 12\nmax 18446744073709551615\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"low": 0, "high": 12, "max": 18446744073709551615}, m)
	for _, bad := range []string{"low\n", "low x\n", "low 1 2\n", " 1\n", "low -1\n", "low 1\nlow 2\n", "\n", "low 18446744073709551616\n", "low 1"} {
		_, err := parseKeyed([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0\n": 0, "99999744\n": 99999744, "max\n": 1<<63 - 1, "18446744073709551615\n": 1<<63 - 1} {
		n, err := parseSize([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, bad := range []string{"", "-1\n", "maximum\n", "1 2\n", " 1\n", "1", "max"} {
		_, err := parseSize([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestParsePressure(t *testing.T) {
	p, err := parsePressure([]byte("some avg10=0.00 avg60=0.12 avg300=0.00 total=1500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"))
	require.NoError(t, err)
	require.Equal(t, "1.5ms", p.Some.String())
	require.Equal(t, "7µs", p.Full.String())
	for _, bad := range []string{"", "some\n", "some total=\n", "some total=-1\n", "none total=1\n", "some total=9223372036854775807\n"} {
		_, err := parsePressure([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
	const some = "some avg10=0.00 avg60=0.12 avg300=0.00 total=1500\n"
	for _, bad := range []string{some + some, strings.Replace(some, "some", "full", 1), strings.TrimSuffix(some, "00\n"), strings.Replace(some, "1500", "9223372036854776", 1)} {
		_, err := parsePressure([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

// The kernel escapes neither of these, and a source may be empty.
func TestMountsMayHaveOddNamesAndNoSource(t *testing.T) {
	ms, err := parseMounts("36 35 98:0 / /my\u00a0disk\v rw,noatime - cgroup2  ro,x\n")
	require.NoError(t, err)
	require.Equal(t, mounts{{point: "/my\u00a0disk\v", fstype: "cgroup2", super: "ro,x", readOnly: true}}, ms)
}

func TestMemAvailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meminfo")
	require.NoError(t, os.WriteFile(path, []byte("MemTotal: 2048 kB\nMemAvailable:    1024 kB\n"), 0o600))
	n, err := memAvailable(path)
	require.NoError(t, err)
	require.Equal(t, int64(1<<20), n)
	require.NoError(t, os.WriteFile(path, []byte("MemTotal: 2048 kB\n"), 0o600))
	_, err = memAvailable(path)
	require.ErrorContains(t, err, "no MemAvailable")
}
