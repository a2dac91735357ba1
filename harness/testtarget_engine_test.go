package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The test binary as podman, as far as a cage asks it: each command is a process, and what it knows is in a folder.
func init() {
	roles["podman"] = func() { fakeEngine(os.Getenv(engineFolder)).command(os.Args[3:]) } // behind --cgroup-manager cgroupfs
	roles["docker"] = func() { fakeEngine(os.Getenv(engineFolder)).command(os.Args[1:]) }
	roles["conmon"] = func() { fakeEngine(os.Getenv(engineFolder)).conmon() }
	// gate PROGRAM ARG…: waits in the container for the word to execute the program, as an engine's runtime does.
	roles["gate"] = func() {
		fakeEngine(os.Getenv(engineFolder)).await("go")
		fail(os.Setenv(roleVariable, os.Getenv(roleBehindGate)))
		fail(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
	}
	// wrapper N: what a shell does whose child is killed.
	roles["wrapper"] = func() {
		fmt.Println("child:", parent("eat", os.Args[1]))
		os.Exit(137)
	}
}

const (
	engineFolder   = "OOMCAGE_TEST_ENGINE"
	roleBehindGate = "OOMCAGE_TEST_ROLE_THEN"
)

// fakeEngine is the folder of one that makes a single container.
type fakeEngine string

const fakeID = "0123456789abcdef"

// fakeContainer is what create was told.
type fakeContainer struct {
	Parent, Image string
	Env, Command  []string
}

func (e fakeEngine) path(name string) string { return filepath.Join(string(e), name) }

func (e fakeEngine) put(name, text string) {
	fail(os.WriteFile(e.path(name+".new"), []byte(text), 0o600))
	fail(os.Rename(e.path(name+".new"), e.path(name)))
}

func (e fakeEngine) has(name string) bool {
	_, err := os.Stat(e.path(name))
	return err == nil
}

func (e fakeEngine) await(name string) string {
	for began := time.Now(); time.Since(began) < 5*time.Minute; {
		if text, err := os.ReadFile(e.path(name)); err == nil {
			return string(text)
		}
		time.Sleep(time.Millisecond) // it is another process that writes it
	}
	panic("nobody has written " + e.path(name))
}

func (e fakeEngine) command(args []string) {
	switch words := strings.Join(args, " "); {
	case strings.HasPrefix(words, "info "):
		fmt.Println(`{"host":{"cgroupVersion":"v2"},"version":{"Version":"5.0.0"},"CgroupDriver":"cgroupfs","CgroupVersion":"2"}`)
	case strings.HasPrefix(words, "ps "):
	case strings.HasPrefix(words, "image inspect "):
		fmt.Println("sha256:feed")
	case strings.HasPrefix(words, "create "):
		e.create(args[1:])
	case strings.HasPrefix(words, "container init "):
		cmd := exec.CommandContext(context.Background(), "/proc/self/exe")
		cmd.Env = append(os.Environ(), roleVariable+"=conmon")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		fail(cmd.Start())
		e.await("pid")
	case strings.HasPrefix(words, "container inspect "):
		status, pid, code := "running", e.await("pid"), "0"
		if text, err := os.ReadFile(e.path("code")); err == nil {
			status, pid, code = "exited", "0", string(text)
		}
		fmt.Printf(`[{"Id":"`+fakeID+`","State":{"Status":%q,"Pid":%s,"ExitCode":%s}}]`, status, pid, code)
		e.put("inspected", "")
	case strings.HasPrefix(words, "start ") && e.has("refusal"):
		if strings.Contains(words, "--attach") {
			fail(errors.New("unable to upgrade to tcp, received 500"))
		}
		fail(fmt.Errorf("%s\nError: failed to start containers: %s", e.await("refusal"), fakeID))
	case strings.HasPrefix(words, "start --attach "):
		e.put("go", "")
		code := mustAtoi(e.await("code"))
		out, err := os.Open(e.path("out"))
		fail(err)
		_, err = io.Copy(os.Stdout, out)
		fail(err)
		os.Exit(code)
	case strings.HasPrefix(words, "rm "):
		e.put("removed", args[len(args)-1])
	default:
		fail(fmt.Errorf("what is %q?", words))
	}
}

func (e fakeEngine) create(args []string) {
	var c fakeContainer
	for i, a := range args {
		if a == "--" {
			c.Image, c.Command = args[i+1], args[i+2:]
			break
		}
		if v, ok := strings.CutPrefix(a, "--cgroup-parent="); ok {
			c.Parent = v
		}
		if v, ok := strings.CutPrefix(a, "--env="); ok {
			c.Env = append(c.Env, v)
		}
	}
	text, err := json.Marshal(c)
	fail(err)
	e.put("container", string(text))
	fmt.Println(fakeID)
}

// conmon starts the program in a cgroup of its own below the cage, waits for it, and removes that cgroup at once.
func (e fakeEngine) conmon() {
	var c fakeContainer
	fail(json.Unmarshal([]byte(e.await("container")), &c))
	group := filepath.Join("/sys/fs/cgroup", c.Parent, "libpod-"+fakeID)
	fail(os.Mkdir(group, 0o755))
	dir, err := os.Open(group)
	fail(err)
	out, err := os.Create(e.path("out"))
	fail(err)
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe", c.Command...)
	cmd.Env = append(append(os.Environ(), c.Env...), roleVariable+"=gate")
	for _, v := range c.Env {
		if role, ok := strings.CutPrefix(v, roleVariable+"="); ok {
			cmd.Env = append(cmd.Env, roleBehindGate+"="+role)
		}
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd()), Setsid: true}
	fail(cmd.Start())
	e.put("pid", strconv.Itoa(cmd.Process.Pid))
	_ = cmd.Wait()
	code := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	_ = os.Remove(group) // what it has left is killed with the cage
	e.put("code", strconv.Itoa(code))
}
