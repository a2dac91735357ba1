package vm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

type mountPoint struct {
	fstype, path, data string
	perm               fs.FileMode
	flags              uintptr
	unlessFilled       bool // with what came along, which a mount would hide
}

const sharedMemory = "/dev/shm"

// mountEarly mounts what init itself needs to talk to the host. What came along in /dev/shm stays there.
func mountEarly() error {
	unix.Umask(0o022)
	shm, noShm := unix.Open(sharedMemory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // /dev is about to be hidden
	err := mountAll([]mountPoint{
		{fstype: "devtmpfs", path: "/dev", data: "mode=0755", perm: 0o755, flags: unix.MS_NOSUID},
		{fstype: "proc", path: "/proc", perm: 0o555, flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	})
	if noShm != nil {
		return err
	}
	defer unix.Close(shm)
	if err != nil {
		return err
	}
	if err := os.Mkdir(sharedMemory, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", shm), sharedMemory, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("keep what came along in %s: %w", sharedMemory, err)
	}
	return os.Chmod(sharedMemory, 0o777|fs.ModeSticky)
}

// prepare makes the guest look like a small machine on which root has just logged in.
func prepare(j job) error {
	err := mountAll([]mountPoint{
		{fstype: "sysfs", path: "/sys", perm: 0o555, flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		// As systemd mounts it.
		{fstype: "cgroup2", path: "/sys/fs/cgroup", data: "nsdelegate,memory_recursiveprot", flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{fstype: "devpts", path: "/dev/pts", data: "mode=0620,ptmxmode=0666", perm: 0o755, flags: unix.MS_NOSUID | unix.MS_NOEXEC},
		{fstype: "tmpfs", path: sharedMemory, data: "mode=1777", perm: 0o1777, flags: unix.MS_NOSUID | unix.MS_NODEV, unlessFilled: true},
		{fstype: "tmpfs", path: "/run", data: "mode=0755", perm: 0o755, flags: unix.MS_NOSUID | unix.MS_NODEV, unlessFilled: true},
	})
	if err != nil {
		return err
	}
	// The kernel opens the root of an initramfs to all.
	if err := os.Chmod("/", 0o755); err != nil {
		return err
	}
	if err := usualPaths(); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return writeEtc(j.Host) },
		func() error { return useDisks(j) },
		standInForShell, loopbackUp, setClock,
		// From here on the kernel's messages stay in its buffer, where they cost no time.
		func() error { return setConsoleLevel(1) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	// As on an ordinary machine; a test of 100 cages needs more than the kernel's 4096.
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1 << 20})
}

// usualPaths makes the folders and links that programs expect. /tmp stays on the root file system, which is a tmpfs too:
// the test binary that `go test` built lies below it.
func usualPaths() error {
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
		"/etc/mtab": "/proc/self/mounts",
	} {
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func mountAll(points []mountPoint) error {
	for _, m := range points {
		if m.perm != 0 {
			if err := os.MkdirAll(m.path, m.perm); err != nil {
				return err
			}
		}
		if entries, err := os.ReadDir(m.path); m.unlessFilled && err == nil && len(entries) > 0 {
			continue
		}
		err := unix.Mount(m.fstype, m.path, m.fstype, m.flags, m.data)
		// A kernel may have mounted devtmpfs itself.
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s on %s: %w", m.fstype, m.path, err)
		}
	}
	return nil
}

// writeEtc writes the few files that programs expect, unless the user brought their own.
func writeEtc(host string) error {
	host = cmp.Or(host, "oomcage")
	if err := unix.Sethostname([]byte(host)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	files := map[string]string{
		"/etc/hostname":      host + "\n",
		"/etc/hosts":         "127.0.0.1 localhost " + host + "\n::1 localhost ip6-localhost\n",
		"/etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"/etc/group":         "root:x:0:\nnogroup:x:65534:\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	}
	for path, content := range files {
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll("/root", 0o700)
}

func loopbackUp() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("bring lo up: %w", err)
		}
	}()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return err
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

func setConsoleLevel(level int) error {
	return os.WriteFile("/proc/sys/kernel/printk", fmt.Appendf(nil, "%d\n", level), 0)
}
