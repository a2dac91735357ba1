package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// These roles change where they are, what limits them, or who they are.
func init() {
	// leaderless N: the main thread ends, and another one takes N bytes.
	roles["leaderless"] = func() {
		go func() {
			for !readStatLine(mustRead("/proc/self/stat"), false).leaderEnded() {
				time.Sleep(time.Millisecond) // the kernel tells nobody
			}
			take(mustAtoi(os.Args[1]))
			fmt.Println("ate", os.Args[1])
			wait()
		}()
		_, _, err := unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // of this thread alone
		fail(err)
	}
	// sharing N: another process, which has the same memory, takes N bytes.
	roles["sharing"] = func() {
		b, err := unix.Mmap(-1, 0, mustAtoi(os.Args[1]), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		fail(err)
		fail(share(b))
	}
	// moving DIR N: goes to another cgroup, takes N bytes there, and idles.
	roles["moving"] = func() {
		enter(os.Args[1])
		take(mustAtoi(os.Args[2]))
		fmt.Println("ate", os.Args[2])
		wait()
	}
	// escaping DIR BY: a child goes to another cgroup, in a session of its own (session) or without TMPDIR (group),
	// and idles, as does the target.
	roles["escaping"] = func() {
		cmd := exec.CommandContext(context.Background(), "/proc/self/exe", os.Args[1], "0")
		cmd.Env = append(os.Environ(), roleVariable+"=moving")
		cmd.Stdout = os.Stdout
		if os.Args[2] == "session" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		} else {
			cmd.Env = append(cmd.Env, "TMPDIR=/")
		}
		fail(cmd.Start())
		wait()
	}
	// returning DIR N: takes N bytes in another cgroup, comes back, and idles.
	roles["returning"] = func() {
		home := ownCgroup()
		enter(os.Args[1])
		take(mustAtoi(os.Args[2]))
		fmt.Println("away")
		mustAwait(os.Args[3])
		enter(home)
		fmt.Println("back")
		wait()
	}
	// limiting MAX N: writes its own memory.max, takes N bytes, and idles.
	roles["limiting"] = func() {
		fail(os.WriteFile(filepath.Join(ownCgroup(), "memory.max"), []byte(os.Args[1]), 0))
		take(mustAtoi(os.Args[2]))
		fmt.Println("ate", os.Args[2])
		wait()
	}
	// nesting MAX N: as container runtimes do, goes to a cgroup of its own making, here two below its own and
	// with that memory.max, and takes N bytes.
	roles["nesting"] = func() {
		home := ownCgroup()
		pod, inner := filepath.Join(home, "pod"), filepath.Join(home, "pod", "inner")
		fail(os.MkdirAll(inner, 0o755))
		enter(inner)
		for _, dir := range []string{home, pod} {
			fail(os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+memory"), 0))
		}
		fail(os.WriteFile(filepath.Join(inner, "memory.max"), []byte(os.Args[1]), 0))
		take(mustAtoi(os.Args[2]))
		fmt.Println("ate", os.Args[2])
		wait()
	}
	// flooding N: N children write to the kernel log for ever, and another one takes memory until it is killed,
	// though they may not be.
	roles["flooding"] = func() {
		for range mustAtoi(os.Args[1]) {
			go func() { fail(parent("write-log", "")) }()
		}
		fmt.Println("child:", parent("mortal", "100000000"))
		wait()
	}
	roles["write-log"] = func() {
		for {
			f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
			fail(err)
			for range 9 { // of the 10 that one opening may write in 5 seconds
				_, err = f.WriteString("<6>x\n")
				fail(err)
			}
			fail(f.Close())
		}
	}
}

// The main goroutine is to stay in the main thread where that matters; it is there now.
func init() {
	if os.Getenv(roleVariable) == "leaderless" {
		runtime.LockOSThread()
	}
}

// share has a new process write to b for ever. It is a sibling of this one, as the kernel chooses no process
// that was made by vfork while its parent waits (in_vfork in include/linux/sched/mm.h). The parent
// waits, so that they do not use one stack at once; the child calls nothing.
func share(b []byte) error {
	runtime.LockOSThread()
	pid, _, err := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 && err == 0 {
		for i := 0; ; i = (i + 4096) % len(b) {
			b[i]++
		}
	}
	return err
}

// ownCgroup is the directory of this process's cgroup.
func ownCgroup() string {
	for line := range strings.Lines(mustRead("/proc/self/cgroup")) {
		if name, ok := strings.CutPrefix(line, "0::"); ok {
			return cgroupMount + strings.TrimSpace(name)
		}
	}
	fail(fmt.Errorf("this process is in no cgroup v2"))
	return ""
}

func enter(dir string) { fail(os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)) }

func mustRead(path string) string {
	data, err := os.ReadFile(path)
	fail(err)
	return string(data)
}

// mustAwait waits until a file is there.
func mustAwait(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(time.Millisecond) // polled: the other side makes it when it has seen enough
	}
}
