package harness

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

func init() {
	// traceable: idles, and any process may trace it.
	roles["traceable"] = func() {
		_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // EINVAL: this kernel needs no word
		fmt.Println("traceable")
		wait()
	}
	// traced HOW N: takes N bytes when a child traces it.
	roles["traced"] = func() {
		_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // EINVAL: this kernel needs no word
		cmd := exec.CommandContext(context.Background(), "/proc/self/exe", strconv.Itoa(os.Getpid()), os.Args[1])
		cmd.Env = append(os.Environ(), roleVariable+"=tracer")
		out, err := cmd.StdoutPipe()
		fail(err)
		fail(cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		fail(err)
		fmt.Print(line)
		take(mustAtoi(os.Args[2]))
		wait()
	}
	// tracer PID HOW: traces the main thread of a process (main) or all of its threads (threads), and never waits for any.
	roles["tracer"] = func() {
		runtime.LockOSThread()
		tasks := os.Args[1]
		if os.Args[2] == "threads" {
			tasks = "*"
		}
		threads, err := filepath.Glob("/proc/" + os.Args[1] + "/task/" + tasks)
		fail(err)
		for _, thread := range threads {
			fail(unix.PtraceSeize(mustAtoi(filepath.Base(thread))))
		}
		fmt.Println("traces", len(threads))
		wait()
	}
}
