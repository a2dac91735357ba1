package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A role is what the test binary does as a target. Roles read their orders from the
// environment and say on stdout what they have done.
var roles = map[string]func(){
	// exit N: ends by itself.
	"exit": func() {
		code, err := strconv.Atoi(os.Args[1])
		fail(err)
		fmt.Println("leaving with", code)
		os.Exit(code)
	},
	// idle: lives until it is killed, and ignores SIGTERM.
	"idle": func() {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("idle")
		wait()
	},
	// eat N: takes N bytes and then idles.
	"eat": func() {
		take(mustAtoi(os.Args[1]))
		fmt.Println("ate", os.Args[1])
		wait()
	},
	// populate N: takes N bytes in small pages by a single system call, and then idles.
	"populate": func() {
		b, err := unix.Mmap(-1, 0, mustAtoi(os.Args[1]), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		fail(err)
		fail(unix.Madvise(b, unix.MADV_NOHUGEPAGE))
		fail(unix.Madvise(b, unix.MADV_POPULATE_WRITE))
		fmt.Println("populated", os.Args[1])
		wait()
	},
	// child N: a child takes N bytes; the target itself lives.
	"child": func() {
		fmt.Println("child:", parent("eat", os.Args[1]))
		wait()
	},
	// shielding-child N: the same, and the child may be killed though the target may not.
	"shielding-child": func() {
		fmt.Println("child:", parent("mortal", os.Args[1]))
		wait()
	},
	// mortal N: eat, at an oom_score_adj of 0.
	"mortal": func() {
		fail(os.WriteFile("/proc/self/oom_score_adj", []byte("0"), 0))
		take(mustAtoi(os.Args[1]))
	},
	// brim N KEEP [CODE]: fills the cage to its limit with N bytes that it gives up as it takes them,
	// takes KEEP bytes for good, and idles or ends.
	"brim": func() {
		const part = 4 << 20
		for range mustAtoi(os.Args[1]) / part {
			b, err := unix.Mmap(-1, 0, part, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
			fail(err)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			fail(unix.Madvise(b, unix.MADV_FREE))
		}
		take(mustAtoi(os.Args[2]))
		fmt.Println("at the brim")
		if len(os.Args) > 3 {
			os.Exit(mustAtoi(os.Args[3]))
		}
		wait()
	},
	// children N: N children that idle, to be found by Close.
	"children": func() {
		for range mustAtoi(os.Args[1]) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), roleVariable+"=idle")
			fail(cmd.Start())
		}
		fmt.Println("started")
		wait()
	},
	// shout N: prints N bytes and ends.
	"shout": func() {
		shout(mustAtoi(os.Args[1]))
		fmt.Println("the end")
	},
	// lives: counts its lives in its TMPDIR, leaves a child behind, prints the count and ends with exit code 3.
	"lives": func() {
		file := filepath.Join(os.Getenv("TMPDIR"), "lives")
		tally(file)
		info, err := os.Stat(file)
		fail(err)
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleVariable+"=idle")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		fail(cmd.Start())
		fmt.Println("life", info.Size())
		os.Exit(3)
	},
	// env: prints its arguments and $GREETING.
	"env": func() { fmt.Println(os.Args[1:], os.Getenv("GREETING")) },
	// killed-harness STAGE TENTHS PROGRAM: a harness that is killed while a target of its runs in a cage.
	"killed-harness": func() { killedHarness(os.Args[1], mustAtoi(os.Args[2]), os.Args[3]) },
	// stranger: another user who takes all that can be taken; see TestAStrangerStopsNobody.
	"stranger": stranger,
	// open-harness: a harness that keeps a cage open until its stdin is closed.
	"open-harness": func() {
		c, _ := openCage("idle")
		fmt.Println(c.Path())
		_, err := io.Copy(io.Discard, os.Stdin)
		fail(errors.Join(err, c.Close()))
	},
	// churning-harness N: opens and closes a cage N times.
	"churning-harness": func() {
		for range mustAtoi(os.Args[1]) {
			c, err := NewCage(context.Background(), Limits{Max: MiB})
			fail(err)
			fail(c.Close())
		}
	},
	// confined-harness HOW… MAX: a harness that is not root of the whole machine.
	"confined-harness": confinedHarness,
	// starved-harness PROGRAM: a harness that is short of file descriptors.
	"starved-harness": func() { starvedHarness(os.Args[1]) },
	// patient-harness N PROGRAM: a harness that keeps N targets running.
	"patient-harness": func() { patientHarness(mustAtoi(os.Args[1]), os.Args[2]) },
	// read FILE: reads a file to its end.
	"read": func() {
		f, err := os.Open(os.Args[1])
		fail(err)
		_, err = io.Copy(io.Discard, f)
		fail(err)
	},
	// reading FILE: reads a file to its end and idles.
	"reading": func() {
		f, err := os.Open(os.Args[1])
		fail(err)
		_, err = io.Copy(io.Discard, f)
		fail(err)
		fmt.Println("read it")
		wait()
	},
	// reread FILE N: reads a file round after round, and keeps N bytes more after each. The kernel reads it page by page, or ahead
	// where there is a third argument.
	"reread": func() { reread(os.Args[1], mustAtoi(os.Args[2]), len(os.Args) > 3) },
	// litter FILES N: leaves so many files of 1 MiB in TMPDIR, and then takes N bytes.
	"litter": func() {
		for range mustAtoi(os.Args[1]) {
			f, err := os.CreateTemp("", "litter")
			fail(err)
			_, err = f.Write(make([]byte, MiB))
			fail(err)
		}
		fmt.Println("littered", os.TempDir())
		take(mustAtoi(os.Args[2]))
	},
	// map FILE N: writes N bytes of a file through a map, and ends.
	"map": func() {
		f, err := os.OpenFile(os.Args[1], os.O_RDWR|os.O_CREATE, 0o600)
		fail(err)
		n := mustAtoi(os.Args[2])
		fail(f.Truncate(int64(n)))
		b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		fail(err)
		for i := 0; i < n; i += 4096 {
			b[i] = 1
		}
	},
	// daemon ADDR and daemon-parent ADDR: leave a server behind that has a session of its own. The former idles then,
	// and the latter ends when the server listens.
	"daemon": func() {
		leaveServer(os.Args[1])
		wait()
	},
	"daemon-parent": func() { leaveServer(os.Args[1]) },
	// limited-serve ADDR N: serve, with N bytes of data more than now at most, by a limit of its own.
	"limited-serve": func() {
		limitData(mustAtoi(os.Args[2]))
		serve(os.Args[1])
	},
	// refused N: asks the kernel for N bytes more than it may have.
	"refused": func() {
		limitData(4096)
		_, err := unix.Mmap(-1, 0, mustAtoi(os.Args[1]), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err == nil {
			err = errors.New("the kernel gave it")
		}
		fail(fmt.Errorf("map a buffer: %w", err))
	},
	// leave N: leaves a child behind that takes N bytes when the target has ended, and ends; with 0 bytes, it idles.
	"leave": func() { leaveBehind("orphan") },
	// leave-twice N: leaves a child behind that does so when the target has ended: a daemon by two forks.
	"leave-twice": func() { leaveBehind("leave-later") },
	"leave-later": func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		fail(err)
		leaveBehind("orphan")
	},
	// leave-open: leaves a child behind that has its stdin and its output, and ends with the former.
	"leave-open": func() {
		cmd := exec.Command("/proc/self/exe")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), roleVariable+"=copy")
		fail(cmd.Start())
	},
	// copy: copies its stdin.
	"copy": func() {
		_, err := io.Copy(os.Stdout, os.Stdin)
		fail(err)
	},
	"orphan": func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		fail(err)
		bytes := mustAtoi(os.Args[1])
		if bytes == 0 {
			wait()
		}
		take(bytes)
	},
	// whoami: says who it is and where, writes to its TMPDIR, and copies its stdin.
	"whoami": func() {
		groups, err := os.Getgroups()
		fail(err)
		fmt.Println("user", os.Getuid(), os.Geteuid(), "group", os.Getgid(), "groups", groups, "home", os.Getenv("HOME"), os.Getenv("USER"))
		fail(os.WriteFile(filepath.Join(os.TempDir(), "mine"), []byte("x"), 0o600))
		fmt.Print("cgroup ", mustRead("/proc/self/cgroup"))
		_, err = io.Copy(os.Stdout, os.Stdin)
		fail(err)
	},
	// graceful CODE N: ends with the code when it is told to, for which it takes N bytes.
	"graceful": func() {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("at your service")
		fmt.Println("told:", <-told)
		take(mustAtoi(os.Args[2]))
		os.Exit(mustAtoi(os.Args[1]))
	},
	// stubborn: says that it was told to end, and does not.
	"stubborn": func() {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("at your service")
		fmt.Println("told:", <-told)
		wait()
	},
	// listen-unix PATH: listens at a Unix socket.
	"listen-unix": func() {
		_, err := net.Listen("unix", os.Args[1])
		fail(err)
		wait()
	},
	// announce LINE N: prints the line, and N bytes of others behind it, and idles.
	"announce": func() {
		fmt.Println(os.Args[1])
		shout(mustAtoi(os.Args[2]))
		wait()
	},
	// shout-and-serve ADDR N: prints N bytes before it serves.
	"shout-and-serve": func() {
		shout(mustAtoi(os.Args[2]))
		serve(os.Args[1])
	},
	// touch FILE: makes a file, and idles.
	"touch": func() {
		fail(os.WriteFile(os.Args[1], nil, 0o600))
		wait()
	},
	// stairs N FILE…: takes N bytes and waits for the first file, N more and waits for the next, and then all that there is.
	"stairs": func() {
		for _, file := range os.Args[2:] {
			take(mustAtoi(os.Args[1]))
			mustAwait(file)
		}
		for {
			take(mustAtoi(os.Args[1]))
		}
	},
	// mark FILE: makes a file, and ends.
	"mark": func() { fail(os.WriteFile(os.Args[1], nil, 0o600)) },
	// exists FILE PID: ends with 0 if the file is there, and the PID is a process's.
	"exists": func() {
		_, err := os.Stat(os.Args[1])
		fail(err)
		_, err = os.Stat("/proc/" + os.Args[2])
		fail(err)
	},
	// serve-health ADDR: answers by a status and a text.
	"serve-health": func() { serveHealth(os.Args[1]) },
	// serve: answers on the address in its first argument; see the handlers.
	"serve": func() { serve(os.Args[1]) },
}
