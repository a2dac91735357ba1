package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runMain in the environment makes the test binary be the service: where these
// tests run there may be no compiler to build it with.
const runMain = "OOMCAGE_APP_TEST_RUNS_MAIN"

// deadline is how long a test waits for what it knows will come. It is long, for
// under emulation with the race detector all takes 100 times as long, and it
// passes only if a test fails.
const deadline = time.Minute

// killChild in the environment makes a child that is to hold memory be killed
// before it has any, as by the OOM killer.
const killChild = "OOMCAGE_APP_TEST_KILLS_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childSize) != "" {
		if os.Getenv(killChild) != "" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		main()
	}
	if os.Getenv(runMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestHelpExplainsTheFlags(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		status, stdout, stderr := runToEnd(t, flag)
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		for _, want := range []string{"-addr", "localhost:8080", "-step", "20MiB", "curl", "/generate-load/memory", "/stats", "/exit", "SIGTERM"} {
			assert.Contains(t, stdout, want)
		}
		for _, k := range kinds {
			assert.Contains(t, stdout, "\n  "+k.name+" ")
			assert.Contains(t, stdout, k.what+"\n")
		}
	}
}

func TestUsageTellsTheGraceThereIs(t *testing.T) {
	assert.Contains(t, usage, "within 10 seconds")
	assert.Equal(t, 10*time.Second, grace)
}

func TestFlagsHaveTheDefaultsOfTheRecipe(t *testing.T) {
	cfg, err := parseFlags(nil, testMost)
	require.NoError(t, err)
	assert.Equal(t, config{addr: "localhost:8080", step: 20 << 20}, cfg)
}

func TestFlagsAreTaken(t *testing.T) {
	cfg, err := parseFlags([]string{"-addr", "[::1]:0", "-step=512k"}, testMost)
	require.NoError(t, err)
	assert.Equal(t, config{addr: "[::1]:0", step: 512 << 10}, cfg)
}

func TestWrongFlagsAreOneClearLineAndStatus2(t *testing.T) {
	for _, c := range []struct {
		args []string
		why  string
	}{
		{[]string{"-stop", "1"}, "-stop"},
		{[]string{"-step"}, "-step"},
		{[]string{"-step", "0"}, "less than one byte"},
		{[]string{"-step", "-20MiB"}, "less than one byte"},
		{[]string{"-step", "1e3"}, "plain decimal number"},
		{[]string{"-step", "9999999999G"}, "RAM and swap"},
		{[]string{"-step", ""}, "plain decimal number"},
		{[]string{"-addr", "8080"}, "HOST:PORT"},
		{[]string{"-addr", ""}, "HOST:PORT"},
		{[]string{"20MiB"}, `unexpected argument "20MiB"`},
	} {
		status, stdout, stderr := runToEnd(t, c.args...)
		assert.Equal(t, 2, status, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.why, c.args)
		assert.Contains(t, stderr, "app -h explains", c.args)
		requireOneLine(t, stderr)
	}
}

func TestAddressThatCannotBeHadIsOneClearLineAndStatus1(t *testing.T) {
	status, stdout, stderr := runToEnd(t, "-addr", "127.0.0.1:99999")
	assert.Equal(t, 1, status)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "99999")
	requireOneLine(t, stderr)
}

func TestSignalBeforeTheStartStillExits0(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	assert.Zero(t, run(ctx, []string{"-addr", "127.0.0.1:0"}, io.Discard, &stderr), stderr.String())
}

func TestRequestThatOutlastsTheGraceIsAnError(t *testing.T) {
	ln := mustListen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	release := make(chan struct{})
	defer close(release)
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel() // as a signal would, with this request in flight
		<-release
	})
	go func() { // the connection is cut, or the answer comes when all is over
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), nil)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	err := serve(ctx, ln, handler, log.New(io.Discard, "", 0), time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "finish the requests in flight within 1ms")
}

func TestBrokenListenerIsAnError(t *testing.T) {
	ln := mustListen(t)
	require.NoError(t, ln.Close())
	err := serve(t.Context(), ln, http.NotFoundHandler(), log.New(io.Discard, "", 0), grace)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestAddressInUseIsOneClearLineAndStatus1(t *testing.T) {
	ln := mustListen(t)
	app := mustExec(t, "-addr", ln.Addr().String())
	status := app.mustWait()
	assert.Equal(t, 1, status.ExitStatus())
	assert.Contains(t, app.stderr, ln.Addr().String())
	assert.Contains(t, app.stderr, "address already in use")
	assert.Contains(t, app.stderr, "-addr")
	requireOneLine(t, app.stderr)
}

func TestSignalsEndTheServiceWithStatus0AndNoNoise(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		app := mustServe(t, "-step", "1MiB")
		status, body := app.mustGet("/generate-load/memory")
		assert.Equal(t, http.StatusOK, status)
		assert.JSONEq(t, `{"allocated": 1048576, "allocations": 1, "bytes": 1048576}`, body)
		app.mustSignal(signal)
		assert.Zero(t, app.mustWait())
		requireOneLine(t, app.stderr) // the address, and nothing else
	}
}

func TestSIGTERMFinishesTheRequestInFlight(t *testing.T) {
	app := mustServe(t, "-step", "1MiB")
	request := app.mustPostWithoutItsBody()

	app.mustSignal(syscall.SIGTERM)
	app.mustRefuseConnections()
	_, err := io.WriteString(request, "x")
	require.NoError(t, err)

	response, err := http.ReadResponse(bufio.NewReader(request), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.JSONEq(t, `{"allocated": 1048576, "allocations": 1, "bytes": 1048576}`, string(body))
	assert.Zero(t, app.mustWait())
	requireOneLine(t, app.stderr)
}

func TestSecondSIGTERMDoesNotWaitForTheRequestInFlight(t *testing.T) {
	app := mustServe(t, "-step", "1MiB")
	app.mustPostWithoutItsBody()
	app.mustSignal(syscall.SIGTERM)
	app.mustRefuseConnections()

	// Nothing outside tells when the handler of the first signal is gone.
	ended := make(chan syscall.WaitStatus, 1)
	go func() { ended <- app.mustWait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case status := <-ended:
			assert.True(t, status.Signaled(), "status %#x", status)
			assert.Equal(t, syscall.SIGTERM, status.Signal())
			return
		case <-tick.C:
			_ = app.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
		}
	}
}

// runToEnd calls run in this process, for arguments that end it.
func runToEnd(tb testing.TB, args ...string) (status int, stdout, stderr string) {
	tb.Helper()
	var out, errs bytes.Buffer
	status = run(tb.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func requireOneLine(tb testing.TB, text string) {
	tb.Helper()
	require.True(tb, strings.HasSuffix(text, "\n"), text)
	require.Equal(tb, 1, strings.Count(text, "\n"), text)
	require.True(tb, strings.HasPrefix(text, "app: "), text)
}

func mustListen(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { ln.Close() })
	return ln
}

// process is the service in a process of its own.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	output *bufio.Reader
	addr   string // host:port it listens on
	stderr string // what it wrote; complete after mustWait
}

// mustExec starts the service. It is killed when the test ends.
func mustExec(tb testing.TB, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(tb.Context(), self, args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	output, err := cmd.StderrPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() { _ = cmd.Wait() }) // tb.Context is done by now
	return &process{tb: tb, cmd: cmd, output: bufio.NewReader(output)}
}

// mustServe starts the service on a free port and waits until it listens.
func mustServe(tb testing.TB, args ...string) *process {
	tb.Helper()
	p := mustExec(tb, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	line, err := p.output.ReadString('\n')
	require.NoError(tb, err, line)
	p.stderr = line
	addr, found := strings.CutPrefix(line, "app: listening on http://127.0.0.1:")
	require.True(tb, found, line)
	p.addr = "127.0.0.1:" + strings.TrimSpace(addr)
	require.NotEqual(tb, "127.0.0.1:0", p.addr, "the real port")
	return p
}

// mustWait waits for the end of the process, which something else brings about.
func (p *process) mustWait() syscall.WaitStatus {
	p.tb.Helper()
	rest, err := io.ReadAll(p.output)
	if err != nil {
		p.tb.Error(err)
	}
	p.stderr += string(rest)
	if err := p.cmd.Wait(); err != nil {
		assert.ErrorAs(p.tb, err, new(*exec.ExitError))
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func (p *process) mustSignal(signal syscall.Signal) {
	p.tb.Helper()
	require.NoError(p.tb, p.cmd.Process.Signal(signal))
}

func (p *process) mustGet(path string) (status int, body string) {
	p.tb.Helper()
	return p.mustDo(http.MethodGet, path)
}

func (p *process) mustDo(method, path string) (status int, body string) {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(p.tb.Context(), method, "http://"+p.addr+path, nil)
	require.NoError(p.tb, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.tb, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(p.tb, err)
	return response.StatusCode, string(content)
}

// mustPostWithoutItsBody sends the head of a request that takes memory and says
// that one byte follows. The handler runs, and the answer waits for that byte,
// because the server reads a short body before it answers. So the request is in
// flight for as long as the test likes.
func (p *process) mustPostWithoutItsBody() net.Conn {
	p.tb.Helper()
	conn, err := new(net.Dialer).DialContext(p.tb.Context(), "tcp", p.addr)
	require.NoError(p.tb, err)
	p.tb.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "POST /generate-load/memory HTTP/1.1\r\nHost: app\r\nContent-Length: 1\r\n\r\n")
	require.NoError(p.tb, err)
	mustBecome(p.tb, "the memory is taken", func() (bool, any) {
		_, body := p.mustGet("/stats")
		return strings.Contains(body, `"allocations":1`), body
	})
	return conn
}

// mustRefuseConnections waits until the service has stopped to listen.
func (p *process) mustRefuseConnections() {
	p.tb.Helper()
	mustBecome(p.tb, "connections are refused", func() (bool, any) {
		conn, err := new(net.Dialer).DialContext(p.tb.Context(), "tcp", p.addr)
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED), err
	})
}

// mustBecome asks until the answer is true, for states of another process that
// send no event. If that takes too long, the test fails with what was last seen.
func mustBecome(tb testing.TB, what string, ask func() (is bool, seen any)) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); ; <-tick.C {
		is, seen := ask()
		if is {
			return
		}
		require.True(tb, time.Now().Before(end), "wait %v until %s: %v", deadline, what, seen)
	}
}
