// Command app is a service that takes memory when it is told to over HTTP, and
// keeps it until it is told to let go or the kernel kills it. It is the program
// that this repository's own tests put into a cage, and it also runs by itself:
//
//	go run ./app
//	curl localhost:8080/generate-load/memory
//
// app -h explains its flags and requests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var usage = `usage: app [-addr HOST:PORT] [-step SIZE]

app takes memory of a chosen kind over HTTP and keeps it, every page written with
bytes that do not compress, until it is told to let go or the kernel kills it.

  -addr HOST:PORT  where to listen (default ` + defaultAddr + `). Port 0 picks a free
                   port; the first line on stderr tells the address.
  -step SIZE       what a request takes when it names no size (default ` + defaultStep + `).
  -h               print this text.

A SIZE is a number of bytes (1048576), or a number with a unit of 1024 (512KiB,
20M, 1.5GiB): at least one byte, at most the machine's RAM and swap together.

A request for memory may name its kind; the first is taken when it does not:

` + explainKinds() + `
What cannot be had is answered with status 500 and the reason. A service that is
killed leaves its files behind, but no children.

  curl localhost:8080/ping                                          is it there?
  curl localhost:8080/generate-load/memory                          take one step
  curl -X POST 'localhost:8080/generate-load/memory?bytes=5MiB'     take 5 MiB
  curl -X POST 'localhost:8080/generate-load/memory?kind=shmem'     a step of shmem
  curl localhost:8080/stats                                         what is held?
  curl -X DELETE localhost:8080/generate-load/memory                give all back
  curl -X DELETE 'localhost:8080/generate-load/memory?kind=shmem'   only the shmem
  curl -X POST 'localhost:8080/exit?code=3'                         exit 3

SIGTERM and SIGINT finish the requests in flight, give all back, then exit 0; so
does /exit, with the code that it was told. Exit 1: the address cannot be had, or
the requests were not done within 10 seconds of the signal. Exit 2: wrong flags.
`

const (
	defaultAddr = "localhost:8080"
	defaultStep = "20MiB"

	// grace is how long a signal leaves to the requests in flight. A step of
	// 20 MiB takes about 10 ms on a machine and 150 ms in a VM without KVM
	// (measured 2026-11); docker stop, too, waits 10 s before it kills.
	grace = 10 * time.Second
)

func main() {
	if size := os.Getenv(childSize); size != "" {
		os.Exit(runChild(size))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// exitCode is the cause of an end that was asked for over HTTP.
type exitCode int

// Error names the exit code.
func (c exitCode) Error() string { return fmt.Sprintf("told to exit %d", int(c)) }

// run is the whole program: it serves until ctx is done, or it is told to exit,
// and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "app: ", 0)
	maxSize, err := machineMemory()
	if err != nil {
		logger.Print(err)
		return 1
	}
	cfg, err := parseFlags(args, maxSize)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		logger.Printf("%v (app -h explains)", err)
		return 2
	}
	ln, err := new(net.ListenConfig).Listen(context.WithoutCancel(ctx), "tcp", cfg.addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w (choose another with -addr)", err)
		}
		logger.Print(err)
		return 1
	}
	logger.Printf("listening on http://%s", ln.Addr())
	ctx, end := context.WithCancelCause(ctx)
	s := &server{hoard: new(hoard), step: cfg.step, maxSize: maxSize, log: logger, exit: func(code int) { end(exitCode(code)) }}
	status := 0
	if err := serve(ctx, ln, s.handler(), logger, grace); err != nil {
		logger.Print(err)
		status = 1
	}
	if _, err := s.hoard.drop(kinds); err != nil {
		logger.Printf("give the memory back: %v", err)
		status = 1
	}
	if code, told := errors.AsType[exitCode](context.Cause(ctx)); told {
		return int(code)
	}
	return status
}

// config is what the flags say.
type config struct {
	addr string // host:port to listen on
	step int64  // bytes
}

// parseFlags returns flag.ErrHelp for -h. No size may be above maxSize bytes.
func parseFlags(args []string, maxSize int64) (config, error) {
	fs := flag.NewFlagSet("app", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints the error, and the usage text is our own
	addr := fs.String("addr", defaultAddr, "")
	step := fs.String("step", defaultStep, "")
	if err := fs.Parse(args); err != nil {
		return config{}, err
	}
	if fs.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if _, _, err := net.SplitHostPort(*addr); err != nil {
		return config{}, fmt.Errorf("parse -addr %q, which wants HOST:PORT: %w", *addr, err)
	}
	size, err := parseSize(*step, maxSize)
	if err != nil {
		return config{}, fmt.Errorf("parse -step: %w", err)
	}
	return config{addr: *addr, step: size}, nil
}

// serve answers requests on ln until ctx is done, then takes no new ones and
// returns when those in flight are answered: nil, or an error if that took
// longer than patience.
//
// The server has no timeouts of its own. In a cage that the kernel throttles or
// starves a request may take minutes, and a connection that we cut would look
// like a symptom of the memory.
func serve(ctx context.Context, ln net.Listener, h http.Handler, logger *log.Logger, patience time.Duration) error {
	srv := &http.Server{Handler: h, ErrorLog: logger}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close()
		return fmt.Errorf("finish the requests in flight within %v: %w", patience, err)
	}
	return nil
}
