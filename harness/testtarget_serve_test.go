package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leaveBehind starts a role in a session of its own, whose stdin ends when this process does.
func leaveBehind(role string) {
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe", os.Args[1])
	r, _, err := os.Pipe()
	fail(err)
	cmd.Stdin = r
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	fail(cmd.Start())
}

// leaveServer starts a server and waits until it listens.
func leaveServer(addr string) {
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe", addr)
	cmd.Env = append(os.Environ(), roleVariable+"=serve")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	fail(cmd.Start())
	for {
		conn, err := net.Dial("tcp", addr) //nolint:noctx // a target of a test
		if err == nil {
			fail(conn.Close())
			return
		}
		time.Sleep(time.Millisecond) // a listener cannot be awaited by an event
	}
}

// thing is small, and makes the collector look for the next one.
type thing struct {
	next *thing
	_    [7]uint64
}

var (
	things *thing
	litter []byte
)

func churn(n int) {
	const size, piece = 64, 1024
	for range n / size {
		things = &thing{next: things}
	}
	for range 4 * n / piece {
		litter = make([]byte, piece)
	}
}

func serve(addr string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/eat/{n}", func(_ http.ResponseWriter, r *http.Request) { take(mustAtoi(r.PathValue("n"))) })
	// Keeps n bytes of small things, and leaves four times as much to the collector.
	mux.HandleFunc("/churn/{n}", func(_ http.ResponseWriter, r *http.Request) { churn(mustAtoi(r.PathValue("n"))) })
	// Computes in n rounds, and takes no memory.
	mux.HandleFunc("/spin/{n}", func(_ http.ResponseWriter, r *http.Request) {
		sum := uint64(1)
		for range mustAtoi(r.PathValue("n")) {
			sum = sum*6364136223846793005 + 1442695040888963407
		}
		fmt.Fprintln(io.Discard, sum)
	})
	mux.HandleFunc("/child/{n}", func(_ http.ResponseWriter, r *http.Request) { fmt.Println("child:", parent("eat", r.PathValue("n"))) })
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no more of this", http.StatusInternalServerError)
	})
	mux.Handle("/debug/pprof/heap", pprof.Handler("heap"))
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	fail(err)
	mux.HandleFunc("/close-port", func(http.ResponseWriter, *http.Request) { fail(ln.Close()) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("hanging")
		<-r.Context().Done()
	})
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		fmt.Println("hanging")
		<-r.Context().Done()
	})
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { _ = unix.Kill(os.Getpid(), unix.SIGKILL) })
	// Takes n bytes, and keeps count of it in the folder of the second argument: "received", "taken" before it answers.
	mux.HandleFunc("/count/{n}", func(_ http.ResponseWriter, r *http.Request) {
		tally(filepath.Join(os.Args[2], "received"))
		take(mustAtoi(r.PathValue("n")))
		tally(filepath.Join(os.Args[2], "taken"))
	})
	// Counts the requests in the file of the second argument, one byte each.
	mux.HandleFunc("/count-and-hang-up", func(w http.ResponseWriter, _ *http.Request) {
		tally(os.Args[2])
		conn, _, err := http.NewResponseController(w).Hijack()
		fail(err)
		fail(conn.(*net.TCPConn).SetLinger(0))
		_ = conn.Close()
	})
	if err := http.Serve(ln, mux); errors.Is(err, net.ErrClosed) {
		wait() // it lives on behind its closed port
	} else {
		fail(err)
	}
}
