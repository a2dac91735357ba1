package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	httppprof "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// capturing is a capturer of a target that is a server here, with a memory.max of 100 MiB and a folder of its own.
func capturing(t *testing.T, handler http.Handler, captures ...Capture) *capturer {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p := at(t, server.Listener.Addr())
	p.cage.limits.Max = 100 * MiB
	c := newCapturer(t.Context(), Spec{Name: "TestIt/with=this", Target: Target{Capture: captures}, Artifacts: t.TempDir()}, p, time.Now())
	c.current, c.most = func() Bytes { return 77 }, MiB
	t.Cleanup(c.end)
	return c
}

func text(what string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, what) }
}

// filesIn are the names of a folder's files.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestACaptureIsTakenOnceWhenMemoryHasComeSoFar(t *testing.T) {
	var asked []string
	c := capturing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String())
		text("all of it")(w, r)
	}), Capture{Get: "/a/heap?gc=1", Share: 0.5}, Capture{Get: "/b", Size: 90 * MiB})
	c.see(50*MiB - 1)
	c.see(50 * MiB)
	c.see(51 * MiB)
	c.see(20 * MiB)
	c.await()
	c.see(99 * MiB) // the load has ended
	c.await()
	require.Equal(t, []string{"GET /a/heap?gc=1"}, asked)
	all := c.results()
	file := filepath.Join(c.dir, "TestIt_with=this.heap")
	require.Equal(t, outcome.Captured{Capture: Capture{Get: "/a/heap?gc=1", Share: 0.5}, Fill: 50 * MiB, At: all[0].At, Current: 50 * MiB, Took: all[0].Took, After: 77, Size: 9, Path: file}, all[0])
	require.Positive(t, all[0].At)
	require.Positive(t, all[0].Took)
	require.Equal(t, outcome.Captured{Capture: Capture{Get: "/b", Size: 90 * MiB}, Fill: 90 * MiB, Error: "not taken: no reading of memory.current came to 90MiB"}, all[1])
	require.Equal(t, "all of it", mustRead(file))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "it may hold secrets")
}

func TestTwoCapturesAtOneFillAreBothTaken(t *testing.T) {
	var together sync.WaitGroup // each answers when both are asked for
	together.Add(2)
	c := capturing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		text(r.URL.Path)(w, r)
	}), Capture{Get: "/heap", Share: 0.9}, Capture{Get: "/other/heap", Share: 0.9})
	var seeing sync.WaitGroup
	for range 8 {
		seeing.Go(func() { c.see(95 * MiB) })
	}
	seeing.Wait()
	c.await()
	all := c.results()
	require.Empty(t, all[0].Error+all[1].Error)
	require.NotEqual(t, all[0].Path, all[1].Path)
	require.Equal(t, "/heap", mustRead(all[0].Path))
	require.Equal(t, "/other/heap", mustRead(all[1].Path))
	require.Len(t, filesIn(t, c.dir), 2)
}

func TestACommandsOutputIsCaptured(t *testing.T) {
	c := capturing(t, http.NotFoundHandler(), Capture{Exec: []string{"/proc/self/exe", "$PID"}, Size: 1})
	t.Setenv(roleVariable, "env")
	t.Setenv("GREETING", "hello")
	c.see(1)
	c.await()
	one := c.results()[0]
	require.Empty(t, one.Error)
	require.Equal(t, fmt.Sprintf("[%d] hello\n", os.Getpid()), mustRead(one.Path))
	require.Equal(t, "TestIt_with=this.exe", filepath.Base(one.Path))
}

// unheard is an address that somebody has, so that nobody else gets it, and at which nobody listens.
func unheard(t *testing.T) net.Addr {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
}

func TestAFailedCaptureSaysWhyAndLeavesNoFile(t *testing.T) {
	nobody := at(t, unheard(t))
	mux := http.NewServeMux()
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not now", http.StatusServiceUnavailable) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		text("some")(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 64*KiB)
		for {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	for get, c := range map[string]struct {
		want    string
		p       *Process
		timeout time.Duration
	}{
		"/":        {want: "connection refused", p: nobody},
		"/busy":    {want: "503 Service Unavailable: not now"},
		"/none":    {want: "404 Not Found"},
		"/hang":    {want: "it took too long", timeout: 20 * time.Millisecond},
		"/drip":    {want: "it took too long", timeout: 20 * time.Millisecond},
		"/endless": {want: "it is too large: above 1MiB"},
	} {
		t.Run(get, func(t *testing.T) {
			one := capturing(t, mux, Capture{Get: get, Share: 0.5})
			if c.p != nil {
				c.p.cage.limits.Max = 100 * MiB
				one.p = c.p
			}
			if c.timeout > 0 {
				one.timeout = c.timeout
			}
			one.see(60 * MiB)
			one.await()
			got := one.results()[0]
			require.Contains(t, got.Error, c.want)
			require.False(t, got.CutOff, "the target lives")
			require.Empty(t, got.Path)
			require.LessOrEqual(t, got.Size, MiB)
			require.Empty(t, filesIn(t, one.dir))
		})
	}
}

func TestACommandThatFailsOrPrintsTooMuchIsNoCapture(t *testing.T) {
	for want, role := range map[string]string{"exit status 1": "exit", "it is too large: above 1MiB": "shout"} {
		c := capturing(t, http.NotFoundHandler(), Capture{Exec: []string{"/proc/self/exe", map[string]string{"exit": "1", "shout": "2000000"}[role]}, Size: 1})
		t.Setenv(roleVariable, role)
		c.see(1)
		c.await()
		one := c.results()[0]
		require.Contains(t, one.Error, want)
		require.Empty(t, filesIn(t, c.dir))
	}
}

func TestACaptureEndsWithItsTarget(t *testing.T) {
	arrived := make(chan struct{})
	c := capturing(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), Capture{Get: "/hang", Share: 0.5})
	c.p.status = outcome.ExitStatus{Ended: true, Signal: "SIGKILL"}
	c.see(60 * MiB)
	<-arrived
	close(c.p.done)
	start := time.Now()
	c.await()
	require.Less(t, time.Since(start), captureTimeout)
	one := c.results()[0]
	require.Contains(t, one.Error, "the target ended: SIGKILL")
	require.True(t, one.CutOff)
}

// A service that does not have what is asked for says so at once, and may die at any time after that.
func TestACompleteAnswerIsNotCutOffByTheTargetsEnd(t *testing.T) {
	var c *capturer
	c = capturing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NotFound(w, r)
		c.p.status = outcome.ExitStatus{Ended: true, Signal: "SIGKILL"}
		close(c.p.done)
	}), Capture{Get: "/none", Share: 0.8})
	c.see(88 * MiB)
	c.await()
	one := c.results()[0]
	require.Contains(t, one.Error, "404 Not Found")
	require.True(t, c.p.isOver())
	require.False(t, one.CutOff)
}

func TestACaptureEndsWithTheRun(t *testing.T) {
	arrived := make(chan struct{})
	c := capturing(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), Capture{Get: "/hang", Share: 0.5})
	c.see(60 * MiB)
	<-arrived
	c.end()
	one := c.results()[0]
	require.Contains(t, one.Error, "context canceled")
	require.False(t, one.CutOff)
	c.end()
}

// Whatever is at a file's place stays as it is, is not followed and not waited for.
func TestACaptureTakesNobodysPlace(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(t.TempDir(), "other")
	mustWrite(t, other, "theirs")
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "a.heap.pb.gz")))
	require.NoError(t, os.Symlink(other+"-not-there", filepath.Join(dir, "a.heap-2.pb.gz")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "a.heap-3.pb.gz"), 0o666))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a.heap-4.pb.gz"), 0o755))
	for _, want := range []string{"a.heap-5.pb.gz", "a.heap-6.pb.gz"} {
		path, err := keepCapture(dir, "a.heap.pb.gz", []byte(want))
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, want), path)
		require.Equal(t, want, mustRead(path))
	}
	require.Equal(t, "theirs", mustRead(other))
	require.NoFileExists(t, other+"-not-there")

	_, err := keepCapture(filepath.Join(other, "below-a-file"), "a", nil)
	require.ErrorIs(t, err, unix.ENOTDIR)
	path, err := keepCapture("", "a", nil)
	require.NoError(t, err)
	require.Empty(t, path)
}

func TestACapturesNameIsAFilesName(t *testing.T) {
	for want, c := range map[string]struct {
		run  string
		what outcome.Captured
	}{
		"max=64MiB_step=20MiB.heap.pb.gz": {"max=64MiB/step=20MiB", outcome.Captured{Capture: Capture{Get: "/debug/pprof/heap?gc=1"}, Sites: []outcome.AllocationSite{}}},
		"_.._etc_passwd.root":             {"../../etc/passwd", outcome.Captured{Capture: Capture{Get: "/"}}},
		"a.x":                             {"a", outcome.Captured{Capture: Capture{Get: "/x/"}}},
		"run.jcmd":                        {"run", outcome.Captured{Capture: Capture{Exec: []string{"/usr/bin/jcmd", "/etc"}}}},
		"____.__":                         {"\n$(;", outcome.Captured{Capture: Capture{Get: "/a/€ "}}},
		strings.Repeat("a", 120) + "." + strings.Repeat("b", 40): {strings.Repeat("a", 999), outcome.Captured{Capture: Capture{Get: "/" + strings.Repeat("b", 999)}}},
	} {
		require.Equal(t, want, captureName(c.run, c.what))
	}
}

func TestARunWithoutCapturesHasNone(t *testing.T) {
	var c *capturer
	c.see(1)
	c.await()
	c.end()
	require.Nil(t, c.results())
	require.Nil(t, newCapturer(t.Context(), Spec{}, nil, time.Now()))
}

// A server fetches its own profile, of this process.
func TestAHeapProfileIsKeptAndItsAllocationsAreNamed(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/heap", httppprof.Handler("heap"))
	held := hold(40 << 20)
	c := capturing(t, mux, Capture{Get: "/debug/pprof/heap?gc=1", Share: 0.5})
	c.see(60 * MiB)
	c.await()
	one := c.results()[0]
	runtime.KeepAlive(held)
	require.Empty(t, one.Error)
	require.True(t, strings.HasSuffix(one.Path, ".heap.pb.gz"))
	require.True(t, strings.HasSuffix(one.Sites[0].Function, "harness.hold"), "%v", one.Sites)
	sites, inUse := topAllocations([]byte(mustRead(one.Path)))
	require.Equal(t, one.Sites, sites)
	require.Equal(t, one.InUse, inUse)
}

func TestARunsHeapProfileIsTakenBeforeItsLimit(t *testing.T) {
	const size, steps = 4 * MiB, 15
	target := server(t)
	target.Capture = []Capture{{Get: "/debug/pprof/heap?gc=1", Share: 0.5}, {Get: "/refuse", Size: 20 * MiB}, {Get: "/ready", Share: 0.95}}
	dir := t.TempDir()
	start := time.Now()
	o := RunT(t, Spec{Target: target, Artifacts: dir, Limits: Limits{Max: 100 * MiB}, Load: Load{Step: HTTPPost(fmt.Sprintf("/eat/%d", size)), Count: steps, Bytes: size}})
	t.Logf("it took %v, the capture %v", time.Since(start), o.Evidence.Captures[0].Took)
	o.RequireVerdict(t, Survived)
	require.Len(t, o.Evidence.Captures, 3)
	heap, refused, never := o.Evidence.Captures[0], o.Evidence.Captures[1], o.Evidence.Captures[2]
	require.Empty(t, heap.Error)
	require.Equal(t, 50*MiB, heap.Fill)
	require.GreaterOrEqual(t, heap.Current, 50*MiB)
	require.InDelta(t, int64(50*MiB), int64(heap.Current), float64(3*size))
	require.Positive(t, heap.After)
	require.True(t, strings.HasSuffix(heap.Sites[0].Function, "harness.take"), "%v", heap.Sites)
	require.InDelta(t, int64(heap.Current), int64(heap.Sites[0].Bytes), float64(4*size), "the profile is of that time")
	require.Equal(t, []string{filepath.Base(heap.Path)}, filesIn(t, dir))
	require.Contains(t, refused.Error, "500 Internal Server Error: no more of this")
	require.Contains(t, never.Error, "not taken")
	require.Contains(t, o.String(), "  allocated  oomcage/harness.take (harness/testtarget_test.go:")
	require.Contains(t, o.String(), "may be the last straw")
}

func TestACaptureThatHangsEndsWithTheKilledTarget(t *testing.T) {
	target := server(t)
	target.Capture = []Capture{{Get: "/hang", Share: 0.3}}
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 100 * MiB}, Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
		if err := HTTPPost("/eat/8388608")(ctx, p, n); err != nil || n < 6 {
			return err
		}
		return says("hanging")(ctx, p) // so that it is under way when the limit is met
	}}})
	o.RequireVerdict(t, OOMKilled)
	one := o.Evidence.Captures[0]
	require.True(t, one.CutOff, "%+v", one)
	require.Less(t, one.Took, captureTimeout)
	require.Contains(t, o.Why, "the capture GET /hang at 30 % of memory.max was under way, which takes memory itself")
	requireNothingLeft(t)
}

// With go test -artifacts it is a file, and read in either case.
func TestACaptureIsAnArtifactOfItsTest(t *testing.T) {
	target := server(t)
	target.Capture = []Capture{{Get: "/debug/pprof/heap?gc=1", Size: 30 * MiB}}
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 100 * MiB}, Load: Load{Step: HTTPPost("/eat/10485760"), Count: 4}})
	o.RequireVerdict(t, Survived)
	one := o.Evidence.Captures[0]
	require.Empty(t, one.Error)
	require.True(t, strings.HasSuffix(one.Sites[0].Function, "harness.take"), "%v", one.Sites)
	if !artifactsAreKept() {
		require.Empty(t, one.Path)
		return
	}
	require.Equal(t, filepath.Join(t.ArtifactDir(), t.Name()+".heap.pb.gz"), one.Path)
	sites, _ := topAllocations([]byte(mustRead(one.Path)))
	require.Equal(t, one.Sites, sites)
}
