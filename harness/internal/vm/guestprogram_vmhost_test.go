//go:build vmhost

package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func init() {
	roles["exit"] = func() int {
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		return 7
	}
	roles["facts"] = facts
	roles["terminate"] = func() int {
		signal.Reset(syscall.SIGTERM)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		wait()
		return 0
	}
	roles["orphan"] = orphan
	roles["both"] = func() int {
		for i := range 50 {
			fmt.Fprintln(os.Stdout, i, "out")
			fmt.Fprintln(os.Stderr, i, "err")
		}
		return 0
	}
	roles["dribble"] = func() int {
		cmd := self("dribbling")
		cmd.Stdout = os.Stdout
		must(cmd.Start())
		return 5
	}
	roles["dribbling"] = func() int {
		for i := range 4 {
			time.Sleep(leftBehindWait / 3)
			fmt.Println(i)
		}
		return 0
	}
	roles["hog"] = hog
	roles["hog-child"] = hogChild
	roles["forge"] = func() int {
		hogChild() // the kernel counts that one
		line := fmt.Sprintf("<3>Out of memory: Killed process %d (vm.test) total-vm:4kB, anon-rss:3kB, file-rss:2kB, "+
			"shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0\n", os.Getpid()) // without its end it would wait for more
		must(os.WriteFile("/dev/kmsg", []byte(line), 0))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		wait()
		return 0
	}
	roles["panic"] = func() int {
		must(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0))
		wait()
		return 0
	}
	roles["hang"] = func() int {
		fmt.Println("hanging")
		time.Sleep(time.Hour) // where nothing else is left, a select without cases is a deadlock
		return 0
	}
	roles["files"] = files
	roles["append"] = func() int { return appendTo(os.Args[1:]) }
	roles["append-until-told"] = func() int {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("waiting")
		<-told
		return appendTo(os.Args[1:])
	}
	roles["disks"] = disks
	roles["wrapper"] = wrapper
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(98)
	}
}

// facts prints what a program finds in the guest.
func facts() int {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		must(err)
		return strings.TrimSpace(string(b))
	}
	dir, err := os.Getwd()
	must(err)
	fmt.Println("dir", dir)
	fmt.Println("uid", os.Getuid())
	fmt.Println("oom_score_adj", read("/proc/self/oom_score_adj"))
	fmt.Println("cgroup", read("/proc/self/cgroup"))
	fmt.Println("memory controller", strings.Contains(read("/sys/fs/cgroup/cgroup.controllers"), "memory"))
	fmt.Println("strict", os.Getenv("OOMCAGE_STRICT"))
	fmt.Println("release matches", os.Getenv("OOMCAGE_VM") == read("/proc/sys/kernel/osrelease"))
	fmt.Println("testdata", read("testdata/carried.txt"))
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "localhost:0")
	must(err)
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
	must(err)
	c.Close()
	f, err := os.CreateTemp("", "")
	must(err)
	fmt.Println("temporary", f.Name()[:len("/tmp/")])
	info, err := os.Stat("/dev/fd/0")
	must(err)
	fmt.Println("stdin is null", info.Mode()&os.ModeCharDevice != 0)
	return 0
}

// disks prints the sizes of the swap devices, and the type of the file system that holds temporary files.
func disks() int {
	swaps, err := os.ReadFile("/proc/swaps")
	must(err)
	for _, line := range strings.Split(strings.TrimSpace(string(swaps)), "\n")[1:] {
		fmt.Println("swap", strings.Fields(line)[2])
	}
	f, err := os.CreateTemp("", "")
	must(err)
	_, err = f.WriteString("written")
	must(err)
	must(f.Sync())
	var fs syscall.Statfs_t
	must(syscall.Fstatfs(int(f.Fd()), &fs))
	info, err := os.Stat(os.TempDir())
	must(err)
	fmt.Printf("temporary %#x %v\n", fs.Type, info.Mode())
	return 0
}

func self(role string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "VM_TEST_ROLE="+role)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// orphan leaves a process behind that holds stdout and stderr open for ever.
func orphan() int {
	must(self("hang").Start())
	return 3
}

// hog takes all memory there is.
func hog() int {
	for {
		block := make([]byte, 8<<20)
		for i := range len(block) / 4096 {
			block[i*4096] = byte(i) | 1
		}
		held = append(held, block)
	}
}

var held [][]byte

// hogChild lets a child of its own take all memory; the kernel kills that child.
func hogChild() int {
	err := self("hog").Run()
	var exit *exec.ExitError
	if err == nil {
		must(errors.New("the child took all memory and ended well"))
	}
	if !errors.As(err, &exit) {
		must(fmt.Errorf("the child was not killed: %w", err))
	}
	ws, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || ws.Signal() != syscall.SIGKILL {
		must(fmt.Errorf("the child was not killed: %w", err))
	}
	fmt.Println("the child was killed")
	return 0
}

// files writes where a test may write: its arguments.
func files() int {
	for _, path := range os.Args[4:] { // after the test flags
		must(os.WriteFile(path, []byte("written in the guest\n"), 0o640))
	}
	must(os.MkdirAll("testdata/fuzz/FuzzX", 0o755))
	must(os.WriteFile("testdata/fuzz/FuzzX/seed", []byte("seed"), 0o644))
	must(os.WriteFile("testdata/changed.golden", []byte("new"), 0o644))
	must(os.Remove("testdata/stale.got"))
	must(os.WriteFile("/tmp/not-carried-back", nil, 0o644))
	return 0
}

// appendTo adds a line to each file.
func appendTo(paths []string) int {
	for _, path := range paths {
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		f, err := os.OpenFile(strings.TrimPrefix(path, "-out="), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		must(err)
		_, err = f.WriteString("from the guest\n")
		must(err)
		must(f.Close())
	}
	return 0
}

// wrapper is `oomcage vm` on the host: it runs the role "hang" until a signal comes.
func wrapper() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	exe, err := os.Executable()
	must(err)
	must(os.Setenv("VM_TEST_ROLE", "hang"))
	_, err = Run(ctx, Options{Program: exe, Stdout: os.Stdout, Stderr: os.Stderr})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 130
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
