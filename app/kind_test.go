package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// kindSize is what the tests of the kinds take, in bytes: enough to stand out.
const kindSize = 16 << 20

func TestEachKindIsWhereTheKernelCountsIt(t *testing.T) {
	for kind, counter := range map[string]func(*process) int64{
		"anon":  func(p *process) int64 { return p.mustMaps("Anonymous:", "") },
		"file":  func(p *process) int64 { return p.mustFileSize() },
		"shmem": func(p *process) int64 { return p.mustMaps("Pss:", "s") },
		"mlock": func(p *process) int64 { return p.mustStatus("VmLck") },
		"child": func(p *process) int64 { return p.mustChildren() },
		"sock":  func(p *process) int64 { return p.mustQueued() },
		"stack": func(p *process) int64 { return p.mustMaps("Anonymous:", "") },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			// A huge page counts in full when its first byte is touched: 2 MiB of what is taken would be there before.
			t.Setenv("GODEBUG", "disablethp=1")
			app := mustServe(t)
			before := counter(app)
			status, body := app.mustGet(fmt.Sprintf("/generate-load/memory?kind=%s&bytes=%d", kind, kindSize))
			if kind == "mlock" && status == http.StatusInternalServerError {
				assert.Contains(t, body, "RLIMIT_MEMLOCK") // an ordinary user's is 8 MiB
				return
			}
			require.Equal(t, http.StatusOK, status, body)
			taken := counter(app) - before
			assert.GreaterOrEqual(t, taken, int64(kindSize))

			status, body = app.mustDo(http.MethodDelete, "/generate-load/memory")
			require.Equal(t, http.StatusOK, status, body)
			if kind == "anon" || kind == "stack" {
				// The race detector keeps its shadow of what the Go runtime had. That
				// the rest goes back is TestDroppedMemoryIsBackAtTheKernel's to show.
				return
			}
			assert.Less(t, counter(app)-before, taken/2)
		})
	}
}

func TestCleanEndTakesFilesAndChildrenAlong(t *testing.T) {
	for name, end := range map[string]func(*process) (status int){
		"SIGTERM": func(p *process) int {
			p.mustSignal(syscall.SIGTERM)
			return 0
		},
		"exit": func(p *process) int {
			status, body := p.mustDo(http.MethodPost, "/exit?code=137")
			assert.Equal(p.tb, http.StatusOK, status)
			assert.JSONEq(p.tb, `{"exit": 137}`, body)
			return 137
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := t.TempDir()
			t.Setenv("TMPDIR", files)
			app := mustServe(t, "-step", "1MiB")
			for _, k := range kinds {
				status, body := app.mustDo(http.MethodPost, "/generate-load/memory?kind="+k.name)
				require.Equal(t, http.StatusOK, status, body)
			}
			require.NotEmpty(t, mustGlob(t, files))
			want := end(app)
			status := app.mustWait() // until the children, too, have let go of stderr
			assert.True(t, status.Exited(), "status %#x", status)
			assert.Equal(t, want, status.ExitStatus())
			assert.Empty(t, mustGlob(t, files))
			requireOneLine(t, app.stderr)
		})
	}
}

func TestChildDoesNotOutliveAServiceThatIsKilled(t *testing.T) {
	app := mustServe(t)
	status, body := app.mustDo(http.MethodPost, "/generate-load/memory?kind=child&bytes=1MiB")
	require.Equal(t, http.StatusOK, status, body)
	app.mustSignal(syscall.SIGKILL)
	assert.True(t, app.mustWait().Signaled()) // returns when the child has let go of stderr
}

func TestServiceOutlivesAChildThatIsKilled(t *testing.T) {
	t.Setenv(killChild, "1")
	app := mustServe(t)
	status, body := app.mustDo(http.MethodPost, "/generate-load/memory?kind=child&bytes=1")
	assert.Equal(t, http.StatusInternalServerError, status)
	assert.JSONEq(t, `{"error": "take 1 bytes of child: the child that took it ended: signal: killed"}`, body)
	status, _ = app.mustGet("/ping")
	assert.Equal(t, http.StatusOK, status)
}

func TestKilledServiceLeavesItsFileBehind(t *testing.T) {
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	app := mustServe(t)
	status, body := app.mustDo(http.MethodPost, "/generate-load/memory?kind=file&bytes=1MiB")
	require.Equal(t, http.StatusOK, status, body)
	app.mustSignal(syscall.SIGKILL)
	app.mustWait()
	require.Len(t, mustGlob(t, files), 1)
	assert.Equal(t, int64(1<<20), mustCached(t, mustGlob(t, files)[0]))
}

func TestRefusedLockNamesTheLimit(t *testing.T) {
	runtime.LockOSThread() // for good: the thread ends with this test, and what it has lost with it
	mustLoseCapability(t, unix.CAP_IPC_LOCK)
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit)) })
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: limit.Max}))

	_, err := takeMlock(1 << 20)
	require.ErrorIs(t, err, unix.ENOMEM)
	assert.ErrorContains(t, err, "lock 1048576 bytes: cannot allocate memory (RLIMIT_MEMLOCK is 65536 bytes")
	assert.ErrorContains(t, err, "ulimit -l")

	require.NoError(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 0, Max: limit.Max}))
	_, err = takeMlock(1)
	require.ErrorIs(t, err, unix.EPERM)
	assert.ErrorContains(t, err, "RLIMIT_MEMLOCK is 0 bytes")
}

func TestStacksAreAsLargeAsAskedAndGoBackToTheKernel(t *testing.T) {
	var before, after, dropped runtime.MemStats
	h := new(hoard)
	runtime.ReadMemStats(&before)
	mustTake(t, h, mustKind(t, "stack"), kindSize)
	runtime.ReadMemStats(&after)
	mustDrop(t, h)
	runtime.ReadMemStats(&dropped)
	// A stack is 256 KiB for 240 KiB, and stacks outgrown wait for the next use.
	assert.InEpsilon(t, kindSize, after.StackInuse-before.StackInuse, 0.15)
	assert.Less(t, int64(after.HeapInuse)-int64(before.HeapInuse), int64(kindSize/8))
	assert.Less(t, int64(dropped.StackInuse)-int64(before.StackInuse), int64(kindSize/8))
	assert.Greater(t, dropped.HeapReleased, after.HeapReleased+kindSize*3/4)
}

func TestFullDiskIsAnErrorAndTheFileIsRemoved(t *testing.T) {
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	var limit unix.Rlimit // of a file's size stands in for a full disk
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &limit))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: limit.Max}))
	_, err := takeFile(2 << 20)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	require.ErrorIs(t, err, unix.EFBIG)
	assert.ErrorContains(t, err, files)
	assert.Empty(t, mustGlob(t, files))
}

func TestSocketsThatCannotBeHadAreAnErrorAndNoneIsLeftOpen(t *testing.T) {
	warm, err := takeSock(1) // the runtime opens its own descriptors for polling once
	require.NoError(t, err)
	require.NoError(t, warm.release())

	before := mustGlob(t, "/proc/self/fd")
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(before) + 8), Max: limit.Max}))
	_, err = takeSock(64 << 20)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	require.ErrorIs(t, err, unix.EMFILE)
	assert.ErrorContains(t, err, "make a pair of sockets: ")
	assert.Equal(t, before, mustGlob(t, "/proc/self/fd"))
}

func mustKind(tb testing.TB, name string) kind {
	tb.Helper()
	k, err := parseKind(name)
	require.NoError(tb, err)
	return k
}

// mustLoseCapability takes a capability from the thread that calls it.
func mustLoseCapability(tb testing.TB, capability int) {
	tb.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	require.NoError(tb, unix.Capget(&header, &sets[0]))
	sets[capability/32].Effective &^= 1 << (capability % 32)
	require.NoError(tb, unix.Capset(&header, &sets[0]))
}

func mustGlob(tb testing.TB, dir string) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(tb, err)
	return paths
}

// mustCached returns how many bytes of a file are in the page cache.
func mustCached(tb testing.TB, path string) int64 {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(tb, err)
	content, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, syscall.Munmap(content)) }()
	page := os.Getpagesize()
	pages := make([]byte, (len(content)+page-1)/page)
	_, _, failed := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&content[0])), uintptr(len(content)), uintptr(unsafe.Pointer(&pages[0])))
	require.Zero(tb, failed, failed.Error())
	var cached int64
	for _, p := range pages {
		cached += int64(p&1) * int64(page)
	}
	return cached
}

// mustFileSize returns how many bytes of the files in $TMPDIR are in the page cache.
func (p *process) mustFileSize() (bytes int64) {
	p.tb.Helper()
	for _, path := range mustGlob(p.tb, os.TempDir()) {
		bytes += mustCached(p.tb, path)
	}
	return bytes
}

// mustStatus returns a size, in bytes, that /proc/PID/status tells of the service.
func (p *process) mustStatus(name string) int64 {
	p.tb.Helper()
	return mustSize(p.tb, fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), name)
}

// mustMaps returns the sum of a size, in bytes, that the page tables of the service have of its mappings: of all, or of
// those that are private (p) or shared (s). Before Linux 6.2 those of /proc/PID/status lag: each thread keeps up to 64
// pages for itself. And smaps_rollup of Linux 6.1 and some after it leaves a mapping out where somebody waits for
// mmap_lock: show_smaps_rollup in fs/proc/task_mmu.c lets go of it, and goes on behind the next mapping.
func (p *process) mustMaps(name, sharing string) int64 {
	p.tb.Helper()
	return mustMaps(p.tb, p.cmd.Process.Pid, name, sharing)
}

func mustMaps(tb testing.TB, pid int, name, sharing string) (bytes int64) {
	tb.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	require.NoError(tb, err)
	counts, found := false, false
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case !strings.HasSuffix(fields[0], ":"): // 7f00-7f01 rw-p …
			counts = strings.HasSuffix(fields[1], sharing)
		case fields[0] == name:
			found = true
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			require.NoError(tb, err)
			if counts {
				bytes += kib << 10
			}
		}
	}
	require.True(tb, found, string(maps))
	return bytes
}

// mustSize returns the size, in bytes, that a line of such a file has in kB.
func mustSize(tb testing.TB, path, name string) int64 {
	tb.Helper()
	status, err := os.ReadFile(path)
	require.NoError(tb, err)
	_, after, found := strings.Cut(string(status), "\n"+name+":")
	require.True(tb, found, string(status))
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	require.NoError(tb, err)
	return kib << 10
}

// mustChildren returns the anonymous memory of all children, in bytes.
func (p *process) mustChildren() (bytes int64) {
	p.tb.Helper()
	// A child is listed with the thread that started it.
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	require.NoError(p.tb, err)
	require.NotEmpty(p.tb, lists)
	for _, list := range lists {
		pids, err := os.ReadFile(list)
		require.NoError(p.tb, err)
		for pid := range strings.FieldsSeq(string(pids)) {
			number, err := strconv.Atoi(pid)
			require.NoError(p.tb, err)
			bytes += mustMaps(p.tb, number, "Anonymous:", "")
		}
	}
	return bytes
}

// mustQueued returns how many bytes wait in the TCP sockets of the service. What goes from one to the other while the list is read may be
// in none of its lines, so the list is read until it says the same twice.
func (p *process) mustQueued() int64 {
	p.tb.Helper()
	for before := int64(-1); ; {
		now := p.mustQueuedNow()
		if now == before {
			return now
		}
		before = now
	}
}

func (p *process) mustQueuedNow() (bytes int64) {
	p.tb.Helper()
	descriptors := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	own := map[string]bool{} // inodes
	for _, descriptor := range mustGlob(p.tb, descriptors) {
		target, err := os.Readlink(descriptor)
		if errors.Is(err, fs.ErrNotExist) {
			continue // closed meanwhile: the connection of the last request
		}
		require.NoError(p.tb, err)
		own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/tcp", p.cmd.Process.Pid))
	require.NoError(p.tb, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the head
	for lines.Scan() {
		// sl local remote state tx_queue:rx_queue timer retransmits uid timeout inode
		fields := strings.Fields(lines.Text())
		if fields[3] == "0A" || !own[fields[9]] { // listening, or a stranger's
			continue
		}
		for queue := range strings.SplitSeq(fields[4], ":") {
			n, err := strconv.ParseInt(queue, 16, 64)
			require.NoError(p.tb, err)
			bytes += n
		}
	}
	require.NoError(p.tb, lines.Err())
	return bytes
}
