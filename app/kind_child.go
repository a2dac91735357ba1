package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// childSize in the environment makes this program be the child that holds memory:
// that many bytes.
const childSize = "APP_CHILD_SIZE"

// childBlock is a child process that holds the memory.
type childBlock struct {
	process *os.Process
	ended   chan struct{} // closed when it has ended and is reaped
}

// takeChild starts this program again and waits until the child has taken all, or
// has ended. Its standard input is a pipe that nobody writes to: it ends with
// this process, however that ends, and the child with it. (A death signal would
// come with the end of the thread that started it.)
func takeChild(size int64) (block, error) {
	self, err := os.Executable() // not /proc/self/exe: the kernel's log would call it "exe"
	if err != nil {
		return nil, fmt.Errorf("find the program to start as a child: %w", err)
	}
	cmd := exec.CommandContext(context.Background(), self) // outlives the request
	cmd.Env = append(os.Environ(), childSize+"="+strconv.FormatInt(size, 10))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make a pipe to a child: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe from a child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a child: %w", err)
	}
	_, err = io.ReadFull(stdout, make([]byte, 1))
	if err != nil {
		_ = cmd.Wait()
		return nil, fmt.Errorf("the child that took it ended: %v", cmd.ProcessState)
	}
	b := &childBlock{process: cmd.Process, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ends is told by whoever ends it
		close(b.ended)
	}()
	return b, nil
}

// lost reports whether the child has ended: somebody killed it.
func (b *childBlock) lost() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}

func (b *childBlock) release() error {
	_ = b.process.Kill() // an error says that it has ended
	<-b.ended
	return nil
}

// runChild is the child: it takes the memory, writes one byte, and lives until
// its standard input ends. It returns the exit status.
func runChild(size string) int {
	bytes, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		fmt.Fprintf(os.Stderr, "app: parse %s: %v\n", childSize, err)
		return 2
	}
	holds := make(chan block, 1)
	go func() { // the parent may end before all is taken
		b, _ := takeAnon(bytes)
		holds <- b
		_, _ = os.Stdout.WriteString("\n") // an error says that the parent has ended
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(holds)
	return 0
}
