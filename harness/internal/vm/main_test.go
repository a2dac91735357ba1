package vm

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is also the guest's init, the programs that run in the guest, and a wrapper that can be
// interrupted: what the booting tests (build tag vmhost) need, with nothing else to build.
func TestMain(m *testing.M) {
	if InGuest() {
		if os.Getenv(stallVariable) != "" {
			stall()
		}
		Init()
	}
	if code, yes := NoShell(os.Args, os.Stderr); yes {
		os.Exit(code)
	}
	if name := os.Getenv("VM_TEST_ROLE"); name != "" {
		role, ok := roles[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such role:", name)
			os.Exit(99)
		}
		os.Exit(role())
	}
	os.Exit(m.Run())
}

// stallVariable among the kernel's parameters makes init say hello and nothing more.
const stallVariable = "VM_TEST_STALL"

// stall says that it does on the console first: nobody waits for what is said after the hello.
func stall() {
	fmt.Fprintln(os.Stderr, "stalled")
	err := drain(os.Stderr)
	if err == nil {
		err = mountEarly()
	}
	if err == nil {
		var line *os.File
		if line, err = openLine(hostArch.line); err == nil {
			err = (&frameWriter{w: line}).frame(frameHello, nil)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no hello:", err)
	}
	time.Sleep(forever)
}

// roles are what this executable does instead of testing; the value is the exit code.
var roles = map[string]func() int{}

// wait never returns. It is no select without cases: where cgo is off, Go ends a program that only waits.
func wait() {
	for {
		_ = unix.Pause()
	}
}
