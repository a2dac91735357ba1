package harness

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wait never returns. It is no select without cases: where cgo is off, Go ends a program that only waits.
func wait() {
	for {
		_ = unix.Pause()
	}
}

// parent runs a child in another role and says how it ended.
func parent(role, arg string) error {
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe", arg)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd.Run()
}

func openCage(role string) (*Cage, *Process) {
	c, err := NewCage(context.Background(), Limits{})
	fail(err)
	p, err := c.Start(context.Background(), Target{Path: "/proc/self/exe", Env: []string{roleVariable + "=" + role}})
	fail(err)
	return c, p
}

// play never returns.
func play(role string) {
	awaitScore()
	f, ok := roles[role]
	if !ok {
		fail(fmt.Errorf("the role %q is unknown", role))
	}
	f()
	os.Exit(0)
}

func shout(n int) {
	w := bufio.NewWriterSize(os.Stdout, 64<<10)
	line := strings.Repeat("x", 1023) + "\n"
	for range n / 1024 {
		_, err := w.WriteString(line)
		fail(err)
	}
	fail(w.Flush())
}

var (
	keeping sync.Mutex
	kept    [][]byte
)

func take(n int) {
	b := make([]byte, n)
	for i := 0; i < len(b); i += 4096 {
		b[i] = byte(i)
	}
	keeping.Lock()
	defer keeping.Unlock()
	kept = append(kept, b)
}

// reread has the file mapped, as a program has its text.
func reread(path string, keep int, ahead bool) {
	f, err := os.Open(path)
	fail(err)
	info, err := f.Stat()
	fail(err)
	pages, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	fail(err)
	if !ahead {
		fail(unix.Madvise(pages, unix.MADV_RANDOM))
	}
	var sum byte // of what was read, so that it is
	for round := 1; ; round++ {
		for i := 0; i < len(pages); i += 4096 {
			sum += pages[i]
		}
		fmt.Println("round", round, "sum", sum)
		take(keep)
	}
}

// tally adds a byte to a file.
func tally(file string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	_, err = f.WriteString("x")
	fail(err)
	fail(f.Close())
}

func mustAtoi(s string) int {
	n, err := strconv.Atoi(s)
	fail(err)
	return n
}

func awaitScore() {
	want := os.Getenv(scoreVariable)
	fail(os.Unsetenv(scoreVariable)) // its children inherit the score
	for want != "" && strings.TrimSpace(mustRead("/proc/self/oom_score_adj")) != want {
		time.Sleep(time.Millisecond) // the kernel tells nobody
	}
}
