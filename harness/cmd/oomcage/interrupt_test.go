//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// await receives, which takes milliseconds; a busy machine gets a minute.
func await[T any](t *testing.T, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(time.Minute):
		require.FailNow(t, "not seen in time: "+what)
	}
	return got
}

// One Ctrl-C did not end them: they went on to read from a pipe that nobody wrote to, and only a second one killed them.
func TestOneSignalEndsWhoReadsFromAPipe(t *testing.T) {
	come := make(chan os.Signal, 1)
	signal.Notify(come, syscall.SIGINT) // which is not fatal to the tests, whatever the command does
	defer signal.Stop(come)
	for name, args := range map[string][]string{
		"judge": {"judge", "FIFO"}, "explain": {"explain", "FIFO"}, "report": {"report", "FIFO"}, "report to a file": {"report", "FIFO", "-o", "out.html"},
		"compare, its base": {"compare", "FIFO", comparedHead}, "compare, its head": {"compare", comparedBase, "FIFO"},
	} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "results.jsonl")
			require.NoError(t, syscall.Mkfifo(fifo, 0o600))
			for i, arg := range args {
				switch arg {
				case "FIFO":
					args[i] = fifo
				case "out.html":
					args[i] = filepath.Join(t.TempDir(), arg)
				}
			}
			code := make(chan int, 1)
			var stderr bytes.Buffer
			go func() { code <- execute(args, io.Discard, &stderr) }()
			opened := make(chan *os.File, 1)
			go func() {
				writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // once somebody reads from it
				assert.NoError(t, err)
				opened <- writer
			}()
			writer := await(t, opened, "a reader")
			defer writer.Close()
			require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
			require.Equal(t, exitSignal+int(syscall.SIGINT), await(t, code, "its end"), "%s", &stderr)
			await(t, come, "the signal")
		})
	}
}

// stuck is a pipe that nobody reads from.
type stuck struct{ begun chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	close(s.begun)
	select {}
}

func TestOneSignalEndsWhoPrintsWhereNobodyReads(t *testing.T) {
	come := make(chan os.Signal, 1)
	signal.Notify(come, syscall.SIGINT)
	defer signal.Stop(come)
	code, stdout := make(chan int, 1), stuck{make(chan struct{})}
	go func() { code <- execute([]string{"compare", comparedBase, comparedHead}, stdout, io.Discard) }()
	await(t, stdout.begun, "what it prints")
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	require.Equal(t, exitSignal+int(syscall.SIGINT), await(t, code, "its end"))
	await(t, come, "the signal")
}
